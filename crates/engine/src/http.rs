//! The client for URLs that users gave: through the proxy of the settings, if there is one.

use std::sync::{Mutex, PoisonError};

use posthouse_net::{EgressClient, EgressPolicy, NetError, http::ClientOptions};

use crate::{Engine, Settings};

/// Idle connections kept to each receiver: as many as deliveries go to it at once.
const IDLE: usize = 32;

/// The client of this moment.
pub struct HttpClients {
    policy: EgressPolicy,
    /// The proxy's URL and the client through it.
    current: Mutex<(Option<String>, EgressClient)>,
}

impl HttpClients {
    /// Begins without a proxy.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(policy: EgressPolicy) -> Result<Self, NetError> {
        Ok(Self {
            policy,
            current: Mutex::new((None, client(policy, None)?)),
        })
    }

    /// The client by these settings: the same one as before unless they changed.
    ///
    /// # Errors
    /// The proxy's URL is of no use. Nothing goes past a proxy that is asked for.
    fn by(&self, settings: &Settings) -> Result<EgressClient, NetError> {
        let proxy = settings
            .bool("httpProxyEnabled")
            .then(|| settings.text("httpProxyUrl"))
            .flatten();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0.as_deref() != proxy {
            *current = (proxy.map(str::to_owned), client(self.policy, proxy)?);
        }
        Ok(current.1.clone())
    }
}

fn client(policy: EgressPolicy, proxy: Option<&str>) -> Result<EgressClient, NetError> {
    EgressClient::new(ClientOptions {
        policy,
        proxy: proxy.map(str::parse).transpose()?,
        max_idle_per_host: IDLE,
        ..ClientOptions::default()
    })
}

impl Engine {
    /// The client for URLs that users gave.
    ///
    /// # Errors
    /// See [`HttpClients::by`].
    pub(crate) fn http(&self) -> Result<EgressClient, NetError> {
        self.http_clients().by(&self.settings())
    }
}
