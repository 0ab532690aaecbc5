//! The client for URLs that users gave: through the proxy of the settings, if there is one.

use std::sync::{Mutex, PoisonError};

use posthouse_net::{EgressClient, NetError, http::ClientOptions};

use crate::{Engine, Settings};

/// The client of this moment.
pub struct HttpClients {
    options: ClientOptions,
    /// The proxy's URL and the client through it.
    current: Mutex<(Option<String>, EgressClient)>,
}

impl HttpClients {
    /// Begins without a proxy; that of `options` is not looked at.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(options: ClientOptions) -> Result<Self, NetError> {
        Ok(Self {
            current: Mutex::new((None, client(&options, None)?)),
            options,
        })
    }

    /// The client by these settings: the same one as before unless they changed.
    ///
    /// # Errors
    /// The proxy's URL is of no use. Nothing goes past a proxy that is asked for.
    pub(crate) fn by(&self, settings: &Settings) -> Result<EgressClient, NetError> {
        let proxy = settings
            .bool("httpProxyEnabled")
            .then(|| settings.text("httpProxyUrl"))
            .flatten();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0.as_deref() != proxy {
            *current = (proxy.map(str::to_owned), client(&self.options, proxy)?);
        }
        Ok(current.1.clone())
    }
}

fn client(options: &ClientOptions, proxy: Option<&str>) -> Result<EgressClient, NetError> {
    EgressClient::new(ClientOptions {
        proxy: proxy.map(str::parse).transpose()?,
        ..options.clone()
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
