//! The outward voice of an error: status, stable code, one plain sentence, the offending fields.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An error as the API answers it (behaviour 1, error envelope).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// One plain sentence.
    pub message: String,
    /// Further members of the envelope: `code`, `fields`, `state`, `ttl`, `details`, ...
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl ApiError {
    /// An error without further members.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            extra: Map::new(),
        }
    }

    /// With a stable code.
    #[must_use]
    pub fn code(self, code: &str) -> Self {
        self.with("code", code)
    }

    /// With a further member.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }

    /// The stable code, if there is one.
    #[must_use]
    pub fn code_str(&self) -> Option<&str> {
        self.extra.get("code").and_then(Value::as_str)
    }

    /// 400 with the offending fields.
    #[must_use]
    pub fn invalid_input(fields: Value) -> Self {
        Self::new(400, "Invalid input").with("fields", fields)
    }

    /// 400 `Invalid input` for one field.
    #[must_use]
    pub fn invalid_field(key: &str, message: &str) -> Self {
        Self::invalid_input(json!([{ "message": message, "key": key }]))
    }

    /// 404 with a code.
    #[must_use]
    pub fn not_found(message: &str, code: &str) -> Self {
        Self::new(404, message).code(code)
    }

    /// 404 of an unknown account.
    #[must_use]
    pub fn account_not_found() -> Self {
        Self::not_found(
            "Account record was not found for requested ID",
            "AccountNotFound",
        )
    }

    /// 500: the cause stays inside, the caller logs it.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, "An internal server error occurred")
    }

    /// 501 for an operation of the contract that is not built yet.
    #[must_use]
    pub fn not_implemented(operation: &str) -> Self {
        Self::new(
            501,
            format!("Operation {operation} is not available in this version of Posthouse"),
        )
        .code("NotImplemented")
    }

    /// 504: the deadline of the request passed.
    #[must_use]
    pub fn timeout() -> Self {
        Self::new(
            504,
            "Timeout waiting for the mail server, try again or raise x-ee-timeout",
        )
        .code("Timeout")
    }

    /// The envelope.
    #[must_use]
    pub fn envelope(&self) -> Value {
        let mut body = Map::new();
        body.insert("statusCode".into(), self.status.into());
        body.insert("error".into(), phrase(self.status).into());
        body.insert("message".into(), self.message.clone().into());
        for (key, value) in &self.extra {
            body.insert(key.clone(), value.clone());
        }
        Value::Object(body)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.message)
    }
}

impl std::error::Error for ApiError {}

/// The reason phrase of a status (RFC 9110 section 15).
#[must_use]
pub const fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Time-out",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Time-out",
        _ => "Internal Server Error",
    }
}
