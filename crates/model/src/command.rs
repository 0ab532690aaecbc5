//! Commands to an account and their answers: they cross the process boundary when the account
//! lives on another node, so all of it is data. Bodies travel beside them as byte streams.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    mailbox::Mailbox,
    message::{Message, MessageOptions, MessagePage, MessageUpdate, Text, TextType},
};

/// What an account is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// List folders.
    ListMailboxes {
        /// Ask the server for current counters.
        counters: bool,
    },
    /// List a page of a folder.
    ListMessages(ListMessages),
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
    /// Change flags or labels of a message.
    UpdateMessage {
        /// Message id.
        message: String,
        /// The change.
        update: MessageUpdate,
    },
    /// Store a message in a folder; the command has a body.
    Append(Append),
    /// Close the connection and open it again.
    Reconnect,
    /// Compare the mailbox with what is known at once.
    Sync,
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
    /// A page.
    Messages(MessagePage),
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
    },
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
}
