//! From the greeting to the authenticated state.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::pump::Deadline;
use super::{Connection, Error, Notice, Options};
use crate::command::{Command, Kind};
use crate::response::Untagged;
use crate::sasl::{Exchange, Sasl};
use crate::session::{Event, Session, State};
use crate::status::{Condition, Status};

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Waits for the greeting and learns the capabilities.
    ///
    /// # Errors
    /// [`Error::Bye`] when the server turns us away, [`Error::Timeout`] when it stays silent.
    pub async fn open(io: S, options: Options) -> Result<Self, Error> {
        let mut session = Session::new(options.limits, options.observer);
        session.share_names(options.names);
        let mut this = Self {
            io,
            session,
            timeouts: options.timeouts,
            notices: Default::default(),
            busy: false,
            broken: false,
            idling: None,
            needs_flush: false,
            greeting: None,
        };
        let deadline = Deadline {
            whole: Instant::now() + this.timeouts.greeting,
            silence: this.timeouts.greeting,
        };
        loop {
            match this.next_event(deadline).await? {
                Event::Greeting(status) if status.condition == Condition::Bye => {
                    return Err(Error::bye(&status));
                }
                Event::Greeting(status)
                    if matches!(status.condition, Condition::No | Condition::Bad) =>
                {
                    return Err(Error::refused("greeting", status));
                }
                Event::Greeting(status) => {
                    this.greeting = Some(status.text.into());
                    break;
                }
                Event::Untagged(other) => this.notice(Notice::Untagged(other)),
                _ => {}
            }
        }
        this.learn_capabilities().await?;
        Ok(this)
    }

    /// True when the server took us as somebody already (PREAUTH) or login succeeded.
    pub fn is_authenticated(&self) -> bool {
        matches!(self.session.state(), State::Authenticated | State::Selected)
    }

    async fn learn_capabilities(&mut self) -> Result<(), Error> {
        if !self.session.needs_capabilities() {
            return Ok(());
        }
        let take = |u| (!matches!(u, Untagged::Capability(_))).then_some(u);
        match self.run(Command::new("CAPABILITY"), take).await {
            // A server that cannot say has the base protocol.
            Ok(_) => Ok(()),
            Err(error) if error.is_refusal() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// STARTTLS: `upgrade` gets the plain stream and gives the encrypted one. It is bound by the
    /// greeting's deadline. Capabilities are forgotten and asked for again.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the server does not offer it, [`Error::StartTlsInjection`] when
    /// plain bytes follow the answer, [`Error::Tls`] when `upgrade` fails.
    pub async fn starttls<T, E, F, Fut>(mut self, upgrade: F) -> Result<Connection<T>, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
        F: FnOnce(S) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if !self.has("STARTTLS") || self.session.state() != State::NotAuthenticated {
            return Err(Error::Unsupported("STARTTLS"));
        }
        self.simple(Command::new("STARTTLS").kind(Kind::StartTls))
            .await?;
        if !self.session.is_drained() {
            return Err(Error::StartTlsInjection);
        }
        let until = Instant::now() + self.timeouts.greeting;
        let io = match timeout_at(until, upgrade(self.io)).await {
            Ok(io) => io.map_err(|error| Error::Tls(error.into()))?,
            Err(_) => return Err(Error::Timeout),
        };
        let mut upgraded = Connection {
            io,
            session: self.session,
            timeouts: self.timeouts,
            // What was said in the clear proves nothing.
            notices: Default::default(),
            busy: false,
            broken: false,
            idling: None,
            needs_flush: false,
            greeting: self.greeting,
        };
        upgraded.learn_capabilities().await?;
        Ok(upgraded)
    }

    /// LOGIN.
    ///
    /// # Errors
    /// [`Error::AuthFailed`] for refused credentials, [`Error::No`] when the server is only
    /// unable now, [`Error::Unsupported`] under LOGINDISABLED.
    pub async fn login(&mut self, user: &str, password: &str) -> Result<(), Error> {
        if self.has("LOGINDISABLED") {
            return Err(Error::Unsupported("LOGIN"));
        }
        let command = Command::new("LOGIN")
            .kind(Kind::Auth)
            .astring(user)
            .secret(password);
        let result = self.run(command, not_capability).await;
        self.authenticated(result, None).await
    }

    /// AUTHENTICATE, with the first response in the command where the server takes it (SASL-IR).
    ///
    /// # Errors
    /// As [`Connection::login`]; [`Error::Unsupported`] when the server does not offer the mechanism.
    pub async fn authenticate(&mut self, sasl: &Sasl) -> Result<(), Error> {
        let offered = self
            .capabilities()
            .values("AUTH")
            .any(|m| m.eq_ignore_ascii_case(sasl.mechanism()));
        if !offered {
            return Err(Error::Unsupported(sasl.mechanism()));
        }
        let initial = if self.has("SASL-IR") {
            sasl.initial()
        } else {
            None
        };
        let mut exchange = Exchange::new(sasl, initial.is_some());
        let mut command = Command::new("AUTHENTICATE")
            .kind(Kind::Auth)
            .word(sasl.mechanism());
        if let Some(initial) = initial {
            command = command.secret_word(initial);
        }
        let tag = self.begin(command)?;
        let deadline = self.deadline();
        let result = loop {
            match self.next_event(deadline).await? {
                Event::Done { tag: done, status } if done == tag => {
                    break self.end("AUTHENTICATE", status);
                }
                Event::Continuation(challenge) => {
                    let line = exchange.answer(&challenge);
                    self.session.answer(&line, "***");
                }
                Event::Untagged(untagged) => {
                    if let Some(other) = not_capability(untagged) {
                        self.notice(Notice::Untagged(other));
                    }
                }
                _ => {}
            }
        };
        self.authenticated(result, exchange.refusal).await
    }

    async fn authenticated(
        &mut self,
        result: Result<Status, Error>,
        refusal: Option<String>,
    ) -> Result<(), Error> {
        match result {
            Ok(_) => self.learn_capabilities().await,
            Err(Error::No { code, text, .. }) if !is_temporary(code.as_deref(), &text) => {
                Err(Error::AuthFailed {
                    code,
                    text,
                    refusal,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// ID (RFC 2971): tells who we are and learns who the server is; empty when it does not say.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn id(
        &mut self,
        params: &[(&str, &str)],
    ) -> Result<Vec<(String, Option<String>)>, Error> {
        if !self.has("ID") {
            return Err(Error::Unsupported("ID"));
        }
        let mut command = Command::new("ID");
        if params.is_empty() {
            command = command.word("NIL");
        } else {
            let inner = params.iter().fold(Command::new(""), |c, (name, value)| {
                c.string(*name).string(*value)
            });
            command = command.group(inner);
        }
        let mut answer = Vec::new();
        self.run(command, |u| match u {
            Untagged::Id(fields) => {
                answer = fields;
                None
            }
            other => Some(other),
        })
        .await?;
        Ok(answer)
    }

    /// ENABLE (RFC 5161): gives what the server enabled now.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enable(&mut self, capabilities: &[&str]) -> Result<Vec<String>, Error> {
        if !self.has("ENABLE") && !self.has("IMAP4rev2") {
            return Err(Error::Unsupported("ENABLE"));
        }
        let command = capabilities
            .iter()
            .fold(Command::new("ENABLE"), |c, name| c.word(name));
        let mut enabled = Vec::new();
        self.run(command, |u| match u {
            Untagged::Enabled(names) => {
                enabled.extend(names);
                None
            }
            other => Some(other),
        })
        .await?;
        Ok(enabled)
    }
}

fn not_capability(untagged: Untagged) -> Option<Untagged> {
    (!matches!(untagged, Untagged::Capability(_))).then_some(untagged)
}

/// A NO to a login that says nothing about the credentials (RFC 5530, and words of servers that
/// send no code).
fn is_temporary(code: Option<&str>, text: &str) -> bool {
    match code {
        Some("AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "EXPIRED" | "PRIVACYREQUIRED") => {
            false
        }
        Some("UNAVAILABLE" | "INUSE" | "LIMIT" | "SERVERBUG" | "THROTTLED" | "OVERQUOTA") => true,
        _ => {
            let text = text.to_ascii_lowercase();
            [
                "too many",
                "temporar",
                "try again",
                "unavailable",
                "timed out",
                "internal error",
            ]
            .iter()
            .any(|words| text.contains(words))
        }
    }
}
