//! Responses.

use std::fmt::Write;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use posthouse_app::{RateStatus, Refusal, Reply, ReplyBody};
use posthouse_contract::Fault;
use posthouse_model::ApiError;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Downloads are other people's content: no browser may run it with our origin.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Whether a call under an idempotency key was carried out before.
const IDEMPOTENCY_STATUS: HeaderName = HeaderName::from_static("idempotency-status");

/// JSON text.
pub(crate) fn json(status: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// Plain text.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// The envelope of an error.
pub(crate) fn error(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(status, error.envelope().to_string())
}

/// 404 without a code: there is nothing at this path.
pub(crate) fn not_found() -> Response {
    error(&ApiError::new(404, "Not Found"))
}

/// 405 with the methods that there are.
pub(crate) fn method_not_allowed(allow: &HeaderValue) -> Response {
    let mut response = error(&ApiError::new(405, "Method Not Allowed"));
    response.headers_mut().insert(header::ALLOW, allow.clone());
    response
}

/// A refused admission: challenge and rate limit included.
pub(crate) fn refusal(refusal: &Refusal) -> Response {
    let mut response = error(&refusal.error);
    let headers = response.headers_mut();
    if let Some(challenge) = refusal.challenge {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        );
    }
    if let Some(rate) = refusal.rate {
        headers.insert(RATE_LIMIT, HeaderValue::from(rate.limit));
        headers.insert(RATE_RESET, HeaderValue::from(rate.reset));
    }
    response
}

/// The error that lists these faults.
pub(crate) fn invalid(faults: &[Fault]) -> ApiError {
    ApiError::invalid_input(serde_json::to_value(faults).unwrap_or_default())
}

/// The state of a rate limit, on an answer of an admitted request.
pub(crate) fn add_rate(headers: &mut HeaderMap, rate: RateStatus) {
    headers.insert(RATE_LIMIT, HeaderValue::from(rate.limit));
    headers.insert(RATE_REMAINING, HeaderValue::from(rate.remaining));
    headers.insert(RATE_RESET, HeaderValue::from(rate.reset));
}

/// A successful answer.
pub(crate) fn reply(reply: Reply) -> Response {
    let mut response = match reply.body {
        ReplyBody::Json(text) => json(StatusCode::OK, text),
        ReplyBody::Text {
            text: content,
            filename,
        } => {
            let mut response = text(StatusCode::OK, content);
            attach(response.headers_mut(), Some(&filename));
            response
        }
        ReplyBody::Events(events) => {
            let mut response = Response::new(Body::from_stream(events));
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream; charset=utf-8"),
            );
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            // Proxies that know it pass each piece on at once.
            headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            response
        }
        ReplyBody::Download(body) => {
            // No Content-Length: servers are known to announce sizes that are not true.
            let kind = HeaderValue::try_from(body.head.content_type)
                .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
            let filename = body.head.filename;
            let mut response = Response::new(Body::from_stream(body.stream));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, kind);
            attach(headers, filename.as_deref());
            response
        }
    };
    if let Some(repeat) = reply.repeat {
        let status = HeaderValue::from_static(repeat.as_str());
        response.headers_mut().insert(IDEMPOTENCY_STATUS, status);
    }
    if reply.no_store {
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, NO_STORE);
    }
    response
}

fn attach(headers: &mut HeaderMap, filename: Option<&str>) {
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    if let Ok(value) = HeaderValue::try_from(disposition(filename)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
}

/// attr-char of RFC 8187 section 3.2.1.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `Content-Disposition` (RFC 6266), with the extended form where plain ASCII does not do.
fn disposition(filename: Option<&str>) -> String {
    let Some(name) = filename.filter(|name| !name.is_empty()) else {
        return "attachment".to_owned();
    };
    let plain: String = name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '/' | '%' => '_',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '_',
        })
        .collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        let _ = write!(
            value,
            "; filename*=utf-8''{}",
            utf8_percent_encode(name, NOT_ATTR_CHAR)
        );
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        for (name, value) in [
            (None, "attachment"),
            (Some(""), "attachment"),
            (Some("a b.pdf"), "attachment; filename=\"a b.pdf\""),
            (
                Some("é\"\r\n.txt"),
                "attachment; filename=\"____.txt\"; filename*=utf-8''%C3%A9%22%0D%0A.txt",
            ),
        ] {
            assert_eq!(disposition(name), value);
        }
    }
}
