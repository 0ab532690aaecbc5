//! The framer by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

fn all(framer: &mut Framer) -> Vec<Frame> {
    let mut out = Vec::new();
    while let Some(f) = framer.next_frame().unwrap() {
        out.push(f);
    }
    out
}

#[test]
fn literal_suffixes() {
    assert_eq!(literal_suffix(b"a {3}"), Some((2, 3)));
    assert_eq!(literal_suffix(b"a {3+}"), Some((2, 3)));
    assert_eq!(literal_suffix(b"a ~{3}"), Some((2, 3)));
    assert_eq!(literal_suffix(b"a {}"), None);
    assert_eq!(literal_suffix(b"a {-1}"), None);
    assert_eq!(literal_suffix(b"a {99999999999999999999}"), None);
}

#[test]
fn human_text_is_never_a_literal() {
    let mut f = Framer::new(Limits::default());
    f.feed(b"* OK see section {3}\r\n+ go {4}\r\n* NO [BADCHARSET ({5}\r\nUTF-8)] bad\r\n");
    let frames = all(&mut f);
    assert_eq!(frames.len(), 3);
    assert!(f.is_empty());
    assert_eq!(f.held(), 0);
}

#[test]
fn bodies_are_streamed_only_when_asked() {
    let wire = b"* 3 FETCH (UID 3 BODY[1.2]<0> {4}\r\nabcd FLAGS ())\r\n";
    let mut f = Framer::new(Limits::default());
    f.feed(wire);
    assert_eq!(all(&mut f).len(), 1);
    f.stream_bodies(true);
    f.feed(wire);
    let frames = all(&mut f);
    assert_eq!(
        frames[0],
        Frame::LiteralStart {
            target: BodyTarget {
                seq: 3,
                section: "1.2".into(),
                origin: Some(0)
            },
            size: 4
        }
    );
    assert_eq!(frames[1], Frame::LiteralChunk(Bytes::from_static(b"abcd")));
    assert_eq!(frames[2], Frame::LiteralEnd);
    assert!(matches!(&frames[3], Frame::Response(r) if r.segments.len() == 3));
    assert_eq!(f.held(), 0);
}

#[test]
fn other_literals_of_a_streaming_command_are_kept() {
    let mut f = Framer::new(Limits::default());
    f.stream_bodies(true);
    f.feed(b"* 3 FETCH (ENVELOPE (NIL {2}\r\nhi NIL) BODY[HEADER.FIELDS (FROM TO)] {2}\r\n\r\n RFC822.TEXT {1}\r\nx)\r\n");
    let frames = all(&mut f);
    let starts: Vec<_> = frames
        .iter()
        .filter_map(|f| match f {
            Frame::LiteralStart { target, .. } => Some(target.section.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(starts, ["HEADER.FIELDS (FROM TO)", "TEXT"]);
}

#[test]
fn too_large_literals_are_dropped_and_the_line_goes_on() {
    let mut f = Framer::new(Limits {
        line: 100,
        literal: 3,
    });
    f.feed(b"* 1 FETCH (BODY[] {4}\r\nabcd UID 7)\r\n* OK next\r\n");
    let frames = all(&mut f);
    assert_eq!(frames.len(), 2);
    assert!(
        matches!(&frames[0], Frame::Response(r) if r.segments[1] == Segment::Omitted { size: 4 })
    );
}

fn texts(frame: &Frame) -> Vec<&[u8]> {
    let Frame::Response(raw) = frame else {
        panic!("{frame:?}")
    };
    let mut out = Vec::new();
    for segment in &raw.segments {
        out.push(match segment {
            Segment::Text(text) => &text[..],
            _ => b"~",
        });
    }
    out
}

#[test]
fn long_lines_are_cut_but_number_lists_may_be_long() {
    let limits = Limits {
        line: 10,
        literal: 1000,
    };
    let wire =
        b"* SEARCH 1 2 3 4 5 6\r\n* XSEARCH 1 2 3\r\n* 1 FETCH (X Y {3}\r\nabc Z)\r\na OK\r\n";
    for step in [1, 7, wire.len()] {
        let mut f = Framer::new(limits);
        let mut frames = Vec::new();
        for piece in wire.chunks(step) {
            f.feed(piece);
            frames.extend(all(&mut f));
        }
        assert_eq!(texts(&frames[0]), [b"* SEARCH 1 2 3 4 5 6"]);
        assert_eq!(texts(&frames[1]), [b"* XSEARCH "]);
        assert_eq!(texts(&frames[2]), [&b"* 1 FETCH "[..], b"~", b" Z)"]);
        assert_eq!(texts(&frames[3]), [b"a OK"]);
        assert!(f.is_empty());
        assert_eq!(f.held(), 0);
    }
    // What has no end is given up, and never held.
    let mut f = Framer::new(limits);
    let mut fed = 0;
    let error = loop {
        f.feed(b"xxxxxxxxxxxxxxxxxxxx");
        fed += 20;
        match f.next_frame() {
            Ok(None) => assert!(f.held() < 1000 && fed < 2000),
            other => break other,
        }
    };
    assert_eq!(error, Err(FrameError::LineTooLong(10)));
    let mut f = Framer::new(Limits {
        line: 10,
        literal: 30,
    });
    f.feed(b"* SEARCH 1 2 3 4 5 6 7 8 9 10 11");
    assert_eq!(f.next_frame(), Err(FrameError::LineTooLong(10)));
}

#[test]
fn a_quoted_string_may_hold_a_line_break() {
    let read = |wire: &[u8]| {
        let mut f = Framer::new(Limits::default());
        f.feed(wire);
        let frames = all(&mut f);
        assert!(f.is_empty());
        frames
    };
    let frames = read(b"* 1 FETCH (X \"PDF\r\n NAME=y\" UID 7)\r\na OK\r\n");
    assert_eq!(texts(&frames[0]), [b"* 1 FETCH (X \"PDF\n NAME=y\" UID 7)"]);
    assert_eq!(frames.len(), 2);
    // A quote too many swallows nothing.
    for next in ["* 2 EXISTS", "+ go", "a1 NO x"] {
        let wire = format!("* 1 FETCH (X \"y\"\")\r\n{next}\r\n");
        let frames = read(wire.as_bytes());
        assert_eq!(texts(&frames[0]), [b"* 1 FETCH (X \"y\"\")"]);
        assert_eq!(texts(&frames[1]), [next.as_bytes()]);
    }
}

#[test]
fn a_response_without_end_of_pieces_is_given_up() {
    let mut f = Framer::new(Limits::default());
    let mut fed = 0usize;
    let error = loop {
        f.feed(&b"{0}\r\n".repeat(1000));
        fed += 1000;
        match f.next_frame() {
            Ok(None) => assert!(fed < 1 << 16),
            other => break other,
        }
    };
    assert_eq!(error, Err(FrameError::ResponseTooLarge));
    assert!(f.held() < 8 << 20, "{}", f.held());
}
