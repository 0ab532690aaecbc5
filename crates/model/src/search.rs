//! What messages are searched for (behaviour 10.3).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Timestamp;

/// Conditions that all must hold; none at all is every message of the folder.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Search {
    /// Sequence numbers, as IMAP writes sets of them: `1:10,15,20:*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<String>,
    /// UIDs, in the same form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Has `\Answered`, or has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<bool>,
    /// Has `\Deleted`, or has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
    /// Has `\Draft`, or has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<bool>,
    /// Has not `\Seen`, or has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<bool>,
    /// Has `\Flagged`, or has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flagged: Option<bool>,
    /// Has `\Seen`, or has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<bool>,
    /// `From` contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `To` contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `Cc` contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cc: Option<String>,
    /// `Bcc` contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bcc: Option<String>,
    /// The text contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// `Subject` contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// More bytes than.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub larger: Option<u64>,
    /// Fewer bytes than.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smaller: Option<u64>,
    /// Mod-sequence at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modseq: Option<u64>,
    /// Arrived before this day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// Arrived on this day or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// `Date` before this day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_before: Option<Timestamp>,
    /// `Date` on this day or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_since: Option<Timestamp>,
    /// The provider's stable id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_id: Option<String>,
    /// The conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// One of these stable ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_ids: Option<Vec<String>>,
    /// Header fields: a text that the field contains, `true` for any, `false` for none; a list of these holds where each does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Map<String, Value>>,
    /// Gmail's own search language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gmail_raw: Option<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelFilter>,
}

/// Labels that messages have or lack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelFilter {
    /// All of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub has: Vec<String>,
    /// None of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
}

impl Search {
    /// Whether every message is searched for.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}
