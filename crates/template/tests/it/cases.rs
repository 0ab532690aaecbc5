//! Templates give what Handlebars.js gives for them: `tests/browser/handlebars.test.mjs` holds it against the same table.

use posthouse_template::Source;
use serde_json::Value;

use crate::support::{context, render};

#[test]
fn templates_give_what_handlebars_js_gives() {
    let table: Value = serde_json::from_str(include_str!("../cases.json")).unwrap();
    let cases = table["cases"].as_array().unwrap();
    assert!(cases.len() >= 500, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let template = case["template"].as_str().unwrap();
        let params = case.get("params").unwrap_or(&table["params"]);
        let text = case["part"] == "text";
        let source = Source {
            html: (!text).then_some(template),
            text: text.then_some(template),
            ..Source::default()
        };
        let got = render(&source, &context(params))
            .map(|rendered| rendered.html.or(rendered.text).unwrap());
        let right = match &case["expect"] {
            Value::String(expect) => got.as_ref() == Ok(expect),
            _ => case["fails"] == true && got.is_err(),
        };
        if !right {
            wrong.push(format!(
                "{template:?}\n  expected {}\n  got      {got:?}",
                case["expect"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
