//! Hosted authentication (behaviour 12.2): whoever holds a signed link adds one mailbox, step by step, without a login.
//!
//! | Module | Noun |
//! |---|---|
//! | `guest` | who visits: language, address, crumb |
//! | `view` | the frame of these pages |
//! | `words` | faults, troubles and hints in the visitor's language |
//! | `person` | first step: choice of provider; name, address, password |
//! | `servers` | second step: the servers, tried and connected |

mod guest;
mod person;
mod servers;
mod view;
mod words;

use axum::{
    Router,
    routing::{get, post},
};
use posthouse_app::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/accounts/new", get(person::open).post(person::choose))
        .route("/accounts/new/imap", post(servers::detect))
        .route("/accounts/new/imap/test", post(servers::test))
        .route("/accounts/new/imap/server", post(servers::connect))
}
