//! Markdown: tags first, then HTML.

use posthouse_template::{Format, MAX_MARKDOWN, Source};
use serde_json::{Value, json};

use crate::support::{context, render};

fn markdown(template: &str, params: &Value) -> Result<String, (String, u32, String)> {
    let source = Source {
        html: Some(template),
        format: Format::Markdown,
        ..Source::default()
    };
    render(&source, &context(params)).map(|rendered| rendered.html.unwrap())
}

#[track_caller]
fn gives(template: &str, expect: &str) {
    assert_eq!(
        markdown(template, &json!({})).unwrap(),
        expect,
        "{template}"
    );
}

#[test]
fn the_usual_marks_become_html() {
    gives(
        "# Hi\n\nSome *text* and **more**.",
        "<h1>Hi</h1>\n<p>Some <em>text</em> and <strong>more</strong>.</p>\n",
    );
    gives("* a\n* b\n", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n");
    gives(
        "[here](https://a.example \"t\")",
        "<p><a href=\"https://a.example\" title=\"t\">here</a></p>\n",
    );
    gives("`a < b`", "<p><code>a &lt; b</code></p>\n");
    gives("a  \nb", "<p>a<br />\nb</p>\n");
}

#[test]
fn tables_and_strikethrough_are_known() {
    gives("~~old~~", "<p><del>old</del></p>\n");
    gives(
        "| a | b |\n|---|--:|\n| 1 | 2 |\n",
        "<table><thead><tr><th>a</th><th style=\"text-align: right\">b</th></tr></thead><tbody>\n<tr><td>1</td><td style=\"text-align: right\">2</td></tr>\n</tbody></table>\n",
    );
}

#[test]
fn bare_links_are_links() {
    let link = |url: &str, text: &str| format!("<a href=\"{url}\">{text}</a>");
    let cases = [
        (
            "https://a.example/b",
            link("https://a.example/b", "https://a.example/b"),
        ),
        (
            "HTTP://localhost:3000",
            link("HTTP://localhost:3000", "HTTP://localhost:3000"),
        ),
        (
            "www.a.example",
            link("http://www.a.example", "www.a.example"),
        ),
        (
            "see https://a.example/b.",
            format!(
                "see {}.",
                link("https://a.example/b", "https://a.example/b")
            ),
        ),
        (
            "(https://a.example/b)",
            format!("({})", link("https://a.example/b", "https://a.example/b")),
        ),
        (
            "https://a.example/b_(c)",
            link("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ),
        (
            "https://a.example?a=1&b=2",
            link(
                "https://a.example?a=1&amp;b=2",
                "https://a.example?a=1&amp;b=2",
            ),
        ),
        (
            "https://a.example/x&amp;copy;",
            format!(
                "{}&amp;copy;",
                link("https://a.example/x", "https://a.example/x")
            ),
        ),
        (
            "ann@a.example.",
            format!("{}.", link("mailto:ann@a.example", "ann@a.example")),
        ),
        (
            "a.b+c@a.example, x",
            format!("{}, x", link("mailto:a.b+c@a.example", "a.b+c@a.example")),
        ),
        ("xhttps://a.example", "xhttps://a.example".into()),
        ("https://", "https://".into()),
        ("https://a_b.example", "https://a_b.example".into()),
        ("ann@localhost", "ann@localhost".into()),
        ("ann@a.example-", "ann@a.example-".into()),
        (
            "`https://a.example`",
            "<code>https://a.example</code>".into(),
        ),
        ("[https://a.example](/x)", link("/x", "https://a.example")),
        (
            "<a href=\"/x\">https://a.example</a>",
            "<a href=\"/x\">https://a.example</a>".into(),
        ),
        (
            "<https://a.example>",
            link("https://a.example", "https://a.example"),
        ),
    ];
    for (template, expect) in cases {
        gives(template, &format!("<p>{expect}</p>\n"));
    }
    gives(
        "    https://a.example\n",
        "<pre><code>https://a.example\n</code></pre>\n",
    );
}

#[test]
fn tags_come_first_and_are_escaped() {
    let params = json!({"name": "<b>", "list": ["x", "y"], "url": "https://a.example/?q=1"});
    let html = |template| markdown(template, &params).unwrap();
    assert_eq!(
        html("{{params.name}} {{{params.name}}}</b>"),
        "<p>&lt;b&gt; <b></b></p>\n"
    );
    assert_eq!(
        html("{{#each params.list}}\n* {{this}}\n{{/each}}"),
        "<ul>\n<li>x</li>\n<li>y</li>\n</ul>\n"
    );
    assert_eq!(
        html("[here]({{params.url}})"),
        "<p><a href=\"https://a.example/?q=1\">here</a></p>\n"
    );
    assert_eq!(
        html("{{params.url}}"),
        "<p><a href=\"https://a.example/?q=1\">https://a.example/?q=1</a></p>\n"
    );
}

#[test]
fn html_of_the_author_passes() {
    gives(
        "<div class=\"x\">\n\n*a*\n\n</div>",
        "<div class=\"x\">\n<p><em>a</em></p>\n</div>",
    );
}

#[test]
fn markdown_is_bounded() {
    let long = "a".repeat(MAX_MARKDOWN);
    assert!(markdown(&long, &json!({})).is_ok());
    let (text, _, reason) = markdown(&(long + "a"), &json!({})).unwrap_err();
    assert_eq!(text, "Failed rendering html template");
    assert!(reason.contains("Markdown"), "{reason}");
}

#[test]
fn only_html_is_markdown() {
    let source = Source {
        subject: Some("*s*"),
        text: Some("*t*"),
        html: Some("*h*"),
        preview_text: Some("*p*"),
        format: Format::Markdown,
    };
    let rendered = render(&source, &context(&json!({}))).unwrap();
    assert_eq!(rendered.subject.unwrap(), "*s*");
    assert_eq!(rendered.text.unwrap(), "*t*");
    assert_eq!(rendered.html.unwrap(), "<p><em>h</em></p>\n");
    assert_eq!(rendered.preview_text.unwrap(), "*p*");
}
