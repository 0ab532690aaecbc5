//! The attacks of `tests/attacks`: nothing of them may be left, and what is left may not change.

use std::{
    fmt::Write,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use posthouse_mime::websafe::{Images, web_safe};

use crate::judge::{dangers, policy, texts};

/// Names and HTML of the vectors.
fn vectors() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    files.sort();
    let all: String = files
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    all.split("## ")
        .skip(1)
        .map(|vector| {
            let (name, html) = vector.split_once('\n').unwrap();
            let html = html.strip_suffix('\n').unwrap_or(html);
            let times = name
                .split_once("(times ")
                .map(|(_, times)| times.trim_end_matches(')'));
            let html = match times {
                Some(times) => html.repeat(times.parse().unwrap()),
                None if name.ends_with("(escaped)") => unescaped(html),
                None => html.to_owned(),
            };
            (name.to_owned(), html)
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut pieces = text.split('\\');
    out.push_str(pieces.next().unwrap());
    while let Some(piece) = pieces.next() {
        if let Some(rest) = piece.strip_prefix("u{") {
            let (code, rest) = rest.split_once('}').unwrap();
            let code = u32::from_str_radix(code, 16).unwrap();
            write!(out, "{}{rest}", char::from_u32(code).unwrap()).unwrap();
        } else if piece.is_empty() {
            write!(out, "\\{}", pieces.next().unwrap_or_default()).unwrap();
        } else {
            let (sign, rest) = piece.split_at(1);
            out.push(match sign {
                "t" => '\t',
                "n" => '\n',
                "r" => '\r',
                "0" => '\0',
                other => panic!("what is \\{other}?"),
            });
            out.push_str(rest);
        }
    }
    out
}

#[test]
fn nothing_of_an_attack_is_left() {
    let vectors = vectors();
    assert!(vectors.len() >= 500, "{}", vectors.len());
    for (name, html) in &vectors {
        let start = Instant::now();
        let check = std::panic::catch_unwind(|| {
            policy(html);
            texts(html);
            // As a part of a page too.
            policy(&format!(
                "<html><body><table><tr><td>{html}</td></tr></table>after"
            ));
            policy(&format!(
                "<p>Hello</p><div class=gmail_quote><div style='color:red'>{html}"
            ));
        });
        assert!(check.is_ok(), "{name}");
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{name} took {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn the_judge_sees_dangers() {
    for html in [
        "<script>",
        "<p onclick=\"x\">",
        "<a href=\"javascript:x\">",
        "<a href=\"https:logout\">",
        "<a href=\"https://x\" target=\"_top\">",
        "<img src=\"data:image/svg+xml,x\">",
        "<img src=\"/logout\">",
        "<p style=\"position: fixed\">",
        "<p style=\"color: rgb(1\">",
        "<p style=\"font-family: 'x\">",
        "<p class=\"modal\">",
        "<p id=\"cookie\">",
        "<p class=\"ee-message\">",
        "<p <b>",
        "<!-- -->",
        "<p title=x>",
        "<style>p{color: red;}</style>",
        "<style>@import 'x';</style>",
        "<style>.ee-message-0123456789abcdef + p{color: red;}</style>",
        "<style>.ee-message-0123456789abcdef p, q{color: red;}</style>",
        "<style>.ee-message-0123456789abcdef p{background: url(x);}</style>",
        "<style>@media all{\n.ee-message-0123456789abcdef p{color: red;}\np{color: red;}\n}</style>",
    ] {
        assert!(!dangers(html).is_empty(), "{html}");
    }
    for html in [
        "<p title=\"a\">x<br></p>",
        "<style>.ee-message-0123456789abcdef>p{color: red;}\n@media all{\n.ee-message-0123456789abcdef{color: red;}\n}\n</style>",
    ] {
        assert!(dangers(html).is_empty(), "{html}: {:?}", dangers(html));
    }
}

/// Where `POSTHOUSE_ATTACKS` says so, what becomes of each vector is written there, for whoever wants to read it.
#[test]
fn what_becomes_of_them() {
    let Some(path) = std::env::var_os("POSTHOUSE_ATTACKS") else {
        return;
    };
    let mut out = String::new();
    for (name, html) in vectors() {
        let safe = web_safe(&html, Images::default());
        let end = safe.floor_char_boundary(2000);
        writeln!(out, "## {name}\n{}", &safe[..end]).unwrap();
    }
    fs::write(path, out).unwrap();
}
