//! A delivery as an HTTP request (behaviour 7.2).

use std::time::Duration;

use bytes::Bytes;
use posthouse_model::{Timestamp, account::CustomHeader};
use posthouse_net::{
    EgressRequest,
    http::{HeaderMap, HeaderName, Method},
};
use url::Url;

use super::signature;
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
    let settings = engine.settings();
    let secrets: Vec<&str> = ["serviceSecret", "previousServiceSecret"]
        .into_iter()
        .filter_map(|key| settings.text(key))
        .collect();
    for (name, value) in headers(
        stamp,
        &body,
        &secrets,
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

/// The headers of a delivery, signed by each of the secrets, the first of which is the one in force. Custom headers
/// override ours of the same name.
#[must_use]
pub fn headers(
    stamp: &Stamp<'_>,
    body: &[u8],
    secrets: &[&str],
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
    headers.push(("webhook-id".to_owned(), stamp.event.to_owned()));
    headers.push(("webhook-timestamp".to_owned(), signature::seconds(now)));
    if let Some(secret) = secrets.first() {
        let signed = signature::of_body(secret, body);
        headers.push(("X-EE-Wh-Signature".to_owned(), signed));
        let signed = signature::standard(secrets, stamp.event, now, body);
        headers.push(("webhook-signature".to_owned(), signed));
    }
    for header in custom {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(&header.key));
        headers.push((header.key.clone(), header.value.expose().to_owned()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthouse_model::Secret;

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
            &["s", "older"],
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
        assert_eq!(get("webhook-id"), ["e1"]);
        assert_eq!(get("webhook-timestamp"), ["13"]);
        assert_eq!(get("X-EE-Wh-Signature").len(), 1);
        assert_eq!(get("webhook-signature")[0].split(' ').count(), 2);
    }
}
