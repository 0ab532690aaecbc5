//! Complaints: the Abuse Reporting Format (RFC 5965), and the reports of Microsoft's Junk Mail Reporting Program.

use serde::Serialize;
use serde_json::{Map, Value};

use posthouse_model::Timestamp;

use crate::header::{Headers, parse_headers};

use super::{
    candidate::is_staff,
    delivery_status::{address, typed},
    field::{camel, date},
    original,
    parts::Tree,
};

/// A complaint of a recipient; `messageComplaint` adds the id of the message that says so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Complaint {
    /// The fields of the report: names in camel case; `originalRcptTo` and what may come more than once as arrays.
    pub arf: Map<String, Value>,
    /// The message that was complained of.
    pub headers: Complained,
}

/// Of a message that was complained of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Complained {
    /// `Message-ID` with its angle brackets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Address of the author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Addresses of recipients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Addresses of copies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// Subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
}

/// Fields that may come more than once (RFC 5965 section 3.2), beside `Original-Rcpt-To`.
const REPEATED: [&str; 3] = ["authentication-results", "reported-domain", "reported-uri"];

/// Fields that are read.
const MAX_FIELDS: usize = 100;

/// Addresses that are listed of a field.
const MAX_ADDRESSES: usize = 100;

/// Reads a complaint. It must say who complained.
pub(super) fn read(tree: &Tree<'_>) -> Option<Complaint> {
    let original = original::header(tree);
    let mut arf = match fields(tree) {
        Some(fields) => of_report(&fields),
        None => of_staff(tree, &original)?,
    };
    if !arf.contains_key("originalRcptTo") {
        arf.insert("originalRcptTo".to_owned(), recipient_of(&original)?.into());
    }
    Some(Complaint {
        arf,
        headers: complained(&original),
    })
}

/// The fields of `message/feedback-report`, which some gateways make a plain text of.
fn fields(tree: &Tree<'_>) -> Option<Headers> {
    let is_report = tree.report_type.as_deref() == Some("feedback-report");
    let part = tree.first(&["message/feedback-report"]);
    if let Some(part) = part {
        return Some(parse_headers(part.bytes().trim_ascii_start()));
    }
    let texts = tree.parts.iter().filter(|_| is_report);
    let mut headers = texts
        .filter(|part| part.kind == "text/plain")
        .map(|part| parse_headers(part.bytes().trim_ascii_start()));
    headers.find(|headers| headers.has("Feedback-Type"))
}

fn of_report(fields: &Headers) -> Map<String, Value> {
    let mut arf = Map::new();
    let mut lists: Map<String, Value> = Map::new();
    for field in fields.iter().take(MAX_FIELDS) {
        let text = field.text();
        let lower = field.name.to_ascii_lowercase();
        let name = camel(&lower);
        if text.is_empty() || name.is_empty() {
            continue;
        }
        let is_list = REPEATED.contains(&lower.as_str());
        let value = match lower.as_str() {
            "original-rcpt-to" | "original-mail-from" => match bare(&text) {
                Some(address) => address,
                None => continue,
            },
            "arrival-date" | "received-date" => date(&text),
            "reporting-mta" => typed(&text).map(|typed| typed.value).unwrap_or(text),
            "feedback-type" | "abuse-type" => text.to_ascii_lowercase(),
            _ => text,
        };
        // RFC 5965 section 3.2: the older name of the same field.
        let name = if lower == "received-date" {
            camel("arrival-date")
        } else {
            name
        };
        if is_list || lower == "original-rcpt-to" {
            let list = lists
                .entry(name)
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(value.into());
            }
        } else if !arf.contains_key(&name) {
            arf.insert(name, value.into());
        }
    }
    arf.extend(lists);
    arf
}

/// Microsoft attaches the message with the recipient in a field of its own, and names the host in the subject.
fn of_staff(tree: &Tree<'_>, original: &Headers) -> Option<Map<String, Value>> {
    let from = tree.headers.addresses("From").into_iter().next()?;
    let subject = tree.headers.text("Subject").unwrap_or_default();
    if !is_staff(&from.address, &subject) && !original.has("X-HmXmrOriginalRecipient") {
        return None;
    }
    let mut arf = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            arf.insert(name.to_owned(), value.into());
        }
    };
    put("source", Some("Hotmail".to_owned()));
    put("feedbackType", Some("abuse".to_owned()));
    put("abuseType", Some("complaint".to_owned()));
    let mut words = subject.split_whitespace();
    let ip = words.find_map(|word| {
        word.trim_matches(['[', ']', '.', ','])
            .parse::<std::net::IpAddr>()
            .ok()
    });
    put("sourceIp", ip.map(|ip| ip.to_string()));
    put(
        "arrivalDate",
        tree.headers.date("Date").map(|date| date.to_string()),
    );
    let sender = original
        .text("Return-Path")
        .or_else(|| original.text("X-Sender"));
    put("originalMailFrom", sender.as_deref().and_then(bare));
    Some(arf)
}

/// Whom the message went to, where the report does not say it: Microsoft's own field, else its only recipient.
fn recipient_of(original: &Headers) -> Option<Vec<String>> {
    let own = original.text("X-HmXmrOriginalRecipient");
    if let Some(own) = own.as_deref().and_then(bare) {
        return Some(vec![own]);
    }
    let mut to = original.addresses("To").into_iter();
    let only = to.next().filter(|to| to.address.contains('@'))?;
    to.next().is_none().then(|| vec![only.address])
}

fn complained(original: &Headers) -> Complained {
    let addresses = |name: &str| {
        let all = original.addresses(name).into_iter();
        let with_at = all.filter(|entry| !entry.address.is_empty());
        with_at
            .map(|entry| entry.address)
            .take(MAX_ADDRESSES)
            .collect::<Vec<_>>()
    };
    Complained {
        message_id: original.ids("Message-ID").into_iter().next(),
        from: addresses("From").into_iter().next(),
        to: addresses("To"),
        cc: addresses("Cc"),
        subject: original.text("Subject"),
        date: original.date("Date"),
    }
}

/// An address without brackets and without a type before it.
fn bare(text: &str) -> Option<String> {
    address(&typed(text)?)
}
