//! The crumb: proof that a form was sent from a page of ours (behaviour 1; OWASP's double submit), and the
//! browser's own word on where a request comes from.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use posthouse_app::{App, Visitor};
use posthouse_model::ApiError;
use url::form_urlencoded;

use crate::{cookie::cookie, fail::Failure};

/// The crumb of this visitor; forms send it back in the field `crumb`, scripts in `X-CSRF-Token`.
#[derive(Debug, Clone)]
pub(crate) struct Crumb(pub(crate) String);

/// How long a form may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives every visitor a crumb, and lets no request that changes something pass without it. The body of
/// such a request is read here, up to `limit` bytes.
pub(crate) async fn protect(
    State((app, limit)): State<(App, usize)>,
    mut request: Request,
    next: Next,
) -> Response {
    let known = cookie(request.headers(), "crumb")
        .filter(|crumb| crumb.len() == 64 && crumb.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned);
    // A link from elsewhere comes with the session but without the crumb, which is for our own site
    // only: a new one would make the forms of other tabs worthless. The session has a value of its own.
    let bound = cookie(request.headers(), "ee").and_then(|ee| app.sessions().form_key(ee));
    let (crumb, given) = match (&known, &bound) {
        (Some(known), _) => (known.clone(), false),
        (None, Some(bound)) if comes_from_elsewhere(request.headers()) => (bound.clone(), false),
        (None, _) => match generate() {
            Ok(crumb) => (crumb, true),
            Err(error) => return Failure(error).into_response(),
        },
    };
    let secure = is_secure(&app, request.extensions());
    request.extensions_mut().insert(Crumb(crumb.clone()));
    let mut response = if request.method().is_safe() {
        next.run(request).await
    } else {
        let good = [known, bound].into_iter().flatten().collect();
        match checked(request, good, limit).await {
            Ok(request) => next.run(request).await,
            Err(error) => Failure(error).into_response(),
        }
    };
    if given
        && let Ok(value) = HeaderValue::try_from(format!(
            "crumb={crumb}; Path=/; HttpOnly; SameSite=Strict{}",
            if secure { "; Secure" } else { "" }
        ))
    {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Whether cookies are for HTTPS only: the visitor came by it, or the service is reached by it.
pub(crate) fn is_secure(app: &App, extensions: &Extensions) -> bool {
    extensions
        .get::<Visitor>()
        .is_some_and(|visitor| visitor.origin.starts_with("https://"))
        || app
            .settings()
            .text("serviceUrl")
            .is_some_and(|url| url.starts_with("https://"))
}

fn generate() -> Result<String, ApiError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "no random numbers");
        ApiError::internal()
    })?;
    Ok(hex::encode(bytes))
}

/// The request with its body in memory, if it comes from a page of ours and shows one of the good
/// crumbs.
async fn checked(request: Request, good: Vec<String>, limit: usize) -> Result<Request, ApiError> {
    let foreign = || {
        ApiError::new(
            403,
            "This form is no longer valid. Go back, load the page anew and send it again.",
        )
    };
    let origin = request
        .extensions()
        .get::<Visitor>()
        .map(|visitor| visitor.origin.clone())
        .unwrap_or_default();
    if !comes_from_us(request.headers(), &origin) {
        return Err(foreign());
    }
    let (parts, body) = request.into_parts();
    let body = tokio::time::timeout(PATIENCE, to_bytes(body, limit))
        .await
        .map_err(|_| ApiError::new(408, "The form took too long to arrive"))?
        .map_err(|_| ApiError::new(413, "What was sent is too large"))?;
    let shown = match parts.headers.get("x-csrf-token") {
        Some(value) => value.to_str().unwrap_or_default().to_owned(),
        None => form_urlencoded::parse(&body)
            .find(|(name, _)| name == "crumb")
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default(),
    };
    if !good
        .iter()
        .any(|crumb| same(shown.as_bytes(), crumb.as_bytes()))
    {
        return Err(foreign());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// What the browser says of the sender: fetch metadata, or else the origin. Schemes are not compared, as
/// a proxy may speak HTTPS for us without saying so.
fn comes_from_us(headers: &HeaderMap, origin: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let host = |origin: &str| {
        origin
            .split_once("://")
            .map(|(_, host)| host.to_ascii_lowercase())
    };
    match text("origin") {
        None => true,
        Some(sender) => {
            let sender = host(sender);
            sender.is_some()
                && (sender == host(origin) || sender == text("host").map(str::to_ascii_lowercase))
        }
    }
}

/// Whether a link on another site led here (Fetch Metadata).
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| matches!(site.as_bytes(), b"cross-site" | b"same-site"))
}

/// Compares in a time that depends on the length only.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn senders() {
        let ours = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            comes_from_us(&headers, "http://inner:3000")
        };
        assert!(ours(&[]));
        assert!(ours(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://x")
        ]));
        assert!(ours(&[("sec-fetch-site", "none")]));
        assert!(!ours(&[("sec-fetch-site", "same-site")]));
        assert!(!ours(&[("sec-fetch-site", "cross-site")]));
        assert!(ours(&[("origin", "https://inner:3000")]));
        assert!(ours(&[
            ("origin", "https://m.example.com"),
            ("host", "M.example.com")
        ]));
        assert!(!ours(&[("origin", "null")]));
        assert!(!ours(&[("origin", "http://inner:3000.evil.example")]));
        assert!(!ours(&[
            ("origin", "http://evil.example"),
            ("host", "inner:3000")
        ]));
    }

    #[test]
    fn comparison() {
        assert!(same(b"ab", b"ab"));
        assert!(!same(b"ab", b"ac") && !same(b"a", b"ab") && !same(b"", b"a"));
    }
}
