//! What a template can name.

use serde::Serialize;
use serde_json::{Map, Value};

/// The values that a template is rendered with, each by the name of its field.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Context {
    /// Values of the request.
    pub params: Map<String, Value>,
    /// The account that sends.
    pub account: Account,
    /// This server.
    pub service: Service,
    /// Who gets the message; only where a message is made for one recipient alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcpt: Option<Recipient>,
}

/// The account that sends.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Account {
    /// Its name.
    pub name: Option<String>,
    /// Its address.
    pub email: Option<String>,
}

/// This server.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Service {
    /// The address under which it is reached from outside.
    pub url: Option<String>,
}

/// Who gets the message.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipient {
    /// The name.
    pub name: Option<String>,
    /// The address.
    pub address: Option<String>,
    /// Where the recipient says that no more is wanted.
    pub unsubscribe_url: Option<String>,
}

impl Context {
    /// The value that `{{this}}` is at the top of a template.
    pub(crate) fn root(&self) -> Value {
        // Maps with keys of text and values without keys of their own: there is nothing that could fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}
