//! Errors of accounts in plain words: what they mean and what to do. Pure functions of what is stored.
//!
//! Mail servers say the same thing in many ways; what counts is the code (RFC 5530 names most), then the words.

mod kind;
mod providers;
#[cfg(test)]
mod tests;
mod words;

use posthouse_model::{
    AccountState,
    account::{AccountError, SmtpStatus},
};

use kind::{Kind, kind};
use providers::provider;
use words::{advise, steps, words};

/// A failure in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// A few words.
    pub title: String,
    /// What it means, one or two sentences.
    pub meaning: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What the server or the network said.
    pub said: Option<String>,
    /// Posthouse tries again by itself and this may go away.
    pub passing: bool,
}

/// What is known of an account's trouble.
#[derive(Debug, Clone, Copy)]
pub struct Trouble<'a> {
    /// State.
    pub state: AccountState,
    /// The last failure.
    pub error: Option<&'a AccountError>,
    /// IMAP is switched off for the account.
    pub disabled: bool,
    /// The mail server.
    pub host: Option<&'a str>,
}

/// What is wrong with an account's connection; none while all is well.
#[must_use]
pub fn for_connection(trouble: &Trouble<'_>) -> Option<Advice> {
    let said = trouble.error.map_or("", |error| error.response.as_str());
    if trouble.disabled {
        // Somebody may have switched it off by hand, which is no trouble.
        if !said.starts_with("IMAP was disabled") {
            return None;
        }
        return Some(Advice {
            title: "IMAP was switched off".to_owned(),
            meaning: "The mail server refused the login for three days, so Posthouse stopped asking. No new mail arrives."
                .to_owned(),
            steps: steps(
                provider(trouble.host).map_or(&[][..], |provider| provider.steps),
                &["Correct the user name or the password under Edit, and take away the tick at \"IMAP is switched off\"."],
            ),
            said: words(said),
            passing: false,
        });
    }
    let failing = matches!(
        trouble.state,
        AccountState::AuthenticationError | AccountState::ConnectError
    );
    let error = trouble
        .error
        .filter(|_| failing || trouble.state != AccountState::Connected);
    if !failing && error.is_none() {
        return None;
    }
    let code = error.map_or("", |error| error.server_response_code.as_str());
    let authentication = trouble.state == AccountState::AuthenticationError;
    Some(advise(kind(code, said, authentication), trouble.host, said))
}

/// A failed try to log in.
#[must_use]
pub fn of_failure(error: &AccountError, host: Option<&str>) -> Advice {
    let (code, said) = (&error.server_response_code, &error.response);
    advise(kind(code, said, false), host, said)
}

/// What the last delivery over SMTP met; none when it went well.
#[must_use]
pub fn for_smtp(status: &SmtpStatus, host: Option<&str>) -> Option<Advice> {
    if status.status != "error" {
        return None;
    }
    let said = status.response.as_deref().or(status.description.as_deref());
    let said = said.unwrap_or_default();
    let code = status.code.as_deref().unwrap_or_default();
    let command = status.command.as_deref().unwrap_or_default();
    let kind = match (code, status.response_code) {
        ("EENVELOPE", _) if command.starts_with("RCPT") => Kind::Recipient,
        ("EENVELOPE", _) => Kind::Sender,
        ("EMESSAGE", _) => Kind::Content,
        (_, Some(421 | 450..=454)) if code != "EAUTH" => Kind::Unavailable,
        _ => kind(code, said, code == "EAUTH"),
    };
    let mut advice = advise(kind, host, said);
    advice.title = format!("Sending: {}", lower_first(&advice.title));
    Some(advice)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        // Not where a whole word is in capitals.
        Some(first) if !chars.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
