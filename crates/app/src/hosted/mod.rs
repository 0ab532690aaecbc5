//! The hosted form (behaviour 12): an operator signs a link, and whoever holds it adds one mailbox, without a login.
//!
//! | Module | Noun |
//! |---|---|
//! | `link` | what a link says, its signature and its lifetime |
//! | `form` | making links |
//! | `servers` | what a visitor typed, checked |
//! | `trial` | whether that works, told in kinds rather than in servers' words |
//! | `detect` | finding the servers of an address |
//! | `create` | the account |
//! | `redirect` | where the visitor goes afterwards |
//! | `limits` | how often all this may be done |
//!
//! A visitor is anonymous, so a link must not become a tool: trials are counted per link and per address, results never
//! show what a server said unless it asked for a login, and a signature is good for one account.

mod create;
mod detect;
mod form;
mod limits;
mod link;
mod redirect;
mod servers;
mod trial;

pub use create::{CreateError, Created};
pub use form::HostedApp;
pub use link::{Link, LinkError};
pub use servers::{Fault, Field, MailServer, ServerEntry, ServerForm, ServerInput, Why};
pub use trial::{Outcome, Trial, Trouble};
