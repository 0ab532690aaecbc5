//! Greeting, EHLO, STARTTLS, RSET, NOOP, QUIT.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use posthouse_net::{Dial, Security, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::capabilities::Capabilities;
use crate::error::{Phase, SmtpError};
use crate::observer::Watch;
use crate::reply::Reply;
use crate::timeouts::Timeouts;

/// How long a leaving client waits for the answer to QUIT.
const QUIT_PATIENCE: Duration = Duration::from_secs(5);

/// Whether a plain connection is upgraded by STARTTLS (RFC 3207).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StartTls {
    /// Where it is offered. A failing upgrade is an error, never a silent return to plain text.
    #[default]
    WhenOffered,
    /// Always; a server without it is refused.
    Required,
    /// Never.
    Never,
}

/// Where and how to open a session.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The connection: host, port, implicit TLS or plain, proxy, local address, checks, deadline.
    pub dial: Dial,
    /// The name we greet with; an unusable one is replaced by our address literal.
    pub ehlo_name: String,
    /// STARTTLS on a plain connection.
    pub start_tls: StartTls,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Who takes the conversation down.
    pub watch: Watch,
}

impl ConnectOptions {
    /// Defaults for everything but the connection.
    pub fn new(dial: Dial, ehlo_name: impl Into<String>) -> Self {
        Self {
            dial,
            ehlo_name: ehlo_name.into(),
            start_tls: StartTls::default(),
            timeouts: Timeouts::default(),
            watch: Watch::default(),
        }
    }
}

/// One connection to an SMTP server.
///
/// A session carries any number of messages, one after the other. A step that fails on the wire, or whose future is dropped
/// half-way, ends it: [`Session::is_usable`] tells.
#[derive(Debug)]
pub struct Session {
    pub(crate) wire: Wire,
    pub(crate) capabilities: Capabilities,
    pub(crate) timeouts: Timeouts,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) needs_reset: bool,
    usable: bool,
    greeting: Reply,
}

impl Session {
    /// Connects, waits for the greeting, says EHLO (HELO to servers that know no EHLO), and starts TLS as told.
    ///
    /// # Errors
    /// See [`SmtpError`]; no step waits longer than its limit.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, SmtpError> {
        // Boxed: the state of this set-up must not stay inside the future that carries the messages.
        Box::pin(Self::establish(options)).await
    }

    async fn establish(options: &ConnectOptions) -> Result<Self, SmtpError> {
        let ConnectOptions { dial, timeouts, .. } = options;
        let mut wire = Wire::new(dial.connect().await?, options.watch.clone());
        let greeting = wire.reply(Phase::Greeting, timeouts.greeting).await?;
        if !greeting.is_positive() {
            return Err(refused(Phase::Greeting, greeting));
        }
        let name = ehlo_name(&options.ehlo_name, wire.stream.local_addr());
        let mut capabilities = greet(&mut wire, &name, timeouts.command).await?;
        if dial.security == Security::Plain && options.start_tls != StartTls::Never {
            if capabilities.start_tls {
                let reply = wire
                    .exchange("STARTTLS", Phase::StartTls, timeouts.command)
                    .await?;
                if !reply.is_positive() {
                    return Err(refused(Phase::StartTls, reply));
                }
                // What arrived in the clear after the answer was put there by someone in between.
                if !wire.inbox.is_empty() {
                    return Err(SmtpError::Tls("the server spoke before the TLS handshake"));
                }
                let stream = wire
                    .stream
                    .start_tls(&dial.host, &dial.tls, dial.deadline)
                    .await?;
                wire = Wire::new(stream, wire.watch);
                capabilities = greet(&mut wire, &name, timeouts.command).await?;
            } else if options.start_tls == StartTls::Required {
                return Err(SmtpError::Tls("the server does not offer STARTTLS"));
            }
        }
        Ok(Self {
            wire,
            capabilities,
            timeouts: *timeouts,
            host: dial.host.clone(),
            port: dial.port,
            needs_reset: false,
            usable: true,
            greeting,
        })
    }

    /// What the server offered in its last answer to EHLO.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The server's greeting.
    pub fn greeting(&self) -> &Reply {
        &self.greeting
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.wire.stream.is_tls()
    }

    /// From here on the conversation is taken down by another.
    pub fn watch(&mut self, watch: Watch) {
        self.wire.watch = watch;
    }

    /// Our own address on this connection.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.wire.stream.local_addr().ok()
    }

    /// Whether another command can be sent, as far as is known. The server may have gone meanwhile; [`Session::noop`] asks.
    pub fn is_usable(&self) -> bool {
        self.usable && self.wire.inbox.is_empty()
    }

    /// Whether the server has neither hung up nor said anything since the last answer, as far as has arrived here: looks,
    /// and does not wait. An idle session that is not silent is closing, or would take the next answer for another's.
    pub async fn is_silent(&mut self) -> bool {
        if !self.is_usable() {
            return false;
        }
        let mut unasked = [0; 1];
        let read = timeout(Duration::ZERO, self.wire.stream.read(&mut unasked)).await;
        self.usable = read.is_err();
        self.usable
    }

    /// Forgets a begun transaction (RSET).
    ///
    /// # Errors
    /// The server refused or is gone.
    pub async fn rset(&mut self) -> Result<(), SmtpError> {
        self.simple("RSET", Phase::Rset).await?;
        self.needs_reset = false;
        Ok(())
    }

    /// Asks whether the server is still there (NOOP).
    ///
    /// # Errors
    /// It is not, or it refused.
    pub async fn noop(&mut self) -> Result<(), SmtpError> {
        self.simple("NOOP", Phase::Noop).await
    }

    /// Leaves (QUIT) and closes the connection. Nothing depends on the answer, so failures are not reported.
    pub async fn quit(mut self) {
        if !self.is_usable() {
            return;
        }
        let leave = async {
            let asked = self.wire.exchange("QUIT", Phase::Quit, QUIT_PATIENCE).await;
            if asked.is_ok() {
                self.wire.stream.shutdown().await.ok();
            }
        };
        timeout(QUIT_PATIENCE, leave).await.ok();
    }

    async fn simple(&mut self, command: &str, phase: Phase) -> Result<(), SmtpError> {
        let limit = self.timeouts.command;
        let reply = self.exchange(command, phase, limit).await?;
        if reply.is_positive() {
            Ok(())
        } else {
            Err(refused(phase, reply))
        }
    }

    /// One command and its answer, of whatever code.
    pub(crate) async fn exchange(
        &mut self,
        command: &str,
        phase: Phase,
        limit: Duration,
    ) -> Result<Reply, SmtpError> {
        self.begin()?;
        let reply = self.wire.exchange(command, phase, limit).await?;
        self.settle(&reply);
        Ok(reply)
    }

    /// Marks the session as in use. It stays unusable unless [`Session::settle`] follows.
    pub(crate) fn begin(&mut self) -> Result<(), SmtpError> {
        if !self.is_usable() {
            self.usable = false;
            return Err(SmtpError::Closed);
        }
        self.usable = false;
        Ok(())
    }

    /// Marks the session as ready for the next command.
    pub(crate) fn ready(&mut self) {
        self.usable = true;
    }

    /// Marks the session as ready for the next command after a complete exchange.
    pub(crate) fn settle(&mut self, reply: &Reply) {
        self.usable = !reply.is_closing();
    }
}

pub(crate) fn refused(phase: Phase, reply: Reply) -> SmtpError {
    SmtpError::Refused { phase, reply }
}

async fn greet(wire: &mut Wire, name: &str, limit: Duration) -> Result<Capabilities, SmtpError> {
    let reply = wire
        .exchange(&format!("EHLO {name}"), Phase::Ehlo, limit)
        .await?;
    if reply.is_positive() {
        return Ok(Capabilities::from_ehlo(&reply));
    }
    if reply.code < 500 {
        return Err(refused(Phase::Ehlo, reply));
    }
    let reply = wire
        .exchange(&format!("HELO {name}"), Phase::Ehlo, limit)
        .await?;
    if reply.is_positive() {
        Ok(Capabilities::default())
    } else {
        Err(refused(Phase::Ehlo, reply))
    }
}

/// The name to greet with: as configured, in ASCII, or our address as a literal (RFC 5321 section 4.1.4).
fn ehlo_name(configured: &str, local: io::Result<SocketAddr>) -> String {
    let name = configured.trim();
    let fits = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    if fits(name) {
        return name.to_owned();
    }
    if !name.is_ascii()
        && let Ok(host) = url::Host::parse(name)
    {
        return host.to_string();
    }
    match local.map(|address| address.ip()) {
        Ok(std::net::IpAddr::V4(address)) => format!("[{address}]"),
        Ok(std::net::IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Err(_) => "[127.0.0.1]".to_owned(),
    }
}

/// The stream and what has been read from it but not yet understood.
#[derive(Debug)]
pub(crate) struct Wire {
    pub stream: Stream,
    pub inbox: BytesMut,
    pub watch: Watch,
}

impl Wire {
    pub fn new(stream: Stream, watch: Watch) -> Self {
        Self {
            stream,
            inbox: BytesMut::new(),
            watch,
        }
    }

    /// Sends bytes and sees them off.
    pub async fn write(
        &mut self,
        bytes: &[u8],
        phase: Phase,
        limit: Duration,
    ) -> Result<(), SmtpError> {
        let send = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(limit, send).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(SmtpError::Lost { phase, source }),
            Err(_) => Err(SmtpError::Timeout {
                phase,
                after: limit,
            }),
        }
    }

    /// Waits for one complete reply.
    pub async fn reply(&mut self, phase: Phase, limit: Duration) -> Result<Reply, SmtpError> {
        let read = async {
            loop {
                let taken = Reply::take(&mut self.inbox)
                    .map_err(|error| SmtpError::malformed(phase, &error))?;
                if let Some(reply) = taken {
                    self.watch.reply(&reply);
                    if self.inbox.is_empty() {
                        // An idle session holds no buffer.
                        self.inbox = BytesMut::new();
                    }
                    return Ok(reply);
                }
                self.inbox.reserve(1024);
                match self.stream.read_buf(&mut self.inbox).await {
                    Ok(0) => {
                        return Err(SmtpError::Lost {
                            phase,
                            source: io::ErrorKind::UnexpectedEof.into(),
                        });
                    }
                    Ok(_) => {}
                    Err(source) => return Err(SmtpError::Lost { phase, source }),
                }
            }
        };
        match timeout(limit, read).await {
            Ok(result) => result,
            Err(_) => Err(SmtpError::Timeout {
                phase,
                after: limit,
            }),
        }
    }

    /// One command line and its answer.
    pub async fn exchange(
        &mut self,
        command: &str,
        phase: Phase,
        limit: Duration,
    ) -> Result<Reply, SmtpError> {
        self.watch.command(command, phase);
        self.write(format!("{command}\r\n").as_bytes(), phase, limit)
            .await?;
        self.reply(phase, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_said_become_address_literals() {
        let local = || Ok(SocketAddr::from(([192, 0, 2, 1], 5)));
        assert_eq!(ehlo_name(" mail.example ", local()), "mail.example");
        assert_eq!(
            ehlo_name("bücher.example", local()),
            "xn--bcher-kva.example"
        );
        assert_eq!(ehlo_name("", local()), "[192.0.2.1]");
        assert_eq!(ehlo_name("a\r\nMAIL FROM:<>", local()), "[192.0.2.1]");
        let six = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5));
        assert_eq!(ehlo_name("", Ok(six)), "[IPv6:2001:db8::1]");
    }
}
