//! Credentials in URLs.

use base64::Engine;
use hyper::header::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use super::error::EgressError;

/// Takes credentials out of a URL as `Authorization: Basic`, percent signs undone: what the client itself does not do with
/// them.
pub fn basic_auth(url: &mut Url) -> Option<HeaderValue> {
    let decoded = |part: &str| percent_decode_str(part).collect::<Vec<u8>>();
    let mut pair = decoded(url.username());
    let password = decoded(url.password().unwrap_or_default());
    if pair.is_empty() && password.is_empty() {
        return None;
    }
    pair.push(b':');
    pair.extend(password);
    let token = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut value = HeaderValue::from_str(&format!("Basic {token}")).ok()?;
    value.set_sensitive(true);
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .ok()?;
    Some(value)
}

/// Turns credentials in the URL into a header value, and removes them.
pub(super) fn take_credentials(url: &mut Url) -> Result<Option<HeaderValue>, EgressError> {
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return Ok(None);
    }
    let token =
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", url.username()));
    let mut value = HeaderValue::from_str(&format!("Basic {token}"))
        .map_err(|error| EgressError::Invalid(error.to_string()))?;
    value.set_sensitive(true);
    // Both setters fail only on URLs without a host, which were refused before.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| EgressError::Invalid("the URL has no host".to_owned()))?;
    Ok(Some(value))
}
