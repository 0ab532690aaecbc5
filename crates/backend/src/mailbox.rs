//! The verbs over a mailbox.

use std::collections::HashMap;

use posthouse_model::{
    command::{
        Append, Deleted, ListMessages, MailboxChange, Moved, Quota, SearchMessages, Targets,
        UpdateMailbox,
    },
    index::{MessageIndex, ThreadKey},
    mailbox,
    message::{Message, MessageOptions, MessagePage, MessageUpdate, Text, TextType},
    origin::Origin,
};

use crate::{Body, BodyStream, BoxFuture, Follow, SyncState, error::BackendError};

/// What a backend, and the server behind it, can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Messages carry labels.
    pub labels: bool,
    /// Messages carry thread ids.
    pub threads: bool,
    /// Sent mail is filed by the provider itself.
    pub files_sent: bool,
    /// What the provider files has the `Message-ID` that it was sent with.
    pub keeps_ids: bool,
    /// It is followed by a cursor of the provider's history rather than folder by folder.
    pub history: bool,
    /// Messages can be stored.
    pub append: bool,
}

/// A message that was stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Folder.
    pub path: String,
    /// Its id, where the server tells it.
    pub id: Option<String>,
    /// Its UID.
    pub uid: Option<u32>,
    /// UIDVALIDITY of the folder.
    pub uid_validity: Option<u32>,
}

/// A folder as a number stands for it in message ids: a new UIDVALIDITY is a new folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Folder {
    /// Path, decoded.
    pub path: String,
    /// UIDVALIDITY (RFC 9051 section 2.3.1.1).
    pub uid_validity: u32,
}

/// What a backend asks the engine to remember.
pub trait Memory: Send + Sync {
    /// The number of a folder within its account; a folder seen for the first time gets the next.
    fn number<'a>(&'a self, folder: &'a Folder) -> BoxFuture<'a, Result<u32, BackendError>>;

    /// The folder of a number.
    fn folder(&self, number: u32) -> BoxFuture<'_, Result<Option<Folder>, BackendError>>;

    /// The message index of a folder, as the deltas of [`crate::StateDelta`] made it; none where it was lost.
    fn index(&self, number: u32) -> BoxFuture<'_, Result<Option<MessageIndex>, BackendError>>;

    /// The conversations of messages of a folder, by UID: none for a message that belongs to none. Messages of which that
    /// is not known yet are missing.
    fn threads<'a>(
        &'a self,
        number: u32,
        uids: &'a [u32],
    ) -> BoxFuture<'a, Result<Threads, BackendError>>;

    /// Remembers what names messages of a folder; their conversations, as [`Memory::threads`] gives them from now on.
    fn name(
        &self,
        number: u32,
        origins: Vec<(u32, Origin)>,
    ) -> BoxFuture<'_, Result<Threads, BackendError>>;
}

/// Conversations by UID.
pub type Threads = HashMap<u32, Option<ThreadKey>>;

/// A mailbox of a provider. Ids and cursors are opaque outside of the backend that made them.
///
/// All verbs may run at once; a backend queues fairly for what it has few of. A verb that is
/// dropped half-way leaves nothing behind that a later verb could trip over. The caller puts a
/// deadline on each.
pub trait Mailbox: Send + Sync {
    /// What it can do, as far as is known now.
    fn capabilities(&self) -> Capabilities;

    /// Connections to the server that are open for callers, beside the one that follows.
    fn sessions(&self) -> usize {
        0
    }

    /// Folders, with current counters when asked.
    fn list_mailboxes(
        &self,
        counters: bool,
    ) -> BoxFuture<'_, Result<Vec<mailbox::Mailbox>, BackendError>>;

    /// Makes a folder.
    fn create_mailbox<'a>(
        &'a self,
        _path: &'a [String],
    ) -> BoxFuture<'a, Result<MailboxChange, BackendError>> {
        unsupported("making folders")
    }

    /// Renames a folder, subscribes to it, or gives a subscription up.
    fn update_mailbox<'a>(
        &'a self,
        _update: &'a UpdateMailbox,
    ) -> BoxFuture<'a, Result<MailboxChange, BackendError>> {
        unsupported("changing folders")
    }

    /// Deletes a folder.
    fn delete_mailbox<'a>(
        &'a self,
        _path: &'a str,
    ) -> BoxFuture<'a, Result<MailboxChange, BackendError>> {
        unsupported("deleting folders")
    }

    /// Storage; none where no count of it is kept.
    fn quota(&self) -> BoxFuture<'_, Result<Option<Quota>, BackendError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// A page of what a search finds, newest first.
    fn search<'a>(
        &'a self,
        _request: &'a SearchMessages,
    ) -> BoxFuture<'a, Result<MessagePage, BackendError>> {
        unsupported("searching")
    }

    /// Moves messages to another folder.
    fn move_messages<'a>(
        &'a self,
        _targets: &'a Targets,
        _destination: &'a str,
    ) -> BoxFuture<'a, Result<Moved, BackendError>> {
        unsupported("moving messages")
    }

    /// Deletes messages: into the trash, or for good.
    fn delete_messages<'a>(
        &'a self,
        _targets: &'a Targets,
        _force: bool,
    ) -> BoxFuture<'a, Result<Deleted, BackendError>> {
        unsupported("deleting messages")
    }

    /// A page of a folder, newest first.
    fn list_messages<'a>(
        &'a self,
        request: &'a ListMessages,
    ) -> BoxFuture<'a, Result<MessagePage, BackendError>>;

    /// One message in detail.
    fn message<'a>(
        &'a self,
        id: &'a str,
        options: &'a MessageOptions,
    ) -> BoxFuture<'a, Result<Message, BackendError>>;

    /// The text of a message.
    fn text<'a>(
        &'a self,
        id: &'a str,
        text_type: TextType,
        max_bytes: Option<u64>,
    ) -> BoxFuture<'a, Result<Text, BackendError>>;

    /// The source of a message.
    fn source<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Body, BackendError>>;

    /// An attachment, decoded.
    fn attachment<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Body, BackendError>>;

    /// Changes flags or labels, and tells of how many messages.
    fn update<'a>(
        &'a self,
        targets: &'a Targets,
        update: &'a MessageUpdate,
    ) -> BoxFuture<'a, Result<u64, BackendError>>;

    /// Stores a message.
    fn append<'a>(
        &'a self,
        append: &'a Append,
        body: BodyStream,
    ) -> BoxFuture<'a, Result<Appended, BackendError>>;

    /// What names messages of a folder beyond their place, by UID; those that are gone are missing. For backends whose
    /// messages have UIDs.
    fn origins<'a>(
        &'a self,
        mailbox: u32,
        uids: &'a [u32],
    ) -> BoxFuture<'a, Result<Vec<(u32, Origin)>, BackendError>>;

    /// The id of the message with this UID in the folder of this number, where ids are made of these.
    fn message_id(&self, _mailbox: u32, _uid: u32) -> Option<String> {
        None
    }

    /// Follows the mailbox from a known state. Nothing is connected before the first
    /// [`Follow::next`].
    fn follow(&self, state: SyncState) -> Box<dyn Follow>;
}

/// What a backend gives for a verb that its provider does not have: 400 `UnsupportedOperation`.
fn unsupported<'a, T: Send + 'a>(what: &str) -> BoxFuture<'a, Result<T, BackendError>> {
    let error = BackendError::Input {
        status: 400,
        message: format!("Accounts of this type do not support {what}"),
        code: "UnsupportedOperation",
    };
    Box::pin(std::future::ready(Err(error)))
}
