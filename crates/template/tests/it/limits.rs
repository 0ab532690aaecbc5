//! A template that explodes fails; it takes neither memory nor time.

use std::time::{Duration, Instant};

use posthouse_template::{Format, MAX_DEPTH, MAX_OUTPUT, MAX_PIECES, MAX_TEMPLATE, Source};
use serde_json::{Value, json};

use crate::support::{context, html, render};

/// Far above what any of these take, so that only one that has lost its bounds gets there.
const SLOWEST: Duration = Duration::from_secs(20);

/// Renders within the time; what came out, or why not.
#[track_caller]
fn timed(template: &str, params: &Value) -> Result<String, String> {
    let begun = Instant::now();
    let rendered = html(template, params);
    assert!(begun.elapsed() < SLOWEST, "{:?}", begun.elapsed());
    rendered
}

#[track_caller]
fn fails(template: &str, params: &Value, word: &str) {
    let reason = timed(template, params).unwrap_err();
    assert!(reason.contains(word), "{reason}");
}

/// So many loops in each other.
fn loops(count: usize, inside: &str) -> String {
    let open = "{{#each @root.params.list}}".repeat(count);
    format!("{open}{inside}{}", "{{/each}}".repeat(count))
}

#[test]
fn loops_in_loops_end() {
    let params = json!({"list": vec![0; 100]});
    fails(&loops(8, ""), &params, "steps");
    fails(&loops(8, "{{! nothing }}"), &params, "steps");
    fails(&loops(8, "{{#if this}}{{/if}}"), &params, "steps");
    fails(&loops(8, "{{insert @index}}"), &params, "steps");
    // A large table is no explosion.
    let rows = json!({"list": vec![0; 300]});
    assert_eq!(
        timed(&loops(2, "<td>{{this}}</td>"), &rows).unwrap().len(),
        300 * 300 * 10
    );
}

#[test]
fn output_is_bounded() {
    let params =
        json!({"list": vec![0; 1000], "text": "x".repeat(10_000), "marks": "\"".repeat(2_000_000)});
    fails(&loops(1, "{{@root.params.text}}"), &params, "bytes");
    fails("{{params.marks}}", &params, "bytes");
    let whole = "a".repeat(MAX_OUTPUT);
    assert_eq!(timed(&whole, &params).unwrap().len(), MAX_OUTPUT);
    fails(
        &format!("{{{{params.list.length}}}}{}", "a".repeat(MAX_OUTPUT - 100)).repeat(1),
        &json!({"list": {"length": "y".repeat(200)}}),
        "bytes",
    );
}

#[test]
fn texts_that_are_made_cost_steps() {
    let params = json!({"list": vec![0; 1000], "long": vec!["x".repeat(1000); 1000], "text": "1".repeat(1_000_000)});
    fails(
        &loops(1, "{{#equals @root.params.long \"x\"}}{{/equals}}"),
        &params,
        "steps",
    );
    fails(
        &loops(1, "{{#lessThan @root.params.text 1}}{{/lessThan}}"),
        &params,
        "steps",
    );
    fails(
        &loops(1, "{{length @root.params.text}}").repeat(10),
        &params,
        "steps",
    );
    fails(
        &loops(1, "{{@root.params.text.length}}").repeat(10),
        &params,
        "steps",
    );
    fails(
        &loops(1, "{{lookup @root.params.text 999999}}").repeat(10),
        &params,
        "steps",
    );
    fails(
        &loops(1, "{{formatDate @root.params.text}}").repeat(10),
        &params,
        "steps",
    );
}

#[test]
fn templates_are_bounded() {
    fails(&"a".repeat(MAX_TEMPLATE + 1), &json!({}), "bytes");
    assert!(timed(&"{{a}}".repeat(MAX_PIECES), &json!({})).is_ok());
    fails(&"{{a}}".repeat(MAX_PIECES + 1), &json!({}), "tags");
}

#[test]
fn depth_is_bounded() {
    let nested = |count: usize, open: &str, close: &str| {
        format!("{}x{}", open.repeat(count), close.repeat(count))
    };
    for (open, close) in [
        ("{{#if true}}", "{{/if}}"),
        ("{{^a}}", "{{/a}}"),
        ("{{#@root}}", "{{/@root}}"),
    ] {
        assert_eq!(
            timed(&nested(MAX_DEPTH, open, close), &json!({})).unwrap(),
            "x",
            "{open}"
        );
        fails(&nested(MAX_PIECES / 2, open, close), &json!({}), "levels");
    }
    let chain = |count: usize| format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if a}}".repeat(count));
    assert!(timed(&chain(MAX_DEPTH - 1), &json!({})).is_ok());
    fails(&chain(90_000), &json!({}), "levels");
    let calls = |count: usize| {
        format!(
            "{{{{insert {}1{}}}}}",
            "(insert ".repeat(count),
            ")".repeat(count)
        )
    };
    assert_eq!(timed(&calls(MAX_DEPTH), &json!({})).unwrap(), "1");
    fails(&calls(500_000), &json!({}), "levels");
    let mut list = json!([1]);
    for _ in 0..MAX_DEPTH {
        list = json!([list]);
    }
    fails("{{params.list}}", &json!({"list": list}), "levels");
}

#[test]
fn one_tag_may_be_long() {
    for part in [" 1", " a", " a=1", "/a", " \"x\"", " (a)", "["] {
        let _ = timed(
            &format!("{{{{insert{}}}}}", part.repeat(500_000)),
            &json!({}),
        );
    }
    for part in [
        "\\",
        "{{",
        "{",
        "{{{{",
        "{{!",
        "{{!--",
        "{{\"",
        "\\{{",
        "{{{{a}}}}",
        "{{a\"\\\"",
        "{{else",
        "--}",
        "{{[",
        "{{@",
    ] {
        let _ = timed(&part.repeat(300_000), &json!({}));
    }
}

#[test]
fn hard_markdown_is_read_in_time() {
    for part in [
        "*",
        "**a",
        "_a_ ",
        "[",
        "[a](",
        "![",
        "`",
        "``a",
        "> ",
        "- ",
        "1. ",
        "<",
        "<a ",
        "<!--",
        "&",
        "~~",
        "|a|b\n",
        "\\",
        "a@",
        "@a.b",
        "www.",
        "www._",
        "(www.a.b",
        "https://a.b)",
        "https://a.b;",
        "http://",
        "[a]: b\n",
        "*a **a ",
        "a**b",
        "]",
        "](",
        "\n\n",
        "- a\n",
        " ",
        "\t",
    ] {
        let begun = Instant::now();
        let text = part.repeat(128 * 1024 / part.len());
        let source = Source {
            html: Some(&text),
            format: Format::Markdown,
            ..Source::default()
        };
        let _ = render(&source, &context(&json!({})));
        assert!(begun.elapsed() < SLOWEST, "{part:?}: {:?}", begun.elapsed());
    }
    // Rows are filled up to the width of the head.
    let table = format!(
        "{}\n{}\n{}",
        "|a".repeat(50_000),
        "|-".repeat(50_000),
        "|a\n".repeat(100_000)
    );
    let source = Source {
        html: Some(&table),
        format: Format::Markdown,
        ..Source::default()
    };
    let begun = Instant::now();
    let _ = render(&source, &context(&json!({})));
    assert!(begun.elapsed() < SLOWEST, "{:?}", begun.elapsed());
}
