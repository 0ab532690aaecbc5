//! Proxies: SOCKS4, SOCKS4a, SOCKS5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110 section 9.3.6).

use std::net::IpAddr;
use std::str::FromStr;

use base64::Engine;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};
use tokio_socks::{IntoTargetAddr, TargetAddr};
use url::Url;

use crate::dial::left;
use crate::error::NetError;
use crate::resolver::resolve;
use crate::stream::Stream;
use crate::tls::TlsProfile;

/// The longest answer to CONNECT that is read, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// HTTP CONNECT over plain TCP.
    Http,
    /// HTTP CONNECT over TLS.
    Https,
    /// SOCKS4: names are resolved here, IPv4 only.
    Socks4,
    /// SOCKS4a: names are resolved by the proxy.
    Socks4a,
    /// SOCKS5: names are resolved by the proxy.
    Socks5,
}

/// A proxy, parsed from its URL: `http`, `https`, `socks` (meaning SOCKS5), `socks4`, `socks4a`, `socks5`, `socks5h`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    kind: ProxyKind,
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("authenticated", &self.user.is_some())
            .finish()
    }
}

impl FromStr for Proxy {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        // The text may hold a password: it is never repeated in an error.
        let url = Url::parse(text.trim())
            .map_err(|error| NetError::Proxy(format!("not a URL: {error}")))?;
        let (kind, default_port) = match url.scheme() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks" | "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            "socks4" => (ProxyKind::Socks4, 1080),
            "socks4a" => (ProxyKind::Socks4a, 1080),
            other => {
                return Err(NetError::Proxy(format!("unknown kind of proxy {other:?}")));
            }
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| NetError::Proxy("the URL has no host".to_owned()))?;
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        Ok(Self {
            kind,
            host: host.to_owned(),
            port: url.port().unwrap_or(default_port),
            user: (!url.username().is_empty()).then(|| decode(url.username())),
            password: url.password().map(decode),
        })
    }
}

impl Proxy {
    /// How it is spoken to.
    pub fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Its name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn credentials(&self) -> Option<(&str, &str)> {
        let user = self.user.as_deref()?;
        Some((user, self.password.as_deref().unwrap_or_default()))
    }

    /// Opens a way to `host:port` over a connection to the proxy. The caller holds the deadline; `end` paces the parts.
    pub(crate) async fn open(
        &self,
        tcp: TcpStream,
        host: &str,
        port: u16,
        end: Instant,
    ) -> Result<Stream, NetError> {
        match self.kind {
            ProxyKind::Http => connect(Stream::from(tcp), self.credentials(), host, port).await,
            ProxyKind::Https => {
                let outer = Stream::from(tcp)
                    .start_tls(&self.host, &TlsProfile::default(), left(end))
                    .await
                    .map_err(|error| NetError::Proxy(error.to_string()))?;
                connect(outer, self.credentials(), host, port).await
            }
            ProxyKind::Socks5 => {
                let target = target(host, port)?;
                let opened = match self.credentials() {
                    Some((user, password)) => {
                        Socks5Stream::connect_with_password_and_socket(tcp, target, user, password)
                            .await
                    }
                    None => Socks5Stream::connect_with_socket(tcp, target).await,
                };
                Ok(Stream::from(opened.map_err(socks_error)?.into_inner()))
            }
            ProxyKind::Socks4 | ProxyKind::Socks4a => {
                let target = match (self.kind, host.parse::<IpAddr>()) {
                    (ProxyKind::Socks4, Err(_)) => TargetAddr::Ip(
                        resolve(host, port, left(end))
                            .await?
                            .into_iter()
                            .find(std::net::SocketAddr::is_ipv4)
                            .ok_or_else(|| {
                                NetError::Proxy(format!("{host} has no IPv4 address for SOCKS4"))
                            })?,
                    ),
                    _ => target(host, port)?,
                };
                let opened = match &self.user {
                    Some(user) => {
                        Socks4Stream::connect_with_userid_and_socket(tcp, target, user).await
                    }
                    None => Socks4Stream::connect_with_socket(tcp, target).await,
                };
                Ok(Stream::from(opened.map_err(socks_error)?.into_inner()))
            }
        }
    }
}

fn target(host: &str, port: u16) -> Result<TargetAddr<'_>, NetError> {
    (host, port).into_target_addr().map_err(socks_error)
}

fn socks_error(error: tokio_socks::Error) -> NetError {
    NetError::Proxy(error.to_string())
}

async fn connect(
    mut stream: Stream,
    credentials: Option<(&str, &str)>,
    host: &str,
    port: u16,
) -> Result<Stream, NetError> {
    let broken = |error: std::io::Error| NetError::Proxy(error.to_string());
    let authority = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    if authority.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(NetError::Proxy("the host name is malformed".to_owned()));
    }
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some((user, password)) = credentials {
        let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        request.push_str(&format!("Proxy-Authorization: Basic {token}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;

    // Byte by byte: what follows the head belongs to the protocol inside, whose server may speak first.
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() >= MAX_HEAD {
            return Err(NetError::Proxy("the answer is too long".to_owned()));
        }
        head.push(stream.read_u8().await.map_err(broken)?);
    }
    let head = String::from_utf8_lossy(&head);
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    let status = words.next().unwrap_or_default();
    if version.starts_with("HTTP/") && status.len() == 3 && status.starts_with('2') {
        Ok(stream)
    } else {
        let shown: String = line.chars().take(200).collect();
        Err(NetError::Proxy(format!("CONNECT was refused: {shown}")))
    }
}
