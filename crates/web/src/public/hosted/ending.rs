//! The pages at the end of the hosted form.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use posthouse_app::{Created, LinkError};
use posthouse_model::ApiError;

use crate::{
    fail::rendered,
    i18n::Text,
    public::{
        guest::Guest,
        view::{View, ended},
    },
};

#[derive(Template)]
#[template(path = "hosted/done.html")]
struct Done<'a> {
    view: &'a View,
    target: &'a str,
}

/// The page of a link that does not open.
pub(super) fn link_refused(guest: &Guest, view: &View, error: LinkError) -> Response {
    let text = match error {
        LinkError::Signature => Text::RefusedSignature,
        LinkError::Expired => Text::RefusedExpired,
        LinkError::Failed(error) => return failed(guest, view, &error),
    };
    let error = ApiError::from(error);
    ended(guest, view, Text::RefusedTitle, text, &error)
}

/// The page of what cannot be done now: too many attempts, a failure inside.
pub(super) fn failed(guest: &Guest, view: &View, error: &ApiError) -> Response {
    let (title, text) = match error.status {
        429 => (Text::ManyTitle, Text::ManyAdvice),
        _ => (Text::FailedTitle, Text::FailedAdvice),
    };
    ended(guest, view, title, text, error)
}

/// The page of a way to log in that there is not.
pub(super) fn unavailable(guest: &Guest, view: &View) -> Response {
    let error = ApiError::new(400, "OAuth2 application is not available");
    let (title, text) = (Text::UnavailableTitle, Text::UnavailableAdvice);
    ended(guest, view, title, text, &error)
}

/// The page that leads away when the account is there.
pub(super) fn done(guest: &Guest, view: &View, created: &Created) -> Response {
    let page = Done {
        view,
        target: &created.target,
    };
    guest.answer(rendered(StatusCode::OK, &page))
}
