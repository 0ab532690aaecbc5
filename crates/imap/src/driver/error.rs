//! Why a call on a connection failed.

use std::io;

use crate::framer::FrameError;
use crate::status::{Code, Condition, Status};

/// Why a call on a connection failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream failed.
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
    /// Switching to TLS failed; the cause is the upgrade's own error.
    #[error("TLS failed: {0}")]
    Tls(Box<dyn std::error::Error + Send + Sync>),
    /// The server closed the connection without a word.
    #[error("the server closed the connection")]
    Closed,
    /// The server said BYE.
    #[error("the server closed the connection: {text}")]
    Bye {
        /// Name of the response code.
        code: Option<String>,
        /// The server's words.
        text: String,
    },
    /// The server was silent for too long, or the command took too long as a whole.
    #[error("the server did not answer in time")]
    Timeout,
    /// The credentials were refused.
    #[error("authentication failed: {text}")]
    AuthFailed {
        /// Name of the response code, for instance `AUTHENTICATIONFAILED`.
        code: Option<String>,
        /// The server's words.
        text: String,
        /// What an OAuth2 server says about the token (JSON).
        refusal: Option<String>,
    },
    /// The server refused a command with NO.
    #[error("{command} was refused: {text}")]
    No {
        /// The command's name.
        command: &'static str,
        /// Name of the response code.
        code: Option<String>,
        /// The server's words.
        text: String,
    },
    /// The server answered BAD.
    #[error("{command} was not understood: {text}")]
    Bad {
        /// The command's name.
        command: &'static str,
        /// Name of the response code.
        code: Option<String>,
        /// The server's words.
        text: String,
    },
    /// The server passed a limit.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The server does not offer what the call needs.
    #[error("the server does not offer {0}")]
    Unsupported(&'static str),
    /// An argument holds what the protocol cannot carry. Nothing was sent.
    #[error("invalid argument: {0}")]
    Invalid(&'static str),
    /// The source of an upload failed.
    #[error("reading the message failed: {0}")]
    Source(io::Error),
    /// The source of an upload ended before its announced size.
    #[error("the message is shorter than announced")]
    SourceShort,
    /// Bytes came after the answer to STARTTLS but before TLS: somebody may be injecting commands.
    #[error("unexpected data before the TLS handshake")]
    StartTlsInjection,
    /// An earlier failure or cancelled command made the connection unusable.
    #[error("the connection is no longer usable")]
    Broken,
    /// IDLE runs; it must be ended first.
    #[error("IDLE is running")]
    Idling,
}

fn code_name(status: &Status) -> Option<String> {
    status.code.as_ref().map(|c| Code::name(c).to_owned())
}

impl Error {
    pub(crate) fn bye(status: &Status) -> Self {
        Self::Bye {
            code: code_name(status),
            text: status.text.clone(),
        }
    }

    pub(crate) fn refused(command: &'static str, status: Status) -> Self {
        let code = code_name(&status);
        let text = status.text;
        match status.condition {
            Condition::No => Self::No {
                command,
                code,
                text,
            },
            _ => Self::Bad {
                command,
                code,
                text,
            },
        }
    }

    /// Name of the response code that came with the refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Bye { code, .. }
            | Self::AuthFailed { code, .. }
            | Self::No { code, .. }
            | Self::Bad { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// True when the server answered and the connection can go on.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::No { .. }
                | Self::Bad { .. }
                | Self::AuthFailed { .. }
                | Self::Unsupported(_)
                | Self::Invalid(_)
        )
    }
}
