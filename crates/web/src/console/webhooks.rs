//! Webhook routes: the list, making one, changing and trying it, its errors, deleting it.

mod delete;
mod edit;
mod form;
mod list;

use axum::{
    Router,
    extract::Path,
    response::Response,
    routing::{get, post},
};
use posthouse_app::{App, RouteView};
use posthouse_model::RouteId;

use crate::{fail::Failure, flash::Flash, page::Page};

/// The address of the room.
const HERE: &str = "/admin/webhooks";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(HERE, get(list::show))
        .route("/admin/webhooks/new", get(edit::blank).post(edit::create))
        .route("/admin/webhooks/{id}", get(edit::show).post(edit::change))
        .route("/admin/webhooks/{id}/clear", post(clear))
        .route(
            "/admin/webhooks/{id}/delete",
            get(delete::ask).post(delete::carry_out),
        )
}

async fn find(page: &Page, id: &str) -> Result<RouteView, Failure> {
    Ok(page.app.console_route(&RouteId::named(id)).await?)
}

/// Forgets the errors of a route.
async fn clear(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let id = RouteId::named(&id);
    page.app.clear_route_errors(page.caller(), &id).await?;
    let flash = Flash::ok("The errors are cleared.");
    Ok(page.redirect(&format!("{HERE}/{id}"), flash))
}
