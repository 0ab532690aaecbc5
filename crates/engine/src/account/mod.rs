//! One supervised actor per account: it follows the mailbox, records what happens, and survives
//! whatever a mail server does.

mod actor;
mod announce;
mod backoff;
mod connection;
mod handle;
mod memory;
mod record;
mod shared;

pub use handle::{AccountHandle, Answered, CallContext, LocalAccount};

pub(crate) use actor::run;
pub(crate) use shared::{Ask, Shared};
