use posthouse_mime::{Address, header::parse_ids, message::summary, parse_headers};

const RAW: &[u8] = b"From someone Mon Nov 24 00:00:00 2025\r\n\
Received: from a\r\n\tby b;\r\n Mon, 24 Nov 2025 00:11:22 +0000\r\n\
Subject: =?utf-8?Q?caf=C3=A9?=\r\n =?utf-8?Q?_au_lait?=\r\n\
received : second\r\n\
garbage line\r\n continued\r\n\
From: Ann <a@x.org>\r\n\
To: b@x.org\r\nTo: Team: c@x.org;\r\n\
Message-ID: <1@x.org>\r\n\
In-Reply-To: Your message <0@x.org>\r\n\
References: <-1@x.org>\r\n <0@x.org>\r\n\
Date: Mon, 24 Nov 2025 00:11:22 +0000\r\n\
\r\n\
Not: a header\r\n";

#[test]
fn fields_in_order() {
    let headers = parse_headers(RAW);
    let view = headers.view();
    let names: Vec<&str> = view.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "received",
            "subject",
            "from",
            "to",
            "message-id",
            "in-reply-to",
            "references",
            "date"
        ]
    );
    assert_eq!(
        view[0].1,
        ["from a by b; Mon, 24 Nov 2025 00:11:22 +0000", "second"]
    );
    assert_eq!(headers.text("SUBJECT").as_deref(), Some("café au lait"));
    assert_eq!(
        headers.raw("subject"),
        Some(&b"=?utf-8?Q?caf=C3=A9?= =?utf-8?Q?_au_lait?="[..])
    );
    assert!(!headers.has("Not"));
    assert_eq!(headers.len(), 10);
    let json = serde_json::to_value(&headers).unwrap();
    assert_eq!(json["received"][1], "second");
}

#[test]
fn line_ends_and_ends_of_input() {
    for raw in [
        "A: 1\nB: 2\n\nbody",
        "A: 1\r\nB: 2\r\n\r\n",
        "A: 1\r\nB: 2\r\n",
        "A: 1\nB: 2",
        "A:1\n\tB: x\nB:\n 2",
    ] {
        let headers = parse_headers(raw.as_bytes());
        assert_eq!(headers.text("B").as_deref(), Some("2"), "{raw:?}");
    }
    assert!(parse_headers(b"").is_empty());
    assert!(parse_headers(b"\r\nA: 1\r\n").is_empty());
}

#[test]
fn ids() {
    assert_eq!(
        parse_ids(b"<a@x> <b@x>, <c\r\n @x>"),
        ["<a@x>", "<b@x>", "<c@x>"]
    );
    assert_eq!(parse_ids(b"a@x b@x"), ["<a@x>", "<b@x>"]);
    assert_eq!(parse_ids(b"\x1ca@x>"), ["<a@x>"]);
    assert_eq!(parse_ids(b"<a@x"), Vec::<String>::new());
    assert_eq!(parse_ids(b"your mail of today"), Vec::<String>::new());
}

#[test]
fn summaries() {
    let summary = summary(RAW);
    assert_eq!(summary.message_id.as_deref(), Some("<1@x.org>"));
    assert_eq!(summary.subject.as_deref(), Some("café au lait"));
    assert_eq!(
        summary.from,
        Some(Address {
            name: Some("Ann".into()),
            address: "a@x.org".into()
        })
    );
    assert_eq!(summary.to.len(), 3);
    assert_eq!(summary.in_reply_to.as_deref(), Some("<0@x.org>"));
    assert_eq!(summary.references, ["<-1@x.org>", "<0@x.org>"]);
    assert_eq!(
        summary.date.unwrap().to_string(),
        "2025-11-24T00:11:22.000Z"
    );
}
