//! What the process decides about the engine; what can change at run time is in
//! [`Settings`](crate::Settings).

use std::{net::IpAddr, time::Duration};

use posthouse_net::EgressPolicy;
use posthouse_script::PoolOptions;

/// Limits and times of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Name of this process among those on one store.
    pub node: String,
    /// Which addresses webhooks may go to.
    pub egress_policy: EgressPolicy,
    /// How long one delivery of a webhook may take.
    pub webhook_timeout: Duration,
    /// Deliveries of webhooks at once.
    pub webhook_workers: usize,
    /// Outgoing messages at once.
    pub submit_workers: usize,
    /// Accounts that connect at once to one mail host.
    pub connecting: usize,
    /// How long connecting and logging in to a mail server may take.
    pub connect_timeout: Duration,
    /// Authentication that fails for so long disables IMAP for the account; zero never does.
    pub max_auth_failure: Duration,
    /// Local address for connections to mail servers.
    pub local_address: Option<IpAddr>,
    /// How users' scripts are run; without it none is.
    pub scripts: Option<PoolOptions>,
    /// Name in `User-Agent` and EHLO where nothing else is set.
    pub product: String,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            node: "local".to_owned(),
            egress_policy: EgressPolicy::LinkLocal,
            webhook_timeout: Duration::from_secs(30),
            webhook_workers: 64,
            submit_workers: 16,
            connecting: 32,
            connect_timeout: Duration::from_secs(30),
            max_auth_failure: Duration::from_secs(3 * 86_400),
            local_address: None,
            scripts: None,
            product: concat!("Posthouse/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
