//! The fields of `message/delivery-status` (RFC 3464) and of its twin for addresses in UTF-8 (RFC 6533).

use crate::header::{Headers, parse_addresses, parse_headers, pieces};

use super::{
    parts::Tree,
    reply::{Reply, is_enhanced, squeeze},
};

/// Recipients of one report that are read.
const MAX_RECIPIENTS: usize = 200;

/// Fields of one group that are kept.
const MAX_FIELDS: usize = 100;

const ADDRESSES: [&str; 2] = ["Final-Recipient", "Original-Recipient"];
const FATES: [&str; 2] = ["Action", "Status"];

/// What a report says.
#[derive(Debug, Default)]
pub(super) struct DeliveryStatus {
    /// Fields about the message (RFC 3464 section 2.2).
    pub(super) message: Headers,
    /// Fields about each recipient (section 2.3).
    pub(super) recipients: Vec<Recipient>,
}

/// What is said of one recipient.
#[derive(Debug, Default)]
pub(super) struct Recipient(pub(super) Headers);

/// A value of the form `type; value`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// Lower case.
    pub(super) kind: Option<String>,
    pub(super) value: String,
}

/// What became of a message for a recipient (RFC 3464 section 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Failed,
    /// Delivered, late, or on its way to where no reports come from.
    Other,
    Unknown,
}

/// The fields of the report in a message; none if it has no such part.
pub(super) fn of(tree: &Tree<'_>) -> DeliveryStatus {
    let kinds = ["message/delivery-status", "message/global-delivery-status"];
    tree.first(&kinds)
        .map(|part| parse(&part.bytes()))
        .unwrap_or_default()
}

/// Reads the fields, as they are or inside of a text.
///
/// Groups are parted by empty lines. Some programs put these between all lines, others between none: a new recipient begins with the
/// second address.
pub(super) fn parse(raw: &[u8]) -> DeliveryStatus {
    let mut status = DeliveryStatus::default();
    let mut rest = raw;
    while !rest.is_empty() {
        let block = parse_headers(rest);
        rest = rest.get(pieces(rest).body..).unwrap_or_default();
        let mut is_new = true;
        for field in block.iter() {
            let name = field.name.as_str();
            let is = |known: &&str| name.eq_ignore_ascii_case(known);
            let starts = ADDRESSES.iter().any(&is);
            let of_recipient = starts || FATES.iter().any(is);
            let open = status.recipients.last();
            let is_full = open.is_some_and(|open| {
                let has_fate = || FATES.iter().any(|known| open.0.has(known));
                open.0.has(name) || is_new && has_fate()
            });
            if of_recipient && (open.is_none() || starts && is_full) {
                if status.recipients.len() >= MAX_RECIPIENTS {
                    return status;
                }
                status.recipients.push(Recipient::default());
            }
            is_new &= !of_recipient;
            let recipient = status.recipients.last_mut();
            let fields = recipient.map_or(&mut status.message, |open| &mut open.0);
            if fields.len() < MAX_FIELDS {
                fields.extend([field.clone()]);
            }
        }
    }
    status
}

impl Recipient {
    /// The address: final before original, but for names that mean nothing outside of the system that reports.
    pub(super) fn address(&self) -> Option<String> {
        let known = ADDRESSES
            .iter()
            .filter_map(|name| typed(&self.0.text(name)?));
        let all: Vec<String> = known.filter_map(|typed| address(&typed)).collect();
        let is_global = |address: &&String| {
            address
                .rsplit('@')
                .next()
                .is_some_and(|domain| domain.contains('.'))
        };
        all.iter().find(is_global).or(all.first()).cloned()
    }

    /// `Action`, lower case, without what some write behind it.
    pub(super) fn action(&self) -> Option<String> {
        let action = self.0.text("Action")?;
        let word = action.split(|c: char| !c.is_ascii_alphabetic()).next()?;
        (!word.is_empty()).then(|| word.to_ascii_lowercase())
    }

    /// `Status`, the code alone (RFC 3463).
    pub(super) fn status(&self) -> Option<String> {
        let status = self.0.text("Status")?;
        let mut words = status.split(|c: char| !c.is_ascii_digit() && c != '.');
        words.find(|word| is_enhanced(word)).map(str::to_owned)
    }

    /// What became of it: by the action, else by the class of the status, else by the code of the answer.
    pub(super) fn fate(&self) -> Fate {
        match (self.action().as_deref(), self.status().as_deref()) {
            (Some("failed" | "failure"), _) => Fate::Failed,
            (Some("delivered" | "delayed" | "relayed" | "expanded"), _) => Fate::Other,
            (_, Some(status)) if status.starts_with('5') => Fate::Failed,
            (_, Some(_)) => Fate::Other,
            _ => {
                let answer = self.diagnostic().unwrap_or_default();
                let code = Reply::read(&squeeze(&answer.value)).code;
                if code.is_some_and(|code| code >= 500) {
                    Fate::Failed
                } else {
                    Fate::Unknown
                }
            }
        }
    }

    /// `Diagnostic-Code`.
    pub(super) fn diagnostic(&self) -> Option<Typed> {
        typed(&self.0.text("Diagnostic-Code")?)
    }
}

/// Splits `type; value`. A value without a type is left whole.
pub(super) fn typed(text: &str) -> Option<Typed> {
    let is_type = |kind: &str| {
        !kind.is_empty()
            && kind.len() <= 40
            && kind
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let (kind, value) = match text.split_once(';') {
        Some((kind, value)) if is_type(kind.trim()) => {
            (Some(kind.trim().to_ascii_lowercase()), value)
        }
        _ => (None, text),
    };
    let value = value.trim();
    (!value.is_empty()).then(|| Typed {
        kind,
        value: value.to_owned(),
    })
}

/// The address in a typed value, without brackets; of `utf-8` its escapes undone (RFC 6533 section 3).
pub(super) fn address(typed: &Typed) -> Option<String> {
    let mut text = typed.value.clone();
    if typed.kind.as_deref() == Some("utf-8") {
        text = unescaped(&text);
    }
    if text.contains(['<', '(', '"']) {
        let list = parse_addresses(text.as_bytes());
        let mut addresses = list.into_iter().map(|entry| entry.address);
        return addresses.find(|address| address.contains('@'));
    }
    let text = text.trim_end_matches(['>', '.', ',', ';']);
    (text.contains('@') && !text.contains(char::is_whitespace)).then(|| text.to_owned())
}

/// `\x{E9}` as the character it stands for.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pieces = text.split("\\x{");
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let escape = piece.split_once('}').and_then(|(hex, rest)| {
            let code = u32::from_str_radix(hex, 16).ok()?;
            Some((char::from_u32(code).filter(|c| !c.is_control())?, rest))
        });
        match escape {
            Some((c, rest)) => {
                out.push(c);
                out.push_str(rest);
            }
            None => {
                out.push_str("\\x{");
                out.push_str(piece);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(raw: &str) -> Vec<String> {
        let status = parse(raw.as_bytes());
        status
            .recipients
            .iter()
            .filter_map(Recipient::address)
            .collect()
    }

    #[test]
    fn groups_however_they_are_parted() {
        let whole = "Reporting-MTA: dns; m\n\nOriginal-Recipient: rfc822;a@x\nFinal-Recipient: rfc822;a@x\nAction: failed\n\n\
Original-Recipient: rfc822;b@x\nFinal-Recipient: rfc822;b@x\nAction: failed\n";
        assert_eq!(addresses(whole), ["a@x", "b@x"]);
        assert_eq!(addresses(&whole.replace('\n', "\n\n")), ["a@x", "b@x"]);
        let dense = "Reporting-MTA: dns; m\nFinal-Recipient: rfc822;a@x\nAction: failed\nFinal-Recipient: rfc822;b@x\nAction: failed\n";
        assert_eq!(addresses(dense), ["a@x", "b@x"]);
        assert!(parse(dense.as_bytes()).message.has("Reporting-MTA"));
    }

    #[test]
    fn forms_of_addresses() {
        for (text, expected) in [
            ("rfc822; <a@x.example>", Some("a@x.example")),
            ("RFC822;a+b@x.example", Some("a+b@x.example")),
            ("a@x.example", Some("a@x.example")),
            ("utf-8; j\\x{F6}rg@x.example", Some("jörg@x.example")),
            ("utf-8; jörg@x.example", Some("jörg@x.example")),
            ("rfc822; \"a b\"@x.example", Some("\"a b\"@x.example")),
            ("rfc822; nobody", None),
        ] {
            let got = typed(text).and_then(|typed| address(&typed));
            assert_eq!(got.as_deref(), expected, "{text}");
        }
    }
}
