//! Access tokens that the Dovecot of the tests verifies by itself.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// As in `tests/services/dovecot.sh`.
const KEY: &[u8] = b"posthouse-test-key";

/// A JSON Web Token (RFC 7519, HS256) that Dovecot takes as access token of `user` for XOAUTH2 and OAUTHBEARER.
/// `valid_for` is in seconds from now; negative makes one that has expired.
///
/// # Panics
/// Never in practice: the key's length is fixed.
#[must_use]
pub fn access_token(user: &str, valid_for: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("clock before 1970")
        .as_secs();
    let now = i64::try_from(now).expect("seconds fit");
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = serde_json::json!({ "sub": user, "iat": now - 5, "exp": now + valid_for });
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("any key length is good for HMAC");
    mac.update(signed.as_bytes());
    format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}
