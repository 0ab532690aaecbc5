//! What a server writes by the book comes back as it was meant, however it chooses to write it.

use bytes::Bytes;
use posthouse_imap::framer::{Frame, Framer, Limits};
use posthouse_imap::response::Response;
use posthouse_imap::{
    Address, BodyPart, Disposition, Envelope, Fetch, Section, SectionData, Untagged,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

#[path = "../../fuzz/checks.rs"]
mod checks;

/// Writes tokens as a server may: each string quoted or as a literal, as chance has it.
struct Writer {
    out: Vec<u8>,
    choices: Vec<bool>,
    at: usize,
}

impl Writer {
    fn string(&mut self, data: &[u8]) {
        self.at += 1;
        let quotable = !data.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
        if quotable && self.choices[self.at % self.choices.len()] {
            self.out.push(b'"');
            for b in data {
                if matches!(b, b'"' | b'\\') {
                    self.out.push(b'\\');
                }
                self.out.push(*b);
            }
            self.out.push(b'"');
        } else {
            self.out
                .extend(format!("{{{}}}\r\n", data.len()).into_bytes());
            self.out.extend_from_slice(data);
        }
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn nstring(&mut self, data: Option<&Vec<u8>>) {
        match data {
            Some(data) => self.string(data),
            None => self.raw("NIL"),
        }
    }

    fn addresses(&mut self, list: &[Address]) {
        if list.is_empty() {
            return self.raw("NIL");
        }
        self.raw("(");
        for address in list {
            let (name, local, host) = match address {
                Address::Mailbox { name, local, host } => (name.as_ref(), Some(local), Some(host)),
                Address::GroupStart(name) => (None, Some(name), None),
                Address::GroupEnd => (None, None, None),
            };
            self.raw("(");
            self.nstring(name);
            self.raw(" NIL ");
            self.nstring(local);
            self.raw(" ");
            self.nstring(host);
            self.raw(")");
        }
        self.raw(")");
    }

    fn envelope(&mut self, envelope: &Envelope) {
        self.raw("(");
        self.nstring(envelope.date.as_ref());
        self.raw(" ");
        self.nstring(envelope.subject.as_ref());
        for list in [
            &envelope.from,
            &envelope.sender,
            &envelope.reply_to,
            &envelope.to,
            &envelope.cc,
            &envelope.bcc,
        ] {
            self.raw(" ");
            self.addresses(list);
        }
        self.raw(" ");
        self.nstring(envelope.in_reply_to.as_ref());
        self.raw(" ");
        self.nstring(envelope.message_id.as_ref());
        self.raw(")");
    }

    fn params(&mut self, params: &[(String, Vec<u8>)]) {
        if params.is_empty() {
            return self.raw("NIL");
        }
        self.raw("(");
        for (i, (name, value)) in params.iter().enumerate() {
            self.raw(if i > 0 { " " } else { "" });
            self.string(name.as_bytes());
            self.raw(" ");
            self.string(value);
        }
        self.raw(")");
    }

    fn part(&mut self, part: &BodyPart) {
        self.raw("(");
        if part.is_multipart() {
            for child in &part.children {
                self.part(child);
            }
            self.raw(" ");
            self.string(part.subtype.as_bytes());
            self.raw(" ");
            self.params(&part.params);
        } else {
            self.string(part.media_type.as_bytes());
            self.raw(" ");
            self.string(part.subtype.as_bytes());
            self.raw(" ");
            self.params(&part.params);
            self.raw(" ");
            self.nstring(part.id.as_ref());
            self.raw(" ");
            self.nstring(part.description.as_ref());
            self.raw(" ");
            self.string(part.encoding.as_deref().unwrap_or("7bit").as_bytes());
            self.raw(&format!(" {}", part.size.unwrap_or(0)));
            if let Some(lines) = part.lines {
                self.raw(&format!(" {lines}"));
            }
            self.raw(" NIL");
        }
        match &part.disposition {
            None => self.raw(" NIL NIL NIL"),
            Some(disposition) => {
                self.raw(" (");
                self.string(disposition.kind.as_bytes());
                self.raw(" ");
                self.params(&disposition.params);
                self.raw(") NIL NIL");
            }
        }
        self.raw(")");
    }
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>().prop_filter("no NUL", |b| *b != 0), 0..12)
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        8 => (option::of(data()), data(), data())
            .prop_map(|(name, local, host)| Address::Mailbox { name, local, host }),
        1 => data().prop_map(Address::GroupStart),
        1 => Just(Address::GroupEnd),
    ]
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let list = || vec(address(), 0..3);
    (
        (
            option::of(data()),
            option::of(data()),
            list(),
            list(),
            list(),
        ),
        (
            list(),
            list(),
            list(),
            option::of(data()),
            option::of(data()),
        ),
    )
        .prop_map(
            |((date, subject, from, sender, reply_to), (to, cc, bcc, in_reply_to, message_id))| {
                Envelope {
                    date,
                    subject,
                    from,
                    sender,
                    reply_to,
                    to,
                    cc,
                    bcc,
                    in_reply_to,
                    message_id,
                }
            },
        )
}

fn params() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    vec(("[a-z][a-z0-9*-]{0,8}", data()), 0..3)
}

fn leaf() -> impl Strategy<Value = BodyPart> {
    let disposition =
        ("[a-z]{1,10}", params()).prop_map(|(kind, params)| Disposition { kind, params });
    (
        (
            "[a-z]{1,8}",
            "[a-z0-9.+-]{1,12}",
            params(),
            option::of(data()),
            option::of(data()),
        ),
        (any::<u64>(), any::<u32>(), option::of(disposition)),
    )
        .prop_filter("kinds with a form of their own", |((media_type, ..), _)| {
            !matches!(media_type.as_str(), "multipart" | "message")
        })
        .prop_map(
            |((media_type, subtype, params, id, description), (size, lines, disposition))| {
                BodyPart {
                    lines: (media_type == "text").then_some(u64::from(lines)),
                    media_type,
                    subtype,
                    params,
                    id,
                    description,
                    encoding: Some("base64".to_owned()),
                    size: Some(size),
                    disposition,
                    ..BodyPart::default()
                }
            },
        )
}

fn structure() -> impl Strategy<Value = BodyPart> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        (vec(inner, 1..4), "[a-z]{1,11}", params()).prop_map(|(children, subtype, params)| {
            BodyPart {
                media_type: "multipart".to_owned(),
                subtype,
                params,
                children,
                ..BodyPart::default()
            }
        })
    })
}

/// Numbers the parts of a message as RFC 9051 does.
fn number(part: &mut BodyPart, prefix: &str, top: bool) {
    let join = |last: &str| match prefix {
        "" => last.to_owned(),
        _ => format!("{prefix}.{last}"),
    };
    part.part = match (part.is_multipart(), top) {
        (true, true) => join("TEXT"),
        (false, true) => join("1"),
        _ => prefix.to_owned(),
    };
    for (i, child) in part.children.iter_mut().enumerate() {
        let own = join(&(i + 1).to_string());
        number(child, &own, false);
    }
}

fn read(wire: &[u8], step: usize) -> Vec<Response> {
    let mut framer = Framer::new(Limits::default());
    let mut out = Vec::new();
    for piece in wire.chunks(step) {
        framer.feed(piece);
        while let Some(frame) = framer.next_frame().unwrap() {
            match frame {
                Frame::Response(raw) => out.push(Response::parse(&raw, false)),
                other => panic!("{other:?}"),
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn a_fetch_reply_is_read_as_it_was_written(
        (seq, uid, size, mod_seq) in (1u32.., 1u32.., any::<u64>(), any::<u64>()),
        flags in vec("[\\\\$]?[A-Za-z][A-Za-z0-9.]{0,9}", 0..4),
        envelope in option::of(envelope()),
        structure in option::of(structure()),
        sections in vec(("(|1|2\\.1|HEADER|3\\.MIME)", option::of(any::<u16>()), data()), 0..3),
        choices in vec(any::<bool>(), 1..9),
        step in 1usize..300,
    ) {
        let mut structure = structure;
        if let Some(part) = &mut structure {
            number(part, "", true);
        }
        let mut w = Writer { out: Vec::new(), choices, at: 0 };
        w.raw(&format!("* {seq} FETCH (UID {uid} FLAGS ({}) RFC822.SIZE {size} MODSEQ ({mod_seq})", flags.join(" ")));
        if let Some(envelope) = &envelope {
            w.raw(" ENVELOPE ");
            w.envelope(envelope);
        }
        if let Some(part) = &structure {
            w.raw(" BODYSTRUCTURE ");
            w.part(part);
        }
        for (name, origin, data) in &sections {
            let origin = origin.map(|o| format!("<{o}>")).unwrap_or_default();
            w.raw(&format!(" BODY[{name}]{origin} "));
            w.string(data);
        }
        w.raw(")\r\nP1 OK done\r\n");
        let expected = Fetch {
            seq,
            uid: Some(uid),
            flags: Some(flags),
            size: Some(size),
            mod_seq: Some(mod_seq),
            envelope: envelope.map(Box::new),
            body_structure: structure.map(Box::new),
            sections: sections
                .into_iter()
                .map(|(name, origin, data)| Section {
                    name,
                    origin: origin.map(u64::from),
                    binary: false,
                    data: SectionData::Bytes(Bytes::from(data)),
                })
                .collect(),
            ..Fetch::default()
        };
        let got = read(&w.out, step);
        prop_assert_eq!(got.len(), 2, "{:?}", String::from_utf8_lossy(&w.out));
        match &got[0] {
            Response::Untagged(Untagged::Fetch(fetch)) => prop_assert_eq!(&**fetch, &expected),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_list_line_is_read_as_it_was_written(
        attributes in vec("\\\\[A-Z][a-z]{0,9}", 0..4),
        delimiter in option::of("[./|\\\\]"),
        name in "[^\\x00\r\n]{1,20}",
        choices in vec(any::<bool>(), 1..9),
    ) {
        let wire = posthouse_imap::MailboxName::new(name).to_wire(false);
        let mut w = Writer { out: Vec::new(), choices, at: 0 };
        w.raw(&format!("* LIST ({}) ", attributes.join(" ")));
        match &delimiter {
            Some(delimiter) => {
                w.raw("\"");
                w.raw(&delimiter.replace('\\', "\\\\"));
                w.raw("\"");
            }
            None => w.raw("NIL"),
        }
        w.raw(" ");
        w.string(&wire);
        w.raw("\r\n");
        match &read(&w.out, 7)[..] {
            [Response::Untagged(Untagged::List(entry))] => {
                prop_assert_eq!(&entry.attributes, &attributes);
                prop_assert_eq!(entry.delimiter.map(String::from), delimiter);
                prop_assert_eq!(entry.name.to_wire(false), wire);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn whatever_comes_the_checks_of_the_fuzzer_hold(input in vec(any::<u8>(), 0..300)) {
        checks::session(&input);
        checks::cuts(&input);
        checks::words(&input);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(checks::driver(&input));
    }
}
