//! Messages as the API shows them (behaviour 9, 10.2-10.5).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Timestamp, bounce::BounceEntry, mailbox::SpecialUse};

/// An address of a header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Address {
    /// Display name, decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `local@domain`; empty for the name of a group, whose members follow.
    #[serde(default)]
    pub address: String,
}

/// An attachment of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Names the part for `GET attachment/{id}`.
    pub id: String,
    /// `type/subtype`, lower case.
    pub content_type: String,
    /// Size in bytes as transferred (before decoding).
    pub encoded_size: u64,
    /// Part of a `multipart/related`.
    pub embedded: bool,
    /// `Content-Disposition: inline`.
    pub inline: bool,
    /// Inside an attached `message/rfc822`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub encoded_in_message: bool,
    /// `Content-ID` with its angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
    /// Decoded file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The `method` parameter of a calendar part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The decoded content in base64, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// An event that a calendar part tells of (RFC 5545, behaviour 7.3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarEvent {
    /// `UID` of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the attachment.
    pub attachment: String,
    /// `REQUEST`, `CANCEL`, `REPLY` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Name of the time zone it is planned in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Begin: a time in UTC, one without `Z` where the zone is not known, a date for whole days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    /// End, in the same forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
    /// URI of the organizer, mostly `mailto:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizer: Option<String>,
    /// `invite.ics` for invitations and what takes them back, else `event.ics`.
    pub filename: String,
    /// `type/subtype` of the attachment.
    pub content_type: String,
    /// `base64`.
    pub encoding: String,
    /// The calendar part.
    pub content: String,
}

/// Transfer sizes of the text parts, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TextSize {
    /// All `text/plain` parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<u64>,
    /// All `text/html` parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<u64>,
}

/// The text of a message: its id, and its content as far as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    /// Names the text for `GET text/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Transfer sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoded_size: Option<TextSize>,
    /// Plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<String>,
    /// HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Some of it was cut at the asked limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
    /// The HTML is sanitised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_safe: Option<bool>,
}

/// A message, of a listing or in detail. False booleans are omitted on the wire.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Names the message within its account; opaque to all but the backend.
    pub id: String,
    /// IMAP UID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Folder; in detail and in events only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Stable id of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_id: Option<String>,
    /// Thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// Internal date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// All flags.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Labels, where the provider has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Not `\Seen`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unseen: bool,
    /// `\Flagged`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub flagged: bool,
    /// `\Answered`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub answered: bool,
    /// `\Draft`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub draft: bool,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Decoded subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Address>,
    /// Sender, in detail only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// Where answers go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Address>,
    /// Recipients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Address>,
    /// Copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Address>,
    /// Blind copies, in detail only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Address>,
    /// `Message-ID` with its angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// `In-Reply-To`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// Headers by lower-case name, values in original order; in detail only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Map<String, Value>>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Attachments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// What its calendar parts tell of, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calendar_events: Vec<CalendarEvent>,
    /// Special use of the folder, in detail only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_use: Option<SpecialUse>,
    /// Special use of the message, by folder or label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_special_use: Option<SpecialUse>,
    /// The message answers by itself (RFC 3834 and practice).
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_auto_reply: bool,
    /// First sighting of this message in the account; in `messageNew` only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub seems_like_new: bool,
    /// Whom it did not reach, as far as that was heard of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounces: Vec<BounceEntry>,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    /// Messages of the folder.
    pub total: u64,
    /// This page's number, from 0.
    pub page: u64,
    /// Number of pages, at least 1.
    pub pages: u64,
    /// Cursor of the next page.
    pub next_page_cursor: Option<String>,
    /// Cursor of the previous page.
    pub prev_page_cursor: Option<String>,
    /// Newest first.
    pub messages: Vec<Message>,
}

/// Which text types an answer shall hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TextType {
    /// Neither: only the id and the sizes.
    #[default]
    #[serde(rename = "none")]
    None,
    /// Plain text.
    #[serde(rename = "plain")]
    Plain,
    /// HTML.
    #[serde(rename = "html")]
    Html,
    /// Both.
    #[serde(rename = "*")]
    All,
}

impl TextType {
    /// Whether plain text is asked for.
    #[must_use]
    pub const fn plain(self) -> bool {
        matches!(self, Self::Plain | Self::All)
    }

    /// Whether HTML is asked for.
    #[must_use]
    pub const fn html(self) -> bool {
        matches!(self, Self::Html | Self::All)
    }
}

/// Which headers an answer shall hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HeaderChoice {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// These, lower-case.
    Named(Vec<String>),
}

/// How much of a message to read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MessageOptions {
    /// Text content to include.
    pub text_type: TextType,
    /// Limit in bytes for each text type.
    pub max_bytes: Option<u64>,
    /// Headers to include.
    pub headers: HeaderChoice,
    /// Include the content of attachments of at most so many decoded bytes.
    pub attachments: Option<u64>,
    /// Include the events that calendar parts tell of.
    pub calendar_events: bool,
    /// Make the HTML safe to show inside a page, from the plain text if there is none.
    pub web_safe: bool,
    /// Put attached images into the HTML that shows them.
    pub embed_images: bool,
    /// Set `\Seen` after reading.
    pub mark_as_seen: bool,
}

/// A change of a list of words: `set` wins over `add` and `delete`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WordsUpdate {
    /// Words to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<Vec<String>>,
    /// Words to remove.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<Vec<String>>,
    /// The words that shall remain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Vec<String>>,
}

/// A change of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageUpdate {
    /// Flags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<WordsUpdate>,
    /// Labels; ignored where the provider has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<WordsUpdate>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}
