//! Whatever a template holds, it is rendered or refused.

use posthouse_template::{Format, Source};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{context, html, render};

/// Pieces that steer a reader of templates.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{{",
    "}}}",
    "{{{{",
    "}}}}",
    "{{#",
    "{{/",
    "{{^",
    "{{~",
    "~}}",
    "{{else}}",
    "{{else if ",
    "{{!",
    "{{!--",
    "--}}",
    "if ",
    "each ",
    "with ",
    "params",
    ".list",
    ".text",
    "this",
    "..",
    "/",
    "@index",
    "@root",
    "(",
    ")",
    "insert ",
    "lookup ",
    "length ",
    "formatDate ",
    "equals ",
    "and ",
    "\"",
    "'",
    "\\",
    "[",
    "]",
    "=",
    "1",
    "-1.5",
    "true",
    " as |a b|",
    "a",
    " ",
    "\n",
    "é",
    "😀",
    "{{#if params.list}}",
    "{{/if}}",
    "{{#each params.list}}",
    "{{/each}}",
    "{{params.text}}",
    "\"YYYY [x] L\"",
    "\"+0200\"",
    "*",
    "|",
    "www.a.b",
    "a@b.c",
    "`",
];

proptest! {
    #[test]
    fn nothing_breaks_a_template(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40), text in ".{0,20}") {
        let template = pieces.concat();
        let params = json!({"list": [1, "x", null, [2], {"a": true}], "text": text});
        for format in [Format::Html, Format::Markdown] {
            let source = Source {
                subject: Some(&template),
                html: Some(&template),
                format,
                ..Source::default()
            };
            match render(&source, &context(&params)) {
                Ok(rendered) => prop_assert!(!rendered.subject.unwrap().contains(char::is_control)),
                Err((text, line, reason)) => {
                    prop_assert!(text.starts_with("Failed rendering ") && !reason.is_empty());
                    prop_assert!((1..=1 + template.matches('\n').count()).contains(&(line as usize)));
                }
            }
        }
    }

    #[test]
    fn a_value_never_opens_a_tag(text in "[<>&\"'`={}a-z\\PC]{0,30}") {
        let rendered = html("{{params.x}}", &json!({"x": text})).unwrap();
        prop_assert!(!rendered.contains(['<', '>', '"', '\'', '`', '=']));
        let plain = rendered.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'");
        prop_assert_eq!(plain.replace("&#x60;", "`").replace("&#x3D;", "=").replace("&amp;", "&"), text);
    }

    #[test]
    fn any_date_and_format_are_written(millis in any::<i64>(), format in "[A-Za-z\\[\\]\\\\ ]{0,30}", input in ".{0,30}", offset in "[+\\-Z0-9:]{0,8}") {
        let params = json!({"ms": millis, "format": format, "input": input, "offset": offset});
        for template in ["{{formatDate params.ms params.format params.offset}}", "{{formatDate params.input params.format params.offset}}", "{{formatDate \"2026-11-28T09:30:05Z\" params.format params.ms}}"] {
            prop_assert!(html(template, &params).is_ok());
        }
    }
}
