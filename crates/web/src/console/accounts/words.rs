//! States and types of accounts in words.

use std::borrow::Borrow;

use posthouse_model::{AccountState, Timestamp, change::StateLabel};

/// A state as a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Badge {
    /// Class of the style sheet.
    pub(super) tone: &'static str,
    /// In words.
    pub(super) name: &'static str,
}

/// The badge of a state.
pub(super) fn badge(state: impl Borrow<AccountState>) -> Badge {
    let state = *state.borrow();
    Badge {
        tone: tone(state),
        name: StateLabel::of(state).name,
    }
}

/// The tone of a state, as the style sheet names it.
pub(super) fn tone(state: impl Borrow<AccountState>) -> &'static str {
    match state.borrow() {
        AccountState::Connected => "ok",
        AccountState::AuthenticationError | AccountState::ConnectError => "bad",
        AccountState::Disconnected => "warn",
        AccountState::Init | AccountState::Connecting | AccountState::Syncing => "info",
        AccountState::Unset | AccountState::Paused => "",
    }
}

/// An account's type in words.
pub(super) fn kind(kind: &str) -> &str {
    match kind {
        "imap" => "IMAP and SMTP",
        "sending" => "Sends only",
        "oauth2" => "OAuth2",
        "delegated" => "Delegated mailbox",
        "invalid" => "No server",
        other => other,
    }
}

/// What a state means, for the history.
pub(super) fn meaning(state: impl Borrow<AccountState>) -> &'static str {
    match state.borrow() {
        AccountState::Init => "Waits to be connected",
        AccountState::Connecting => "Connecting and logging in",
        AccountState::Syncing => "Comparing the mailbox with what is known",
        AccountState::Connected => "Following the mailbox",
        AccountState::AuthenticationError => "The mail server refused the login",
        AccountState::ConnectError => "The mail server was not reached or failed",
        AccountState::Unset => "IMAP is absent or switched off",
        AccountState::Disconnected => "Stopped",
        AccountState::Paused => "Paused",
    }
}

/// The time of day of a line, UTC, to the millisecond.
pub(super) fn clock(time: impl Borrow<Timestamp>) -> String {
    let text = time.borrow().to_string();
    let clock = text
        .split_once('T')
        .map_or(text.as_str(), |(_, clock)| clock);
    clock.trim_end_matches('Z').to_owned()
}

/// The end of a connection's number, which tells connections apart.
pub(super) fn short(connection: &str) -> &str {
    let from = connection.len().saturating_sub(5);
    connection.get(from..).unwrap_or(connection)
}
