//! Access tokens (behaviour 2.1): the value, its id, the stored record.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{AccountId, Permissions, Scope, Timestamp};

/// The value of an access token: 32 random bytes, written as 64 hex characters. Shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenValue([u8; 32]);

/// The text is not 64 hex characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 64 hex characters")]
pub struct BadToken;

impl TokenValue {
    /// A new random value.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The id under which it is stored: SHA-256 of the raw bytes.
    #[must_use]
    pub fn id(&self) -> TokenId {
        TokenId(Sha256::digest(self.0).into())
    }

    /// The value as text: call it only where it is handed out.
    #[must_use]
    pub fn expose(&self) -> String {
        hex::encode(self.0)
    }

    /// The raw bytes, for keyed hashes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for TokenValue {
    type Err = BadToken;
    fn from_str(text: &str) -> Result<Self, BadToken> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| BadToken)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for TokenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The id of a token: hex SHA-256 of the value's raw bytes. It is no secret: comparing ids in plain
/// time tells nothing of the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId([u8; 32]);

impl FromStr for TokenId {
    type Err = BadToken;
    fn from_str(text: &str) -> Result<Self, BadToken> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| BadToken)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TokenId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A rate limit: requests in a fixed window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Requests in a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<u64>,
    /// Seconds of a window; 180 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_window: Option<u64>,
}

/// Where from and how often a token may be used (behaviour 2.4).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Restrictions {
    /// Globs of allowed `Referer` values.
    pub referrers: Option<Vec<String>>,
    /// Allowed addresses and networks.
    pub addresses: Option<Vec<String>>,
    /// Rate limit.
    pub rate_limit: Option<RateLimit>,
}

/// The stored record of a token. Its value is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRecord {
    /// Id.
    pub id: TokenId,
    /// When it was made.
    pub created: Timestamp,
    /// From when it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The account it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Address given by whoever made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Address from which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_address: Option<String>,
    /// Scopes; a record without them is not checked for scope (legacy records).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Restrictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restrictions: Option<Restrictions>,
    /// Permissions.
    #[serde(default, skip_serializing_if = "is_unrestricted")]
    pub permissions: Permissions,
    /// JSON text of the client's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

fn is_unrestricted(permissions: &Permissions) -> bool {
    !permissions.is_narrowed()
}

impl TokenRecord {
    /// Whether the record opens one of these scopes.
    #[must_use]
    pub fn opens(&self, scopes: &[Scope]) -> bool {
        match &self.scopes {
            None => true,
            Some(own) => own.iter().any(|word| {
                word == Scope::All.as_str() || scopes.iter().any(|scope| scope.as_str() == word)
            }),
        }
    }

    /// Whether it has expired.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The last use of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    /// When.
    pub time: Timestamp,
    /// From where.
    pub ip: IpAddr,
}

/// An entry of a token's audit log (behaviour 2.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLogEntry {
    /// When.
    pub time: Timestamp,
    /// From where.
    pub ip: Option<String>,
    /// HTTP method, or the scope's name for a login.
    pub method: Option<String>,
    /// Route template.
    pub path: Option<String>,
    /// Action.
    pub action: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// Account named by the request.
    pub account: Option<String>,
    /// `allowed` or `denied`.
    pub status: String,
    /// Why it was denied.
    pub reason: Option<String>,
}

/// Whether `text` matches `glob`: `*` is any run of characters, the whole text must match.
#[must_use]
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_id_hashes_the_raw_bytes() {
        let value: TokenValue = "00".repeat(32).parse().unwrap();
        assert_eq!(
            value.id().to_string(),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
        assert_eq!(format!("{value:?}"), "(hidden)");
        assert!("zz".repeat(32).parse::<TokenValue>().is_err());
        assert!("AB".repeat(32).parse::<TokenValue>().is_ok());
    }

    #[test]
    fn globs() {
        for (glob, text, matches) in [
            ("*", "", true),
            ("*", "anything", true),
            ("https://a.example/*", "https://a.example/x", true),
            ("https://a.example/*", "https://b.example/x", false),
            ("*.example.com/*", "https://w.example.com/", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("ab*ba", "aba", false),
            ("Case", "case", false),
        ] {
            assert_eq!(glob_matches(glob, text), matches, "{glob} {text}");
        }
    }
}
