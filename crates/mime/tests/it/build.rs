use bytes::Bytes;
use mail_parser::{MessageParser, MimeHeaders};
use posthouse_mime::{
    Address, BuildError, Disposition, Outgoing, OutgoingAttachment, build, decode_text,
    parse_addresses, raw::strip_bcc,
};
use proptest::prelude::*;

fn address(name: &str, address: &str) -> Address {
    Address {
        name: (!name.is_empty()).then(|| name.to_owned()),
        address: address.into(),
    }
}

fn text(message: &Outgoing) -> String {
    String::from_utf8(build(message).unwrap().to_bytes().to_vec()).unwrap()
}

fn base() -> Outgoing {
    Outgoing {
        from: Some(address("Ann", "a@x.org")),
        to: vec![address("", "b@x.org")],
        subject: Some("Hi".into()),
        text: Some("Hello\n".into()),
        date: Some("2025-11-24T00:11:22Z".parse().unwrap()),
        seed: Some("seed".into()),
        ..Outgoing::default()
    }
}

#[test]
fn the_smallest_message() {
    assert_eq!(
        text(&base()),
        "From: Ann <a@x.org>\r\nTo: b@x.org\r\nSubject: Hi\r\nMessage-ID: <seed@x.org>\r\n\
         Date: Mon, 24 Nov 2025 00:11:22 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\nHello\r\n"
    );
}

#[test]
fn the_whole_structure() {
    let message = Outgoing {
        from: Some(address("Jörg Müller", "j@bücher.example")),
        sender: Some(address("", "s@x.org")),
        reply_to: vec![address("Lee, Ann", "r@x.org")],
        to: vec![address("Team \"A\"", "b@x.org"), address("", "john doe@x.org")],
        cc: vec![address("Undisclosed", "")],
        bcc: vec![address("", "hidden@x.org")],
        subject: Some("Ünicode and plain words after it".into()),
        text: Some("Grüße\n".into()),
        html: Some("<html><body class=\"a>b\"><p>Grüße <img src=\"data:image/png;base64,iVBORw0K\"><img src='cid:logo@x'></p></body></html>".into()),
        preview_text: Some("See <inside>".into()),
        attachments: vec![
            OutgoingAttachment { filename: Some("logo.png".into()), cid: Some("logo@x".into()), content: Bytes::from_static(b"png"), ..OutgoingAttachment::default() },
            OutgoingAttachment { filename: Some("Überweisung für einen sehr langen Namen, der nicht in eine Zeile passt.pdf".into()), content: Bytes::from_static(b"%PDF"), ..OutgoingAttachment::default() },
            OutgoingAttachment { content_type: Some("text/calendar; method=REQUEST".into()), disposition: Some(Disposition::Inline), content: Bytes::from_static(b"BEGIN:VCALENDAR"), ..OutgoingAttachment::default() },
        ],
        message_id: Some("own@id".into()),
        in_reply_to: Some("<p@x>".into()),
        references: vec!["<o@x>".into(), "p@x".into()],
        headers: vec![("x-my-header".into(), "one".into()), ("X-MY-Header".into(), "zwei ä".into()), ("list-id".into(), "<l.x.org>".into())],
        date: Some("2025-11-24T00:11:22Z".parse().unwrap()),
        seed: Some("s".into()),
    };
    let built = build(&message).unwrap();
    assert_eq!(built.message_id(), "<own@id>");
    assert!(!built.needs_smtputf8());
    let golden = include_str!("structure.eml").replace('\n', "\r\n");
    let text = String::from_utf8(built.to_bytes().to_vec()).unwrap();
    assert_eq!(text, golden, "{text}");
    assert_eq!(built.size(), text.len() as u64);
    assert!(
        !String::from_utf8(strip_bcc(&built.header()))
            .unwrap()
            .contains("hidden")
    );

    let parsed = MessageParser::default().parse(text.as_bytes()).unwrap();
    assert_eq!(parsed.subject(), message.subject.as_deref());
    assert_eq!(parsed.body_text(0).unwrap(), "Grüße\r\n");
    let names: Vec<_> = parsed
        .attachments()
        .filter_map(|part| part.attachment_name().map(str::to_owned))
        .collect();
    assert_eq!(
        names,
        [
            "image-1.png",
            "logo.png",
            message.attachments[1].filename.as_deref().unwrap(),
            "attachment-3.ics"
        ]
    );
}

#[test]
fn shapes() {
    let file = || OutgoingAttachment {
        filename: Some("a.bin".into()),
        content: Bytes::from_static(b"x"),
        ..OutgoingAttachment::default()
    };
    let kinds = |message: &Outgoing| -> Vec<String> {
        text(message)
            .lines()
            .filter_map(|line| line.strip_prefix("Content-Type: "))
            .map(|line| line.split(';').next().unwrap().trim().to_owned())
            .collect()
    };
    let mut message = base();
    message.text = None;
    assert_eq!(kinds(&message), ["text/plain"]);
    message.html = Some("<p>Hi</p>".into());
    assert_eq!(
        kinds(&message),
        ["multipart/alternative", "text/plain", "text/html"]
    );
    assert!(text(&message).contains("\r\n\r\nHi\r\n"));
    message.attachments.push(file());
    assert_eq!(
        kinds(&message),
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "application/octet-stream"
        ]
    );
    message.html = None;
    assert_eq!(
        kinds(&message),
        ["multipart/mixed", "application/octet-stream"]
    );
    message.text = Some("x".into());
    assert_eq!(
        kinds(&message),
        ["multipart/mixed", "text/plain", "application/octet-stream"]
    );
    // a cid without HTML is an attachment like any other
    message.attachments[0].cid = Some("c@x".into());
    assert_eq!(
        kinds(&message),
        ["multipart/mixed", "text/plain", "application/octet-stream"]
    );
}

#[test]
fn what_cannot_be_written() {
    let with = |change: &dyn Fn(&mut Outgoing)| {
        let mut message = base();
        change(&mut message);
        build(&message).map(|_| ())
    };
    let header = |name: &str, value: &str| with(&|m| m.headers.push((name.into(), value.into())));
    assert_eq!(
        header("X-A", "b\r\nBcc: c"),
        Err(BuildError::HeaderValue("X-A".into()))
    );
    assert_eq!(
        header("X A", "b"),
        Err(BuildError::HeaderName("X A".into()))
    );
    assert_eq!(
        header("X:A", "b"),
        Err(BuildError::HeaderName("X:A".into()))
    );
    assert!(matches!(
        with(&|m| m.to = vec![address("", "a@x\r\nBcc: b@x")]),
        Err(BuildError::Address(_))
    ));
    assert!(matches!(
        with(&|m| m.to = vec![address("", "a@x>,<b@x")]),
        Ok(()) | Err(BuildError::Address(_))
    ));
    assert!(matches!(
        with(&|m| m.to = vec![address("", "a@x y")]),
        Err(BuildError::Address(_))
    ));
    assert!(matches!(
        with(&|m| m.message_id = Some("<a b@x>".into())),
        Err(BuildError::MessageId(_))
    ));
}

#[test]
fn line_breaks_never_leave_a_value() {
    let mut message = base();
    message.subject = Some("a\r\nBcc: evil@x".into());
    message.to = vec![address("n\r\nBcc: evil@x", "b@x.org")];
    message.attachments = vec![OutgoingAttachment {
        filename: Some("f\r\nX: y".into()),
        content_type: Some("text/plain\r\nX: y".into()),
        ..OutgoingAttachment::default()
    }];
    let text = text(&message);
    assert!(
        !text.contains("\r\nBcc") && !text.contains("\r\nX:"),
        "{text}"
    );
}

#[test]
fn custom_fields_stand_in() {
    let mut message = base();
    message.to = Vec::new();
    message.subject = None;
    message.headers = vec![
        ("to".into(), "Ann <c@x.org>".into()),
        ("Subject".into(), "from headers".into()),
        ("From".into(), "ignored@x.org".into()),
        ("content-type".into(), "text/evil".into()),
        ("message-id".into(), "<h@x>".into()),
    ];
    let text = text(&message);
    for line in [
        "To: Ann <c@x.org>\r\n",
        "Subject: from headers\r\n",
        "Message-ID: <h@x>\r\n",
        "From: Ann <a@x.org>\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("ignored") && !text.contains("evil"));
}

#[test]
fn international_addresses() {
    let mut message = base();
    message.to = vec![address("", "x@bücher.example")];
    assert!(text(&message).contains("To: x@xn--bcher-kva.example\r\n"));
    message.to = vec![address("", "用户@bücher.example")];
    let built = build(&message).unwrap();
    assert!(built.needs_smtputf8());
    assert!(
        String::from_utf8(built.to_bytes().to_vec())
            .unwrap()
            .contains("To: 用户@bücher.example\r\n")
    );
}

#[test]
fn texts_that_need_care() {
    for body in [
        "From here\r\nlines\r\n",
        "trailing \r\nspaces\t\r\n",
        ".\r\n..\r\n",
        "------=_Part_1_seed\r\n",
        "tab\tand = sign é\r\n",
        "no end of line",
        "\r\n\r\n",
        "nul \0 and \u{7f}\r\n",
        "日本語のテキスト\r\n",
    ] {
        let mut message = base();
        message.text = Some(body.into());
        message.attachments = vec![OutgoingAttachment {
            filename: Some("x".into()),
            ..OutgoingAttachment::default()
        }];
        let text = text(&message);
        let parsed = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.body_text(0).unwrap(), body, "{text}");
        assert!(!text.contains("\r\nFrom here"));
    }
    let mut message = base();
    message.text = Some("long ".repeat(1000) + &"x".repeat(2000));
    assert!(text(&message).lines().all(|line| line.len() <= 78));
}

#[test]
fn repeated_images_share_one_part() {
    let mut message = base();
    message.html = Some("<img src=\"data:image/gif;base64,R0lG\"><img src=\"data:image/gif;base64,R0lG\"><td background = 'DATA:image/svg+xml,%3Csvg/%3E'>text data:image/png;base64,AAAA</td>".into());
    let text = text(&message);
    assert_eq!(text.matches("Content-ID:").count(), 2);
    assert_eq!(
        text.matches("cid:image-1.seed@attached").count(),
        2,
        "{text}"
    );
    assert!(text.contains("image-2.svg") && text.contains("data:image/png"));
}

#[test]
fn large_attachments_are_written_in_chunks() {
    let mut message = base();
    let content = Bytes::from((0..3_000_001u32).map(|n| n as u8).collect::<Vec<_>>());
    message.attachments = vec![OutgoingAttachment {
        filename: Some("big".into()),
        content: content.clone(),
        ..OutgoingAttachment::default()
    }];
    let built = build(&message).unwrap();
    assert!(built.chunks().all(|chunk| chunk.len() < 90_000));
    let mut written = Vec::new();
    built.write_to(&mut written).unwrap();
    assert_eq!(written.len() as u64, built.size());
    assert_eq!(
        built.header().len() + built.body_chunks().map(|chunk| chunk.len()).sum::<usize>(),
        written.len()
    );
    let parsed = MessageParser::default().parse(&written).unwrap();
    assert!(parsed.attachment(0).unwrap().contents() == content);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn parsers_read_what_was_written(
        subject in "\\PC{0,120}",
        name in "\\PC{0,80}",
        local in "[a-z0-9.+ \"]{0,10}[a-z]",
        body in "(\\PC|\\r\\n){0,300}",
        html in proptest::option::of("(\\PC|\\n){0,100}"),
        file in "\\PC{1,120}",
        content in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let clean = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        // A file without a name gets one.
        prop_assume!(!clean(&file).is_empty());
        let mut message = base();
        message.subject = Some(subject.clone());
        message.to = vec![address(&name, &format!("{local}@x.org"))];
        message.text = Some(body.clone());
        message.html = html;
        message.attachments = vec![OutgoingAttachment { filename: Some(file.clone()), content: content.clone().into(), ..OutgoingAttachment::default() }];
        let bytes = build(&message).unwrap().to_bytes();
        for line in bytes.split(|&b| b == b'\n') {
            prop_assert!(line.len() <= 999 && line.is_ascii());
        }
        let headers = posthouse_mime::parse_headers(&bytes);
        prop_assert_eq!(clean(&headers.text("Subject").unwrap()), clean(&subject));
        let to = headers.addresses("To");
        prop_assert_eq!(to.len(), 1);
        // A name in quotation marks of its own is read without them: many senders quote twice.
        let spaced = clean(&name);
        let unquoted = spaced.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let expected = clean(unquoted.unwrap_or(&spaced));
        prop_assert_eq!(clean(to[0].name.as_deref().unwrap_or_default()), expected);
        let parsed = MessageParser::default().parse(&bytes[..]).unwrap();
        let part = parsed.parts.iter().find(|part| part.attachment_name().is_some()).unwrap();
        prop_assert_eq!(part.contents(), &content[..]);
        prop_assert_eq!(clean(part.attachment_name().unwrap()), clean(&file));
        if message.html.is_none() {
            prop_assert_eq!(parsed.body_text(0).unwrap_or_default(), body);
        }
    }

    #[test]
    fn phrases_are_read_back(text in "\\PC{0,60}") {
        let mut message = base();
        message.to = vec![address(&text, "b@x.org")];
        let built = build(&message).unwrap();
        prop_assert!(built.header().is_ascii());
        let _ = (decode_text(text.as_bytes()), parse_addresses(text.as_bytes()));
    }
}
