//! Following a mailbox: a pure core per backend decides, a thin shell talks to the server, the
//! engine records.
//!
//! The core is `step(SyncState, Input) -> (Requests, Changes, StateDelta)` without I/O; its shell
//! implements [`Follow`]. The engine commits the changes and deltas of a [`Step`] in one batch
//! before it asks for the next one, so that a crash between two steps neither loses nor repeats.

use bytes::Bytes;
use posthouse_model::{
    Timestamp,
    index::IndexDelta,
    mailbox::Mailbox,
    message::{Message, MessageOptions},
    origin::Origin,
};

use serde::{Deserialize, Serialize};

use crate::{BoxFuture, error::BackendError, imap::sync::ResetReason};

/// What a backend knows of a mailbox from an earlier run. The engine stores it as rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncState {
    /// IMAP: one entry a followed folder.
    Imap(Vec<ImapFolder>),
    /// A cursor of the provider's history; none before the first sync.
    Cursor(Option<String>),
}

/// What is known of a folder on an IMAP server: its counters when the index was last equal to it.
///
/// Serialises to what is stored beside its path and UIDVALIDITY; what is not stored is as in a folder that was only
/// recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImapFolder {
    /// Path, decoded.
    #[serde(skip)]
    pub path: String,
    /// UIDVALIDITY.
    #[serde(skip)]
    pub uid_validity: u32,
    /// The UID from which on messages are new.
    pub uid_next: u32,
    /// HIGHESTMODSEQ (RFC 7162), 0 when the server has none.
    pub highest_modseq: u64,
    /// Messages in the folder.
    pub messages: u32,
    /// The index holds its messages; otherwise only `uid_next` is followed, or it is still being taken in.
    #[serde(skip_serializing_if = "is_default")]
    pub indexed: bool,
    /// It was not told of yet: what is found until the index is complete was there before it.
    #[serde(skip_serializing_if = "is_default")]
    pub silent: bool,
    /// Why and from what it was reset, while that was not told yet.
    #[serde(skip_serializing_if = "is_default")]
    pub reset_from: Option<Reset>,
    /// Messages below this UID are older than what is to be indexed.
    #[serde(skip_serializing_if = "is_default")]
    pub floor: u32,
    /// Messages that the server counts and the index does not hold: those below the floor, and what a server counts but
    /// does not show.
    #[serde(skip_serializing_if = "is_default")]
    pub hidden: i64,
    /// When all messages were last compared.
    #[serde(skip_serializing_if = "is_default")]
    pub last_full: Option<Timestamp>,
}

/// A folder that was told of, and whose index is built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// Why.
    pub reason: ResetReason,
    /// The UIDVALIDITY it had, if it is another now.
    pub previous: Option<u32>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A change of what a backend knows, to be stored in the batch of the changes it came with.
#[derive(Debug, Clone, PartialEq)]
pub enum StateDelta {
    /// A folder is now known like this.
    ImapFolder(ImapFolder),
    /// A folder is gone, with all that is known of its messages.
    ImapFolderGone {
        /// Path.
        path: String,
    },
    /// What a folder's index becomes.
    ImapIndex {
        /// Number of the folder.
        mailbox: u32,
        /// The change.
        delta: IndexDelta,
    },
    /// A folder's index is dropped.
    ImapIndexGone {
        /// Path.
        path: String,
    },
    /// The provider's history was read up to here.
    Cursor(String),
}

/// How the flags or the labels of a message changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MarkChange {
    /// It has these now.
    pub added: Vec<String>,
    /// It no longer has these.
    pub deleted: Vec<String>,
    /// All that it has, in the order of the server.
    pub value: Vec<String>,
}

/// A message and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Message id.
    pub id: String,
    /// Number of its folder; 0 where folders have none.
    pub mailbox: u32,
    /// UID, where there is one.
    pub uid: Option<u32>,
    /// Folder.
    pub path: String,
}

/// Something that happened in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A message arrived. The engine reads it by its id and announces it.
    MessageNew {
        /// The message.
        place: Place,
        /// What names it beyond its place; none where that was not asked for.
        origin: Option<Box<Origin>>,
    },
    /// A message's flags or labels changed.
    MessageUpdated {
        /// The message.
        place: Place,
        /// Its flags, where they changed.
        flags: Option<MarkChange>,
        /// Its labels, where they changed.
        labels: Option<MarkChange>,
    },
    /// A message is gone from its folder.
    MessageDeleted {
        /// The message.
        place: Place,
    },
    /// A message is there that is not announced: what names it, to be remembered.
    MessageKnown {
        /// The message.
        place: Place,
        /// What names it.
        origin: Box<Origin>,
    },
    /// A folder appeared.
    MailboxNew {
        /// Path.
        path: String,
        /// UIDVALIDITY.
        uid_validity: Option<u32>,
    },
    /// A folder is gone.
    MailboxDeleted {
        /// Path.
        path: String,
    },
    /// A folder's index was dropped and built anew.
    MailboxReset {
        /// Path.
        path: String,
        /// UIDVALIDITY now.
        uid_validity: Option<u32>,
        /// UIDVALIDITY before.
        previous: Option<u32>,
        /// `uidValidityChange` or `syncStateLost`.
        reason: &'static str,
    },
}

/// A folder that cannot be read; it is tried again, and the others go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncTrouble {
    /// Path.
    pub path: String,
    /// What the server said.
    pub response: String,
    /// Its response code.
    pub code: Option<String>,
}

/// How far following has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Logged in, comparing.
    Syncing,
    /// Compared; changes are noticed as they happen.
    Following,
}

/// What the engine must record before it asks for more.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// How far following has come.
    pub phase: Phase,
    /// What happened, in order.
    pub changes: Vec<Change>,
    /// What to remember.
    pub deltas: Vec<StateDelta>,
    /// The folders, when they were listed.
    pub mailboxes: Option<Vec<Mailbox>>,
    /// The folder that cannot be read now, where that changed: none when all can.
    pub trouble: Option<Option<SyncTrouble>>,
}

/// A mailbox that is being followed.
pub trait Follow: Send {
    /// Waits for the next step. The first connects, logs in and returns [`Phase::Syncing`]; once
    /// everything is compared a step says [`Phase::Following`] and from then on it returns when
    /// something happened.
    ///
    /// # Errors
    /// After an error the follower is spent: make a new one from the recorded state.
    fn next(&mut self) -> BoxFuture<'_, Result<Step, BackendError>>;

    /// Reads new messages, over the connection that found them where that is possible. In the order of the ids; what is
    /// not there any more is an error of its own. Called while no [`Follow::next`] is under way.
    ///
    /// # Errors
    /// When the server could not be asked: the follower is spent.
    fn read<'a>(
        &'a mut self,
        ids: &'a [String],
        options: &'a MessageOptions,
    ) -> BoxFuture<'a, Result<Vec<Result<Message, BackendError>>, BackendError>>;

    /// Reads the sources of new messages up to so many bytes each, as [`Follow::read`] reads messages.
    ///
    /// # Errors
    /// When the server could not be asked: the follower is spent. With [`BackendError::Refused`] it is not: then there is one
    /// among them that the server does not give.
    fn sources<'a>(
        &'a mut self,
        ids: &'a [String],
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Result<Bytes, BackendError>>, BackendError>>;

    /// Asks for a comparison with the server at once, without waiting for an announcement. Called
    /// while no [`Follow::next`] is under way; that future may be dropped to call it: dropping
    /// loses nothing that the next one would not find again.
    fn poke(&mut self);
}
