//! What came back of a message, as it is shown with that message (behaviour 10.4).

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A recipient whom a message did not reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BounceEntry {
    /// Id of the message that says so.
    pub message: String,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What the server said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<BounceResponse>,
    /// When the message that says so arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
}

/// Why a message did not reach a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BounceResponse {
    /// The words of a server, or of whoever tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Enhanced status code (RFC 3463).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}
