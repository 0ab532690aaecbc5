//! One interface over a mailbox, and its implementations.
//!
//! [`Mailbox`] are the verbs a caller needs, [`Follow`] is the stream of what happens in it. A
//! backend knows its protocol and nothing of the store, of webhooks or of who is calling; what it
//! must remember it hands out as [`StateDelta`]s or asks [`Memory`] for.

mod body;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod follow;
pub mod imap;
mod mailbox;
mod network;
mod protocol_log;

pub use body::{Body, BodyStream};
pub use error::BackendError;
pub use follow::{
    Change, Follow, ImapFolder, MarkChange, Phase, Place, Reset, StateDelta, Step, SyncState,
    SyncTrouble,
};
pub use mailbox::{Appended, Capabilities, Folder, Mailbox, Memory, Threads};
pub use network::{ImapCounters, LoginSource, Network, ResponseKind, tls_profile};
pub use protocol_log::{ProtocolLog, Speaker, next_connection};

/// A boxed future, so that the traits here can be used as objects.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;
