use std::time::{Duration, Instant};

use posthouse_mime::{
    Outgoing, build,
    decode::decode,
    decode_param, decode_text,
    html::{html_preview, html_to_text, text_to_html},
    message::summary,
    param::split_params,
    parse_addresses, parse_date, parse_headers,
    raw::{HeaderEdits, edit_headers, envelope_of, strip_bcc},
    text::{TextFormat, text_from, unflow},
};
use proptest::prelude::*;

/// Far above what linear work needs in an unoptimised build, far below what quadratic work takes.
fn quick(name: &str, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(15), "{name} took {took:?}");
}

#[test]
fn headers_take_linear_time() {
    let n = 100_000;
    for piece in [
        "=?",
        "=?a?q?",
        "=?a?q?x?= ",
        "=?utf-8?b?YQ==?=",
        "=?=",
        "(",
        "\"",
        "<",
        ",",
        ":",
        ";",
        "@",
        "a@",
        "a ",
        "a:",
        "(\"<",
        "<a>",
        "\\",
        "<@a,",
        "=?a?q?=",
        " \t",
        "\r\n ",
        "\r\n",
    ] {
        let text = piece.repeat(n);
        quick(piece, || {
            let _ = decode_text(text.as_bytes());
            let _ = parse_addresses(text.as_bytes());
            let _ = parse_addresses(format!("{}x@y {text}", "a ".repeat(n)).as_bytes());
            let _ = split_params(text.as_bytes());
            let _ = parse_date(&text);
            let _ = summary(format!("Subject: {text}\r\nFrom: {text}\r\n\r\n").as_bytes());
        });
    }
    let nested = format!("{}x{} a@x", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(parse_addresses(nested.as_bytes())[0].address, "a@x");
    let date = format!(
        "Mon, 24 Nov 2025 {}{} 00:11:22 +0000",
        "(".repeat(1000),
        ")".repeat(1000)
    );
    assert!(parse_date(&date).is_some());
}

#[test]
fn large_headers_take_linear_time() {
    let megabyte = format!("Subject: {}\r\n", "x".repeat(1 << 20));
    let folded = format!("References: {}\r\n", "<a@x>\r\n ".repeat(130_000));
    let many: String = (0..100_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let same = "X-Same: y\r\n".repeat(100_000);
    for raw in [megabyte, folded, many, same] {
        quick("header", || {
            let headers = parse_headers(raw.as_bytes());
            let _ = headers.view();
            let _ = edit_headers(raw.as_bytes(), &HeaderEdits::new());
            let _ = strip_bcc(raw.as_bytes());
            let _ = envelope_of(raw.as_bytes());
        });
    }
    let pairs: Vec<(String, String)> = (0..100_000)
        .rev()
        .map(|n| (format!("name*{n}*"), "%41".into()))
        .collect();
    quick("sections", || {
        assert_eq!(decode_param(&pairs, "name").unwrap().len(), 100_000)
    });
}

#[test]
fn html_is_bounded() {
    let open = |tag: &str, n: usize| format!("<{tag}>").repeat(n);
    let formats: String = (0..100).map(|n| format!("<font size={n}>")).collect();
    for (name, html) in [
        ("deep div", open("div", 100_000)),
        ("deep b", open("b", 100_000)),
        ("deep table", open("table><tr><td", 20_000)),
        ("some tables", open("table><tr><td", 60)),
        ("foreign", format!("<svg>{}", open("td", 100_000))),
        (
            "reopened",
            format!("<p>{formats}{}", "<p>x".repeat(100_000)),
        ),
        (
            "wide",
            format!("<table><tr>{}</tr></table>", "<td>x</td>".repeat(20_000)),
        ),
        (
            "spans",
            "<table><tr><td colspan=1000000 rowspan=1000000>x</td></tr></table>".repeat(20),
        ),
        ("lists", open("ul><li", 120)),
        ("comments", "<!--".repeat(50_000)),
        ("entities", "&".repeat(300_000)),
        ("scripts", "<script>".repeat(30_000)),
        ("quotes", open("blockquote", 120) + "x y z"),
        ("signs", "<".repeat(300_000)),
        ("huge", "<p>x ".repeat(500_000)),
        ("links", "<a href=x>y</a> ".repeat(20_000)),
        ("word", format!("<p>{}", "x".repeat(900_000))),
    ] {
        let start = Instant::now();
        let _ = html_to_text(&html);
        let _ = html_preview(&html, 200);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(20), "{name} took {took:?}");
    }
    for text in [
        "http://".repeat(100_000),
        "http".repeat(100_000),
        "https://x) ".repeat(50_000),
    ] {
        quick("links", || {
            let _ = text_to_html(&text);
        });
    }
    quick("quotes", || {
        let _ = unflow(&"> ".repeat(300_000), true);
        let _ = unflow(&"x \n".repeat(300_000), true);
    });
}

#[test]
fn hostile_images_take_linear_time() {
    for piece in [
        "src=\"data:image/png;base64,",
        "<img src=\"data:image/png,a\">",
        "data:image/",
        "<body ",
        "<body \"",
    ] {
        quick(piece, || {
            let message = Outgoing {
                html: Some(piece.repeat(20_000)),
                text: Some(String::new()),
                preview_text: Some("p".into()),
                ..Outgoing::default()
            };
            assert!(build(&message).is_ok());
        });
    }
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"=?utf-8?Q?".to_vec()),
        Just(b"?=".to_vec()),
        Just(b"=?x?B?AAA=?=".to_vec()),
        Just(b"\r\n ".to_vec()),
        Just(b"\r\n".to_vec()),
        "[<>@,;:()\"\\\\= *'%]".prop_map(String::into_bytes),
        "(From|To|Bcc|Date|Subject|X-EE-Send-At): ".prop_map(String::into_bytes),
        "<(p|b|table|td|svg|br|script|!--|/p|/table)( src=\"data:image/png,x\")?>"
            .prop_map(String::into_bytes),
        "[a-z0-9]{1,5}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..5),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn nothing_panics(bytes in soup(), other in soup(), max in 0usize..40) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let other_text = String::from_utf8_lossy(&other).into_owned();
        prop_assert!(!decode_text(&bytes).contains(['\r', '\n', '\0']));
        for entry in parse_addresses(&bytes) {
            prop_assert!(!entry.address.contains(['\r', '\n', '\0']));
        }
        let (_, params) = split_params(&bytes);
        let _ = decode_param(&params, "name");
        let _ = decode_param(&[(b"name*0*", &bytes), (b"name*1*", &other)], "name");
        let _ = decode_param(&[(b"name", &bytes)], "name");
        let _ = parse_date(&text);
        let _ = summary(&bytes);
        let _ = envelope_of(&bytes);
        let edited = edit_headers(&bytes, &HeaderEdits::new());
        prop_assert!(edited.body <= bytes.len());
        let _ = decode("x-uuencode", &bytes);
        let (read, _) = text_from(&bytes, &TextFormat { charset: "utf-7", flowed: true, delsp: true, ..TextFormat::default() }, max);
        prop_assert!(read.len() <= max * 3);
        let _ = (html_to_text(&text), html_preview(&text, max), text_to_html(&text));
        let built = build(&Outgoing {
            subject: Some(text.clone()),
            html: Some(text.clone()),
            preview_text: Some(other_text.clone()),
            headers: vec![("X-Any".into(), other_text.replace(['\r', '\n', '\0'], ""))],
            ..Outgoing::default()
        });
        let message = built.unwrap().to_bytes();
        prop_assert!(message.is_ascii());
    }
}
