//! The form by which a mail program leaves a list for its user (RFC 8058).

use std::time::Duration;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use posthouse_app::App;
use posthouse_model::{ApiError, suppression::SuppressionSource};

use crate::{
    fail::Failure,
    form::Form,
    public::{guest::Guest, tracking::visit},
};

/// Name and value of the form (RFC 8058 section 3.1).
const NAME: &str = "List-Unsubscribe";
const VALUE: &str = "One-Click";
/// Largest body.
const LIMIT: usize = 64 << 10;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries out the form of a mail program, and lets everything else pass on. The signed link is its only right: it brings
/// neither cookie nor crumb. It is not counted either: a mail service sends the forms of all its users from few
/// addresses, and would not learn of a refusal.
pub(crate) async fn one_click(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let body = match tokio::time::timeout(PATIENCE, to_bytes(body, LIMIT)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refuse(413, "What was sent is too large"),
        Err(_) => return refuse(408, "The form took too long to arrive"),
    };
    if !is_one_click(&parts.headers, &body) {
        let request = Request::from_parts(parts, Body::from(body));
        return next.run(request).await;
    }
    let Ok(guest) = Guest::from_request_parts(&mut parts, &app).await;
    let visit = visit(&guest, &guest.query, &Method::POST);
    let said = match app.leave(&visit, SuppressionSource::OneClick).await {
        Ok(_) => "ok",
        Err(error) => match error.status {
            400 | 403 => "data validation failed",
            404 => "unknown account",
            _ => "not ok",
        },
    };
    // Always 200 (behaviour 11.3).
    (StatusCode::OK, said).into_response()
}

fn refuse(status: u16, message: &str) -> Response {
    Failure(ApiError::new(status, message)).into_response()
}

fn is_one_click(headers: &HeaderMap, body: &Bytes) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (name, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let found = if name.trim().eq_ignore_ascii_case("multipart/form-data") {
        part(parameters, &String::from_utf8_lossy(body))
    } else {
        Form::parse(body).filled(NAME).map(str::to_owned)
    };
    found.is_some_and(|value| value.eq_ignore_ascii_case(VALUE))
}

/// The value of the form's field in a multipart body (RFC 7578).
fn part(parameters: &str, body: &str) -> Option<String> {
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"'))
    });
    let delimiter = format!("--{}", boundary.filter(|text| !text.is_empty())?);
    body.split(&delimiter).find_map(|part| {
        let (head, value) = part
            .split_once("\r\n\r\n")
            .or_else(|| part.split_once("\n\n"))?;
        let named = head
            .split([';', '\n'])
            .filter_map(|piece| piece.trim().split_once('='))
            .any(|(key, name)| key.eq_ignore_ascii_case("name") && name.trim_matches('"') == NAME);
        named.then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_encodings() {
        let is = |kind: &str, body: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            is_one_click(&headers, &Bytes::copy_from_slice(body.as_bytes()))
        };
        let form = "application/x-www-form-urlencoded";
        assert!(is(form, "List-Unsubscribe=One-Click"));
        assert!(is(form, "a=1&List-Unsubscribe=One-Click\r\n"));
        assert!(!is(form, "List-Unsubscribe=Two-Clicks"));
        assert!(!is(form, ""));
        let multipart = "multipart/form-data; boundary=\"b-1\"";
        let body = |name: &str, value: &str| {
            format!(
                "--b-1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b-1--\r\n"
            )
        };
        assert!(is(multipart, &body("List-Unsubscribe", "One-Click")));
        assert!(!is(multipart, &body("Other", "One-Click")));
        assert!(!is(multipart, &body("List-Unsubscribe", "no")));
        assert!(!is(
            "multipart/form-data",
            &body("List-Unsubscribe", "One-Click")
        ));
    }
}
