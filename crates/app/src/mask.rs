//! Masks that come back: what a client read as a mask and sends unchanged leaves the stored value as
//! it is; any other mask is refused, so that none is ever stored.

use posthouse_model::secret::{MASK, holds_mask, is_mask_of};
use serde_json::Value;

/// What a sent text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// A value of its own.
    New,
    /// The mask of what is stored.
    Unchanged,
    /// A mask of something else.
    Refused,
}

/// Holds a sent text against the stored one.
pub(crate) fn compare(sent: &str, stored: Option<&str>) -> Sent {
    if stored.is_some_and(|stored| is_mask_of(sent, stored)) {
        Sent::Unchanged
    } else if holds_mask(sent) {
        Sent::Refused
    } else {
        Sent::New
    }
}

/// Puts stored values in the place of masked ones in a list of headers. `Err` is the key of a header
/// whose mask stands for nothing.
pub(crate) fn restore_headers(sent: &mut Value, stored: &Value) -> Result<(), String> {
    let empty = Vec::new();
    let stored = stored.as_array().unwrap_or(&empty);
    let mut used = vec![false; stored.len()];
    let name = |header: &Value| header["key"].as_str().unwrap_or_default().to_owned();
    for header in sent.as_array_mut().into_iter().flatten() {
        let key = name(header);
        // A name may come more than once: the first mask stands for the first value, and so on.
        let found = stored.iter().enumerate().find(|(index, other)| {
            !used.get(*index).copied().unwrap_or(true) && name(other).eq_ignore_ascii_case(&key)
        });
        if let Some((index, _)) = found
            && let Some(used) = used.get_mut(index)
        {
            *used = true;
        }
        if header["value"] != MASK {
            continue;
        }
        match found.map(|(_, other)| other["value"].clone()) {
            Some(Value::String(value)) if !value.is_empty() => {
                header["value"] = Value::String(value);
            }
            _ => return Err(key),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn masks() {
        assert_eq!(compare("x", Some("y")), Sent::New);
        assert_eq!(compare(MASK, Some("y")), Sent::Unchanged);
        assert_eq!(compare(MASK, Some("")), Sent::Refused);
        assert_eq!(compare(MASK, None), Sent::Refused);
        let stored = "http://u:p@h/";
        assert_eq!(
            compare("http://******:******@h/", Some(stored)),
            Sent::Unchanged
        );
        assert_eq!(
            compare("http://******:******@other/", Some(stored)),
            Sent::Refused
        );
    }

    #[test]
    fn headers() {
        let stored = json!([
            {"key": "A", "value": "1"}, {"key": "a", "value": "2"}, {"key": "B", "value": ""}
        ]);
        let mut sent = json!([
            {"key": "a", "value": MASK}, {"key": "A", "value": MASK}, {"key": "C", "value": "new"}
        ]);
        restore_headers(&mut sent, &stored).unwrap();
        assert_eq!(sent[0]["value"], "1");
        assert_eq!(sent[1]["value"], "2");
        assert_eq!(sent[2]["value"], "new");
        let mut unknown = json!([{"key": "B", "value": MASK}]);
        assert_eq!(restore_headers(&mut unknown, &stored), Err("B".to_owned()));
    }
}
