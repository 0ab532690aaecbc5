//! SMTP gateways: servers that messages are sent through instead of the account's own (behaviour 15.2).

use crate::{
    Timestamp,
    account::{SmtpConfig, SmtpStatus},
};

/// A gateway and what is known of its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Id, chosen by whoever registered it.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Server and credentials.
    pub smtp: SmtpConfig,
    /// Messages that it took.
    pub deliveries: u64,
    /// When it last took one, or refused one.
    pub last_use: Option<Timestamp>,
    /// Why the last message was not taken; none once one was.
    pub last_error: Option<SmtpStatus>,
}
