//! Data in links that only this instance can have written: JSON and its HMAC-SHA256, both in base64url (behaviour 11.3, 12.1).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use posthouse_model::ApiError;
use serde::Serialize;
use sha2::Sha256;

use crate::internal;

/// Longest data, encoded.
const LONGEST: usize = 64 * 1024;

/// Why signed data does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is not in base64url, or too long.
    Malformed,
    /// It was not signed here, or was changed.
    Signature,
}

fn mac(secret: &str, json: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(json);
    Some(mac)
}

/// The encoded data and its signature.
///
/// # Errors
/// The data has no JSON form.
pub(crate) fn sign(secret: &str, data: &impl Serialize) -> Result<(String, String), ApiError> {
    let json = serde_json::to_vec(data).map_err(|error| internal("writing a link", &error))?;
    let mac = mac(secret, &json).ok_or_else(ApiError::internal)?;
    Ok((
        BASE64_URL_SAFE_NO_PAD.encode(&json),
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()),
    ))
}

/// The JSON that was signed. Padding is tolerated: some programs add it.
///
/// # Errors
/// [`Broken`].
pub(crate) fn open(secret: &str, data: &str, sig: &str) -> Result<Vec<u8>, Broken> {
    if data.len() > LONGEST {
        return Err(Broken::Malformed);
    }
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    let (Ok(json), Ok(sig)) = (decode(data), decode(sig)) else {
        return Err(Broken::Malformed);
    };
    let mac = mac(secret, &json).ok_or(Broken::Signature)?;
    // Compares in constant time.
    mac.verify_slice(&sig).map_err(|_| Broken::Signature)?;
    Ok(json)
}
