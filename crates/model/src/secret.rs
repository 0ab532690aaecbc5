//! Text that must not be shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands on the wire instead of a stored secret.
pub const MASK: &str = "******";

/// A password, token or key: serialised as it is (storage seals it), never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: call it only where it is used.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// The URL with user name and password replaced by [`MASK`]; a text that is no URL is returned as it is.
#[must_use]
pub fn mask_url(text: &str) -> String {
    // Written by hand on the text, so that a masked URL differs from the stored one in nothing else.
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let Some((credentials, host)) = authority.rsplit_once('@') else {
        return text.to_owned();
    };
    let masked = match credentials.split_once(':') {
        Some((user, pass)) => format!(
            "{}:{}",
            if user.is_empty() { "" } else { MASK },
            if pass.is_empty() { "" } else { MASK }
        ),
        None => MASK.to_owned(),
    };
    format!("{scheme}://{masked}@{host}{tail}")
}

/// Whether a value sent by a client is the masked form of `stored`: such a value changes nothing.
#[must_use]
pub fn is_mask_of(sent: &str, stored: &str) -> bool {
    sent == MASK && !stored.is_empty() || (sent.contains(MASK) && sent == mask_url(stored))
}

/// Whether a value sent by a client holds a mask where a secret belongs.
#[must_use]
pub fn holds_mask(sent: &str) -> bool {
    if sent == MASK {
        return true;
    }
    sent.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .is_some_and(|(credentials, _)| credentials.contains(MASK))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_credentials() {
        let table = [
            ("https://example.com/hook", "https://example.com/hook"),
            (
                "https://user:pa@ss@example.com/h?a=b@c",
                "https://******:******@example.com/h?a=b@c",
            ),
            ("socks5://user@host:1080", "socks5://******@host:1080"),
            ("http://:pw@h", "http://:******@h"),
            ("plain", "plain"),
        ];
        for (url, masked) in table {
            assert_eq!(mask_url(url), masked);
            if url != masked {
                assert!(is_mask_of(masked, url) && holds_mask(masked));
            }
        }
        assert!(!is_mask_of(
            "https://******:******@other/h",
            "https://u:p@example.com/h"
        ));
    }
}
