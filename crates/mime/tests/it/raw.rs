use bytes::Bytes;
use posthouse_mime::{
    Address,
    raw::{HeaderEdits, Mode, Wishes, body_offset, edit_headers, envelope_of, strip_bcc},
};

const RAW: &[u8] = b"From: old@x.org\r\nX-EE-Send-At: 2030-01-02T03:04:05Z\r\nTo: a@x.org,\r\n b@x.org\r\nBcc: c@x.org\r\n\
x-ee-delivery-attempts: 3\r\nX-EE-Gateway: main\r\nX-EE-Tracking-Enabled: yes\r\nsubject: old\r\nSubject: older\r\n\
Message-ID: <1@x.org>\r\nX-Odd:   kept \r\n\tas is\r\n\r\nbody\nwith bare LF\r\n.\r\n";

fn address(text: &str) -> Address {
    Address {
        name: None,
        address: text.into(),
    }
}

#[test]
fn edits() {
    let mut edits = HeaderEdits::new();
    edits
        .addresses(Mode::Replace, "from", &[address("new@x.org")])
        .unwrap();
    edits.text(Mode::Replace, "Subject", "née").unwrap();
    edits
        .addresses(Mode::Replace, "Cc", &[address("d@x.org")])
        .unwrap();
    edits
        .ids(Mode::IfMissing, "Message-ID", &["2@x.org"])
        .unwrap();
    edits
        .date(Mode::IfMissing, "Date", posthouse_model::Timestamp(0))
        .unwrap();
    edits.text(Mode::Add, "x-odd", "too").unwrap();
    edits.remove("bcc");
    let edited = edit_headers(RAW, &edits);
    assert_eq!(
        String::from_utf8_lossy(&edited.header),
        "From: new@x.org\r\nTo: a@x.org,\r\n b@x.org\r\nSubject: =?utf-8?Q?n=C3=A9e?=\r\nMessage-ID: <1@x.org>\r\n\
         X-Odd:   kept \r\n\tas is\r\nCc: d@x.org\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\nX-Odd: too\r\n\r\n"
    );
    assert_eq!(&RAW[edited.body..], b"body\nwith bare LF\r\n.\r\n");
    assert_eq!(edited.message_id.as_deref(), Some("<1@x.org>"));
    assert_eq!(
        edited.wishes,
        Wishes {
            send_at: Some("2030-01-02T03:04:05Z".parse().unwrap()),
            delivery_attempts: Some(3),
            gateway: Some("main".into()),
            tracking_enabled: Some(true),
        }
    );
    let original = Bytes::from_static(RAW);
    let [header, body] = edited.chunks(&original);
    assert_eq!(
        (header.len() + body.len()) as u64,
        edited.size(original.len() as u64)
    );
    assert!(edits.text(Mode::Add, "X", "a\r\nBcc: b").is_err());
    assert!(edits.text(Mode::Add, "X:", "a").is_err());
}

#[test]
fn headers_at_the_edge() {
    let edits = HeaderEdits::new();
    let cases: &[(&[u8], &str, usize)] = &[
        (b"A: 1\n\nbody", "A: 1\n\r\n", 6),
        (b"A: 1", "A: 1\r\n\r\n", 4),
        (b"A: 1\r\nno header\r\n\r\nmore", "A: 1\r\n\r\n", 6),
        (b"just text", "\r\n", 0),
        (b"From me Mon\r\nA: 1\r\n\r\nb", "A: 1\r\n\r\n", 21),
        (b"\r\nbody", "\r\n", 2),
        (b"", "\r\n", 0),
    ];
    for (raw, header, body) in cases {
        let edited = edit_headers(raw, &edits);
        assert_eq!(String::from_utf8_lossy(&edited.header), *header);
        assert_eq!(edited.body, *body);
        assert_eq!(body_offset(raw), *body);
    }
}

#[test]
fn bcc_goes() {
    assert_eq!(
        strip_bcc(b"To: a\r\nBCC: b,\r\n c\r\nX: y\r\nbcc: d\r\n\r\n"),
        b"To: a\r\nX: y\r\n\r\n"
    );
    assert_eq!(strip_bcc(b"Bcc: b\r\n\r\nBcc: body"), b"\r\nBcc: body");
}

#[test]
fn envelopes() {
    let envelope = envelope_of(RAW);
    assert_eq!(envelope.from.as_deref(), Some("old@x.org"));
    assert_eq!(envelope.to, ["a@x.org", "b@x.org", "c@x.org"]);
    let envelope = envelope_of(b"Sender: s@x\r\nFrom: f@x\r\nTo: G: a@x, A@X;\r\nCc: a@x\r\n\r\n");
    assert_eq!(envelope.from.as_deref(), Some("s@x"));
    assert_eq!(envelope.to, ["a@x"]);
    assert_eq!(envelope_of(b"").from, None);
}
