//! Leaving a mailing list by a link of a message, and coming back (behaviour 11.3).
//!
//! A GET changes nothing: filters of mail follow links. A reader presses a button of the page; a mail program sends a
//! form without seeing it (RFC 8058).
//!
//! | Module | Noun |
//! |---|---|
//! | `one_click` | the form of a mail program |
//! | `page` | the page for readers |

mod one_click;
mod page;

use axum::{Router, routing::get};
use posthouse_app::App;

pub(crate) use one_click::one_click;

/// Where the links lead.
const PATH: &str = "/unsubscribe";

/// The page; its form wants the crumb.
pub(crate) fn routes() -> Router<App> {
    Router::new().route(PATH, get(page::show).post(page::carry_out))
}
