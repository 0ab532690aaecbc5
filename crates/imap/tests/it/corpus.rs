//! Replies of servers in the field, whole and cut at every byte.

use base64::Engine;
use bytes::Bytes;
use posthouse_imap::framer::{Frame, Framer, Limits};
use posthouse_imap::response::Response;
use posthouse_imap::session::{Event, Session};
use posthouse_imap::{Fetch, SectionData, Status, Untagged};

const EXPECTED: &str = include_str!("../data/imap-replies.expected");

fn replies() -> Vec<(String, Vec<u8>)> {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("../data/imap-replies.json")).unwrap();
    json["replies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(r["bytes_base64"].as_str().unwrap())
                .unwrap();
            (r["name"].as_str().unwrap().to_owned(), bytes)
        })
        .collect()
}

fn parse(pieces: &[&[u8]]) -> Vec<Response> {
    let mut framer = Framer::new(Limits::default());
    let mut out = Vec::new();
    for piece in pieces {
        framer.feed(piece);
        while let Some(frame) = framer.next_frame().unwrap() {
            match frame {
                Frame::Response(raw) => out.push(Response::parse(&raw, false)),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(framer.is_empty());
    assert_eq!(framer.held(), 0);
    out
}

fn status(s: &Status) -> String {
    format!("{} {:?} {:?}", s.condition.as_str(), s.code, s.text)
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn fetch(f: &Fetch) -> String {
    let mut out = format!("FETCH {}", f.seq);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.push_str(&format!(" {name}={value}"));
        }
    };
    add("uid", f.uid.map(|v| v.to_string()));
    add("flags", f.flags.as_ref().map(|v| format!("{v:?}")));
    add("date", f.internal_date.map(|v| v.to_string()));
    add("size", f.size.map(|v| v.to_string()));
    add("modseq", f.mod_seq.map(|v| v.to_string()));
    add("emailid", f.email_id.clone());
    add("threadid", f.thread_id.clone());
    add("gm-msgid", f.gm_message_id.map(|v| v.to_string()));
    add("gm-thrid", f.gm_thread_id.map(|v| v.to_string()));
    add("gm-labels", f.gm_labels.as_ref().map(|v| format!("{v:?}")));
    add("savedate", f.save_date.map(|v| v.to_string()));
    add("preview", f.preview.as_deref().map(text));
    add(
        "binary-sizes",
        (!f.binary_sizes.is_empty()).then(|| format!("{:?}", f.binary_sizes)),
    );
    add(
        "other",
        (!f.other.is_empty()).then(|| format!("{:?}", f.other)),
    );
    for s in &f.sections {
        let data = match &s.data {
            SectionData::Bytes(b) => text(b),
            other => format!("{other:?}"),
        };
        let kind = if s.binary { "binary" } else { "body" };
        add(kind, Some(format!("[{}]{:?}:{data}", s.name, s.origin)));
    }
    if let Some(e) = &f.envelope {
        let list = |l: &Vec<posthouse_imap::Address>| {
            let shown: Vec<String> = l
                .iter()
                .map(|a| match a {
                    posthouse_imap::Address::Mailbox { name, local, host } => format!(
                        "{}<{}@{}>",
                        name.as_deref().map(text).unwrap_or_default(),
                        text(local),
                        text(host)
                    ),
                    other => format!("{other:?}"),
                })
                .collect();
            format!("{shown:?}")
        };
        add("env.date", e.date.as_deref().map(text));
        add("env.subject", e.subject.as_deref().map(text));
        add("env.from", Some(list(&e.from)));
        add("env.reply-to", Some(list(&e.reply_to)));
        add("env.to", Some(list(&e.to)));
        add("env.message-id", e.message_id.as_deref().map(text));
    }
    if let Some(b) = &f.body_structure {
        for p in b.walk() {
            let params: Vec<String> = p
                .params
                .iter()
                .map(|(n, v)| format!("{n}={}", text(v)))
                .collect();
            add(
                "part",
                Some(format!(
                    "[{}]{}/{}{params:?} enc={:?} size={:?} lines={:?} disp={:?} env={}",
                    p.part,
                    p.media_type,
                    p.subtype,
                    p.encoding,
                    p.size,
                    p.lines,
                    p.disposition.as_ref().map(|d| (&d.kind, d.params.len())),
                    p.envelope.is_some()
                )),
            );
        }
    }
    out
}

fn describe(response: &Response) -> String {
    match response {
        Response::Tagged { tag, status: s } => format!("[{tag}] {}", status(s)),
        Response::Continuation(t) => format!("+ \"{}\"", text(t)),
        Response::Untagged(Untagged::Status(s)) => format!("* {}", status(s)),
        Response::Untagged(Untagged::Fetch(f)) => fetch(f),
        Response::Untagged(Untagged::MailboxStatus(s)) => {
            let all = format!("{s:?}");
            // Only what is there.
            let fields: Vec<&str> = all
                .split(", ")
                .filter(|f| !f.ends_with("None") && !f.ends_with("None }"))
                .collect();
            fields.join(", ")
        }
        Response::Untagged(other) => format!("{other:?}"),
    }
}

#[test]
fn every_reply_gives_the_right_view() {
    let expected: Vec<(&str, &str)> = EXPECTED
        .lines()
        .filter(|l| !l.is_empty())
        .map(|l| l.split_once(" => ").unwrap())
        .collect();
    let replies = replies();
    assert_eq!(replies.len(), 93);
    let mut wrong = Vec::new();
    for (i, (name, bytes)) in replies.iter().enumerate() {
        let got = parse(&[bytes]);
        assert_eq!(got.len(), 1, "{name}");
        let got = describe(&got[0]);
        if expected.get(i) != Some(&(name.as_str(), got.as_str())) {
            wrong.push(format!("{name} => {got}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert_eq!(expected.len(), 93);
}

#[test]
fn every_reply_reads_the_same_when_cut_anywhere() {
    for (name, bytes) in replies() {
        let whole = parse(&[&bytes]);
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(parse(&[a, b]), whole, "{name} cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(parse(&single), whole, "{name} byte by byte");
    }
}

#[test]
fn no_reply_ends_a_session() {
    let mut session = Session::new(Limits::default(), None);
    session.feed(b"* OK hi\r\n");
    let replies = replies();
    for (_, bytes) in &replies {
        session.feed(bytes);
    }
    session.feed(b"* 77 EXISTS\r\n");
    let mut last = None;
    let mut count = 0;
    while let Some(event) = session.next_event().unwrap() {
        last = Some(event);
        count += 1;
    }
    assert_eq!(last, Some(Event::Untagged(Untagged::Exists(77))));
    // The greeting, every reply but the blank line, the end.
    assert_eq!(count, replies.len() + 1);
    assert_eq!(session.held(), 0);
}

#[test]
fn literals_in_odd_places() {
    let one = |bytes: &'static [u8]| parse(&[bytes]).remove(0);
    let Response::Untagged(Untagged::List(entry)) = one(b"* LIST () \"/\" {5}\r\na\"b\\c\r\n")
    else {
        panic!()
    };
    assert_eq!(entry.name.as_str(), "a\"b\\c");
    let Response::Untagged(Untagged::Fetch(f)) =
        one(b"* 1 FETCH (BODY[HEADER.FIELDS (X)] {0}\r\n BODY[] ~{2+}\r\n\r\n UID 9)\r\n")
    else {
        panic!()
    };
    assert_eq!(f.uid, Some(9));
    assert_eq!(f.sections[0].data, SectionData::Bytes(Bytes::new()));
    assert_eq!(
        f.sections[1].data,
        SectionData::Bytes(Bytes::from_static(b"\r\n"))
    );
}

#[test]
fn hostile_lines_cost_little() {
    let started = std::time::Instant::now();
    for (head, piece) in [
        ("* CAPABILITY", " A1=x"),
        ("* OK [CAPABILITY", " x"),
        ("* FLAGS (", "y "),
        ("* 1 FETCH ", "("),
        ("* 1 FETCH (BODYSTRUCTURE ", "(("),
        ("* 1 FETCH (BODYSTRUCTURE (", "()"),
        ("* 1 FETCH (", "BODY["),
        ("* 1 FETCH (", "BODY[ "),
        ("* 1 FETCH (", "\"\\"),
        ("* THREAD ", "(1)"),
        ("* OK [", "(\""),
        ("a OK [COPYUID 1 1:1000000 ", "1:4294967295,"),
        ("* VANISHED ", "1:*,"),
        ("* STATUS x (", "MAILBOXID ("),
        ("* 1 FETCH (X \"", "a\n"),
        ("* 1 FETCH (", "\"a\\\" "),
        ("* 1 FETCH (", "\"a\"b"),
        ("* 1 FETCH ", "(((UID 1) "),
        ("* LIST () NIL ", "a "),
        ("* 1 FETCH (X ", "{0}\r\n "),
    ] {
        let mut line = String::from(head);
        while line.len() < 1_000_000 {
            line.push_str(piece);
        }
        line.push_str("\r\n");
        let mut session = Session::new(Limits::default(), None);
        session.feed(b"* OK hi\r\n");
        session.feed(line.as_bytes());
        while let Ok(Some(_)) = session.next_event() {}
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
