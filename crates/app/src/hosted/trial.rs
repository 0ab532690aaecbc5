//! Whether typed settings work: told as a kind of trouble, so that a page can put it in plain words, and a stranger learns
//! little of a network that is not theirs.

use std::time::Duration;

use posthouse_backend::BackendError;
use posthouse_model::ApiError;
use posthouse_net::EgressPolicy;
use posthouse_smtp::SmtpError;

use super::{Link, ServerForm};
use crate::{App, account::SmtpTrial};

/// How long a login may take; a person waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where a stranger's trials lead: not to what every machine or cloud has for itself alone.
const EGRESS: EgressPolicy = EgressPolicy::LinkLocal;
/// The code of whatever cannot be reached.
const UNREACHABLE: &str = "ECONNECTION";
/// Most of a server's words that is passed on.
const MAX_RESPONSE: usize = 300;

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The server refused the login.
    Credentials,
    /// There is no such host.
    UnknownHost,
    /// Nobody answers there, or not in time, or breaks off; or it may not be asked. Which of these it is would tell a
    /// stranger what there is in a network.
    Unreachable,
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
    /// Stable code; one for all that is [`Trouble::Unreachable`].
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

    fn failed(code: &str) -> Self {
        let trouble = kind(code);
        let code = match trouble {
            Trouble::Unreachable => UNREACHABLE,
            _ => code,
        };
        Self {
            trouble: Some(trouble),
            code: Some(code.to_owned()),
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
                Some(_) => {
                    let tried = self.try_imap(&config, false, limit, EGRESS).await;
                    Some(imap_outcome(tried))
                }
                None => None,
            }
        };
        let (imap, smtp) = tokio::join!(imap, self.try_smtp(&config, limit, EGRESS));
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
        Err(error) => {
            tracing::debug!(%error, "a visitor's IMAP server cannot be used");
            match error {
                BackendError::Connection { code, .. } => Outcome::failed(&code),
                BackendError::Timeout => Outcome::failed("ETIMEDOUT"),
                _ => Outcome::failed("EPROTOCOL"),
            }
        }
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
            (_, code) => {
                tracing::debug!(%error, "a visitor's SMTP server cannot be used");
                // A server without logins takes no login.
                Outcome::failed(if code == "EAUTH" { "EPROTOCOL" } else { code })
            }
        },
    }
}

fn kind(code: &str) -> Trouble {
    match code {
        "ENOTFOUND" | "EDNS" | "ENOHOST" => Trouble::UnknownHost,
        "ETLS" => Trouble::Tls,
        "ECONNREFUSED" | "ECONNRESET" | "EHOSTUNREACH" | "ETIMEDOUT" | "ESOCKET"
        | "ECONNECTION" | "EPROXY" | "EEGRESSBLOCKED" => Trouble::Unreachable,
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
    fn whatever_cannot_be_reached_sounds_the_same() {
        let timed_out = imap_outcome::<()>(Err(BackendError::Timeout));
        assert_eq!(timed_out.trouble, Some(Trouble::Unreachable));
        for code in [
            "ECONNREFUSED",
            "ECONNRESET",
            "EHOSTUNREACH",
            "ETIMEDOUT",
            "EEGRESSBLOCKED",
            "ESOCKET",
        ] {
            let outcome = imap_outcome::<()>(Err(BackendError::Connection {
                response: format!("connecting to 192.0.2.1: {code}"),
                code: code.to_owned(),
            }));
            assert_eq!(outcome, timed_out, "{code}");
        }
        assert_eq!(smtp_outcome(Err(SmtpTrial::Late)), timed_out);
    }

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
