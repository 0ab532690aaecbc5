//! One supervised actor per account: it follows the mailbox, records what happens, and survives
//! whatever a mail server does.

mod actor;
mod announce;
mod arrivals;
mod backoff;
mod bounced;
mod changes;
mod connection;
mod conversations;
mod departures;
mod handle;
mod memory;
mod naming;
mod originals;
mod record;
mod reports;
mod shared;

pub use handle::{AccountHandle, Answered, CallContext, LocalAccount, SentFolder};

pub(crate) use actor::run;
pub(crate) use announce::Pending;
pub(crate) use departures::run as announce_departures;
pub(crate) use naming::{Naming, run as name_messages};
pub(crate) use shared::{Ask, Shared};
