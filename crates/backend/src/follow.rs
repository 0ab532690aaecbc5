//! Following a mailbox: a pure core per backend decides, a thin shell talks to the server, the
//! engine records.
//!
//! The core is `step(SyncState, Input) -> (Requests, Changes, StateDelta)` without I/O; its shell
//! implements [`Follow`]. The engine commits the changes and deltas of a [`Step`] in one batch
//! before it asks for the next one, so that a crash between two steps neither loses nor repeats.

use posthouse_model::{Timestamp, mailbox::Mailbox};

use crate::{BoxFuture, error::BackendError};

/// What a backend knows of a mailbox from an earlier run. The engine stores it as rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncState {
    /// IMAP: one entry a followed folder.
    Imap(Vec<ImapFolder>),
    /// A cursor of the provider's history; none before the first sync.
    Cursor(Option<String>),
}

/// What is known of a folder on an IMAP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImapFolder {
    /// Path, decoded.
    pub path: String,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// The UID from which on messages are new.
    pub uid_next: u32,
    /// HIGHESTMODSEQ (RFC 7162), 0 when the server has none.
    pub highest_modseq: u64,
    /// Messages in the folder.
    pub messages: u32,
}

/// A change of what a backend knows, to be stored in the batch of the changes it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateDelta {
    /// A folder is now known like this.
    ImapFolder(ImapFolder),
    /// A folder is gone.
    ImapFolderGone {
        /// Path.
        path: String,
    },
    /// The provider's history was read up to here.
    Cursor(String),
}

/// Something that happened in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A message arrived. The engine reads it by its id and announces it.
    MessageNew {
        /// Message id.
        id: String,
        /// UID, where there is one.
        uid: Option<u32>,
        /// Folder.
        path: String,
        /// When the server received it, where that is known already.
        date: Option<Timestamp>,
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

    /// Asks for a comparison with the server at once, without waiting for an announcement. Called
    /// while no [`Follow::next`] is under way; that future may be dropped to call it: dropping
    /// loses nothing that the next one would not find again.
    fn poke(&mut self);
}
