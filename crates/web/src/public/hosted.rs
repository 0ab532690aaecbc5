//! Hosted authentication (behaviour 12.2): whoever holds a signed link adds one mailbox, step by step, without a login.
//!
//! | Module | Noun |
//! |---|---|
//! | `words` | faults, troubles and hints in the visitor's language |
//! | `person` | first step: choice of provider; name, address, password |
//! | `servers` | second step: the servers, tried and connected |
//! | `ending` | the pages at the end |

mod ending;
mod person;
mod servers;
mod words;

use axum::{
    Router,
    routing::{get, post},
};
use posthouse_app::App;

/// Where the links lead.
const START: &str = "/accounts/new";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(START, get(person::open).post(person::choose))
        .route("/accounts/new/imap", post(servers::detect))
        .route("/accounts/new/imap/test", post(servers::test))
        .route("/accounts/new/imap/server", post(servers::connect))
}
