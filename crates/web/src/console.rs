//! The pages of the console, one module a room. All of them are behind the guard.

mod accounts;
mod config;
pub(crate) mod dashboard;
mod faults;
mod gateways;
mod reference;
mod security;
pub(crate) mod setup;
mod suppressions;
mod templates;
pub(crate) mod tokens;
mod webhooks;

use axum::Router;
use posthouse_app::App;

/// Every page of the console; one line a room.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .merge(accounts::routes())
        .merge(dashboard::routes())
        .merge(gateways::routes())
        .merge(suppressions::routes())
        .merge(templates::routes())
        .merge(tokens::routes())
        .merge(webhooks::routes())
        .merge(security::routes())
        .merge(setup::routes())
        .merge(reference::routes())
        .merge(config::routes())
}
