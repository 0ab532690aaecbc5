//! Input made to be slow: reading it takes time in proportion to its length.

use std::time::{Duration, Instant};

use posthouse_mime::{
    calendar, charset, decode_param, decode_text,
    message::summary,
    param::split_params,
    parse_addresses, parse_date,
    text::{TextFormat, text_from},
};

/// Far above what linear work on megabytes needs in an unoptimised build on a busy machine; what is quadratic takes many minutes.
const LIMIT: Duration = Duration::from_secs(60);

fn in_time(name: &str, work: impl FnOnce()) {
    let begun = Instant::now();
    work();
    assert!(begun.elapsed() < LIMIT, "{name}: {:?}", begun.elapsed());
}

fn megabytes(count: usize, piece: &[u8]) -> Vec<u8> {
    piece.repeat((count << 20) / piece.len())
}

#[test]
fn megabytes_of_a_field() {
    in_time("10 MB of =?", || drop(decode_text(&megabytes(10, b"=?"))));
    for piece in [
        "=?a?q?",
        "=?utf-8?B?YQ?= ",
        "=?iso-2022-jp?B?GyRC?= ",
        "\x1b$",
        "=?=?=",
    ] {
        let text = megabytes(1, piece.as_bytes());
        in_time(piece, || drop(decode_text(&text)));
    }
    for piece in [
        "<",
        "<<a",
        "(",
        "\"",
        "a@b . ",
        "[:",
        "a:",
        "=?utf-8?q?<a@b>?= ",
        ">",
        "@.",
        ". ",
    ] {
        let text = megabytes(1, piece.as_bytes());
        in_time(piece, || drop(parse_addresses(&text)));
    }
    let whole = [b"To: ", &megabytes(1, b"=?")[..], b"\r\n\r\n"].concat();
    in_time("a message", || drop(summary(&whole)));
}

#[test]
fn a_hundred_thousand_nested_comments() {
    let nested = format!("{}{}", "(".repeat(100_000), ")".repeat(100_000));
    in_time("comments", || {
        let list = parse_addresses(format!("Ann {nested} <a{nested}@x{nested}>").as_bytes());
        assert_eq!(list[0].address, "a@x");
        let (kind, _) = split_params(format!("text/plain {nested}; a=b").as_bytes());
        assert_eq!(kind, "text/plain");
        let _ = parse_date(&format!("Mon, 2 Mar 2026 {nested} 09:30:00 +0000"));
    });
}

#[test]
fn a_million_parameters() {
    in_time("parameters", || {
        let (_, params) = split_params("; a=b".repeat(1_000_000).as_bytes());
        assert_eq!(params.len(), 1_000_000);
        assert_eq!(decode_param(&params, "a").as_deref(), Some("b"));
    });
    let pieces: Vec<(String, &str)> = (0..1_000_000)
        .map(|n| (format!("a*{}", n % 7), "x"))
        .collect();
    in_time("pieces", || {
        assert_eq!(decode_param(&pieces, "a").unwrap().len(), 7)
    });
}

#[test]
fn a_million_boundaries() {
    // The server makes the tree of parts; what is left to read is text.
    let lines = "--boundary\r\n".repeat(1_000_000);
    in_time("boundaries", || {
        let (text, more) = text_from(lines.as_bytes(), &TextFormat::default(), 16 << 20);
        assert!(text.len() == 11_000_000 && !more);
    });
}

#[test]
fn megabytes_of_a_body() {
    for (transfer, charset, piece) in [
        ("quoted-printable", "", "="),
        ("quoted-printable", "", " "),
        ("quoted-printable", "", "=\r"),
        ("base64", "", "="),
        ("base64", "", "a b "),
        ("x-uuencode", "", "begin "),
        ("", "utf-7", "+"),
        ("", "iso-2022-jp", "\x1b"),
        ("", "iso-2022-jp", "\x1b(B"),
        ("", "iso-2022-kr", "\x1b$)"),
        ("", "hz-gb-2312", "~"),
        ("", "", "> "),
    ] {
        let body = megabytes(1, piece.as_bytes());
        let format = TextFormat {
            transfer,
            charset,
            flowed: true,
            ..TextFormat::default()
        };
        in_time(piece, || drop(text_from(&body, &format, 16 << 20)));
    }
    let html = TextFormat {
        html: true,
        ..TextFormat::default()
    };
    in_time("meta", || {
        drop(text_from(&megabytes(2, b"<meta charset"), &html, 16 << 20))
    });
    in_time("surrogates", || {
        drop(charset::decode("utf-8", &megabytes(1, b"\xed\xa0")))
    });
    let events = "BEGIN:VEVENT\nUID:x\n".repeat(50_000);
    in_time("events", || drop(calendar::parse(&events)));
}
