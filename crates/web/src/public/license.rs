//! The licence, for reading.

use askama::Template;
use axum::{Router, http::StatusCode, response::Response, routing::get};
use posthouse_app::App;

use crate::fail::rendered;

#[derive(Template)]
#[template(path = "license.html")]
struct License {
    mit: &'static str,
    apache: &'static str,
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/license.html", get(license))
        .route("/licenses.html", get(license))
}

async fn license() -> Response {
    let page = License {
        mit: include_str!("../../../../LICENSE-MIT"),
        apache: include_str!("../../../../LICENSE-APACHE"),
    };
    rendered(StatusCode::OK, &page)
}
