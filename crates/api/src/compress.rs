//! gzip for JSON and text.

use std::io::Write;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body::Body as _;
use http_body_util::BodyExt;

/// Smaller bodies gain nothing.
const SMALLEST: u64 = 1024;

/// Larger ones would hold up other requests of the thread.
const INLINE: usize = 64 << 10;

/// Whether the client takes gzip (RFC 9110 section 12.5.3).
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = parameters
                .split_once('=')
                .is_some_and(|(_, q)| q.trim().parse::<f32>().is_ok_and(|q| q == 0.0));
            !refused && name.trim().eq_ignore_ascii_case("gzip")
        })
}

/// Compresses the body if it is whole in memory, of text, large enough and holds no secret. Streams go
/// out as they are.
pub(crate) async fn compress(mut response: Response) -> Response {
    let headers = response.headers();
    let is_text = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        [&b"application/json"[..], b"text/"]
            .iter()
            .any(|start| kind.as_bytes().starts_with(start))
    });
    let no_store = headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|value| value == "no-store");
    let large = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|size| size >= SMALLEST);
    if !is_text || no_store || !large || headers.contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let body = std::mem::take(response.body_mut());
    // The body is in memory: collecting it neither waits nor fails.
    let Ok(plain) = body.collect().await else {
        return response;
    };
    let plain = plain.to_bytes();
    let packed = if plain.len() > INLINE {
        let plain = plain.clone();
        tokio::task::spawn_blocking(move || gzip(&plain))
            .await
            .unwrap_or_default()
    } else {
        gzip(&plain)
    };
    match packed {
        Some(packed) if packed.len() < plain.len() => {
            *response.body_mut() = Body::from(packed);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.remove(header::CONTENT_LENGTH);
            headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        _ => *response.body_mut() = Body::from(plain),
    }
    response
}

fn gzip(plain: &Bytes) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::new(4));
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn accepted_codings() {
        for (value, accepted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
            assert_eq!(accepts_gzip(&headers), accepted, "{value}");
        }
    }
}
