//! A link to the hosted form: signed data that names an account to be (behaviour 12.1).

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use posthouse_model::{ApiError, Timestamp};
use posthouse_store::hosted;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redirect;
use crate::{App, internal, signed};

/// How long a link can be opened.
const VALID: Duration = Duration::from_secs(24 * 3600 - 60);
/// How long it is remembered that a link was used: longer than it is valid.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// How far ahead the clock may be that stamped a link.
const SKEW: Duration = Duration::from_secs(60);

/// What a link says; the order of the fields is their order on the wire.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LinkData {
    #[serde(skip_serializing_if = "is_blank")]
    pub(crate) account: Option<String>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(crate) email: Option<String>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(crate) expected_email: Option<String>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(crate) sync_from: Option<String>,
    #[serde(skip_serializing_if = "is_blank")]
    pub(crate) notify_from: Option<String>,
    #[serde(skip_serializing_if = "is_empty")]
    pub(crate) subconnections: Value,
    #[serde(skip_serializing_if = "is_blank")]
    pub(crate) redirect_url: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) delegated: bool,
    #[serde(skip_serializing_if = "is_empty")]
    pub(crate) path: Value,
    /// 16 random bytes, so that each link is good for one account.
    pub(crate) n: String,
    /// When it was made, ms.
    pub(crate) t: i64,
}

#[expect(clippy::ref_option, reason = "the form that serde asks for")]
fn is_blank(text: &Option<String>) -> bool {
    text.as_deref().is_none_or(str::is_empty)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// Why a link does not open.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// It was not signed here, or was changed.
    #[error("Signature validation failed")]
    Signature,
    /// It is too old, was used, or says nothing that can be used.
    #[error("Invalid or expired account setup URL")]
    Expired,
    /// It cannot be told now.
    #[error(transparent)]
    Failed(ApiError),
}

impl From<LinkError> for ApiError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Failed(error) => error,
            refused => Self::new(403, refused.to_string()),
        }
    }
}

/// A link that was signed here, is recent and was not used when it was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Link(pub(crate) LinkData);

impl Link {
    /// The account's id, if the operator chose it.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        filled(self.0.account.as_deref())
    }

    /// The name to begin with.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        filled(self.0.name.as_deref())
    }

    /// The address to begin with.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        filled(self.0.email.as_deref()).or_else(|| self.expected_email())
    }

    /// The only address that may be set up.
    #[must_use]
    pub fn expected_email(&self) -> Option<&str> {
        filled(self.0.expected_email.as_deref())
    }

    /// Whether the login may be somebody else's than the address says.
    #[must_use]
    pub const fn delegated(&self) -> bool {
        self.0.delegated
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.0.n
    }

    /// Until when its use is remembered.
    pub(crate) fn remembered_until(&self) -> Timestamp {
        Timestamp(self.0.t).after(REMEMBERED)
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

impl App {
    /// Opens a link to the hosted form.
    ///
    /// # Errors
    /// [`LinkError`]: it is not ours, too old, or used.
    pub async fn open_link(&self, data: &str, sig: &str) -> Result<Link, LinkError> {
        let settings = self.settings();
        let secret = settings.text("serviceSecret").ok_or(LinkError::Signature)?;
        let link = open(secret, data, sig, self.store().now())?;
        if let Some(url) = filled(link.0.redirect_url.as_deref())
            && redirect::resolve(settings.text("serviceUrl"), url).is_none()
        {
            return Err(LinkError::Expired);
        }
        match hosted::is_used(self.store(), link.nonce()).await {
            Ok(false) => Ok(link),
            Ok(true) => Err(LinkError::Expired),
            Err(error) => Err(LinkError::Failed(internal("reading a link's use", &error))),
        }
    }
}

/// Checks signature, then content, then age.
fn open(secret: &str, data: &str, sig: &str, now: Timestamp) -> Result<Link, LinkError> {
    let json = signed::open(secret, data, sig).map_err(|_| LinkError::Signature)?;
    // The same secret signs webhooks and tracking links: none of them has a nonce and a time.
    let data: LinkData = serde_json::from_slice(&json).map_err(|_| LinkError::Expired)?;
    let nonce = BASE64_URL_SAFE_NO_PAD.decode(&data.n);
    if nonce.is_ok_and(|nonce| nonce.len() == 16) {
        let made = Timestamp(data.t);
        if made <= now.after(SKEW) && now < made.after(VALID) {
            return Ok(Link(data));
        }
    }
    Err(LinkError::Expired)
}

/// A nonce: 16 random bytes.
pub(super) fn nonce() -> Result<String, ApiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| internal("drawing a nonce", &error))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::signed::sign;
    use serde_json::json;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const MADE: i64 = 1_700_000_000_000;

    fn data() -> LinkData {
        LinkData {
            account: Some("alice".to_owned()),
            name: Some("Alice \"Ä\" Adams".to_owned()),
            email: Some("alice@example.com".to_owned()),
            expected_email: Some(String::new()),
            sync_from: None,
            notify_from: Some("2023-01-01T00:00:00.000Z".to_owned()),
            subconnections: json!(["Sent"]),
            redirect_url: Some("https://app.example.com/done?x=1".to_owned()),
            delegated: false,
            path: json!([]),
            n: "AAECAwQFBgcICQoLDA0ODw".to_owned(),
            t: MADE,
        }
    }

    /// Made by Python: `base64url(json.dumps(..., separators=(",", ":"), ensure_ascii=False))`, `hmac.new`.
    #[test]
    fn a_link_as_made_elsewhere() {
        let (encoded, sig) = sign(SECRET, &data()).unwrap();
        assert_eq!(
            encoded,
            concat!(
                "eyJhY2NvdW50IjoiYWxpY2UiLCJuYW1lIjoiQWxpY2UgXCLDhFwiIEFkYW1zIiwiZW1haWwiOiJhbGljZUBleGFtcG",
                "xlLmNvbSIsIm5vdGlmeUZyb20iOiIyMDIzLTAxLTAxVDAwOjAwOjAwLjAwMFoiLCJzdWJjb25uZWN0aW9ucyI6WyJT",
                "ZW50Il0sInJlZGlyZWN0VXJsIjoiaHR0cHM6Ly9hcHAuZXhhbXBsZS5jb20vZG9uZT94PTEiLCJuIjoiQUFFQ0F3UU",
                "ZCZ2NJQ1FvTERBME9EdyIsInQiOjE3MDAwMDAwMDAwMDB9"
            )
        );
        assert_eq!(sig, "DdbUedtOCnPkfWS-33ENNGUoc4c61a3g4FiBgVQnZJY");
        let link = open(SECRET, &encoded, &sig, Timestamp(MADE)).unwrap();
        assert_eq!(link.name(), Some("Alice \"Ä\" Adams"));
        // Empty values are left out and read as absent.
        assert_eq!(link.expected_email(), None);
        // Padding is tolerated: some programs add it.
        assert!(open(SECRET, &encoded, &format!("{sig}="), Timestamp(MADE)).is_ok());
    }

    #[test]
    fn every_bit_counts() {
        let (encoded, sig) = sign(SECRET, &data()).unwrap();
        let now = Timestamp(MADE);
        let json = BASE64_URL_SAFE_NO_PAD.decode(&encoded).unwrap();
        for at in 0..json.len() {
            let mut changed = json.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1;
            }
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(open(SECRET, &changed, &sig, now), Err(LinkError::Signature));
        }
        let signature = BASE64_URL_SAFE_NO_PAD.decode(&sig).unwrap();
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 0x80;
            }
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(
                open(SECRET, &encoded, &changed, now),
                Err(LinkError::Signature)
            );
        }
        for (data, sig) in [
            ("", ""),
            ("", sig.as_str()),
            (encoded.as_str(), ""),
            (encoded.as_str(), "!"),
            ("%%", sig.as_str()),
            (encoded.as_str(), sig.get(..42).unwrap_or_default()),
        ] {
            assert_eq!(open(SECRET, data, sig, now), Err(LinkError::Signature));
        }
        assert_eq!(
            open("other", &encoded, &sig, now),
            Err(LinkError::Signature)
        );
    }

    #[test]
    fn a_day_less_a_minute() {
        let (encoded, sig) = sign(SECRET, &data()).unwrap();
        let at = |ms: i64| open(SECRET, &encoded, &sig, Timestamp(MADE + ms)).map(drop);
        let last = 24 * 3_600_000 - 60_000;
        assert_eq!(at(0), Ok(()));
        assert_eq!(at(last - 1), Ok(()));
        assert_eq!(at(last), Err(LinkError::Expired));
        assert_eq!(at(-60_000), Ok(()));
        assert_eq!(at(-60_001), Err(LinkError::Expired));
    }

    #[test]
    fn what_else_is_signed_is_no_link() {
        for json in [
            json!({"act": "open", "acc": "alice", "msg": "<1@x>"}),
            json!({"n": "AAECAwQFBgcICQoLDA0ODw"}),
            json!({"t": MADE}),
            json!({"n": "AAEC", "t": MADE}),
            json!({"n": "", "t": MADE}),
            json!({"n": 7, "t": MADE}),
            json!({"n": "AAECAwQFBgcICQoLDA0ODw", "t": i64::MIN}),
            json!({"n": "AAECAwQFBgcICQoLDA0ODw", "t": i64::MAX}),
            json!([]),
        ] {
            let (data, sig) = sign(SECRET, &json).unwrap();
            assert_eq!(
                open(SECRET, &data, &sig, Timestamp(MADE)),
                Err(LinkError::Expired),
                "{json}"
            );
        }
    }
}
