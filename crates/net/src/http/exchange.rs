//! One request and its answer.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};
use url::Url;

/// One request.
#[derive(Clone)]
pub struct EgressRequest {
    /// The method.
    pub method: Method,
    /// An `http` or `https` URL. User and password in it become `Authorization: Basic`, as written, percent signs and all.
    pub url: Url,
    /// Header fields. An `Authorization` among them wins over credentials in the URL.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The time from start to the last byte of the answer.
    pub timeout: Duration,
}

impl std::fmt::Debug for EgressRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Path, query and header values may hold secrets.
        f.debug_struct("EgressRequest")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct EgressResponse {
    /// The status; any but a refused redirect.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The first bytes of the body, at most [`ClientOptions::body_head`].
    pub body_head: Bytes,
}
