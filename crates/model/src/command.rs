//! Commands to an account and their answers: they cross the process boundary when the account
//! lives on another node, so all of it is data. Bodies travel beside them as byte streams.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    mailbox::Mailbox,
    message::{Message, MessageOptions, MessagePage, MessageUpdate, Text, TextType},
    search::Search,
};

/// What an account is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// List folders.
    ListMailboxes {
        /// Ask the server for current counters.
        counters: bool,
    },
    /// Make a folder, with its parents.
    CreateMailbox {
        /// Names from the root, between which the server's delimiter goes; one alone may hold delimiters itself.
        path: Vec<String>,
    },
    /// Rename a folder, subscribe to it, or give a subscription up.
    UpdateMailbox(UpdateMailbox),
    /// Delete a folder.
    DeleteMailbox {
        /// Folder path or special-use alias.
        path: String,
    },
    /// Ask how much storage is left.
    GetQuota,
    /// List a page of a folder.
    ListMessages(ListMessages),
    /// List a page of what a search finds.
    Search(Box<SearchMessages>),
    /// Read one message.
    GetMessage {
        /// Message id.
        message: String,
        /// How much of it.
        options: MessageOptions,
    },
    /// Read the text of a message.
    GetText {
        /// Text id.
        text: String,
        /// Which types.
        text_type: TextType,
        /// Limit in bytes for each type.
        max_bytes: Option<u64>,
    },
    /// Read the source of a message; the answer has a body.
    GetSource {
        /// Message id.
        message: String,
    },
    /// Read an attachment; the answer has a body.
    GetAttachment {
        /// Attachment id.
        attachment: String,
    },
    /// Change flags or labels.
    UpdateMessages {
        /// Of which messages.
        targets: Targets,
        /// The change.
        update: MessageUpdate,
    },
    /// Move messages to another folder.
    MoveMessages {
        /// Which.
        targets: Targets,
        /// Where: folder path or special-use alias.
        destination: String,
    },
    /// Delete messages: into the trash, or for good.
    DeleteMessages {
        /// Which.
        targets: Targets,
        /// For good, wherever they are.
        force: bool,
    },
    /// Store a message in a folder; the command has a body.
    Append(Append),
    /// Close the connection and open it again.
    Reconnect,
    /// Compare the mailbox with what is known at once.
    Sync,
}

/// What a command works on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Targets {
    /// The message with this id.
    Message(String),
    /// All messages of a folder that a search finds.
    Matching {
        /// Folder path or special-use alias.
        path: String,
        /// The search.
        search: Box<Search>,
    },
}

/// A change of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateMailbox {
    /// Folder path or special-use alias.
    pub path: String,
    /// Where it shall be, as in [`Command::CreateMailbox`].
    pub new_path: Option<Vec<String>>,
    /// Whether it shall be subscribed to.
    pub subscribed: Option<bool>,
}

/// A page of what a search finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchMessages {
    /// Folder and page.
    pub list: ListMessages,
    /// What to find.
    pub search: Search,
}

/// A page of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListMessages {
    /// Folder path or special-use alias.
    pub path: String,
    /// Page, from 0; a cursor wins over it.
    pub page: u64,
    /// Messages a page, 1 to 1000.
    pub page_size: u64,
    /// Opaque cursor of an earlier answer.
    pub cursor: Option<String>,
}

/// A message to store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    /// Folder path or special-use alias (such as `\Sent`).
    pub path: String,
    /// Flags.
    pub flags: Vec<String>,
    /// Internal date.
    pub internal_date: Option<Timestamp>,
    /// Size of the body, bytes.
    pub size: u64,
    /// Do nothing when the folder already holds a message with this `Message-ID`.
    pub unless_message_id: Option<String>,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Folders.
    Mailboxes(Vec<Mailbox>),
    /// A folder was made, renamed, deleted, or left as it was.
    Mailbox(MailboxChange),
    /// Storage; none where the server keeps no count.
    Quota(Option<Quota>),
    /// A page.
    Messages(MessagePage),
    /// So many messages were changed.
    Updated(u64),
    /// Messages were moved.
    Moved(Moved),
    /// Messages were deleted.
    Deleted(Deleted),
    /// A message.
    Message(Box<Message>),
    /// Text.
    Text(Text),
    /// A body follows.
    Body(BodyHead),
    /// Done.
    Done,
    /// A message was stored.
    Appended {
        /// Folder it was stored in.
        path: String,
        /// Its id, where the server tells its UID.
        id: Option<String>,
        /// Its UID.
        uid: Option<u32>,
        /// UIDVALIDITY of the folder.
        uid_validity: Option<u32>,
    },
}

/// What became of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MailboxChange {
    /// Its path; before a renaming, the old one.
    pub path: String,
    /// Its new path.
    pub new_path: Option<String>,
    /// The server's id of it (RFC 8474).
    pub mailbox_id: Option<String>,
    /// It was made, renamed or deleted just now. `false`: it was so already.
    pub done: bool,
}

/// Storage of an account (RFC 9208).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Bytes in use.
    pub usage: u64,
    /// Bytes at most.
    pub limit: u64,
}

/// Messages at their new place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moved {
    /// The folder they are in now.
    pub path: String,
    /// How many there were.
    pub count: u64,
    /// Old and new ids, as far as the server tells.
    pub ids: Vec<(String, String)>,
    /// UID of the one that was moved.
    pub uid: Option<u32>,
}

/// What a deletion did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deleted {
    /// So many messages are gone for good.
    Expunged(u64),
    /// They are in the trash.
    Trashed(Moved),
}

/// What is known of a body before its first byte.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BodyHead {
    /// Media type.
    pub content_type: String,
    /// File name.
    pub filename: Option<String>,
    /// Size in bytes, where it is known.
    pub size: Option<u64>,
    /// Size in bytes as the mail server tells it, which is not always true: for the room to make, not to be promised.
    pub about: Option<u64>,
}
