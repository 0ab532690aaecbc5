//! Suppression lists: which there are, who is on one, adding, removing, deleting a list.
//!
//! A list exists while somebody is on it, so that adding the first recipient makes it.

mod add;
mod delete;
mod entries;
mod list;

use axum::{
    Router,
    routing::{get, post},
};
use posthouse_app::App;

const LISTS: &str = "/admin/suppression-lists";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(LISTS, get(list::show))
        .route(
            "/admin/add-suppression",
            get(add::show).post(add::carry_out),
        )
        .route("/admin/suppression-lists/{list}", get(entries::show))
        .route(
            "/admin/suppression-lists/{list}/remove",
            post(entries::remove),
        )
        .route(
            "/admin/suppression-lists/{list}/delete",
            get(delete::ask).post(delete::carry_out),
        )
}

/// An address below a list.
fn path(list: &str, rest: &str) -> String {
    format!("{LISTS}/{}{rest}", crate::show::encode(list))
}
