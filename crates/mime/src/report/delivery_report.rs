//! Reports that say no failure: delivered, late, relayed or expanded (RFC 3464 section 2.3.3).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    delivery_status::{DeliveryStatus, Fate, typed},
    field::{camel, date},
    parts::Tree,
};

/// The fields about the message and about its first recipient, as the API shows them: names in camel case, `type; value` as
/// `{label, value}`, dates in ISO 8601.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct DeliveryReport(pub Map<String, Value>);

/// Fields whose value is a date (RFC 3464 sections 2.2.5, 2.3.7, 2.3.9).
const DATES: [&str; 3] = ["arrival-date", "last-attempt-date", "will-retry-until"];

/// The report of a `multipart/report` in which nobody failed.
pub(super) fn read(tree: &Tree<'_>, status: &DeliveryStatus) -> Option<DeliveryReport> {
    let is_report = tree.kind == "multipart/report"
        && tree
            .report_type
            .as_deref()
            .is_none_or(|kind| kind == "delivery-status");
    let all_fine = status
        .recipients
        .iter()
        .all(|recipient| recipient.fate() == Fate::Other);
    let first = status.recipients.first()?;
    if !is_report || !all_fine {
        return None;
    }
    let mut out = Map::new();
    for field in status.message.iter().chain(first.0.iter()) {
        let text = field.text();
        let is_date = DATES
            .iter()
            .any(|name| field.name.eq_ignore_ascii_case(name));
        let name = camel(&field.name);
        if text.is_empty() || name.is_empty() || out.contains_key(&name) {
            continue;
        }
        let value = match typed(&text) {
            _ if is_date => date(&text).into(),
            Some(typed) if typed.kind.is_some() => {
                json!({ "label": typed.kind, "value": typed.value })
            }
            _ => text.into(),
        };
        out.insert(name, value);
    }
    if let Some(action) = first.action() {
        out.insert("action".to_owned(), action.into());
    }
    Some(DeliveryReport(out))
}
