//! The pages of the console, one module a room. All of them are behind the guard.

mod config;

use axum::Router;
use posthouse_app::App;

/// Every page of the console; one line a room.
pub(crate) fn routes() -> Router<App> {
    Router::new().merge(config::routes())
}
