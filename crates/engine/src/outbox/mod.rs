//! The outbox: queued messages on their way to a mail server.

mod delivery;
mod follow_up;
mod outcome;
mod pool;
mod result;
mod route;
mod worker;

pub use route::{SmtpRoute, connect_smtp, verify_smtp};
pub(crate) use worker::{run, sweep};
