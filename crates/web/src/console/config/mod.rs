//! The settings: an overview with search, and one page a group, drawn from the registry.
//!
//! | Module | Noun |
//! |---|---|
//! | `field` | a setting as a field of a form |
//! | `entered` | what a form says about a setting |
//! | `events` | event types for people |
//! | `group` | the page of a group |
//! | `overview` | all groups, search |
//! | `secret` | a new service secret |
//! | `webhooks` | the test call |
//! | `advice` | what the values of a group call for |

mod advice;
mod entered;
mod events;
mod field;
mod group;
mod overview;
mod secret;
mod webhooks;

use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};
use posthouse_app::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/config", get(overview::show))
        .route(
            "/admin/config/security/secret",
            get(secret::ask).post(secret::renew),
        )
        .route("/admin/config/webhooks/test", post(webhooks::test))
        // There is no key to enter.
        .route(
            "/admin/config/license",
            get(|| async { Redirect::to("/license.html") }),
        )
        .route("/admin/config/{group}", get(group::show).post(group::save))
        .route("/admin/config/{group}/reset", post(group::reset))
}

/// The icon of a group.
fn icon_of(group: &posthouse_model::settings::Group) -> &'static str {
    use posthouse_model::settings::Group::*;
    match group {
        Service => "server",
        Security => "shield",
        Webhooks => "bolt",
        EmailProcessing => "mail",
        Network => "network",
        Smtp => "send",
        ImapProxy => "inbox",
        Ai => "robot",
        Mcp => "link",
        Branding => "brush",
        Logging => "log",
        Deprecated => "history",
    }
}
