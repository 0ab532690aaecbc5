//! Line ends and dots.

use posthouse_smtp::body::DotStuffer;
use proptest::prelude::*;

fn stuff(input: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut stuffer = DotStuffer::default();
    let mut output = Vec::new();
    let mut rest = input;
    for cut in cuts {
        let (now, later) = rest.split_at((*cut).min(rest.len()));
        stuffer.feed(now, &mut output);
        rest = later;
    }
    stuffer.feed(rest, &mut output);
    stuffer.finish(&mut output);
    output
}

/// What a receiver makes of it, by the letter of the standard.
fn unstuff(wire: &[u8]) -> Vec<u8> {
    let text = wire.strip_suffix(b".\r\n").expect("ends in a dot");
    assert!(text.is_empty() || text.ends_with(b"\r\n"));
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
        let (line, later) = rest.split_at(end);
        assert_ne!(line, b".\r\n", "the end came early");
        out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        rest = later;
    }
    out
}

/// The input with every line end as CRLF and one at the end.
fn normal(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut letters = input.iter().copied().peekable();
    while let Some(byte) = letters.next() {
        match byte {
            b'\r' => {
                letters.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[test]
fn known_cases() {
    for (input, wire) in [
        ("", ".\r\n"),
        ("a", "a\r\n.\r\n"),
        ("a\r\n", "a\r\n.\r\n"),
        (".", "..\r\n.\r\n"),
        (".\r\n", "..\r\n.\r\n"),
        ("a\r\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"),
        ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
        ("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"),
        (
            "a\n.\r\nMAIL FROM:<x>\r\n",
            "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n",
        ),
        ("a..b", "a..b\r\n.\r\n"),
        ("\r\r\n\n", "\r\n\r\n\r\n.\r\n"),
    ] {
        let got = stuff(input.as_bytes(), &[]);
        assert_eq!(String::from_utf8(got).unwrap(), wire, "{input:?}");
    }
}

fn nasty() -> impl Strategy<Value = Vec<u8>> {
    let letter = prop_oneof![
        Just(b'\r'),
        Just(b'\n'),
        Just(b'.'),
        Just(b'a'),
        Just(0u8),
        any::<u8>(),
    ];
    proptest::collection::vec(letter, 0..200)
}

proptest! {
    #[test]
    fn the_receiver_reads_the_same_lines_however_it_was_cut(
        input in nasty(),
        cuts in proptest::collection::vec(0usize..20, 0..30),
    ) {
        let wire = stuff(&input, &cuts);
        prop_assert_eq!(unstuff(&wire), normal(&input));
        // No lax reading of line ends finds an end inside.
        let inside = &wire[..wire.len() - 3];
        for end in [&b"\n.\n"[..], b"\n.\r", b"\r.\n", b"\r.\r"] {
            prop_assert!(!inside.windows(end.len()).any(|part| part == end));
        }
        for (index, &byte) in wire.iter().enumerate() {
            if byte == b'\n' {
                prop_assert!(index > 0 && wire[index - 1] == b'\r');
            }
            if byte == b'\r' {
                prop_assert_eq!(wire.get(index + 1), Some(&b'\n'));
            }
        }
    }
}
