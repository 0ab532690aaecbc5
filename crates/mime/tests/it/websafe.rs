//! HTML that a page may show: attacks, and what has to survive.

use std::time::{Duration, Instant};

use posthouse_mime::websafe::{Images, MAX_IMAGES, embed_images, web_safe, web_safe_text};
use proptest::prelude::*;

use crate::judge::{dangers, policy};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nimage";

fn clean(html: &str) -> String {
    web_safe(html, Images::default())
}

#[test]
fn what_stays() {
    let boxed = |html: &str| {
        format!(
            "<div class=\"ee-message\" style=\"contain: content; overflow: auto;\">{html}</div>"
        )
    };
    for (html, expected) in [
        ("<p>a<br>b</p>", "<p>a<br>b</p>"),
        (
            "<a href=\"https://x.org/?a=1&amp;b=2\">x</a>",
            "<a href=\"https://x.org/?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer\">x</a>",
        ),
        (
            "<html><head><title>T</title><style>p{}</style></head><body><p>x</p></body></html>",
            "<p>x</p>",
        ),
        (
            "<table border=0 width=\"600\" cellpadding=\"0\"><tr><td bgcolor=\"#fff\" style=\"padding:4px\">x</td></tr></table>",
            "<table border=\"0\" width=\"600\" cellpadding=\"0\"><tbody><tr><td bgcolor=\"#fff\" style=\"padding: 4px;\">x</td></tr></tbody></table>",
        ),
        (
            "<img src=\"https://x.org/a.png\" alt=\"a &lt; b\">",
            "<img src=\"https://x.org/a.png\" alt=\"a &lt; b\">",
        ),
        ("1 < 2 &amp; <o:p>3</o:p>", "1 &lt; 2 &amp; 3"),
        (
            "<center><font color=red>x</font></center>",
            "<center><font color=\"red\">x</font></center>",
        ),
    ] {
        // What has a size, or may have one, stands in a box.
        let sized = ["<table", "<img", "<font"]
            .iter()
            .any(|tag| html.contains(tag));
        let expected = if sized {
            boxed(expected)
        } else {
            expected.to_owned()
        };
        assert_eq!(clean(html), expected, "{html}");
    }
    assert_eq!(
        web_safe_text("a <b> https://x.org\n"),
        "<p>a &lt;b&gt; <a href=\"https://x.org\" target=\"_blank\" rel=\"noopener noreferrer\">https://x.org</a></p>"
    );
}

#[test]
fn images_of_the_message() {
    let images = || {
        let mut images = Images::default();
        assert!(images.add("<logo 1@x>", PNG));
        assert!(!images.add("<bad@x>", b"<svg onload=steal()>"));
        images
    };
    let uri = "data:image/png;base64,iVBORw0KGgppbWFnZQ==";
    let html = "<img src=\"cid:logo%201@x\"><img src='CID:logo 1@x'><img src=\"cid:bad@x\"> cid:logo%201@x";
    let safe = web_safe(html, images());
    assert_eq!(
        safe,
        format!(
            "<div class=\"ee-message\" style=\"contain: content; overflow: auto;\">\
             <img src=\"{uri}\"><img src=\"{uri}\"><img src=\"cid:bad@x\"> cid:logo%201@x</div>"
        )
    );
    let html =
        "<td background=cid:logo%201@x onclick=x><img src=\"cid:bad@x\">\u{e4}cid:logo%201@x";
    assert_eq!(
        embed_images(html, &images()),
        html.replacen("cid:logo%201@x", uri, 1)
    );
    // An image that is shown over and over does not multiply without end.
    let mut large = Images::default();
    let mut content = PNG.to_vec();
    content.resize(MAX_IMAGES / 2, 0);
    large.add("a", &content);
    let html = "<img src=\"cid:a\">".repeat(50);
    let embedded = embed_images(&html, &large);
    assert_eq!(embedded.matches("data:").count(), 2);
    let safe = web_safe(&html, large);
    assert_eq!(
        (safe.matches("data:").count(), safe.matches("cid:a").count()),
        (2, 48)
    );
}

#[test]
fn odd_documents_become_their_text() {
    for piece in ["<div>", "<div></x>", "<b><i><u>", "<table><tr><td>"] {
        let html = format!(
            "{}<script>x</script><a href=https://x.org>words https://x.org",
            piece.repeat(20_000)
        );
        let start = Instant::now();
        let safe = clean(&html);
        assert!(start.elapsed() < Duration::from_secs(5), "{piece}");
        assert!(
            dangers(&safe).is_empty() && safe.contains("words"),
            "{piece}"
        );
        assert!(
            safe.contains("rel=\"noopener noreferrer\""),
            "{piece}: {safe}"
        );
    }
    let long = format!("<b>x</b>{}", "y ".repeat(3 << 20));
    assert!(clean(&long).starts_with("<p>x"));
}

#[test]
fn deep_documents_are_not_laid_out() {
    for piece in ["<div></x>", "<div><!--</div>-->", "<b><div></b>"] {
        let html = format!("{}words", piece.repeat(50_000));
        assert!(
            posthouse_mime::html::html_to_text(&html).contains("words"),
            "{piece}"
        );
    }
}

fn pieces() -> impl Strategy<Value = String> {
    const PIECES: [&str; 60] = [
        "<",
        ">",
        "\"",
        "'",
        "`",
        "=",
        "/",
        " ",
        "\n",
        "\t",
        "\0",
        "&",
        "&#",
        "&lt;",
        "&quot;",
        "&#x3c;",
        "<!--",
        "-->",
        "--!>",
        "<![CDATA[",
        "]]>",
        "<?",
        "</",
        "<script",
        "</script>",
        "<style",
        "</style>",
        "<svg",
        "</svg>",
        "<math",
        "<mtext>",
        "<mglyph>",
        "<foreignObject>",
        "<p",
        "<div ",
        "<table>",
        "<td>",
        "<select>",
        "<option>",
        "<a ",
        "<b>",
        "</b>",
        "<img ",
        "<form>",
        "</form>",
        "<noscript>",
        "<textarea>",
        "<title>",
        "<template>",
        "<iframe ",
        " src=",
        " href=",
        " onerror=",
        " style=",
        "javascript:",
        "data:text/html,",
        "https://x",
        "cid:a",
        "url(",
        "expression(",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => "[a-z:;\u{e4}\u{130}]{1,4}",
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn nothing_can_act(html in pieces()) {
        policy(&html);
        let mut images = Images::default();
        images.add("a", PNG);
        let _ = embed_images(&html, &images);
        let safe = web_safe(&html, images);
        prop_assert_eq!(dangers(&safe), Vec::<String>::new(), "{}", safe);
    }
}
