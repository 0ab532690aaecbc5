//! From the URI of a request to a connection, by [`Dial`].

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::client::ClientOptions;
use crate::dial::{Dial, Security};
use crate::error::NetError;
use crate::stream::Stream;
use crate::tls::TlsProfile;

/// The protocols offered in the TLS handshake, the best first (RFC 7301, RFC 9113 section 3.2).
const PROTOCOLS: &[&str] = &["h2", "http/1.1"];

/// Dials for the client.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    options: Arc<ClientOptions>,
    tls: TlsProfile,
}

impl Connector {
    pub(super) fn new(options: Arc<ClientOptions>) -> Self {
        let tls = TlsProfile {
            protocols: PROTOCOLS,
            ..options.tls.clone()
        };
        Self { options, tls }
    }

    fn dial(&self, uri: &Uri) -> Dial {
        let security = match uri.scheme_str() {
            Some("https") => Security::Tls,
            _ => Security::Plain,
        };
        let usual = match security {
            Security::Tls => 443,
            Security::Plain => 80,
        };
        Dial {
            proxy: self.options.proxy.clone(),
            local_address: self.options.local_address,
            policy: self.options.policy,
            resolver: self.options.resolver.clone(),
            tls: self.tls.clone(),
            deadline: self.options.connect_timeout,
            ..Dial::new(
                uri.host().unwrap_or_default(),
                uri.port_u16().unwrap_or(usual),
                security,
            )
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = NetError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NetError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NetError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.dial(&uri);
        Box::pin(async move { dial.connect().await.map(TokioIo::new) })
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self.protocol() {
            Some(b"h2") => Connected::new().negotiated_h2(),
            _ => Connected::new(),
        }
    }
}
