//! What the pages of the login share: where to go on, the cookie `ee`.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use posthouse_app::{App, NewSession};

use crate::crumb::is_secure;

/// Where one arrives unless a page was asked for.
pub(crate) const HOME: &str = "/admin";

/// The page to go on to: a path of this server, whatever a link says. Only a path that begins with one
/// slash is one: `//host` is another server, and browsers read `\` as `/` and leave out control characters.
pub(crate) fn next(asked: &str) -> &str {
    let good = asked.len() <= 2000
        && asked.starts_with('/')
        && !asked.starts_with("//")
        && !asked
            .chars()
            .any(|c| c == '\\' || c.is_control() || !c.is_ascii());
    if good { asked } else { HOME }
}

/// Goes on with the session that was begun.
pub(crate) fn go_on(session: &NewSession, secure: bool, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    keep(response.headers_mut(), session, secure);
    response
}

/// Hands the session's cookie out.
pub(crate) fn keep(headers: &mut HeaderMap, session: &NewSession, secure: bool) {
    let age = session
        .max_age
        .map(|age| format!("; Max-Age={}", age.as_secs()))
        .unwrap_or_default();
    let secure = if secure { "; Secure" } else { "" };
    // Lax: a link from a mail or a chat arrives signed in; forms of others are stopped by the crumb.
    let cookie = format!(
        "ee={}; Path=/; HttpOnly; SameSite=Lax{age}{secure}",
        session.cookie
    );
    if let Ok(value) = HeaderValue::try_from(cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Takes the session's cookie back.
pub(crate) fn forget(headers: &mut HeaderMap) {
    headers.append(
        header::SET_COOKIE,
        HeaderValue::from_static("ee=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"),
    );
}

/// Whether cookies are for HTTPS only, for pages without a session.
pub(crate) struct Secure(pub(crate) bool);

impl FromRequestParts<App> for Secure {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(is_secure(app, &parts.extensions)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_within_this_server_alone() {
        for good in [
            "/",
            "/admin",
            "/admin/tokens?q=a%20b&page=2#x",
            "/admin/accounts/a%2Fb",
            "/admin?next=//evil.example",
        ] {
            assert_eq!(next(good), good);
        }
        for bad in [
            "",
            "admin",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            " /admin",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r\nSet-Cookie: a=b",
            "/\u{0}",
            "/\u{7f}",
            "/\u{ff0f}evil.example",
        ] {
            assert_eq!(next(bad), HOME, "{bad:?}");
        }
        assert_eq!(next(&format!("/{}", "a".repeat(2000))), HOME);
    }
}
