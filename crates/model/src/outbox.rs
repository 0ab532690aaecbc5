//! Queued outgoing messages (behaviour 11.2).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountId, Timestamp, access::words};

/// The id of a queued message: 19 hex characters, ordered by time (behaviour 9).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueueId(String);

impl QueueId {
    /// A new id.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate(now: Timestamp) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 10];
        getrandom::fill(&mut bytes)?;
        bytes[..6].copy_from_slice(&now.millis().to_be_bytes()[2..]);
        let mut text = hex::encode(bytes);
        text.remove(0);
        Ok(Self(text))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for QueueId {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

words! {
    /// Where a queued message came from.
    Source {
        /// The API.
        Api = "api",
        /// The console.
        Ui = "ui",
        /// The SMTP submission server.
        Smtp = "smtp",
        /// A delivery test.
        Test = "test",
    }
}

words! {
    /// How far a queued message has come.
    ProgressStatus {
        /// Waiting.
        Queued = "queued",
        /// Taken by a worker.
        Processing = "processing",
        /// Connecting to the mail server.
        SmtpStarting = "smtp-starting",
        /// Accepted by the mail server.
        SmtpCompleted = "smtp-completed",
        /// All follow-ups are done.
        Submitted = "submitted",
        /// The last attempt failed.
        Error = "error",
    }
}

/// The progress of a queued message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// How far.
    pub status: ProgressStatus,
    /// The server's reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ProgressError>,
    /// Whether it was delivered is not known: the connection was lost after the last byte. `false`: it is known by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambiguous: Option<bool>,
}

impl Progress {
    /// So far, and nothing else to say.
    #[must_use]
    pub fn of(status: ProgressStatus) -> Self {
        Self {
            status,
            response: None,
            error: None,
            ambiguous: None,
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressError {
    /// What happened.
    pub message: String,
    /// Error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The server's reply code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
}

/// An SMTP envelope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SmtpEnvelope {
    /// Return path; empty for `<>`.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
}

/// What a worker needs beside the message itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Job {
    /// `Message-ID` with its angle brackets.
    pub message_id: String,
    /// Envelope.
    pub envelope: SmtpEnvelope,
    /// Subject, for listings.
    pub subject: Option<String>,
    /// Upload to the Sent folder; none means the default.
    pub copy: Option<bool>,
    /// Sent folder instead of the account's.
    pub sent_mail_path: Option<String>,
    /// Gateway.
    pub gateway: Option<String>,
    /// Proxy of this message.
    pub proxy: Option<String>,
    /// Local address of this message.
    pub local_address: Option<String>,
    /// Delivery status notifications.
    pub dsn: Option<Value>,
    /// The message it refers to.
    pub reference: Option<JobReference>,
    /// The draft that it was, to be deleted after sending: a message id.
    pub draft: Option<String>,
    /// Key of idempotent submission.
    pub idempotency_key: Option<String>,
    /// Recipients whom the server did not take yet, while it took the message for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred: Option<Deferred>,
}

/// Recipients whom the server did not take yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// Their addresses.
    pub to: Vec<String>,
    /// There were too many for one transaction: the next may follow at once and is no further attempt.
    pub at_once: bool,
}

/// What is to be done to the referenced message after sending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReference {
    /// Its id.
    pub message: String,
    /// Flags to add.
    pub add_flags: Vec<String>,
}

/// A queued message.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    /// Queue id.
    pub id: QueueId,
    /// Account.
    pub account: AccountId,
    /// Origin.
    pub source: Source,
    /// When it was queued.
    pub created: Timestamp,
    /// When it is to be sent.
    pub scheduled: Timestamp,
    /// When it is tried next; none while it is being sent or after the last attempt.
    pub next_attempt: Option<Timestamp>,
    /// Attempts so far.
    pub attempts_made: u32,
    /// Attempts at the most.
    pub attempts: u32,
    /// Progress.
    pub progress: Progress,
    /// The rest.
    pub job: Job,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn queue_ids() {
        let id = QueueId::generate(Timestamp(1_700_000_000_000)).unwrap();
        assert_eq!(id.as_str().len(), 19);
        assert!(id.as_str().starts_with("18bcfe56800"));
    }
}
