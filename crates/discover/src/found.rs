//! What is found.

use serde::Serialize;

/// The servers of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// For reading.
    pub imap: Option<Server>,
    /// For sending.
    pub smtp: Option<Server>,
    /// What the provider wants instead of the password that people know.
    pub app_password: Option<AppPassword>,
    /// Where it was found, one of [`source`].
    pub source: &'static str,
}

/// Names of the ways that lead to servers.
pub mod source {
    /// The table of known providers, by MX record.
    pub const MX: &str = "mx";
    /// Service records in DNS.
    pub const SRV: &str = "srv";
    /// A file on the domain's own web server.
    pub const WELL_KNOWN: &str = "well-known";
    /// A file on the domain's autoconfiguration host.
    pub const AUTOCONFIG: &str = "autoconfig";
    /// Mozilla's collection.
    pub const MOZILLA: &str = "mozilla";
    /// Exchange autodiscover.
    pub const AUTODISCOVER: &str = "autodiscover";
    /// None led anywhere.
    pub const NONE: &str = "none";
}

/// A server, as the API writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Who logs in.
    pub auth: Login,
    /// Host name in ASCII form, or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether TLS starts at once; otherwise STARTTLS is to be used.
    pub secure: bool,
}

/// Who logs in. There is never a password here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// User name.
    pub user: String,
}

/// What a provider wants instead of the password that people know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppPassword {
    /// Whether logging in fails without one.
    pub required: bool,
    /// The provider, in a word.
    pub provider: String,
    /// How to get one.
    pub instructions: String,
    /// What may stand in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// What one way leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    pub(crate) imap: Option<Server>,
    pub(crate) smtp: Option<Server>,
}

impl Servers {
    /// Nothing when there is no server among them.
    pub(crate) fn useful(self) -> Option<Self> {
        (self.imap.is_some() || self.smtp.is_some()).then_some(self)
    }

    pub(crate) const fn is_whole(&self) -> bool {
        self.imap.is_some() && self.smtp.is_some()
    }
}

impl Server {
    /// A server named by a foreign document; none when host or port are not what they say.
    pub(crate) fn new(user: String, host: &str, port: u16, secure: bool) -> Option<Self> {
        let host = host.trim().trim_end_matches('.');
        if port == 0 || host.is_empty() || host.contains('%') || user.chars().any(char::is_control)
        {
            return None;
        }
        // The form that a URL would give it: lower case, IDNA.
        let host = match url::Host::parse(host).ok()? {
            url::Host::Domain(name) => name,
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        };
        (host.len() <= 253).then_some(Self {
            auth: Login { user },
            host,
            port,
            secure,
        })
    }
}
