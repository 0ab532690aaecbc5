//! How a backend reaches the network.

use posthouse_model::account::TlsOptions;
use posthouse_net::{TlsProfile, tls::MinVersion};
use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

/// TLS as an account wants it. `implicit` tells whether TLS was asked for (`secure`).
///
/// STARTTLS that was not asked for is opportunistic (RFC 7435): whoever could forge the certificate
/// could as well hide the offer, so an invalid one is no worse than the plain connection that would
/// be used without the offer. It is refused when the account says `rejectUnauthorized: true`.
#[must_use]
pub fn tls_profile(
    options: Option<&TlsOptions>,
    implicit: bool,
    ignore_certificates: bool,
) -> TlsProfile {
    let explicit = options.and_then(|tls| tls.reject_unauthorized);
    let mut profile = TlsProfile {
        verify: explicit.unwrap_or(implicit && !ignore_certificates),
        ..TlsProfile::default()
    };
    if let Some(options) = options {
        if options.min_version.as_deref() == Some("TLSv1.3") {
            profile.min_version = MinVersion::Tls13;
        }
        profile.server_name = options
            .other
            .get("servername")
            .and_then(|name| name.as_str())
            .map(str::to_owned);
    }
    profile
}

/// Bytes that went over IMAP connections, of all accounts together.
#[derive(Debug, Default)]
pub struct ImapCounters {
    /// Bytes sent.
    pub sent: AtomicU64,
    /// Bytes received.
    pub received: AtomicU64,
}

/// What the instance says about reaching mail servers.
#[derive(Clone)]
pub struct Network {
    /// Proxy for accounts that name none, as a URL.
    pub proxy: Option<String>,
    /// Local address to connect from.
    pub local_address: Option<IpAddr>,
    /// Accept invalid certificates.
    pub ignore_certificates: bool,
    /// How long connecting and logging in may take.
    pub connect_timeout: Duration,
    /// How long a single command may take.
    pub command_timeout: Duration,
    /// Name, version, vendor and support address given to servers (RFC 2971); empty ones are left
    /// out.
    pub client_id: Arc<Vec<(String, String)>>,
    /// Counters.
    pub counters: Arc<ImapCounters>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            proxy: None,
            local_address: None,
            ignore_certificates: false,
            connect_timeout: Duration::from_secs(30),
            command_timeout: Duration::from_secs(60),
            client_id: Arc::default(),
            counters: Arc::default(),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy's URL may hold a password.
        f.debug_struct("Network")
            .field("local_address", &self.local_address)
            .field("ignore_certificates", &self.ignore_certificates)
            .finish_non_exhaustive()
    }
}
