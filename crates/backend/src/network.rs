//! How a backend reaches the network.

use crate::ProtocolLog;
use posthouse_model::account::TlsOptions;
use posthouse_net::{EgressPolicy, TlsProfile, tls::MinVersion};
use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
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

/// What went over IMAP connections, of all accounts together.
#[derive(Debug, Default)]
pub struct ImapCounters {
    /// Bytes sent.
    pub sent: AtomicU64,
    /// Bytes received.
    pub received: AtomicU64,
    responses: Mutex<BTreeMap<ResponseKind, u64>>,
}

/// Condition and code of a status response: `("NO", "TRYCREATE")`. The code is empty where there is
/// none.
pub type ResponseKind = (&'static str, &'static str);

/// The response codes that are told apart (RFC 9051 section 7.1 and its extensions). Servers make up
/// others, without end: they are counted together.
const CODES: &[&str] = &[
    "ALERT",
    "ALREADYEXISTS",
    "APPENDUID",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "BADCHARSET",
    "CANNOT",
    "CAPABILITY",
    "CLIENTBUG",
    "CLOSED",
    "COMPRESSIONACTIVE",
    "CONTACTADMIN",
    "COPYUID",
    "CORRUPTION",
    "EXPIRED",
    "EXPUNGEISSUED",
    "HASCHILDREN",
    "HIGHESTMODSEQ",
    "INUSE",
    "LIMIT",
    "MAILBOXID",
    "METADATA",
    "MODIFIED",
    "NOMODSEQ",
    "NONEXISTENT",
    "NOPERM",
    "NOTSAVED",
    "OVERQUOTA",
    "PARSE",
    "PERMANENTFLAGS",
    "PRIVACYREQUIRED",
    "READ-ONLY",
    "READ-WRITE",
    "REFERRAL",
    "SERVERBUG",
    "THROTTLED",
    "TOOBIG",
    "TRYCREATE",
    "UIDNEXT",
    "UIDNOTSTICKY",
    "UIDVALIDITY",
    "UNAVAILABLE",
    "UNKNOWN-CTE",
    "UNSEEN",
    "USEATTR",
    "WEBALERT",
];

impl ImapCounters {
    /// Counts a status response.
    pub(crate) fn count_response(&self, condition: &'static str, code: Option<&str>) {
        let code = code.map_or("", |code| {
            CODES
                .iter()
                .find(|known| known.eq_ignore_ascii_case(code))
                .copied()
                .unwrap_or("OTHER")
        });
        *self.lock().entry((condition, code)).or_default() += 1;
    }

    /// Status responses so far.
    #[must_use]
    pub fn responses(&self) -> BTreeMap<ResponseKind, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ResponseKind, u64>> {
        self.responses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the instance says about reaching mail servers.
#[derive(Clone)]
pub struct Network {
    /// Accounts that do not say it keep no index: only new messages are noticed.
    pub fast_indexer: bool,
    /// Proxy for accounts that name none, as a URL.
    pub proxy: Option<String>,
    /// Local address to connect from.
    pub local_address: Option<IpAddr>,
    /// Which addresses of mail servers may be dialled: any, unless a stranger names them.
    pub egress: EgressPolicy,
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
    /// Who takes conversations down.
    pub log: Option<Arc<dyn ProtocolLog>>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            fast_indexer: false,
            proxy: None,
            local_address: None,
            egress: EgressPolicy::Off,
            ignore_certificates: false,
            connect_timeout: Duration::from_secs(30),
            command_timeout: Duration::from_secs(60),
            client_id: Arc::default(),
            counters: Arc::default(),
            log: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_response_codes_are_counted_together() {
        let counters = ImapCounters::default();
        for code in [None, Some("tryCreate"), Some("X-1"), Some("X-2")] {
            counters.count_response("NO", code);
        }
        let expected = [("", 1), ("OTHER", 2), ("TRYCREATE", 1)];
        assert_eq!(
            counters.responses(),
            BTreeMap::from(expected.map(|(code, count)| (("NO", code), count)))
        );
    }
}
