//! First step: which provider; name, address and password.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use posthouse_app::{HostedApp, Link};

use super::{
    START,
    ending::{failed, link_refused, unavailable},
    words::Faults,
};
use crate::{
    fail::rendered,
    form::Form,
    i18n::Text,
    public::{guest::Guest, view::View},
};

#[derive(Template)]
#[template(path = "hosted/choose.html")]
struct Choose<'a> {
    view: &'a View,
    apps: Vec<HostedApp>,
}

#[derive(Template)]
#[template(path = "hosted/person.html")]
struct Person<'a> {
    view: &'a View,
    name: &'a str,
    email: &'a str,
    /// The only address that the link takes.
    expected: Option<&'a str>,
    faults: Faults,
}

/// `GET /accounts/new`.
pub(super) async fn open(guest: Guest) -> Response {
    step(&guest, &guest.query, false).await
}

/// `POST /accounts/new`: a provider was chosen.
pub(super) async fn choose(guest: Guest, form: Form) -> Response {
    if let Err(error) = guest.app.admit_visitor(guest.address).await {
        return failed(&guest, &guest.view(START, &form), &error);
    }
    step(&guest, &form, true).await
}

async fn step(guest: &Guest, form: &Form, chosen: bool) -> Response {
    let mut view = guest.view(START, form);
    let link = match guest.app.open_link(&view.data, &view.sig).await {
        Ok(link) => link,
        Err(error) => return link_refused(guest, &view, error),
    };
    let apps = guest.app.hosted_apps();
    let is_app = view.kind != "imap" && !view.kind.is_empty();
    if is_app && chosen && !apps.iter().any(|app| app.id == view.kind) {
        return unavailable(guest, &view);
    }
    let listed: Vec<HostedApp> = apps.into_iter().filter(|app| app.listed).collect();
    if view.kind != "imap" && !listed.is_empty() {
        let page = Choose {
            view: &view,
            apps: listed,
        };
        return guest.answer(rendered(StatusCode::OK, &page));
    }
    "imap".clone_into(&mut view.kind);
    let name = link.name().unwrap_or_default();
    let email = link.email().unwrap_or_default();
    show(guest, &view, &link, name, email, Faults::default())
}

/// The form of the first step; 400 when it is shown again with its faults.
pub(super) fn show(
    guest: &Guest,
    view: &View,
    link: &Link,
    name: &str,
    email: &str,
    faults: Faults,
) -> Response {
    let status = if faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    let page = Person {
        view,
        name,
        email,
        expected: link.expected_email(),
        faults,
    };
    guest.answer(rendered(status, &page))
}
