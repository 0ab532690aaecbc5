//! What findings are computed from.

use std::collections::BTreeMap;

use posthouse_model::{AccountId, AccountState, Timestamp, route::RouteId};
use posthouse_store::overview::TokenCounts;

use crate::{dashboard::Queue, process::Disk};

/// The last webhook that the default target did not take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookFailure {
    /// Type of the event.
    pub event: String,
    /// Why.
    pub message: String,
    /// Target, masked.
    pub url: String,
    /// When.
    pub time: Option<Timestamp>,
}

/// What the findings are computed from.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// Accounts by state.
    pub accounts: BTreeMap<AccountState, u64>,
    /// Accounts whose own target does not take webhooks: the first of them.
    pub failing_targets: Vec<AccountId>,
    /// How many there are.
    pub failing_target_count: u64,
    /// The first of the webhook routes in use that fail.
    pub failing_route: Option<RouteId>,
    /// How many there are.
    pub failing_route_count: u64,
    /// Webhooks are delivered.
    pub webhooks_enabled: bool,
    /// There is a default target.
    pub webhook_target: bool,
    /// Event types that are delivered are chosen.
    pub webhook_events: bool,
    /// The default target does not take webhooks.
    pub webhook_failure: Option<WebhookFailure>,
    /// Webhooks are signed.
    pub signed: bool,
    /// Deliveries of webhooks.
    pub notify: Queue,
    /// Outgoing messages.
    pub submit: Queue,
    /// Access tokens.
    pub tokens: TokenCounts,
    /// Access tokens that open everything and were not used for long.
    pub idle_tokens: u64,
    /// Requests without a token are admitted.
    pub open_api: bool,
    /// Everybody can write the client's address into `X-Forwarded-For`.
    pub any_forwarder: bool,
    /// It is known where this instance is reached.
    pub service_url: bool,
    /// Certificates of mail servers are not checked.
    pub any_certificate: bool,
    /// The administrator has a password; none when it is not known.
    pub password: Option<bool>,
    /// The administrator has a second factor; none when it is not known.
    pub second_factor: Option<bool>,
    /// The disk of the embedded store.
    pub disk: Option<Disk>,
}
