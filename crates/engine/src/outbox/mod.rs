//! The outbox: queued messages on their way to a mail server.

mod callers;
mod delivery;
mod dispatch;
mod follow_up;
mod hand;
mod lookup;
mod outcome;
mod pool;
mod provider_id;
mod result;
mod route;
mod turn;
mod worker;

pub use callers::{AtTheDoor, Callers};
pub(crate) use dispatch::run;
pub use route::{SmtpRoute, connect_smtp, verify_smtp};
pub(crate) use worker::sweep;
