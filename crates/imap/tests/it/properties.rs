//! What holds for every input.

use bytes::Bytes;
use posthouse_imap::command::{Command, Dialect, Piece};
use posthouse_imap::date;
use posthouse_imap::framer::{Frame, Framer, Limits, Segment};
use posthouse_imap::mailbox_name::{MailboxName, decode_utf7, encode_utf7};
use posthouse_imap::session::Session;
use posthouse_imap::token::{self, Token};
use posthouse_imap::{FetchItem, SequenceSet};
use proptest::collection::vec;
use proptest::prelude::*;

/// Pieces of protocol thrown together: reaches far deeper than random bytes.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"* ",
        b"\r\n",
        b"\n",
        b"1 FETCH (",
        b"UID 7 ",
        b"BODY[] ",
        b"BODY[1.2]<0> {3}\r\nabc",
        b"BODYSTRUCTURE (",
        b"ENVELOPE (",
        b"\"TEXT\" \"PLAIN\" NIL ",
        b"(((((",
        b"))))",
        b")",
        b"{0}\r\n",
        b"{99999999999}\r\n",
        b"~{2+}\r\nxy",
        b"\"",
        b"\\",
        b"[",
        b"]",
        b"OK [",
        b"NO ",
        b"BYE ",
        b"CAPABILITY ",
        b"COPYUID 1 1:4294967295 4294967295:1",
        b"LIST () NIL ",
        b"STATUS INBOX (",
        b"SEARCH 1 2 (",
        b"ESEARCH (TAG \"a\") ALL 1:*,0,5:2",
        b"VANISHED 9:1,x",
        b"P1 OK ",
        b"P2 BAD ",
        b"+",
        b"QUOTA \"\" (",
        b"NIL ",
        b"5 ",
        b"&AAA-",
        b"\xff\x00",
    ];
    let piece = proptest::sample::select(PIECES);
    vec(piece, 0..60).prop_map(|p| p.concat())
}

fn survive(bytes: &[u8], step: usize) {
    let mut session = Session::new(
        Limits {
            line: 4096,
            literal: 1 << 20,
        },
        None,
    );
    session.feed(b"* OK hi\r\n");
    session.command(Command::new("NOOP"));
    session.command(Command::new("SELECT").mailbox("x"));
    let mut events = 0;
    for piece in bytes.chunks(step.max(1)) {
        session.feed(piece);
        loop {
            match session.next_event() {
                Ok(Some(_)) => events += 1,
                Ok(None) => break,
                Err(_) => return,
            }
            assert!(events <= bytes.len() + 2, "more events than bytes");
        }
    }
}

fn rendered(command: &Command, dialect: Dialect) -> Vec<u8> {
    command
        .render("a", dialect)
        .into_iter()
        .flat_map(|p| match p {
            Piece::Bytes(b) => b,
            Piece::Wait | Piece::Stream(_) => Vec::new(),
        })
        .collect()
}

fn arguments(wire: &[u8]) -> Vec<Token> {
    let mut framer = Framer::new(Limits::default());
    framer.feed(wire);
    match framer.next_frame().unwrap() {
        Some(Frame::Response(raw)) => {
            assert!(framer.is_empty(), "the command is one line");
            token::parse(&raw.segments, b"a X ".len())
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..400), step in 1usize..50) {
        survive(&bytes, step);
    }

    #[test]
    fn protocol_salad_does_no_harm(bytes in wire(), step in 1usize..50) {
        survive(&bytes, step);
    }

    #[test]
    fn cuts_do_not_matter(bytes in wire(), step in 1usize..20) {
        let read = |step: usize| {
            let mut framer = Framer::new(Limits::default());
            let mut out = Vec::new();
            for piece in bytes.chunks(step) {
                framer.feed(piece);
                while let Some(frame) = framer.next_frame().unwrap() {
                    out.push(frame);
                }
            }
            out
        };
        prop_assert_eq!(read(bytes.len().max(1)), read(step));
    }

    #[test]
    fn strings_come_back_as_they_went(
        data in vec(1u8..=255, 0..80), utf8: bool, literal_plus: bool, literal_minus: bool,
    ) {
        let dialect = Dialect { utf8, literal_plus, literal_minus };
        let command = Command::new("X").astring(data.clone()).string(data.clone()).secret(data.clone());
        prop_assert_eq!(command.invalid(), None);
        let tokens = arguments(&rendered(&command, dialect));
        prop_assert_eq!(tokens.len(), 3);
        for token in tokens {
            prop_assert_eq!(token.raw(), Some(data.clone()));
        }
    }

    #[test]
    fn mailbox_names_come_back_as_they_went(name in "\\PC{0,30}", utf8: bool) {
        let name = MailboxName::new(name);
        let wire = name.to_wire(utf8);
        let back = MailboxName::from_wire(&wire, utf8);
        prop_assert_eq!(&back, &name);
        prop_assert_eq!(back.wire(), None);
        let dialect = Dialect { utf8, ..Dialect::default() };
        let tokens = arguments(&rendered(&Command::new("X").mailbox(&name), dialect));
        prop_assert_eq!(tokens[0].raw(), Some(wire));
    }

    #[test]
    fn modified_utf7_is_exact(text in any::<String>()) {
        let wire = encode_utf7(&text);
        prop_assert!(wire.is_ascii());
        prop_assert_eq!(decode_utf7(&wire), text);
    }

    #[test]
    fn any_name_of_a_server_can_be_sent_back(wire in vec(any::<u8>(), 0..30), utf8: bool) {
        let name = MailboxName::from_wire(&wire, utf8);
        if !name.is_inbox() {
            prop_assert_eq!(name.to_wire(utf8), wire);
        }
    }

    #[test]
    fn sets_come_back_as_they_went(numbers in vec(1u32..500, 0..100)) {
        let set: SequenceSet = numbers.iter().copied().collect();
        prop_assert_eq!(SequenceSet::parse(set.to_string().as_bytes()), set.clone());
        let mut one_by_one = SequenceSet::new();
        numbers.iter().for_each(|n| one_by_one.add(*n));
        prop_assert_eq!(&one_by_one, &set);
        for n in 0..510 {
            prop_assert_eq!(set.contains(n), numbers.contains(&n));
        }
    }

    #[test]
    fn what_is_below_is_below(numbers in vec(1u32..60, 0..30), end in 0u32..70, open: bool) {
        let mut set: SequenceSet = numbers.iter().copied().collect();
        if open {
            set = SequenceSet::parse(format!("{set},50:*").trim_start_matches(',').as_bytes());
        }
        let below = set.below(end);
        for n in 1..80 {
            prop_assert_eq!(below.contains(n), n < end && set.contains(n));
        }
    }

    #[test]
    fn dates_come_back_as_they_went(seconds in 0i64..4_000_000_000) {
        let ms = seconds * 1000;
        prop_assert_eq!(date::parse_date_time(&date::format_date_time(ms)), Some(ms));
    }

    #[test]
    fn no_argument_adds_a_line(text in any::<String>()) {
        let commands = [
            Command::new("X").word(&text),
            Command::new("X").flags(&[&text]),
            Command::new("X").word(FetchItem::body(text.as_str())),
        ];
        for command in commands {
            if command.invalid().is_none() {
                let wire = rendered(&command, Dialect::default());
                prop_assert_eq!(wire.iter().filter(|b| **b == b'\n').count(), 1);
            }
        }
    }

    #[test]
    fn trees_of_any_text_are_finite(text in vec(any::<u8>(), 0..300)) {
        let segments = [Segment::Text(Bytes::from(text.clone()))];
        prop_assert!(token::parse(&segments, 0).len() <= text.len());
    }
}
