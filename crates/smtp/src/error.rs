//! What goes wrong, in stable codes.

use std::io;
use std::time::Duration;

use posthouse_net::NetError;

use crate::reply::{Malformed, Reply};
use crate::send::Rejected;

/// Where in the conversation something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Dialling, and implicit TLS.
    Connect,
    /// Waiting for the server's first line.
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS and its handshake.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// The DATA command.
    Data,
    /// The message itself, before the final dot.
    Body,
    /// The answer to the final dot.
    End,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
}

impl Phase {
    /// The command's name as errors show it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Connect | Self::Greeting => "CONN",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL FROM",
            Self::Rcpt => "RCPT TO",
            Self::Data | Self::Body | Self::End => "DATA",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Quit => "QUIT",
        }
    }
}

/// A failed step of an SMTP session.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// No connection, or its TLS handshake failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The server answered with a refusal.
    #[error("{} was refused: {reply}", phase.command())]
    Refused {
        /// What was refused.
        phase: Phase,
        /// The answer.
        reply: Reply,
    },
    /// Every recipient was refused.
    #[error("all recipients were rejected: {reply}")]
    AllRejected {
        /// A deferral, where there was one; else the first refusal.
        reply: Reply,
        /// Each recipient with its answer.
        rejected: Vec<Rejected>,
    },
    /// The server does not speak SMTP as we know it.
    #[error("unexpected answer to {}: {reason}", phase.command())]
    Protocol {
        /// Where.
        phase: Phase,
        /// What came instead.
        reason: String,
    },
    /// The connection ended or broke.
    #[error("connection lost during {}: {source}", phase.command())]
    Lost {
        /// Where.
        phase: Phase,
        /// The cause.
        source: io::Error,
    },
    /// The server did not answer in time.
    #[error("no answer to {} within {} s", phase.command(), after.as_secs())]
    Timeout {
        /// Where.
        phase: Phase,
        /// The time it was given.
        after: Duration,
    },
    /// TLS is required and not offered, or the server spoke before the handshake.
    #[error("{0}")]
    Tls(&'static str),
    /// Credentials are missing or cannot be put on the wire.
    #[error("{0}")]
    Credentials(String),
    /// Whoever has the credentials cannot be asked now.
    #[error("{0}")]
    CredentialsLater(String),
    /// The server offers no mechanism that fits the credentials.
    #[error("the server offers no usable AUTH mechanism (offered: {offered})")]
    NoMechanism {
        /// What it offers.
        offered: String,
    },
    /// The envelope cannot be sent: a malformed address, no recipient, or a missing extension.
    #[error("{0}")]
    Envelope(String),
    /// The message is larger than the server's limit.
    #[error("the message has {size} bytes, the server takes {limit}")]
    TooLarge {
        /// The message's size.
        size: u64,
        /// The server's limit.
        limit: u64,
    },
    /// The message could not be read on our side.
    #[error("the message cannot be read: {0}")]
    Body(io::Error),
    /// The session was closed or broken by an earlier step.
    #[error("the session is closed")]
    Closed,
}

impl SmtpError {
    /// The stable code: `EAUTH`, `ENOAUTH`, `ETLS`, `EENVELOPE`, `EMESSAGE`, `EPROTOCOL`, `ECONNECTION`, `ETIMEDOUT`,
    /// `ESOCKET`, `EDNS`, `EPROXY` or `ESTREAM`. `EOAUTH2` belongs to whoever fetches the token.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Net(NetError::NotFound { .. }) => "EDNS",
            Self::Net(NetError::Timeout { .. }) | Self::Timeout { .. } => "ETIMEDOUT",
            Self::Net(NetError::Tls { .. } | NetError::TlsProfile(_)) | Self::Tls(_) => "ETLS",
            Self::Net(NetError::Proxy(_)) => "EPROXY",
            Self::Net(NetError::Blocked(_)) => "EEGRESSBLOCKED",
            Self::Net(NetError::Connect { .. } | NetError::Socket(_)) => "ESOCKET",
            Self::Refused { phase, .. } => match phase {
                Phase::StartTls => "ETLS",
                Phase::Auth => "EAUTH",
                Phase::Mail | Phase::Rcpt => "EENVELOPE",
                Phase::Data | Phase::Body | Phase::End => "EMESSAGE",
                _ => "EPROTOCOL",
            },
            Self::Protocol { .. } => "EPROTOCOL",
            Self::Lost { .. } | Self::Closed | Self::CredentialsLater(_) => "ECONNECTION",
            Self::Credentials(_) => "ENOAUTH",
            Self::NoMechanism { .. } => "EAUTH",
            Self::Envelope(_) | Self::AllRejected { .. } => "EENVELOPE",
            Self::TooLarge { .. } => "EMESSAGE",
            Self::Body(_) => "ESTREAM",
        }
    }

    /// Whether sending the same again is pointless. Where the server answered, its answer decides: 5xx except 503 is
    /// permanent, anything else is not, so that a deferred recipient is retried (RFC 5321 section 4.2.1). Without an answer
    /// the code decides: EAUTH, ENOAUTH, ETLS, EENVELOPE, EMESSAGE and EPROTOCOL are permanent.
    pub fn is_permanent(&self) -> bool {
        match self.response_code() {
            Some(code) => code >= 500 && code != 503,
            None => matches!(
                self.code(),
                "EAUTH" | "ENOAUTH" | "ETLS" | "EENVELOPE" | "EMESSAGE" | "EPROTOCOL"
            ),
        }
    }

    /// The server's answer.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused { reply, .. } | Self::AllRejected { reply, .. } => Some(reply),
            _ => None,
        }
    }

    /// The server's answer as text, with its code.
    pub fn response(&self) -> Option<String> {
        self.reply().map(Reply::to_string)
    }

    /// The code of the server's answer.
    pub fn response_code(&self) -> Option<u16> {
        self.reply().map(|reply| reply.code)
    }

    /// Where it happened, as far as a command was involved.
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::Net(_) => Some(Phase::Connect),
            Self::Refused { phase, .. }
            | Self::Protocol { phase, .. }
            | Self::Lost { phase, .. }
            | Self::Timeout { phase, .. } => Some(*phase),
            Self::Tls(_) => Some(Phase::StartTls),
            Self::NoMechanism { .. } => Some(Phase::Auth),
            Self::AllRejected { .. } => Some(Phase::Rcpt),
            _ => None,
        }
    }

    /// The command that failed, as errors show it.
    pub fn command(&self) -> Option<&'static str> {
        self.phase().map(Phase::command)
    }

    pub(crate) fn malformed(phase: Phase, error: &Malformed) -> Self {
        Self::Protocol {
            phase,
            reason: error.to_string(),
        }
    }
}
