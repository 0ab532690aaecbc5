//! The parts of a message, and what is said of a broken one.

use posthouse_template::{Context, Key, Source, Template};
use serde_json::{Value, json};

use crate::support::{context, html, render};

fn with(key: Key, template: &str) -> Source<'_> {
    let mut source = Source::default();
    match key {
        Key::Subject => source.subject = Some(template),
        Key::Text => source.text = Some(template),
        Key::Html => source.html = Some(template),
        Key::PreviewText => source.preview_text = Some(template),
    }
    source
}

const KEYS: [(Key, &str); 4] = [
    (Key::Subject, "subject"),
    (Key::Text, "text"),
    (Key::Html, "html"),
    (Key::PreviewText, "previewText"),
];

#[test]
fn values_are_escaped_where_html_is_made() {
    let params = json!({"x": "<a> & 'b'"});
    let source = Source {
        subject: Some("{{params.x}}"),
        text: Some("{{params.x}} {{{params.x}}}"),
        html: Some("{{params.x}} {{{params.x}}}"),
        preview_text: Some("{{params.x}}"),
        ..Source::default()
    };
    let rendered = render(&source, &context(&params)).unwrap();
    assert_eq!(rendered.subject.unwrap(), "<a> & 'b'");
    assert_eq!(rendered.text.unwrap(), "<a> & 'b' <a> & 'b'");
    assert_eq!(
        rendered.html.unwrap(),
        "&lt;a&gt; &amp; &#x27;b&#x27; <a> & 'b'"
    );
    assert_eq!(
        rendered.preview_text.unwrap(),
        "&lt;a&gt; &amp; &#x27;b&#x27;"
    );
}

#[test]
fn what_is_not_there_is_not_made() {
    let rendered = render(&with(Key::Text, ""), &context(&json!({}))).unwrap();
    assert_eq!(rendered.text.as_deref(), Some(""));
    assert_eq!(
        (rendered.subject, rendered.html, rendered.preview_text),
        (None, None, None)
    );
}

#[test]
fn a_subject_is_one_line() {
    let subject = |template: &str, value: &str| {
        let context = context(&json!({"x": value}));
        render(&with(Key::Subject, template), &context)
            .unwrap()
            .subject
            .unwrap()
    };
    assert_eq!(
        subject("Hi {{params.x}}", "Ann\r\nBcc: eve@example.com"),
        "Hi Ann Bcc: eve@example.com"
    );
    assert_eq!(subject("{{#if params.x}}\n  a\n  b\n{{/if}}\n", "1"), "a b");
    for broken in [
        "\r", "\n", "\r\n\r\n", "\u{0}", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}",
        "\u{7f}",
    ] {
        assert_eq!(subject("a{{params.x}}b", broken), "a b", "{broken:?}");
    }
    assert_eq!(subject("a  {{params.x}}  b", "é"), "a  é  b");
}

#[test]
fn a_broken_part_is_named_with_its_line() {
    for (key, name) in KEYS {
        let error = Template::compile(&with(key, "a\nb\n{{#if x}}\nc")).unwrap_err();
        assert_eq!((error.key, error.line), (key, 4), "{}", error.reason);
        assert_eq!(
            error.to_string(),
            format!("Failed rendering {name} template")
        );
        assert!(error.reason.contains("`if` of line 3"), "{}", error.reason);

        let template = Template::compile(&with(key, "a\n{{! x\n }}\n{{nope 1}}\n")).unwrap();
        let error = template.render(&context(&json!({}))).unwrap_err();
        assert_eq!((error.key, error.line), (key, 4), "{}", error.reason);
        assert_eq!(
            error.to_string(),
            format!("Failed rendering {name} template")
        );
        assert!(error.reason.contains("`nope`"), "{}", error.reason);
    }
}

#[test]
fn faults_say_what_is_wrong() {
    for (template, line, word) in [
        ("{{> header}}", 1, "partials"),
        ("\n{{#> layout}}x{{/layout}}", 2, "partials"),
        ("{{~> header}}", 1, "partials"),
        ("{{#*inline \"x\"}}y{{/inline}}", 1, "decorators"),
        ("{{* x}}", 1, "decorators"),
        ("a\n{{#if x}}{{/unless}}", 2, "`unless`"),
        ("a\n\n{{x", 3, "does not end"),
        ("{{! x", 1, "comment"),
        ("x{{/if}}", 1, "not begun"),
        ("{{else}}", 1, "`else`"),
        ("{{x.this}}", 1, "no path"),
        ("{{insert a=1 2}}", 1, "after one with a name"),
        ("{{insert (x}}", 1, "not closed"),
        ("{{#each x as |a}}{{/each}}", 1, "names"),
    ] {
        let error = Template::compile(&with(Key::Text, template)).unwrap_err();
        assert_eq!(error.line, line, "{template}");
        assert!(error.reason.contains(word), "{template}: {}", error.reason);
    }
}

#[test]
fn faults_tell_nothing_of_a_context() {
    let params = json!({"secret": "hunter2"});
    for template in [
        "{{params.secret 1}}",
        "{{nope params.secret}}",
        "{{#each params.secret 1}}{{/each}}",
        "{{lookup params.secret}}",
    ] {
        let reason = html(template, &params).unwrap_err();
        assert!(!reason.contains("hunter2"), "{reason}");
    }
}

#[test]
fn a_recipient_is_there_only_if_there_is_one() {
    let template = Template::compile(&with(
        Key::Html,
        "[{{rcpt.address}}]{{#if rcpt}}y{{else}}n{{/if}}",
    ))
    .unwrap();
    let html = |context: &Context| template.render(context).unwrap().html.unwrap();
    let mut context = context(&json!({}));
    assert_eq!(html(&context), "[ohara@example.com]y");
    context.rcpt = None;
    assert_eq!(html(&context), "[]n");
}

#[test]
fn a_name_that_is_not_known_is_empty() {
    let template = Template::compile(&with(
        Key::Html,
        "[{{account.name}}{{service.url}}{{params.x}}]",
    ))
    .unwrap();
    let rendered = template.render(&Context::default()).unwrap();
    assert_eq!(rendered.html.unwrap(), "[]");
}

#[test]
fn a_template_is_rendered_any_number_of_times() {
    let template = Template::compile(&with(
        Key::Html,
        "{{#each params.l}}{{@index}}{{this}}{{/each}}",
    ))
    .unwrap();
    for (list, expect) in [
        (json!(["a", "b"]), "0a1b"),
        (json!([]), ""),
        (Value::Null, ""),
        (json!(["c"]), "0c"),
    ] {
        let context = context(&json!({"l": list}));
        assert_eq!(template.render(&context).unwrap().html.unwrap(), expect);
    }
}
