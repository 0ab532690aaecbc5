//! The frame of the pages that a signed link opens.

use std::borrow::Borrow;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use posthouse_model::ApiError;
use url::form_urlencoded;

use super::guest::Guest;
use crate::{
    fail::rendered,
    i18n::{Locale, Text},
};

/// What surrounds such a page. Its templates call it `view`.
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
    /// Where the link leads.
    pub(super) path: &'static str,
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
        let languages = Locale::ALL.iter();
        languages
            .map(|locale| (locale.code(), locale.name(), self.link(Some(*locale))))
            .collect()
    }

    /// The address of the first page.
    pub(super) fn start(&self) -> String {
        self.link(None)
    }

    fn link(&self, locale: Option<Locale>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("data", &self.data);
        query.append_pair("sig", &self.sig);
        if !self.kind.is_empty() {
            query.append_pair("type", &self.kind);
        }
        if let Some(locale) = locale {
            query.append_pair("locale", locale.code());
        }
        format!("{}?{}", self.path, query.finish())
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

/// The page that ends the way: what cannot be done, and why.
pub(super) fn ended(
    guest: &Guest,
    view: &View,
    title: Text,
    text: Text,
    error: &ApiError,
) -> Response {
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
