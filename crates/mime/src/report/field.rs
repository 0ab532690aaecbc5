//! Fields of reports under the names that the API has for them.

use crate::date::parse_date;

/// `Final-Recipient` as `finalRecipient`.
pub(super) fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for word in name.split(['-', '_']).filter(|word| !word.is_empty()) {
        let word = word.to_ascii_lowercase();
        let mut chars = word.chars();
        let first = chars.next().filter(|_| !out.is_empty());
        match first {
            Some(first) => {
                out.push(first.to_ascii_uppercase());
                out.push_str(chars.as_str());
            }
            None => out.push_str(&word),
        }
    }
    out
}

/// A date as the API writes it; what is none stays as it is.
pub(super) fn date(text: &str) -> String {
    parse_date(text).map_or_else(|| text.to_owned(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(camel("X-Postfix-Queue-ID"), "xPostfixQueueId");
        assert_eq!(camel("Source-IP"), "sourceIp");
        assert_eq!(camel("ACTION"), "action");
    }
}
