//! What the header of a message says about it.

use posthouse_model::{Timestamp, message::Address};

use crate::header::{self, Headers};

/// The fields that a list of messages shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Message-ID with its angle brackets.
    pub message_id: Option<String>,
    /// Subject, decoded.
    pub subject: Option<String>,
    /// First author.
    pub from: Option<Address>,
    /// Sender.
    pub sender: Option<Address>,
    /// Where answers go.
    pub reply_to: Vec<Address>,
    /// Recipients.
    pub to: Vec<Address>,
    /// Copy recipients.
    pub cc: Vec<Address>,
    /// Hidden recipients.
    pub bcc: Vec<Address>,
    /// Message-ID of the message that this answers.
    pub in_reply_to: Option<String>,
    /// Message-IDs of the thread, oldest first.
    pub references: Vec<String>,
    /// Date of the header.
    pub date: Option<Timestamp>,
}

/// Reads the header of a message; the body is not looked at.
#[must_use]
pub fn summary(raw: &[u8]) -> Summary {
    from_headers(&header::parse_headers(raw))
}

/// The summary of a header that is read already.
#[must_use]
pub fn from_headers(headers: &Headers) -> Summary {
    let first = |name: &str| headers.addresses(name).into_iter().next();
    let id = |name: &str| headers.ids(name).into_iter().next();
    Summary {
        message_id: id("Message-ID"),
        subject: headers.text("Subject"),
        from: first("From"),
        sender: first("Sender"),
        reply_to: headers.addresses("Reply-To"),
        to: headers.addresses("To"),
        cc: headers.addresses("Cc"),
        bcc: headers.addresses("Bcc"),
        in_reply_to: id("In-Reply-To"),
        references: headers.ids("References"),
        date: headers.date("Date"),
    }
}
