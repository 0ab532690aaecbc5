//! From host and port to a stream.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::egress::EgressPolicy;
use crate::error::NetError;
use crate::proxy::Proxy;
use crate::resolver::{LookUp, bare, resolve, resolve_by};
use crate::stream::Stream;
use crate::tls::TlsProfile;

/// The least time one of several addresses is given.
const MIN_SLICE: Duration = Duration::from_secs(3);

/// Silence after which the kernel probes a connection, the pause between probes, and how many may stay unanswered: a dead
/// peer is noticed after 90 s even where no command is sent.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(10), 3);

/// Whether a connection is encrypted from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Plain; [`Stream::start_tls`] may follow.
    Plain,
    /// TLS at once.
    Tls,
}

/// Where and how to connect.
#[derive(Debug, Clone)]
pub struct Dial {
    /// A name or an address literal.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// TLS at once or not.
    pub security: Security,
    /// Go through this proxy.
    pub proxy: Option<Proxy>,
    /// Our own address to connect from. Peers of the other address family are then not tried.
    pub local_address: Option<IpAddr>,
    /// Which addresses of the host may be dialled. The name is resolved once, and only what was checked is dialled; behind a
    /// proxy, the proxy is given the checked address in place of the name.
    pub policy: EgressPolicy,
    /// Who resolves the host's name; the system where none is given.
    pub resolver: Option<Arc<dyn LookUp>>,
    /// How the peer is checked.
    pub tls: TlsProfile,
    /// The time for everything: resolving, connecting, proxy and TLS handshake.
    pub deadline: Duration,
}

impl Dial {
    /// A direct connection with default checks and a deadline of 30 s.
    pub fn new(host: impl Into<String>, port: u16, security: Security) -> Self {
        Self {
            host: host.into(),
            port,
            security,
            proxy: None,
            local_address: None,
            policy: EgressPolicy::Off,
            resolver: None,
            tls: TlsProfile::default(),
            deadline: Duration::from_secs(30),
        }
    }

    /// Connects: resolves, tries each address in turn, passes the proxy, starts TLS.
    ///
    /// # Errors
    /// See [`NetError`]; everything ends before [`Dial::deadline`].
    pub async fn connect(&self) -> Result<Stream, NetError> {
        let what = || format!("connecting to {}:{}", self.host, self.port);
        // Boxed: the state of this set-up is large and must not stay inside the future of a long-lived connection.
        match tokio::time::timeout(self.deadline, Box::pin(self.establish())).await {
            Ok(result) => result,
            Err(_) => Err(NetError::timeout(what(), self.deadline)),
        }
    }

    async fn establish(&self) -> Result<Stream, NetError> {
        let end = Instant::now() + self.deadline;
        let stream = match &self.proxy {
            None => {
                let addresses = self.look_up(end).await?;
                Stream::from(
                    self.reach(&self.host, self.port, self.vet(addresses)?, end)
                        .await?,
                )
            }
            Some(proxy) => {
                let target = self.behind_proxy(end).await?;
                let reached = async {
                    let addresses = resolve(proxy.host(), proxy.port(), left(end)).await?;
                    self.reach(proxy.host(), proxy.port(), addresses, end).await
                };
                let tcp = reached.await.map_err(|error| match error {
                    timeout @ NetError::Timeout { .. } => timeout,
                    other => NetError::Proxy(other.to_string()),
                })?;
                proxy.open(tcp, &target, self.port, end).await?
            }
        };
        match self.security {
            Security::Plain => Ok(stream),
            Security::Tls => stream.start_tls(&self.host, &self.tls, left(end)).await,
        }
    }

    /// The addresses of the host.
    async fn look_up(&self, end: Instant) -> Result<Vec<SocketAddr>, NetError> {
        resolve_by(self.resolver.as_ref(), &self.host, self.port, left(end)).await
    }

    /// The addresses that may be dialled.
    fn vet(&self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NetError> {
        let mut blocked = None;
        let mut vetted = Vec::new();
        for address in addresses {
            match self.policy.check(address.ip()) {
                Ok(()) => vetted.push(address),
                Err(error) => blocked = Some(error),
            }
        }
        match blocked {
            Some(error) if vetted.is_empty() => Err(error.into()),
            _ => Ok(vetted),
        }
    }

    /// What the proxy is asked for.
    async fn behind_proxy(&self, end: Instant) -> Result<String, NetError> {
        let name = bare(&self.host).to_owned();
        if self.policy == EgressPolicy::Off {
            return Ok(name);
        }
        match self.look_up(end).await {
            Ok(addresses) => {
                let vetted = self.vet(addresses)?;
                Ok(vetted.first().map_or(name, |peer| peer.ip().to_string()))
            }
            // A name that only the proxy can resolve is the proxy's to judge.
            Err(NetError::NotFound { .. }) => Ok(name),
            Err(error) => Err(error),
        }
    }

    async fn reach(
        &self,
        host: &str,
        port: u16,
        addresses: Vec<SocketAddr>,
        end: Instant,
    ) -> Result<TcpStream, NetError> {
        let target = || format!("{host}:{port}");
        let usable: Vec<SocketAddr> = addresses
            .into_iter()
            .filter(|peer| {
                self.local_address
                    .is_none_or(|own| own.is_ipv4() == peer.is_ipv4())
            })
            .collect();
        let mut failure = NetError::Connect {
            target: target(),
            source: io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "no address of the local address's family",
            ),
        };
        for (index, peer) in usable.iter().enumerate() {
            let remaining = left(end);
            let others = u32::try_from(usable.len() - index).unwrap_or(u32::MAX);
            let slice = (remaining / others).max(MIN_SLICE).min(remaining);
            match tokio::time::timeout(slice, connect_one(*peer, self.local_address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(source)) => {
                    failure = NetError::Connect {
                        target: target(),
                        source,
                    };
                }
                Err(_) => failure = NetError::timeout(format!("connecting to {peer}"), slice),
            }
        }
        Err(failure)
    }
}

/// The time left until `end`.
pub(crate) fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

async fn connect_one(peer: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(local) = local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let tcp = socket.connect(peer).await?;
    tcp.set_nodelay(true)?;
    let (time, interval, retries) = KEEPALIVE;
    let keepalive = TcpKeepalive::new()
        .with_time(time)
        .with_interval(interval)
        .with_retries(retries);
    // A system without these knobs still connects.
    if let Err(error) = SockRef::from(&tcp).set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "keepalive not set");
    }
    Ok(tcp)
}
