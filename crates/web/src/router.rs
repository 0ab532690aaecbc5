//! Every path and what stands before it.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{from_fn, from_fn_with_state},
    response::Response,
};
use posthouse_app::App;

use crate::{assets, console, crumb, fail::error_page, guard, headers, public};

/// Largest form of the console, bytes: a setting holds up to 1 MiB of text, percent-encoded.
const CONSOLE_LIMIT: usize = 4 << 20;
/// Largest form of everybody else.
const PUBLIC_LIMIT: usize = 64 << 10;

/// The pages. Requests carry a [`Visitor`](posthouse_app::Visitor) as an extension.
pub fn router(app: App) -> Router {
    // From the outside in: the guard, the crumb (which reads the body), the page.
    let console = console::routes()
        .layer(from_fn_with_state(
            (app.clone(), CONSOLE_LIMIT),
            crumb::protect,
        ))
        .layer(from_fn_with_state(app.clone(), guard::admit))
        .layer(from_fn(console::tokens::json_failures));
    let public = public::routes().layer(from_fn_with_state(
        (app.clone(), PUBLIC_LIMIT),
        crumb::protect,
    ));
    // Mail programs know no crumb: their way to leave a list stands before it.
    let unsubscribe = public::unsubscribe::routes()
        .layer(from_fn_with_state(
            (app.clone(), PUBLIC_LIMIT),
            crumb::protect,
        ))
        .layer(from_fn_with_state(
            app.clone(),
            public::unsubscribe::one_click,
        ));
    Router::new()
        .merge(console)
        .merge(public)
        .merge(unsubscribe)
        .merge(public::tracking::routes())
        .merge(assets::routes())
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), guard::meet))
        .layer(from_fn(headers::strict))
        .with_state(app)
}

async fn nothing_here(_: Request) -> Response {
    error_page(404, "There is no page at this address.", "/admin")
}
