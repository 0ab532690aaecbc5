//! Who is asking: the result of authentication, travelling with every call.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Permissions, token::TokenId};

/// How a caller proved itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Identity {
    /// By an access token.
    Token(TokenId),
    /// By a session token of the console, bound to one account.
    Session,
    /// By an administrator's session.
    Administrator(String),
    /// Not at all: `disableTokens` is on.
    Preauthorized,
    /// Posthouse itself: queues, command line.
    System,
}

/// A caller that passed authentication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// How it proved itself.
    pub identity: Identity,
    /// The only account it may touch.
    pub account: Option<AccountId>,
    /// What is taken away from it.
    pub permissions: Permissions,
    /// Where it calls from.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// Posthouse itself.
    #[must_use]
    pub const fn system() -> Self {
        Self {
            identity: Identity::System,
            account: None,
            permissions: Permissions::Unrestricted,
            address: None,
        }
    }

    /// Whether it may choose the network route of a message (`proxy`, `localAddress`).
    #[must_use]
    pub fn may_route(&self) -> bool {
        !self.permissions.is_narrowed() && !matches!(self.identity, Identity::Session)
    }
}
