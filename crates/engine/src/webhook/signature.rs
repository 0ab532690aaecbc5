//! Signatures of a delivery: the reference's, and that of the open standard (standardwebhooks.com, version 1.0.0).

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use posthouse_model::Timestamp;
use sha2::Sha256;

/// What a secret in the standard's own form begins with; base64 of the key follows.
const PREFIX: &str = "whsec_";

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length; the error cannot happen.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// `X-EE-Wh-Signature`: base64url of HMAC-SHA256 over the exact bytes of the body.
#[must_use]
pub fn of_body(secret: &str, body: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hmac(secret.as_bytes(), &[body]))
}

/// `webhook-signature`: one signature for each secret, the newest first.
#[must_use]
pub fn standard(secrets: &[&str], id: &str, time: Timestamp, body: &[u8]) -> String {
    let seconds = seconds(time);
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    let signatures = secrets.iter().map(|secret| {
        let signature = hmac(&key(secret), &signed);
        format!("v1,{}", BASE64_STANDARD.encode(signature))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

/// `webhook-timestamp`: seconds since 1970.
#[must_use]
pub fn seconds(time: Timestamp) -> String {
    time.0.div_euclid(1000).to_string()
}

/// The key of a secret: what it says where it has the standard's form, else its own bytes.
fn key(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix(PREFIX);
    encoded
        .and_then(|text| BASE64_STANDARD.decode(text).ok())
        .unwrap_or_else(|| secret.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_s_is_hmac_sha256() {
        // RFC 4231 section 4.3, test case 2.
        let digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let signature = of_body("Jefe", b"what do ya want for nothing?");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, digest);
    }

    #[test]
    fn the_standard_s_has_one_for_each_secret() {
        let time = Timestamp(1_614_265_330_999);
        let one = standard(&["whsec_c2VjcmV0"], "msg_1", time, b"{}");
        // The same key in its own bytes.
        assert_eq!(one, standard(&["secret"], "msg_1", time, b"{}"));
        let two = standard(&["secret", "older"], "msg_1", time, b"{}");
        assert_eq!(two.split(' ').next(), Some(one.as_str()));
        assert_eq!(two.split(' ').count(), 2);
        assert_ne!(one, standard(&["secret"], "msg_2", time, b"{}"));
        assert_eq!(seconds(time), "1614265330");
        assert_eq!(standard(&[], "msg_1", time, b"{}"), "");
    }
}
