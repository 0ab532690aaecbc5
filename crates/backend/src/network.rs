//! How a backend reaches the network.

use crate::{BackendError, BoxFuture, ProtocolLog};
use posthouse_imap::WireNames;
use posthouse_model::account::{ServerAuth, TlsOptions};
use posthouse_net::{EgressPolicy, TlsProfile, tls::TlsVersion};
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
        verify: !ignore_certificates && explicit.unwrap_or(implicit),
        ..TlsProfile::default()
    };
    let Some(options) = options else {
        return profile;
    };
    let text = |key: &str| options.other.get(key).and_then(|value| value.as_str());
    profile.server_name = text("servername").map(str::to_owned);
    profile.ciphers = text("ciphers").map(str::to_owned);
    match tls_version(options.min_version.as_deref()) {
        Ok(None) => {}
        // Older ones are not spoken: at least that much is always so.
        Ok(Some(version)) => profile.min_version = version.unwrap_or(TlsVersion::Tls12),
        Err(wish) => profile.unusable = Some(wish),
    }
    match tls_version(text("maxVersion")) {
        Ok(None) => {}
        Ok(Some(Some(version))) => profile.max_version = version,
        Ok(Some(None)) => profile.unusable = Some("TLS below 1.2 is not spoken".to_owned()),
        Err(wish) => profile.unusable = Some(wish),
    }
    profile
}

/// A version by the name that OpenSSL has for it; `Some(None)` for one below TLS 1.2.
fn tls_version(name: Option<&str>) -> Result<Option<Option<TlsVersion>>, String> {
    Ok(match name.map(str::trim) {
        None | Some("") => None,
        Some("TLSv1.2") => Some(Some(TlsVersion::Tls12)),
        Some("TLSv1.3") => Some(Some(TlsVersion::Tls13)),
        Some("SSLv3" | "TLSv1" | "TLSv1.0" | "TLSv1.1") => Some(None),
        Some(other) => return Err(format!("{other:?} is no version of TLS")),
    })
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

/// Where an account's credentials come from that it does not hold itself.
pub trait LoginSource: Send + Sync {
    /// The credentials to log in with now; asked for again for each connection.
    ///
    /// # Errors
    /// [`BackendError::Authentication`] where there are none, [`BackendError::Connection`] where they
    /// cannot be asked for.
    fn login(&self) -> BoxFuture<'_, Result<ServerAuth, BackendError>>;
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
    /// Where credentials come from in place of the account's own.
    pub logins: Option<Arc<dyn LoginSource>>,
    /// Mailbox names that the server writes in a way of its own, as the sessions of the account learn them.
    pub names: WireNames,
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
            logins: None,
            names: WireNames::default(),
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
