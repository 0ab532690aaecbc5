//! The landing page.

use askama::Template;
use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use posthouse_app::App;

use crate::{fail::rendered, page};

#[derive(Template)]
#[template(path = "landing.html")]
struct Landing {
    brand: String,
    version: &'static str,
}

pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(landing))
}

async fn landing(State(app): State<App>) -> Response {
    let page = Landing {
        brand: page::brand(&app),
        version: env!("CARGO_PKG_VERSION"),
    };
    rendered(StatusCode::OK, &page)
}
