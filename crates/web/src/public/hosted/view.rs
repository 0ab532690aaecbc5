//! The frame of the hosted pages, and the pages that end the way.

use std::borrow::Borrow;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use posthouse_app::{Created, LinkError};
use posthouse_model::ApiError;

use super::guest::{Guest, start_url};
use crate::{
    fail::rendered,
    i18n::{Locale, Text},
};

/// What surrounds every hosted page. Its templates call it `view`.
pub(super) struct View {
    /// Name of the installation.
    pub(super) brand: String,
    /// The administrator's own HTML for the top of public pages.
    pub(super) header: String,
    /// For the hidden field `crumb`.
    pub(super) crumb: String,
    /// `light`, `dark` or empty.
    pub(super) theme: &'static str,
    /// Language.
    pub(super) locale: Locale,
    /// The link's data, as it came.
    pub(super) data: String,
    /// The link's signature, as it came.
    pub(super) sig: String,
    /// The link's `type`.
    pub(super) kind: String,
}

impl View {
    /// A text.
    pub(super) fn t(&self, text: impl Borrow<Text>) -> &'static str {
        text.borrow().get(self.locale)
    }

    /// A text with the name of the installation.
    pub(super) fn of_brand(&self, text: impl Borrow<Text>) -> String {
        text.borrow().with(self.locale, "brand", &self.brand)
    }

    /// A text with an address.
    pub(super) fn of_email(&self, text: impl Borrow<Text>, email: &str) -> String {
        text.borrow().with(self.locale, "email", email)
    }

    /// A text with the name of a provider.
    pub(super) fn of_provider(&self, text: impl Borrow<Text>, provider: &str) -> String {
        text.borrow().with(self.locale, "provider", provider)
    }

    /// Every language: its tag, its name, the address of the first page in it.
    pub(super) fn languages(&self) -> Vec<(&'static str, &'static str, String)> {
        let start = |locale| start_url(&self.data, &self.sig, &self.kind, Some(locale));
        let languages = Locale::ALL.iter();
        languages
            .map(|locale| (locale.code(), locale.name(), start(*locale)))
            .collect()
    }

    /// The address of the first page.
    pub(super) fn start(&self) -> String {
        start_url(&self.data, &self.sig, &self.kind, None)
    }
}

#[derive(Template)]
#[template(path = "hosted/refused.html")]
struct Refused<'a> {
    view: &'a View,
    title: Text,
    text: Text,
    /// The sentence that the API has for it.
    detail: &'a str,
}

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

fn ended(guest: &Guest, view: &View, title: Text, text: Text, error: &ApiError) -> Response {
    let page = Refused {
        view,
        title,
        text,
        detail: &error.message,
    };
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = rendered(status, &page);
    if let Some(wait) = error.extra.get("ttl").and_then(serde_json::Value::as_u64) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    guest.answer(response)
}

/// The page that leads away when the account is there.
pub(super) fn done(guest: &Guest, view: &View, created: &Created) -> Response {
    let page = Done {
        view,
        target: &created.target,
    };
    guest.answer(rendered(StatusCode::OK, &page))
}
