//! What goes wrong between us and a peer.

use std::io;
use std::time::Duration;

use crate::egress::Blocked;

/// A failed connection, in the vocabulary that clients of the API know ([`NetError::code`]).
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The name does not resolve.
    #[error("cannot resolve {host}: {reason}")]
    NotFound {
        /// The name that was asked for.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// A step did not end before its deadline.
    #[error("{what} timed out after {} ms", after.as_millis())]
    Timeout {
        /// The step, in words (`connecting to mail.example.com:993`).
        what: String,
        /// The time it was given.
        after: Duration,
    },
    /// No connection could be made.
    #[error("cannot connect to {target}: {source}")]
    Connect {
        /// Host and port.
        target: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The TLS handshake failed: certificate, version or protocol.
    #[error("TLS with {host} failed: {reason}")]
    Tls {
        /// The name the certificate was checked against.
        host: String,
        /// What failed.
        reason: String,
    },
    /// The TLS profile itself cannot be used (unreadable CA file, bad server name).
    #[error("TLS settings cannot be used: {0}")]
    TlsProfile(String),
    /// The address may not be reached; nothing was sent to it.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// The proxy is unreachable, refused us, or its URL is wrong.
    #[error("proxy: {0}")]
    Proxy(String),
    /// An established connection failed.
    #[error("connection failed: {0}")]
    Socket(#[from] io::Error),
}

impl NetError {
    /// The stable code: `ECONNREFUSED`, `ETIMEDOUT`, `ENOTFOUND`, `ECONNRESET`, `EHOSTUNREACH`, `ETLS`, `EEGRESSBLOCKED`, `EPROXY`
    /// or `ESOCKET`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "ENOTFOUND",
            Self::Timeout { .. } => "ETIMEDOUT",
            Self::Connect { source, .. } | Self::Socket(source) => io_code(source),
            Self::Tls { .. } | Self::TlsProfile(_) => "ETLS",
            Self::Blocked(_) => "EEGRESSBLOCKED",
            Self::Proxy(_) => "EPROXY",
        }
    }

    /// Whether trying again later, unchanged, can help. TLS and proxy failures are counted as temporary only when they do not
    /// come from our own settings.
    pub fn is_temporary(&self) -> bool {
        !matches!(
            self,
            Self::Tls { .. } | Self::TlsProfile(_) | Self::Blocked(_)
        )
    }

    pub(crate) fn timeout(what: impl Into<String>, after: Duration) -> Self {
        Self::Timeout {
            what: what.into(),
            after,
        }
    }
}

/// The stable code of an operating system error.
pub fn io_code(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
        io::ErrorKind::TimedOut => "ETIMEDOUT",
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => "ECONNRESET",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "EHOSTUNREACH",
        _ => "ESOCKET",
    }
}
