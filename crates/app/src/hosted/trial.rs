//! Whether typed settings work: told as a kind of trouble, so that a page can put it in plain words, and a stranger learns
//! little of a network that is not theirs.

use std::time::Duration;

use posthouse_backend::BackendError;
use posthouse_model::ApiError;
use posthouse_smtp::SmtpError;

use super::{Link, ServerForm};
use crate::{App, account::SmtpTrial};

/// How long a login may take; a person waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most of a server's words that is passed on.
const MAX_RESPONSE: usize = 300;

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The server refused the login.
    Credentials,
    /// There is no such host.
    UnknownHost,
    /// Nobody answers there, or breaks off.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// No safe connection: certificate, or TLS spoken where it is not, or not where it is.
    Tls,
    /// What answers does not speak the protocol, or not as it should.
    Protocol,
}

/// How a trial of one server went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What stands in the way; none if it works.
    pub trouble: Option<Trouble>,
    /// Stable code, such as `ECONNREFUSED`.
    pub code: Option<String>,
    /// What the server said to the login: only that, as anything else might be a stranger's look into a network.
    pub response: Option<String>,
}

impl Outcome {
    const WORKS: Self = Self {
        trouble: None,
        code: None,
        response: None,
    };

    /// Whether the server took the login.
    #[must_use]
    pub const fn works(&self) -> bool {
        self.trouble.is_none()
    }

    fn refused(code: impl Into<String>, response: Option<&str>) -> Self {
        Self {
            trouble: Some(Trouble::Credentials),
            code: Some(code.into()),
            response: response.map(shorten).filter(|text| !text.is_empty()),
        }
    }

    fn failed(code: impl Into<String>) -> Self {
        let code = code.into();
        Self {
            trouble: Some(kind(&code)),
            code: Some(code),
            response: None,
        }
    }
}

/// How a trial went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Reading mail, unless mail is only sent.
    pub imap: Option<Outcome>,
    /// Sending mail.
    pub smtp: Outcome,
}

impl Trial {
    /// Whether every server took its login.
    #[must_use]
    pub fn works(&self) -> bool {
        self.smtp.works() && self.imap.as_ref().is_none_or(Outcome::works)
    }
}

impl App {
    /// Tries the settings of a visitor; counted, see [`Link`].
    ///
    /// # Errors
    /// 429 when the link was used for too many trials.
    pub async fn try_servers(&self, link: &Link, form: &ServerForm) -> Result<Trial, ApiError> {
        self.admit_probe(link).await?;
        let config = form.config();
        let limit = self.engine().config().connect_timeout.min(PATIENCE);
        let imap = async {
            match config.imap {
                Some(_) => Some(imap_outcome(self.try_imap(&config, false, limit).await)),
                None => None,
            }
        };
        let (imap, smtp) = tokio::join!(imap, self.try_smtp(&config, limit));
        Ok(Trial {
            imap,
            smtp: smtp_outcome(smtp),
        })
    }
}

fn imap_outcome<T>(result: Result<T, BackendError>) -> Outcome {
    match result {
        Ok(_) => Outcome::WORKS,
        Err(BackendError::Authentication { response, code, .. }) => {
            Outcome::refused(code, Some(&response))
        }
        Err(BackendError::Connection { code, .. }) => Outcome::failed(code),
        Err(BackendError::Timeout) => Outcome::failed("ETIMEDOUT"),
        Err(_) => Outcome::failed("EPROTOCOL"),
    }
}

fn smtp_outcome(result: Result<(), SmtpTrial>) -> Outcome {
    match result {
        Ok(()) => Outcome::WORKS,
        Err(SmtpTrial::NoHost) => Outcome::failed("ENOHOST"),
        Err(SmtpTrial::Late) => Outcome::failed("ETIMEDOUT"),
        Err(SmtpTrial::Failed(error)) => match (&error, error.code()) {
            (SmtpError::Refused { .. }, "EAUTH") => {
                Outcome::refused("EAUTH", error.response().as_deref())
            }
            // A server without logins takes no login.
            (_, "EAUTH") => Outcome::failed("EPROTOCOL"),
            (_, code) => Outcome::failed(code),
        },
    }
}

fn kind(code: &str) -> Trouble {
    match code {
        "ENOTFOUND" | "EDNS" | "ENOHOST" => Trouble::UnknownHost,
        "ETIMEDOUT" => Trouble::Timeout,
        "ETLS" => Trouble::Tls,
        "ECONNREFUSED" | "ECONNRESET" | "EHOSTUNREACH" | "ESOCKET" | "ECONNECTION" | "EPROXY" => {
            Trouble::Unreachable
        }
        _ => Trouble::Protocol,
    }
}

/// A server's words on one line.
fn shorten(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_control() || c == ' ')
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(MAX_RESPONSE).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_an_answer_to_a_login_is_passed_on() {
        let outcome = imap_outcome::<()>(Err(BackendError::Connection {
            response: "SSH-2.0-OpenSSH_9.9".to_owned(),
            code: "EPROTOCOL".to_owned(),
        }));
        assert_eq!(outcome.trouble, Some(Trouble::Protocol));
        assert!(!format!("{outcome:?}").contains("SSH"));
        let outcome = imap_outcome::<()>(Err(BackendError::Authentication {
            response: format!("No\r\n\u{7}way {}", "x".repeat(1000)),
            code: "AUTHENTICATIONFAILED".to_owned(),
            token_request: None,
        }));
        assert_eq!(outcome.trouble, Some(Trouble::Credentials));
        let response = outcome.response.unwrap();
        assert!(response.starts_with("No way x") && response.len() == MAX_RESPONSE);
    }
}
