//! Changes as the change stream tells of them (behaviour 6).

use serde::Serialize;
use serde_json::Value;

use crate::{AccountId, AccountState, access::words};

words! {
    /// What changed.
    ChangeType {
        /// The state of an account.
        State = "state",
        /// A provider's history cannot be followed.
        SyncWarning = "syncWarning",
        /// The state of the SMTP submission server.
        SmtpServerState = "smtpServerState",
        /// The state of the IMAP proxy.
        ImapProxyServerState = "imapProxyServerState",
    }
}

/// A state as pages show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StateLabel {
    /// Tone: `success`, `info`, `warning`, `danger` or `secondary`.
    #[serde(rename = "type")]
    pub tone: &'static str,
    /// In words.
    pub name: &'static str,
}

impl StateLabel {
    /// The label of an account's state.
    #[must_use]
    pub const fn of(state: AccountState) -> Self {
        let (tone, name) = match state {
            AccountState::Init => ("info", "Starting"),
            AccountState::Connecting => ("info", "Connecting"),
            AccountState::Syncing => ("info", "Syncing"),
            AccountState::Connected => ("success", "Connected"),
            AccountState::AuthenticationError => ("danger", "Login refused"),
            AccountState::ConnectError => ("danger", "Cannot connect"),
            AccountState::Unset => ("secondary", "Not followed"),
            AccountState::Disconnected => ("warning", "Disconnected"),
            AccountState::Paused => ("secondary", "Paused"),
        };
        Self { tone, name }
    }
}

/// A change. Serialised it is the `data` of an event of the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Account; none for what is the instance's.
    pub account: Option<AccountId>,
    /// What changed.
    #[serde(rename = "type")]
    pub kind: ChangeType,
    /// To what.
    pub key: String,
    /// Details, such as the error.
    pub payload: Option<Value>,
    /// The new state as pages show it.
    pub state_label: Option<StateLabel>,
}

impl Change {
    /// An account is in another state.
    #[must_use]
    pub fn of_state(account: AccountId, state: AccountState, payload: Option<Value>) -> Self {
        Self {
            account: Some(account),
            kind: ChangeType::State,
            key: state.as_str().to_owned(),
            payload,
            state_label: Some(StateLabel::of(state)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_wire_shape() {
        let change = Change::of_state(AccountId::new("ann"), AccountState::Connected, None);
        assert_eq!(
            serde_json::to_string(&change).unwrap(),
            r#"{"account":"ann","type":"state","key":"connected","payload":null,"stateLabel":{"type":"success","name":"Connected"}}"#
        );
    }
}
