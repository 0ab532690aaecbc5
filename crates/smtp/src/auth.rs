//! PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195), XOAUTH2, OAUTHBEARER (RFC 7628), over AUTH (RFC 4954).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use crate::error::{Phase, SmtpError};
use crate::reply::Reply;
use crate::session::{Session, refused};

/// Who we are to the server.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user with a password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        pass: String,
    },
    /// A user with an OAuth2 access token.
    OAuth {
        /// The user name.
        user: String,
        /// The access token.
        token: String,
    },
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, user) = match self {
            Self::Password { user, .. } => ("Password", user),
            Self::OAuth { user, .. } => ("OAuth", user),
        };
        f.debug_struct(kind)
            .field("user", user)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mechanism {
    Plain,
    Login,
    CramMd5,
    XOAuth2,
    OAuthBearer,
}

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::XOAuth2 => "XOAUTH2",
            Self::OAuthBearer => "OAUTHBEARER",
        }
    }
}

impl Session {
    /// Logs in with the best mechanism that is offered; where the server does not know it after all (504), with the next.
    ///
    /// # Errors
    /// [`SmtpError::Refused`] with phase [`Phase::Auth`] (code `EAUTH`) when the server says no, [`SmtpError::NoMechanism`] when
    /// it offers nothing that fits, [`SmtpError::Credentials`] when they are empty or malformed.
    pub async fn authenticate(&mut self, credentials: &Credentials) -> Result<Reply, SmtpError> {
        check(credentials)?;
        let candidates: &[Mechanism] = match credentials {
            // In the clear a challenge is better than the password itself.
            Credentials::Password { .. } if !self.is_tls() => {
                &[Mechanism::CramMd5, Mechanism::Plain, Mechanism::Login]
            }
            Credentials::Password { .. } => {
                &[Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5]
            }
            Credentials::OAuth { .. } => &[Mechanism::XOAuth2, Mechanism::OAuthBearer],
        };
        let mut unknown = None;
        for &mechanism in candidates {
            if !self.capabilities.offers_auth(mechanism.name()) {
                continue;
            }
            let reply = self.attempt(mechanism, credentials).await?;
            if reply.is_positive() {
                return Ok(reply);
            }
            if reply.code != 504 {
                return Err(refused(Phase::Auth, reply));
            }
            unknown = Some(reply);
        }
        Err(match unknown {
            Some(reply) => refused(Phase::Auth, reply),
            None => SmtpError::NoMechanism {
                offered: if self.capabilities.auth.is_empty() {
                    "none".to_owned()
                } else {
                    self.capabilities.auth.join(" ")
                },
            },
        })
    }

    async fn attempt(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<Reply, SmtpError> {
        let (Credentials::Password { user, pass: secret }
        | Credentials::OAuth {
            user,
            token: secret,
        }) = credentials;
        let first = match mechanism {
            Mechanism::Plain => format!("AUTH PLAIN {}", STANDARD.encode(plain(user, secret))),
            Mechanism::XOAuth2 => {
                format!("AUTH XOAUTH2 {}", STANDARD.encode(xoauth2(user, secret)))
            }
            Mechanism::OAuthBearer => {
                let message = oauthbearer(user, secret, &self.host, self.port);
                format!("AUTH OAUTHBEARER {}", STANDARD.encode(message))
            }
            Mechanism::Login | Mechanism::CramMd5 => format!("AUTH {}", mechanism.name()),
        };
        let mut reply = self.say(&first).await?;
        let mut step = 0;
        while reply.is_intermediate() {
            let answer = match (mechanism, step) {
                // The prompts differ from server to server, the order does not.
                (Mechanism::Login, 0) => STANDARD.encode(user),
                (Mechanism::Login, 1) => STANDARD.encode(secret),
                (Mechanism::CramMd5, 0) => {
                    let challenge =
                        STANDARD
                            .decode(reply.text().trim())
                            .map_err(|_| SmtpError::Protocol {
                                phase: Phase::Auth,
                                reason: "the challenge is not base64".to_owned(),
                            })?;
                    STANDARD.encode(cram_md5(user, secret, &challenge))
                }
                // The server ignored the initial response.
                (Mechanism::Plain, 0) if reply.text().trim().is_empty() => {
                    STANDARD.encode(plain(user, secret))
                }
                // A challenge after a token holds the reason; the exchange is ended by an empty answer (XOAUTH2) or ^A.
                (Mechanism::XOAuth2, 0) => String::new(),
                (Mechanism::OAuthBearer, 0) => STANDARD.encode("\x01"),
                _ => "*".to_owned(),
            };
            if step > 3 {
                return Err(SmtpError::Protocol {
                    phase: Phase::Auth,
                    reason: "the server does not stop asking".to_owned(),
                });
            }
            reply = self.say(&answer).await?;
            step += 1;
        }
        Ok(reply)
    }

    async fn say(&mut self, line: &str) -> Result<Reply, SmtpError> {
        let limit = self.timeouts.command;
        self.exchange(line, Phase::Auth, limit).await
    }
}

fn check(credentials: &Credentials) -> Result<(), SmtpError> {
    let (user, secret) = match credentials {
        Credentials::Password { user, pass } => (user, pass),
        Credentials::OAuth { user, token } => (user, token),
    };
    if user.is_empty() || secret.is_empty() {
        return Err(SmtpError::Credentials(
            "user name or secret is missing".to_owned(),
        ));
    }
    // Both frame the messages below.
    if user.contains(['\0', '\x01']) || secret.contains(['\0', '\x01']) {
        return Err(SmtpError::Credentials(
            "user name or secret has a control character that cannot be sent".to_owned(),
        ));
    }
    Ok(())
}

fn plain(user: &str, pass: &str) -> String {
    format!("\0{user}\0{pass}")
}

fn xoauth2(user: &str, token: &str) -> String {
    format!("user={user}\x01auth=Bearer {token}\x01\x01")
}

fn oauthbearer(user: &str, token: &str, host: &str, port: u16) -> String {
    let user = user.replace('=', "=3D").replace(',', "=2C");
    format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01")
}

fn cram_md5(user: &str, pass: &str, challenge: &[u8]) -> String {
    let mut response = format!("{user} ");
    // HMAC takes keys of any length, so this cannot fail.
    if let Ok(mut mac) = Hmac::<Md5>::new_from_slice(pass.as_bytes()) {
        mac.update(challenge);
        for byte in mac.finalize().into_bytes() {
            response.push_str(&format!("{byte:02x}"));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cram_md5_answers_the_challenge_of_the_standard() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            cram_md5("tim", "tanstaaftanstaaf", challenge),
            "tim b913a602c7eda7a495b4e6e7334d3890"
        );
    }

    #[test]
    fn messages_have_their_wire_form() {
        assert_eq!(plain("tim", "tanstaaf"), "\0tim\0tanstaaf");
        assert_eq!(
            xoauth2("u@example.com", "tok"),
            "user=u@example.com\x01auth=Bearer tok\x01\x01"
        );
        assert_eq!(
            oauthbearer("a,b=c", "tok", "server.example", 587),
            "n,a=a=2Cb=3Dc,\x01host=server.example\x01port=587\x01auth=Bearer tok\x01\x01"
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials::Password {
            user: "me".into(),
            pass: "hunter2".into(),
        };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
