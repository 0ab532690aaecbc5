//! SASL mechanisms (RFC 4616, RFC 7628, Google's and Microsoft's XOAUTH2, the LOGIN of old servers).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Credentials with the mechanism that carries them. Debug output hides secrets.
#[derive(Clone)]
pub enum Sasl {
    /// `PLAIN`.
    Plain {
        /// Who to act as; usually empty.
        authzid: String,
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// `LOGIN`.
    Login {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// `XOAUTH2`.
    XOAuth2 {
        /// User name.
        user: String,
        /// OAuth2 access token.
        token: String,
    },
    /// `OAUTHBEARER`.
    OAuthBearer {
        /// User name.
        user: String,
        /// OAuth2 access token.
        token: String,
        /// Host connected to.
        host: String,
        /// Port connected to.
        port: u16,
    },
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Plain { user, .. }
        | Self::Login { user, .. }
        | Self::XOAuth2 { user, .. }
        | Self::OAuthBearer { user, .. }) = self;
        write!(f, "{}({user}, ***)", self.mechanism())
    }
}

impl Sasl {
    /// The name of the mechanism.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Login { .. } => "LOGIN",
            Self::XOAuth2 { .. } => "XOAUTH2",
            Self::OAuthBearer { .. } => "OAUTHBEARER",
        }
    }

    /// The first response in base64; `None` where the server speaks first.
    pub fn initial(&self) -> Option<String> {
        let plain = match self {
            Self::Plain {
                authzid,
                user,
                password,
            } => format!("{authzid}\0{user}\0{password}"),
            Self::Login { .. } => return None,
            Self::XOAuth2 { user, token } => {
                format!("user={user}\x01auth=Bearer {token}\x01\x01")
            }
            Self::OAuthBearer {
                user,
                token,
                host,
                port,
            } => {
                let user = user.replace('=', "=3D").replace(',', "=2C");
                format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01")
            }
        };
        Some(STANDARD.encode(plain))
    }
}

/// A running exchange.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    sasl: &'a Sasl,
    sent: u8,
    /// What the server told about a refused token (JSON).
    pub(crate) refusal: Option<String>,
}

impl<'a> Exchange<'a> {
    /// `with_initial`: the first response went out with the command.
    pub(crate) fn new(sasl: &'a Sasl, with_initial: bool) -> Self {
        Self {
            sasl,
            sent: u8::from(with_initial),
            refusal: None,
        }
    }

    /// The line that answers a challenge, without its line end; `*` gives up.
    pub(crate) fn answer(&mut self, challenge: &[u8]) -> String {
        let step = self.sent;
        self.sent = self.sent.saturating_add(1);
        match (self.sasl, step) {
            (Sasl::Login { user, .. }, 0) => STANDARD.encode(user),
            (Sasl::Login { password, .. }, 1) => STANDARD.encode(password),
            (sasl, 0) => sasl.initial().unwrap_or_default(),
            (Sasl::XOAuth2 { .. } | Sasl::OAuthBearer { .. }, 1) => {
                self.refusal = STANDARD
                    .decode(challenge.trim_ascii())
                    .ok()
                    .map(|json| String::from_utf8_lossy(&json).into_owned());
                // The refusal must be acknowledged before the server says NO (RFC 7628 section 3.2.3;
                // XOAUTH2 wants an empty line).
                match self.sasl {
                    Sasl::OAuthBearer { .. } => "AQ==".into(),
                    _ => String::new(),
                }
            }
            _ => "*".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn exchanges() {
        let plain = Sasl::Plain {
            authzid: String::new(),
            user: "me".into(),
            password: "pw".into(),
        };
        assert_eq!(
            STANDARD.decode(plain.initial().unwrap()).unwrap(),
            b"\0me\0pw"
        );
        let mut e = Exchange::new(&plain, true);
        assert_eq!(e.answer(b""), "*");

        let login = Sasl::Login {
            user: "me".into(),
            password: "pw".into(),
        };
        let mut e = Exchange::new(&login, false);
        assert_eq!(
            [e.answer(b"VXNlcg=="), e.answer(b""), e.answer(b"")],
            ["bWU=", "cHc=", "*"]
        );

        let oauth = Sasl::XOAuth2 {
            user: "me".into(),
            token: "hunter2".into(),
        };
        assert!(!format!("{oauth:?}").contains("hunter2"));
        let mut e = Exchange::new(&oauth, true);
        assert_eq!(e.answer(b"eyJzdGF0dXMiOiI0MDAifQ=="), "");
        assert_eq!(e.refusal.as_deref(), Some("{\"status\":\"400\"}"));
    }
}
