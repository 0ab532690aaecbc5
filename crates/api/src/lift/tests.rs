#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use posthouse_contract::{operation, operations};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;

const RAW: usize = 300_000;
const CONTENT: usize = 200_000;

fn lift(body: &[u8], pieces: impl IntoIterator<Item = usize>) -> (Vec<u8>, Lifted) {
    let places = Places {
        raw: Some(RAW),
        content: Some(CONTENT),
    };
    let mut lifter = Lifter::new(places, body.len());
    let mut rest = body;
    for piece in pieces {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        lifter.push(now);
        rest = later;
    }
    lifter.push(rest);
    lifter.finish()
}

/// What a text stands for where nothing is lifted.
fn decode(text: &str) -> Option<Vec<u8>> {
    let forgiving = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let text: String = text
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .collect();
    forgiving.decode(text).ok()
}

/// Whether a body says what it said before it was lifted; counts the contents.
fn same(before: &Value, after: &Value, path: &str, lifted: &Lifted, contents: &mut usize) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.keys().eq(after.keys())
                && before.iter().zip(after.values()).all(|((key, one), two)| {
                    same(one, two, &format!("{path}.{key}"), lifted, contents)
                })
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len()
                && before
                    .iter()
                    .zip(after)
                    .all(|(one, two)| same(one, two, &format!("{path}[]"), lifted, contents))
        }
        (Value::String(before), Value::String(after)) if before != after => {
            let limit = match path {
                "$.raw" => RAW,
                "$.attachments[].content" => CONTENT,
                _ => return false,
            };
            let length = before.encode_utf16().count();
            if let Some(content) = lifted.get(after) {
                *contents += 1;
                return length <= limit && decode(before).is_some_and(|bytes| bytes == content);
            }
            // It was given up: the same must be said of it.
            after.encode_utf16().count() == length
                && decode(after).is_none()
                && (length > limit || decode(before).is_none())
        }
        _ => before == after,
    }
}

/// Lifts a body in pieces and holds it against the parser's reading: the number of contents, `None` for what is no JSON.
fn check(body: &str, pieces: impl IntoIterator<Item = usize>) -> Option<usize> {
    let (json, lifted) = lift(body.as_bytes(), pieces);
    let before = serde_json::from_str::<Value>(body).ok();
    let after = serde_json::from_slice::<Value>(&json).ok();
    let mut contents = 0;
    let equal = match (&before, &after) {
        (Some(before), Some(after)) => same(before, after, "$", &lifted, &mut contents),
        (None, None) => true,
        _ => false,
    };
    assert!(equal, "{} became {}", short(body), short_bytes(&json));
    before.map(|_| contents)
}

fn short_bytes(bytes: &[u8]) -> String {
    short(&String::from_utf8_lossy(bytes))
}

/// A body without the middles of its long runs.
fn short(text: &str) -> String {
    let runs = text.replace("QUJDREVG", "~");
    let mut short = String::new();
    for character in runs.chars() {
        if character != '~' || !short.ends_with('~') {
            short.push(character);
        }
    }
    short.chars().take(2000).collect()
}

/// Base64 of about so many characters.
fn base64(length: usize) -> String {
    "QUJDREVG".repeat(length / 8)
}

#[test]
fn what_is_lifted_and_what_is_not() {
    let long = base64(100_000);
    let lines = long.as_bytes().chunks(76).map(short_bytes_exact);
    let lines: Vec<_> = lines.collect();
    let attached = |text: &str| format!(r#"{{"attachments":[{{"content":"{text}"}}]}}"#);
    let cases = [
        (attached(&long), Some(1)),
        (attached(&base64(UNLIFTED)), Some(0)),
        (attached(&format!("{}=", base64(UNLIFTED))), Some(0)),
        (attached(&format!("{}\\n", base64(UNLIFTED))), Some(1)),
        (attached(&lines.join("\\r\\n")), Some(1)),
        (attached(&lines.join(" ")), Some(1)),
        (attached(&lines.join("\\u000a")), Some(1)),
        (attached(&format!("{long}\\/\\u002b\\u002BQ")), Some(1)),
        (attached(&format!("\\u0051UJD{long}")), Some(1)),
        (attached(&format!("{long}QQ==")), Some(1)),
        (attached(&format!("{long}QR")), Some(1)),
        (attached(&" ".repeat(100_000)), Some(1)),
        // No base64, which is to be said of it.
        (attached(&format!("{long}Q")), Some(0)),
        (attached(&format!("{long}QQ==QQ==")), Some(0)),
        (attached(&format!("QQ=={long}")), Some(0)),
        (attached(&format!("{long}%{long}")), Some(0)),
        (attached(&format!("{long}é")), Some(0)),
        (attached(&format!("{long}\\\"{long}")), Some(0)),
        (attached(&format!("{long}\\b")), Some(0)),
        (attached(&format!("{long}\\ud83d\\ude00")), Some(0)),
        (attached(&format!("{long}\\u00e9")), Some(0)),
        (attached(&base64(CONTENT + 8)), Some(0)),
        // No JSON.
        (attached(&format!("{long}\n")), None),
        (attached(&format!("{long}\\x")), None),
        (attached(&format!("{long}\\ud83d")), None),
        (attached(&format!("{long}\\u00")), None),
        (attached(&format!("{long}\\u000\\\"x")), None),
        (
            attached(&format!("{}\\u000\\\"x", base64(UNLIFTED - 8))),
            None,
        ),
        (attached(&long).replace("]}", ""), None),
        (format!(r#"{{"attachments":[{{"content":"{long}"#), None),
        (format!(r#"{{"attachments":[{{"content":"{long}\"#), None),
        (format!("{}{}", attached(&long), attached(&long)), None),
        (format!("{}x", attached(&long)), None),
        // Other places.
        (format!(r#"{{"raw":"{long}"}}"#), Some(1)),
        (
            format!(
                r#"{{ "raw" : "{long}" , "attachments" : [ 1, {{ "x": [{{}}], "content" : "{long}" }} ] }}"#
            ),
            Some(2),
        ),
        (
            format!(r#"{{"a":{{"raw":"{long}"}},"raw":"{long}"}}"#),
            Some(1),
        ),
        (
            format!(r#"{{"a":{{"attachments":[{{"content":"{long}"}}]}}}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"attachments":[[{{"content":"{long}"}}]]}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"attachments":{{"content":"{long}"}}}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"attachments":{{"attachments":[{{"content":"{long}"}}]}}}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"attachments":[{{"a":{{"content":"{long}"}}}}]}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"attachments":[{{"content":["{long}"]}}]}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"attachments":["content","{long}"]}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"content":"{long}","raw":["{long}"]}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"a":["raw","{long}"],"raw":1,"b":"{long}"}}"#),
            Some(0),
        ),
        (format!(r#"{{"{long}":"raw"}}"#), Some(0)),
        (
            format!(r#"[{{"attachments":[{{"content":"{long}"}}]}}]"#),
            Some(0),
        ),
        (format!(r#""{long}""#), Some(0)),
        // Keys that are written with escapes take the ordinary way, the last of two counts.
        (
            format!(r#"{{"attach\u006dents":[{{"content":"{long}"}}]}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"attachments":[{{"c\u006fntent":"{long}"}}]}}"#),
            Some(0),
        ),
        (
            format!(r#"{{"attachments":[{{"content":"x","content":"{long}"}}]}}"#),
            Some(1),
        ),
        (
            format!(r#"{{"attachments":[{{"content":"{long}","content":"x"}}]}}"#),
            Some(0),
        ),
        (
            format!(
                r#"{{"attachments":[{{"content":"{long}"}}],"attachments":[{{"content":"{long}"}}]}}"#
            ),
            Some(1),
        ),
        (
            format!(r#"{{"attachments":1,"attachments":[{{"content":"{long}"}}]}}"#),
            Some(1),
        ),
        // Deeper than the parser goes.
        (
            format!(
                r#"{{"a":{}{},"raw":"{long}"}}"#,
                "[".repeat(100),
                "]".repeat(100)
            ),
            Some(1),
        ),
        (
            format!(
                r#"{{"a":{}{},"raw":"{long}"}}"#,
                "[".repeat(200),
                "]".repeat(200)
            ),
            None,
        ),
    ];
    for (body, contents) in cases {
        assert_eq!(check(&body, []), contents, "{}", short(&body));
        // A cut behind each byte of what is not a long run, and at odd places of the rest.
        assert_eq!(check(&body, [1; 60]), contents, "{}", short(&body));
        let odd = (0..).map(|number| number * 7919 % 4099);
        assert_eq!(check(&body, odd.take(100)), contents, "{}", short(&body));
        let tail = [body.len().saturating_sub(60)].into_iter().chain([1; 60]);
        assert_eq!(check(&body, tail), contents, "{}", short(&body));
    }
}

fn short_bytes_exact(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn little_is_left_and_it_is_the_same_each_time() {
    let body = |content: &str| format!(r#"{{"attachments":[{{"content":"{content}"}}]}}"#);
    let long = base64(150_000);
    let (json, lifted) = lift(body(&long).as_bytes(), [1000; 100]);
    assert!(json.len() < 200, "{}", short_bytes(&json));
    let (again, _) = lift(body(&long).as_bytes(), []);
    assert_eq!(json, again);
    let (other, _) = lift(body(&format!("{long}QQ")).as_bytes(), []);
    assert_ne!(json, other);
    // What somebody writes himself stands for nothing in another request.
    let value: Value = serde_json::from_slice(&json).unwrap();
    let name = value["attachments"][0]["content"].as_str().unwrap();
    assert!(lifted.get(name).is_some() && decode(name).is_none());
    let (_, others) = lift(body(name).as_bytes(), []);
    assert!(others.get(name).is_none());
}

#[test]
fn only_what_looks_for_contents_has_places() {
    let found: Vec<_> = operations()
        .iter()
        .filter(|operation| {
            let body = operation.body.as_ref();
            body.is_some_and(|schema| !Places::of(schema).is_empty())
        })
        .map(|operation| operation.canonical_id())
        .collect();
    let expected = ["postV1AccountAccountMessage", "postV1AccountAccountSubmit"];
    for id in &found {
        assert!(expected.contains(id), "{id}");
    }
    for id in expected {
        let schema = operation(id).unwrap().body.clone().unwrap();
        let places = Places::of(&schema);
        assert_eq!(places.raw, Some(5 << 20), "{id}");
        assert_eq!(places.content, Some(5 << 20), "{id}");
    }
}

/// The inside of a text: short, or long with something in it.
fn text() -> impl Strategy<Value = String> {
    let lengths = vec![
        0,
        8,
        UNLIFTED - 8,
        UNLIFTED,
        UNLIFTED + 8,
        100_000,
        CONTENT,
        CONTENT + 8,
    ];
    let odd = vec![
        "",
        "",
        "",
        "",
        "\\n",
        " ",
        "\\/",
        "\\u002b",
        "\\u000D",
        "=",
        "QQ==",
        "Q",
        "%",
        "é",
        "😀",
        "\\\"",
        "\\\\",
        "\\b",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\n",
        "\\u0",
        "\\x",
        "\"",
    ];
    (select(lengths), select(odd.clone()), select(odd))
        .prop_map(|(length, middle, end)| format!("{0}{middle}{0}{end}", base64(length / 2)))
}

fn key() -> impl Strategy<Value = String> {
    let keys = vec![
        "attachments",
        "attachments",
        "content",
        "content",
        "raw",
        "filename",
        "attach\\u006dents",
        "con\\u0074ent",
    ];
    select(keys).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => text().prop_map(|text| format!("\"{text}\"")),
        1 => select(vec!["null", "-1.5e3", " true ", "{}", "[]"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((key(), value), 0..4).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| format!("\"{key}\": {value}"));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
    })
}

/// Bodies of which many have attachments.
fn body() -> impl Strategy<Value = String> {
    let list = prop::collection::vec(object(value()), 0..3);
    prop_oneof![
        3 => (list, value(), key()).prop_map(|(list, other, key)| {
            format!(r#"{{"attachments":[{}],"{key}":{other}}}"#, list.join(","))
        }),
        1 => value(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_lifted_body_says_what_it_said(
        body in body(),
        pieces in prop::collection::vec(prop_oneof![1..12_usize, 1..90_000_usize], 0..40),
    ) {
        check(&body, pieces);
    }
}

#[test]
fn a_value_is_not_mistaken() {
    // The check itself sees what is wrong.
    let lifted = Lifted::default();
    for (before, after) in [
        (json!({ "raw": "QQ==" }), json!({ "raw": "QR==" })),
        (json!({ "a": "QQ==" }), json!({ "a": "%%%%" })),
        (json!({ "raw": "%%" }), json!({ "raw": "%%%" })),
    ] {
        assert!(!same(&before, &after, "$", &lifted, &mut 0), "{before}");
    }
}
