//! Large and deep documents: time in proportion to their length.

use std::time::{Duration, Instant};

use posthouse_mime::{
    html::{html_preview, html_to_text, text_to_html},
    websafe::{Images, web_safe, web_safe_text},
};

/// Far above what linear work takes in an unoptimised build on a busy machine (the slowest takes 3 s alone), far below what quadratic work does.
const MOST: Duration = Duration::from_secs(20);

#[test]
fn large_documents_take_linear_time() {
    let mega = 1 << 20;
    for (name, html) in [
        ("10 MB of divs", "<div>".repeat(2 * mega)),
        ("a million bold", "<b>".repeat(1_000_000)),
        ("deep tables", "<table><tr><td>".repeat(100_000)),
        (
            "5 MB of rules",
            format!(
                "<style>{}</style><p>x",
                "p,.a #b{color:red;margin:0 -1px}".repeat(5 * mega / 32)
            ),
        ),
        (
            "1 MB of rules",
            format!(
                "<style>{}</style><p>x",
                "p,.a #b{color:red;margin:0 -1px}".repeat(mega / 32)
            ),
        ),
        (
            "1 MB of brackets",
            format!("<style>{}</style><p>x", "p{([".repeat(mega / 4)),
        ),
        (
            "1 MB of comments",
            format!("<style>{}</style><p>x", "/*".repeat(mega / 2)),
        ),
        (
            "1 MB of at rules",
            format!("<style>{}</style><p>x", "@media x{".repeat(mega / 9)),
        ),
        (
            "1 MB of declarations",
            format!("<p style=\"{}\">x", "color:red;x:(\"".repeat(mega / 14)),
        ),
        (
            "1 MB of a title",
            format!("<p title=\"{}\">x", "&".repeat(mega)),
        ),
        ("1 MB of references", "&amp;&nosuch;".repeat(mega / 13)),
        ("1 MB of no-break spaces", "\u{a0}".repeat(mega / 2)),
        (
            "quotes",
            "<p>x</p><blockquote type=cite>y</blockquote>".repeat(4000),
        ),
        (
            "lines before a quote",
            format!(
                "{}<blockquote type=cite>y</blockquote>",
                "<p>x</p>".repeat(30_000)
            ),
        ),
        (
            "classes",
            format!("<p class=\"{}\">x", "a ".repeat(mega / 2)),
        ),
        ("open tags", "<a href='".repeat(mega / 9)),
        ("angles", "<".repeat(mega / 8)),
    ] {
        let start = Instant::now();
        let _ = web_safe(&html, Images::default());
        let took = start.elapsed();
        assert!(took < MOST, "{name}: {took:?}");
        println!("{name}: {took:?}");
    }
}

#[test]
fn large_texts_take_linear_time() {
    let mega = 1 << 20;
    for piece in [
        "> ",
        ">",
        "www.",
        "http://",
        "a@",
        "@",
        "(",
        "https://x.org/) ",
        "https://x.org/))))",
        "wrote:\n> x\n",
        "x\n",
        "&",
    ] {
        let text = piece.repeat(mega / 8 / piece.len());
        let start = Instant::now();
        let _ = (text_to_html(&text), html_preview(&text, 100));
        let _ = (html_to_text(&text), web_safe_text(&text));
        let took = start.elapsed();
        assert!(took < MOST, "{piece}: {took:?}");
        println!("{piece:?}: {took:?}");
    }
}
