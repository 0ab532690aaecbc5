//! Templates: the list, writing one with a preview, sending a test, deleting.

mod delete;
mod edit;
mod form;
mod list;
mod preview;
mod send;

use axum::{
    Router,
    routing::{get, post},
};
use posthouse_app::App;
use serde_json::Value;

use crate::{
    fail::Failure,
    page::{Input, Page},
};

const TEMPLATES: &str = "/admin/templates";

// Ids are made here, and longer than the words beside them.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(TEMPLATES, get(list::show))
        .route("/admin/templates/new", get(edit::blank).post(edit::create))
        .route("/admin/templates/preview", post(preview::show))
        .route(
            "/admin/templates/{id}",
            get(edit::show).post(edit::carry_out),
        )
        .route("/admin/templates/{id}/send", post(send::carry_out))
        .route(
            "/admin/templates/{id}/delete",
            get(delete::ask).post(delete::carry_out),
        )
}

/// The template as the API shows it.
async fn find(page: &Page, id: &str) -> Result<Value, Failure> {
    let input = Input {
        path: &[("template", id)],
        ..Input::default()
    };
    Ok(page.call("getV1TemplatesTemplateTemplate", input).await?)
}

/// An address below a template.
fn path(id: &str, rest: &str) -> String {
    format!("{TEMPLATES}/{}{rest}", crate::show::encode(id))
}
