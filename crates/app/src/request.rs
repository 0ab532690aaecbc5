//! What a surface knows of a request, and what admission makes of it.

use std::{net::IpAddr, time::Duration};

use posthouse_contract::{Operation, Valid};
use posthouse_model::{Action, ApiError, Caller, Group, Scope};

use crate::{Claimed, Lifted};

/// The proof a request brings.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Credential {
    /// None.
    #[default]
    None,
    /// `Authorization: Bearer` (RFC 6750 section 2.1).
    Bearer(String),
    /// The `access_token` query parameter (RFC 6750 section 2.3).
    Query(String),
}

/// Who asks, as far as a surface can tell.
#[derive(Clone, Default)]
pub struct Request {
    /// Proof.
    pub credential: Credential,
    /// The `ee` cookie, for session tokens.
    pub session_cookie: Option<String>,
    /// The client's address, proxies resolved.
    pub address: Option<IpAddr>,
    /// `Referer` as sent.
    pub referrer: Option<String>,
    /// Method, upper case; the scope's name for a login.
    pub method: String,
}

/// Who visits a page; travels with the request as an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The peer of the socket, perhaps a proxy.
    pub peer: IpAddr,
    /// The client's address, proxies resolved.
    pub address: IpAddr,
    /// The address that the client cannot choose: the resolved one where proxies are named, the peer's where
    /// everybody is believed.
    pub proven: IpAddr,
    /// Scheme, host and port by which the client reaches this server, as proxy and client say.
    pub origin: String,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Scopes that open it.
    pub scopes: &'a [Scope],
    /// Action; nothing is admitted without one.
    pub action: Action,
    /// Group.
    pub group: Group,
    /// Route template, for the audit log.
    pub path: &'a str,
    /// The account in the path.
    pub account: Option<&'a str>,
    /// The operation, for the exceptions of account-bound tokens; none for `/metrics` and the like.
    pub operation: Option<&'static Operation>,
    /// The `account` query parameter.
    pub query_account: Option<&'a str>,
}

/// A request that was admitted.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who it is.
    pub caller: Caller,
    /// The state of the token's rate limit, if it has one.
    pub rate: Option<RateStatus>,
}

/// The state of a rate limit, for the `X-RateLimit-*` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStatus {
    /// Requests in a window.
    pub limit: u64,
    /// Requests left in this window.
    pub remaining: u64,
    /// Seconds until the window ends.
    pub reset: u64,
}

/// A request that was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The answer's body.
    pub error: Box<ApiError>,
    /// The challenge for `WWW-Authenticate` (RFC 6750 section 3).
    pub challenge: Option<&'static str>,
    /// The state of the rate limit that refused it.
    pub rate: Option<RateStatus>,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self {
            error: Box::new(error),
            challenge: None,
            rate: None,
        }
    }
}

/// The validated input of an operation.
pub struct CallInput {
    /// Parameters and body.
    pub valid: Valid,
    /// How long the caller waits: `x-ee-timeout`, or the configured command timeout.
    pub timeout: Duration,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The claim under that key; [`App::call`] sets it.
    pub claimed: Option<Claimed>,
    /// Contents that stand beside the body.
    pub lifted: Lifted,
}
