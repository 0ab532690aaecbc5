//! The vocabulary of Posthouse: pure data with its wire shape; no I/O, no async.
//!
//! Every other crate speaks in these types. What needs no state is decided here.
//!
//! | Module | Noun |
//! |---|---|
//! | [`access`] | scopes, actions, groups, the permissions record |
//! | [`account`] | accounts: configuration, status, state |
//! | [`bounce`] | what came back of a message |
//! | [`caller`] | who is asking |
//! | [`change`] | changes as the change stream tells of them |
//! | [`command`] | commands to an account and their answers |
//! | [`error`] | the outward voice of an error |
//! | [`event`] | event types and their envelope |
//! | [`gateway`] | SMTP gateways |
//! | [`index`] | which messages a folder has, and their identities |
//! | [`mailbox`] | folders |
//! | [`message`] | messages |
//! | [`origin`] | what names a message and its conversation |
//! | [`outbox`] | queued outgoing messages |
//! | [`queue`] | the queues that can be paused |
//! | [`made_id`] | ids of what is made here |
//! | [`route`] | webhook routes |
//! | [`search`] | what messages are searched for |
//! | [`secret`] | text that must not be shown |
//! | [`settings`] | the registry of run-time settings |
//! | [`suppression`] | recipients who are not written to |
//! | [`template`] | stored templates of messages |
//! | [`time`] | points in time |
//! | [`token`] | access tokens |
//! | [`units`] | durations, sizes, booleans |

pub mod access;
pub mod account;
pub mod bounce;
pub mod caller;
pub mod change;
pub mod command;
pub mod error;
pub mod event;
pub mod gateway;
pub mod index;
mod made_id;
pub mod mailbox;
pub mod message;
pub mod origin;
pub mod outbox;
pub mod queue;
pub mod route;
pub mod search;
pub mod secret;
pub mod settings;
pub mod suppression;
pub mod template;
pub mod time;
pub mod token;
pub mod units;

pub use access::{Action, Group, Permissions, Scope};
pub use account::{Account, AccountId, AccountState};
pub use caller::Caller;
pub use error::ApiError;
pub use event::EventType;
pub use made_id::made_id;
pub use route::RouteId;
pub use secret::Secret;
pub use time::Timestamp;
