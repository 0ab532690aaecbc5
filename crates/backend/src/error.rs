//! Why a backend could not do what it was asked.

use posthouse_model::ApiError;
use serde_json::Value;

/// A failure of a backend.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BackendError {
    /// The server refused the credentials.
    #[error("authentication failed: {response}")]
    Authentication {
        /// What the server said.
        response: String,
        /// Response code, such as `AUTHENTICATIONFAILED`.
        code: String,
        /// The failed token request, if one was made.
        token_request: Option<Value>,
    },
    /// The server cannot be reached, or the connection was lost.
    #[error("connection failed: {response}")]
    Connection {
        /// What the network or the server said.
        response: String,
        /// Code, such as `ECONNREFUSED`.
        code: String,
    },
    /// The message, folder, text or attachment is not there.
    #[error("{message}")]
    NotFound {
        /// One sentence.
        message: String,
        /// `MessageNotFound`, `FolderNotFound`, ...
        code: &'static str,
    },
    /// The input cannot be used with this backend.
    #[error("{message}")]
    Input {
        /// HTTP status, 4xx.
        status: u16,
        /// One sentence.
        message: String,
        /// Stable code.
        code: &'static str,
    },
    /// The server refused a command.
    #[error("server refused: {response}")]
    Refused {
        /// What the server said.
        response: String,
        /// Its response code, such as `OVERQUOTA`.
        code: Option<String>,
    },
    /// The server refused to make, rename or delete a folder.
    #[error("server refused: {response}")]
    Mailbox {
        /// What the server said.
        response: String,
        /// Its response code, or what was tried.
        code: String,
    },
    /// No session became free, or the server did not answer, before the deadline.
    #[error("timed out")]
    Timeout,
    /// What the backend asked the engine to remember could not be stored or read.
    #[error("state: {0}")]
    Memory(String),
}

impl BackendError {
    /// The message that an id names is not there.
    #[must_use]
    pub fn message_not_found() -> Self {
        Self::NotFound {
            message: "Requested message was not found".to_owned(),
            code: "MessageNotFound",
        }
    }

    /// The folder is not there.
    #[must_use]
    pub fn folder_not_found() -> Self {
        Self::NotFound {
            message: "Requested folder was not found".to_owned(),
            code: "FolderNotFound",
        }
    }

    /// Whether the connection is of no more use.
    #[must_use]
    pub const fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Authentication { .. } | Self::Connection { .. } | Self::Timeout
        )
    }
}

impl From<BackendError> for ApiError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Authentication { response, code, .. } => {
                Self::new(503, "The mail server refused the account's credentials")
                    .code("AuthenticationFails")
                    .with(
                        "info",
                        serde_json::json!({ "response": response, "code": code }),
                    )
            }
            BackendError::Connection { response, code } => {
                Self::new(503, "The mail server cannot be reached")
                    .code("ConnectionError")
                    .with(
                        "info",
                        serde_json::json!({ "response": response, "code": code }),
                    )
            }
            BackendError::NotFound { message, code } => Self::not_found(&message, code),
            BackendError::Input {
                status,
                message,
                code,
            } => Self::new(status, message).code(code),
            // A provider's refusal is never dressed as 500.
            BackendError::Refused { response, code } => {
                let error = Self::new(502, "The mail server refused the command");
                let info = serde_json::json!({ "response": response, "serverResponseCode": code });
                match code {
                    Some(code) => error.code(&code),
                    None => error.code("ServerRefused"),
                }
                .with("info", info)
            }
            BackendError::Mailbox { response, code } => {
                let details =
                    serde_json::json!({ "response": response, "serverResponseCode": code });
                Self::new(400, format!("The mail server refused: {response}"))
                    .code(&code)
                    .with("details", details)
            }
            BackendError::Timeout => Self::timeout(),
            BackendError::Memory(_) => Self::internal(),
        }
    }
}
