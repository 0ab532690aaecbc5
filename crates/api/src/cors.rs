//! Cross-origin rules (behaviour 1): nothing is sent unless origins are configured.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};

use crate::CorsConfig;

const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Authorization, Content-Type, If-None-Match, Idempotency-Key, X-EE-Timeout, X-Request-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id",
);
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, Accept, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
);
const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE");

/// The rules in the form requests are checked by.
pub(crate) struct Cors {
    any: bool,
    origins: Vec<String>,
    max_age: HeaderValue,
}

impl Cors {
    pub(crate) fn new(config: &CorsConfig) -> Self {
        Self {
            any: config.origins.iter().any(|origin| origin == "*"),
            origins: config
                .origins
                .iter()
                .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
                .collect(),
            max_age: HeaderValue::from(config.max_age.as_secs()),
        }
    }

    /// The origin of the request, if it may call us.
    pub(crate) fn admitted(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        let known = self.any
            || self
                .origins
                .iter()
                .any(|own| own.eq_ignore_ascii_case(text));
        known.then(|| origin.clone())
    }

    /// The answer to a preflight, if this is one from an admitted origin.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        self.admitted(headers)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        Some(response)
    }

    /// Marks an answer for the origin that asked.
    pub(crate) fn mark(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
        }
    }
}
