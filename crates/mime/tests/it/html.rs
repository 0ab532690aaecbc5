use posthouse_mime::html::{escape, html_preview, html_to_text, preview, strip_tags, text_to_html};

#[test]
fn text_of_html() {
    let html = "<html><head><title>t</title><style>p{}</style></head><body><h1>Hi</h1><p>one&nbsp;two <b>three</b><br>four</p>\
        <table><tr><td>cell</td><td>next</td></tr></table><a href=\"https://x.example/\">link</a><script>no()</script></body></html>";
    let text = html_to_text(html);
    for word in [
        "Hi",
        "three",
        "four",
        "cell",
        "next",
        "link",
        "https://x.example/",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    for word in ["p{}", "no()", "<", "│"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(!html_to_text("<p><hr>x").contains('─'));
    assert_eq!(html_to_text(""), "");
    assert_eq!(
        html_preview("<p>Hello   <i>there</i></p><hr><a href=x>you</a>", 100),
        "Hello there you"
    );
}

#[test]
fn tags_stripped() {
    let html = "<style>a{}</style><div>one &lt; two &#233;&unknown; 1 < 2</div><!-- x --><p>three<br>four<script>x</script>";
    assert_eq!(
        strip_tags(html),
        "one < two é&unknown; 1 < 2\n\nthree\nfour\n"
    );
    assert_eq!(strip_tags("a <b"), "a <b\n");
    assert_eq!(strip_tags("<script>never closed"), "");
}

#[test]
fn html_of_text() {
    assert_eq!(
        text_to_html("a <b>\r\nsee (https://x.example/?a=1&b=2).\n\n\nnext"),
        "<p>a &lt;b&gt;<br/>\nsee (<a href=\"https://x.example/?a=1&amp;b=2\">https://x.example/?a=1&amp;b=2</a>).</p>\n<p>next</p>\n"
    );
    assert_eq!(
        text_to_html("xhttp://a http:// http"),
        "<p>xhttp://a http:// http</p>\n"
    );
    assert_eq!(text_to_html(" \n"), "");
    assert_eq!(escape("<\"'&>"), "&lt;&quot;&#39;&amp;&gt;");
}

#[test]
fn previews() {
    assert_eq!(preview("  one \n\t two  ", 20), "one two");
    assert_eq!(preview("one two", 7), "one two");
    assert_eq!(preview("one two   ", 7), "one two");
    assert_eq!(preview("one two three", 10), "one two…");
    assert_eq!(preview("one two three", 8), "one two…");
    assert_eq!(preview("abcdefghij", 5), "abcd…");
    assert_eq!(preview("日本語です", 3), "日本…");
    assert_eq!(preview("x", 0), "");
    assert_eq!(
        preview("hi \u{200c}\u{a0}\u{200c} \u{ad}\u{feff}you", 10),
        "hi you"
    );
    assert_eq!(preview("می\u{200c}خواهم", 10), "می\u{200c}خواهم");
}
