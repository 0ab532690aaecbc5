//! Why there is no answer.

use std::error::Error as StdError;
use std::time::Duration;

use hyper::StatusCode;

use crate::egress::Blocked;
use crate::error::{NetError, io_code};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The policy forbids the address.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// The answer is a redirect, and those are not followed under this policy.
    #[error("the server answered with a redirect (status {status}), which is not followed")]
    RedirectNotFollowed {
        /// The status, 3xx.
        status: StatusCode,
    },
    /// No answer in time.
    #[error("no answer within {} ms", after.as_millis())]
    Timeout {
        /// The time it was given.
        after: Duration,
    },
    /// Not an `http` or `https` URL with a host, or a header that cannot be sent.
    #[error("the request cannot be sent: {0}")]
    Invalid(String),
    /// The name does not resolve, or the proxy or the TLS settings fail.
    #[error(transparent)]
    Net(#[from] NetError),
    /// No connection.
    #[error("cannot connect: {reason}")]
    Connect {
        /// The stable code of the cause.
        code: &'static str,
        /// The cause in words.
        reason: String,
    },
    /// The connection failed, or the answer is not HTTP.
    #[error("no valid answer: {reason}")]
    Http {
        /// The stable code of the cause.
        code: &'static str,
        /// The cause in words.
        reason: String,
    },
}

impl EgressError {
    /// The stable code: `EEGRESSBLOCKED`, `EREDIRECTNOTFOLLOWED`, `ETIMEDOUT`, `EINVALIDREQUEST` or one of [`NetError::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Blocked(_) => "EEGRESSBLOCKED",
            Self::RedirectNotFollowed { .. } => "EREDIRECTNOTFOLLOWED",
            Self::Timeout { .. } => "ETIMEDOUT",
            Self::Invalid(_) => "EINVALIDREQUEST",
            Self::Net(error) => error.code(),
            Self::Connect { code, .. } | Self::Http { code, .. } => code,
        }
    }

    /// The HTTP status that came with the failure, if one did.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::RedirectNotFollowed { status } => Some(*status),
            _ => None,
        }
    }

    /// Whether another attempt is pointless: the policy or the request itself is the cause.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Blocked(_) | Self::RedirectNotFollowed { .. } | Self::Invalid(_)
        )
    }
}

impl From<hyper_util::client::legacy::Error> for EgressError {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        let connecting = error.is_connect();
        // What dialling said is the whole truth.
        for cause in causes(&error) {
            match cause.downcast_ref::<NetError>() {
                Some(NetError::Blocked(blocked)) => return Self::Blocked(blocked.clone()),
                Some(NetError::Timeout { what, after }) => {
                    return Self::Net(NetError::timeout(what.as_str(), *after));
                }
                Some(net) => {
                    return Self::Connect {
                        code: net.code(),
                        reason: net.to_string(),
                    };
                }
                None => {}
            }
        }
        let (code, reason) = told(&error, 1);
        if connecting {
            Self::Connect { code, reason }
        } else {
            Self::Http { code, reason }
        }
    }
}

impl From<hyper::Error> for EgressError {
    fn from(error: hyper::Error) -> Self {
        let (code, reason) = told(&error, 0);
        Self::Http { code, reason }
    }
}

/// The code and the whole chain of causes after the first `skip`, without the URL (it may hold secrets).
fn told(error: &(dyn StdError + 'static), skip: usize) -> (&'static str, String) {
    let mut code = "ESOCKET";
    let mut parts: Vec<String> = Vec::new();
    for (place, cause) in causes(error).enumerate() {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            code = io_code(io);
        }
        let text = cause.to_string();
        if place >= skip && !parts.contains(&text) {
            parts.push(text);
        }
    }
    if parts.is_empty() {
        parts.push("the request failed".to_owned());
    }
    (code, parts.join(": "))
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error: &'a (dyn StdError + 'static) = *error;
        // An I/O error hides what it wraps from `source`.
        match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}
