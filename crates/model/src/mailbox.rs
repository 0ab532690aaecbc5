//! Folders as the API shows them (behaviour 10.1).

use serde::{Deserialize, Serialize};

use crate::access::words;

words! {
    /// What a folder is for (RFC 6154, and `\Inbox`).
    SpecialUse {
        /// The inbox.
        Inbox = "\\Inbox",
        /// Flagged messages.
        Flagged = "\\Flagged",
        /// Sent mail.
        Sent = "\\Sent",
        /// Drafts.
        Drafts = "\\Drafts",
        /// Every message.
        All = "\\All",
        /// Archive.
        Archive = "\\Archive",
        /// Spam.
        Junk = "\\Junk",
        /// Deleted mail.
        Trash = "\\Trash",
    }
}

words! {
    /// How a folder's special use is known.
    SpecialUseSource {
        /// Set on the account.
        User = "user",
        /// Announced by the server.
        Extension = "extension",
        /// Guessed from the name.
        Name = "name",
    }
}

/// Counters of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MailboxStatus {
    /// Messages.
    pub messages: u64,
    /// Messages that are not `\Seen`.
    pub unseen: u64,
}

/// A folder. The declaration order of [`SpecialUse`] is the order of listings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mailbox {
    /// Full path, decoded.
    pub path: String,
    /// The delimiter of the hierarchy, `null` in a flat one.
    pub delimiter: Option<String>,
    /// Path of the parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_path: Option<String>,
    /// Last part of the path.
    pub name: String,
    /// Shown by LIST.
    pub listed: bool,
    /// Shown by LSUB.
    pub subscribed: bool,
    /// Special use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_use: Option<SpecialUse>,
    /// How that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_use_source: Option<SpecialUseSource>,
    /// Cannot be opened.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_select: bool,
    /// Cannot have children.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_inferiors: bool,
    /// Messages, as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Next UID, as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid_next: Option<u64>,
    /// Counters, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MailboxStatus>,
}

impl Mailbox {
    /// Sorts as listings do: by special use (Inbox, Flagged, Sent, Drafts, All, Archive, Junk,
    /// Trash), then by path.
    pub fn sort(list: &mut [Self]) {
        let rank = |mailbox: &Self| {
            mailbox
                .special_use
                .and_then(|special| SpecialUse::ALL.iter().position(|known| *known == special))
                .unwrap_or(usize::MAX)
        };
        list.sort_by(|a, b| {
            rank(a)
                .cmp(&rank(b))
                .then_with(|| a.path.to_lowercase().cmp(&b.path.to_lowercase()))
        });
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}
