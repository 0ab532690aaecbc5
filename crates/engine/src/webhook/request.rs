//! A delivery as an HTTP request (behaviour 7.2).

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use posthouse_model::{Timestamp, account::CustomHeader};
use posthouse_net::{
    EgressRequest,
    http::{HeaderMap, HeaderName, Method},
};
use sha2::Sha256;
use url::Url;

use crate::Engine;

/// What identifies a delivery to its receiver.
#[derive(Debug, Clone)]
pub struct Stamp<'a> {
    /// Id of the delivery.
    pub delivery: &'a str,
    /// Id of the event: the same over retries and over all endpoints.
    pub event: &'a str,
    /// Attempts before this one.
    pub attempts_made: u32,
    /// When the event was queued.
    pub queued: Timestamp,
    /// Id of the custom route, if it goes to one.
    pub route: Option<&'a str>,
}

/// The request that makes a delivery.
#[must_use]
pub fn request(
    engine: &Engine,
    url: Url,
    stamp: &Stamp<'_>,
    body: Bytes,
    custom: &[CustomHeader],
    timeout: Duration,
) -> EgressRequest {
    let mut map = HeaderMap::new();
    for (name, value) in headers(
        stamp,
        &body,
        engine.settings().text("serviceSecret"),
        &engine.config().product,
        custom,
        engine.store().now(),
    ) {
        // A custom header that HTTP cannot carry is left out rather than stopping every event.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value.parse()) {
            map.insert(name, value);
        }
    }
    EgressRequest {
        method: Method::POST,
        url,
        headers: map,
        body,
        timeout,
    }
}

/// The headers of a delivery. Custom headers override ours of the same name.
#[must_use]
pub fn headers(
    stamp: &Stamp<'_>,
    body: &[u8],
    secret: Option<&str>,
    product: &str,
    custom: &[CustomHeader],
    now: Timestamp,
) -> Vec<(String, String)> {
    let mut headers = vec![
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("User-Agent".to_owned(), product.to_owned()),
        ("X-EE-Wh-Id".to_owned(), stamp.delivery.to_owned()),
        (
            "X-EE-Wh-Attempts-Made".to_owned(),
            stamp.attempts_made.to_string(),
        ),
        (
            "X-EE-Wh-Queued-Time".to_owned(),
            format!("{}s", now.since(stamp.queued).as_secs()),
        ),
        ("X-EE-Wh-Event-Id".to_owned(), stamp.event.to_owned()),
    ];
    if let Some(route) = stamp.route {
        headers.push(("X-EE-Wh-Custom-Route".to_owned(), route.to_owned()));
    }
    if let Some(secret) = secret {
        headers.push(("X-EE-Wh-Signature".to_owned(), signature(secret, body)));
    }
    for header in custom {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(&header.key));
        headers.push((header.key.clone(), header.value.expose().to_owned()));
    }
    headers
}

/// base64url of HMAC-SHA256 over the exact bytes of the body.
#[must_use]
pub fn signature(secret: &str, body: &[u8]) -> String {
    // HMAC takes keys of any length; the error cannot happen.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthouse_model::Secret;

    #[test]
    fn signature_is_hmac_sha256() {
        // RFC 4231 section 4.3, test case 2.
        let digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(signature("Jefe", b"what do ya want for nothing?"))
            .unwrap_or_default();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, digest);
    }

    #[test]
    fn custom_headers_override() {
        let stamp = Stamp {
            delivery: "d1",
            event: "e1",
            attempts_made: 2,
            queued: Timestamp(1_000),
            route: None,
        };
        let custom = [CustomHeader {
            key: "user-agent".to_owned(),
            value: Secret::new("mine"),
        }];
        let headers = headers(
            &stamp,
            b"{}",
            Some("s"),
            "Posthouse/1",
            &custom,
            Timestamp(13_500),
        );
        let get = |name: &str| {
            let found: Vec<_> = headers
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect();
            found
        };
        assert_eq!(get("User-Agent"), ["mine"]);
        assert_eq!(get("X-EE-Wh-Queued-Time"), ["12s"]);
        assert_eq!(get("X-EE-Wh-Attempts-Made"), ["2"]);
        assert_eq!(get("X-EE-Wh-Event-Id"), ["e1"]);
    }
}
