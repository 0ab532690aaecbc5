//! The messages of `tests/reports`: what is a report is read as expected, and nothing else is.

use std::{fs, path::Path};

use posthouse_mime::{
    parse_headers,
    report::{Candidate, Look, Report, read},
};
use posthouse_model::mailbox::SpecialUse;
use serde_json::{Map, Value, json};

/// Names and sources of a file.
pub fn messages(file: &str) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reports")
        .join(file);
    let text = format!("\n{}", fs::read_to_string(path).unwrap());
    let pieces = text.split("\n=== ").skip(1);
    pieces
        .map(|piece| {
            let (name, source) = piece.split_once('\n').unwrap_or((piece, ""));
            let end = [("(lf)", "\n"), ("(cr)", "\r"), ("(crcrlf)", "\r\r\n")];
            let end = end
                .iter()
                .find(|(mark, _)| name.ends_with(mark))
                .map_or("\r\n", |(_, end)| end);
            (name.to_owned(), source.replace('\n', end).into_bytes())
        })
        .collect()
}

/// What a listing would say of a message in the inbox.
fn candidate(raw: &[u8]) -> Candidate {
    let headers = parse_headers(raw);
    let from = headers
        .addresses("From")
        .into_iter()
        .next()
        .unwrap_or_default();
    let text = String::from_utf8_lossy(raw).to_lowercase();
    let automatic = headers.text("Auto-Submitted");
    let kinds = [
        "message/delivery-status",
        "message/global-delivery-status",
        "message/feedback-report",
        "message/rfc822",
    ];
    let look = Look {
        special_use: Some(SpecialUse::Inbox),
        from_name: from.name.as_deref().unwrap_or_default(),
        from_address: &from.address,
        subject: &headers.text("Subject").unwrap_or_default(),
        auto_submitted: automatic.as_deref(),
        failed_recipients: headers.has("X-Failed-Recipients"),
        report_type: None,
        parts: kinds
            .into_iter()
            .filter(|kind| {
                text.contains(&format!("content-type: {kind}"))
                    || text.contains(&format!("content-type:\r\n {kind}"))
            })
            .collect(),
    };
    look.candidate()
}

/// As the event says it.
fn shown(report: Option<&Report>) -> Value {
    match report {
        Some(Report::Bounce(bounce)) => {
            let mut shown = json!({ "bounce": bounce });
            if !bounce.others.is_empty() {
                shown["others"] = json!(bounce.others);
            }
            shown
        }
        Some(Report::Delivery(report)) => json!({ "deliveryReport": report }),
        Some(Report::Complaint(complaint)) => json!({ "complaint": complaint }),
        None => Value::Null,
    }
}

fn check(name: &str, is_right: fn(Option<&Report>) -> bool, least: usize) {
    let mut got = Map::new();
    let mut faults = String::new();
    let messages = messages(&format!("{name}.txt"));
    assert!(
        messages.len() >= least,
        "{name}: {} messages",
        messages.len()
    );
    for (title, raw) in messages {
        let candidate = candidate(&raw);
        let report = read(&raw, candidate);
        if !is_right(report.as_ref()) {
            faults += &format!(
                "{name}: {title}: {candidate:?}: {:?}\n",
                shown(report.as_ref())
            );
        }
        // Who knows nothing but the source reads the same.
        if read(&raw, Candidate::ANY) != report {
            faults += &format!("{name}: {title}: no candidate: {candidate:?}\n");
        }
        assert!(got.insert(title, shown(report.as_ref())).is_none());
    }
    let got = serde_json::to_string_pretty(&got).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/reports/{name}.json"));
    if std::env::var("POSTHOUSE_CORPUS").is_ok_and(|value| value == "write") {
        fs::write(path, got).unwrap();
    } else {
        let expected = fs::read_to_string(path).unwrap_or_default();
        for (at, (expected, got)) in expected.lines().zip(got.lines()).enumerate() {
            if expected != got {
                faults += &format!("{name}.json line {}:\n- {expected}\n+ {got}\n", at + 1);
            }
        }
        assert_eq!(
            expected.lines().count(),
            got.lines().count(),
            "{name}.json\n{faults}"
        );
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn bounces_that_are_reports() {
    check(
        "bounces_reports",
        |report| matches!(report, Some(Report::Bounce(_))),
        30,
    );
}

#[test]
fn bounces_that_are_texts() {
    check(
        "bounces_texts",
        |report| matches!(report, Some(Report::Bounce(_))),
        30,
    );
}

#[test]
fn deliveries() {
    check(
        "delivery",
        |report| matches!(report, Some(Report::Delivery(_))),
        5,
    );
}

#[test]
fn complaints() {
    check(
        "complaints",
        |report| matches!(report, Some(Report::Complaint(_))),
        15,
    );
}

#[test]
fn messages_that_only_look_so() {
    check("others", |report| report.is_none(), 30);
}
