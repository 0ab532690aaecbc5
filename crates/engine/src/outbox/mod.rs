//! The outbox: queued messages on their way to a mail server.

mod outcome;
mod pool;
mod route;
mod worker;

pub use route::{SmtpRoute, connect_smtp, verify_smtp};
pub(crate) use worker::{run, sweep};
