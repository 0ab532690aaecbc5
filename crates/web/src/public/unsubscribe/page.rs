//! The page on which a reader leaves a list or comes back.

use askama::Template;
use axum::{
    http::{Method, StatusCode},
    response::Response,
};
use posthouse_app::Leaving;
use posthouse_model::{ApiError, suppression::SuppressionSource};

use super::PATH;
use crate::{
    fail::rendered,
    form::Form,
    i18n::Text,
    public::{
        guest::Guest,
        tracking::visit,
        view::{View, ended},
    },
};

#[derive(Template)]
#[template(path = "hosted/unsubscribe.html")]
struct Unsubscribe<'a> {
    view: &'a View,
    leaving: &'a Leaving,
    /// The reader has come back by this form.
    returned: bool,
}

/// `GET /unsubscribe`.
pub(super) async fn show(guest: Guest) -> Response {
    let view = guest.view(PATH, &guest.query);
    match guest.app.leaving(&view.data, &view.sig).await {
        Ok(leaving) => page(&guest, &view, &leaving, false),
        Err(error) => refused(&guest, &view, &error),
    }
}

/// `POST /unsubscribe`: the form of the page.
pub(super) async fn carry_out(guest: Guest, form: Form) -> Response {
    let view = guest.view(PATH, &form);
    if let Err(error) = guest.app.admit_visitor(guest.address).await {
        return refused(&guest, &view, &error);
    }
    let visit = visit(&guest, &form, &Method::POST);
    let returned = form.text("do") == "return";
    let done = if returned {
        guest.app.come_back(&visit).await
    } else {
        guest.app.leave(&visit, SuppressionSource::Form).await
    };
    match done {
        Ok(leaving) => page(&guest, &view, &leaving, returned),
        Err(error) => refused(&guest, &view, &error),
    }
}

fn page(guest: &Guest, view: &View, leaving: &Leaving, returned: bool) -> Response {
    let page = Unsubscribe {
        view,
        leaving,
        returned,
    };
    guest.answer(rendered(StatusCode::OK, &page))
}

fn refused(guest: &Guest, view: &View, error: &ApiError) -> Response {
    let (title, text) = match error.status {
        400 | 403 => (Text::RefusedTitle, Text::RefusedSignature),
        404 => (Text::RefusedTitle, Text::LeaveGone),
        429 => (Text::ManyTitle, Text::LeaveLater),
        _ => (Text::FailedTitle, Text::LeaveLater),
    };
    ended(guest, view, title, text, error)
}
