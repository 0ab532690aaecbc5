//! Recipients who are not written to, by the list that they left (behaviour 15.3).

use crate::{AccountId, Timestamp, access::words};

words! {
    /// How a recipient came onto a suppression list.
    SuppressionSource {
        /// A call of the API.
        Api = "api",
        /// The unsubscribe page.
        Form = "form",
        /// The button of a mail program (RFC 8058).
        OneClick = "one-click",
        /// The console.
        Ui = "ui",
    }
}

/// A recipient of a list who is not written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Address, trimmed and in lower case.
    pub recipient: String,
    /// Account through which it came.
    pub account: AccountId,
    /// `Message-ID` of the message that was answered by it.
    pub message_id: Option<String>,
    /// How it came.
    pub source: SuppressionSource,
    /// Why: `block`, `unsubscribe`, or what a caller wrote.
    pub reason: String,
    /// Address of whoever asked.
    pub remote_address: Option<String>,
    /// Program of whoever asked.
    pub user_agent: Option<String>,
    /// When.
    pub created: Timestamp,
}

/// The form in which addresses are compared.
#[must_use]
pub fn suppressed_form(address: &str) -> String {
    address.trim().to_lowercase()
}
