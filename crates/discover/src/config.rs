//! What the process decides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use posthouse_net::EgressPolicy;
use url::Url;

/// Where and how servers are looked for.
#[derive(Debug, Clone)]
pub struct DiscoverConfig {
    /// Name servers to ask, for all names; the system's where none is given.
    pub dns: Option<Vec<SocketAddr>>,
    /// The collection of configuration files that is asked for a domain; nobody is asked without it. The domain alone is sent.
    pub ispdb: Option<Url>,
    /// Which addresses may be asked over HTTP: domain names come from strangers.
    pub egress: EgressPolicy,
    /// The port for `http` addresses that are made from a domain.
    pub http_port: u16,
    /// The same for `https`.
    pub https_port: u16,
    /// A PEM file of certificate authorities trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// How long the table of known providers may take, and after it each of the five ways.
    pub step: Duration,
    /// The `User-Agent`.
    pub user_agent: String,
}

impl Default for DiscoverConfig {
    fn default() -> Self {
        Self {
            dns: None,
            ispdb: Url::parse("https://autoconfig.thunderbird.net/v1.1/").ok(),
            egress: EgressPolicy::Private,
            http_port: 80,
            https_port: 443,
            ca_file: None,
            step: Duration::from_secs(5),
            user_agent: concat!("Posthouse/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
