//! The HTTP client for user-given URLs: webhooks and other calls whose address we did not choose.
//!
//! Names are resolved by a resolver that drops what the [`EgressPolicy`] forbids, and the connection is made to exactly the
//! addresses that passed: a name that answers differently the second time gains nothing. Literal addresses never reach a
//! resolver, so they are checked before the request is sent.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode_str;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use tokio::time::Instant;
use url::{Host, Url};

pub use reqwest::header::{HeaderMap, HeaderName};
pub use reqwest::{Method, StatusCode};

use crate::dial::left;
use crate::egress::{Blocked, EgressPolicy};
use crate::error::{NetError, io_code};
use crate::proxy::{Proxy, ProxyKind};
use crate::resolver::{LookUp, resolve_by};
use crate::tls::TlsProfile;

/// What is read of an answer beyond the kept head, so that the connection can be used again, in bytes.
const DRAIN_LIMIT: usize = 256 * 1024;

/// Redirects followed where the policy allows any.
const MAX_REDIRECTS: usize = 5;

/// What becomes of an answer that is a redirect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Followed where the policy is [`EgressPolicy::Off`], an error otherwise.
    #[default]
    ByPolicy,
    /// Handed out like any other answer: the caller walks, and each step is a request of its own that is checked anew.
    HandedOut,
}

/// How a client behaves for all its requests.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Where requests may go.
    pub policy: EgressPolicy,
    /// What becomes of redirects.
    pub redirects: Redirects,
    /// Who resolves names; the system where none is given.
    pub resolver: Option<Arc<dyn LookUp>>,
    /// How TLS peers are checked.
    pub tls: TlsProfile,
    /// Go through this proxy. The target is then also resolved here once, to be checked.
    pub proxy: Option<Proxy>,
    /// Our own address to connect from.
    pub local_address: Option<IpAddr>,
    /// The `User-Agent`, where a request brings none.
    pub user_agent: Option<String>,
    /// The time to resolve and connect.
    pub connect_timeout: Duration,
    /// Idle connections kept for each host.
    pub max_idle_per_host: usize,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// How much of an answer's body is kept, in bytes.
    pub body_head: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            policy: EgressPolicy::default(),
            redirects: Redirects::default(),
            resolver: None,
            tls: TlsProfile::default(),
            proxy: None,
            local_address: None,
            user_agent: None,
            connect_timeout: Duration::from_secs(10),
            max_idle_per_host: 2,
            idle_timeout: Duration::from_secs(30),
            body_head: 4 * 1024,
        }
    }
}

/// One request.
#[derive(Clone)]
pub struct EgressRequest {
    /// The method.
    pub method: Method,
    /// An `http` or `https` URL. User and password in it become `Authorization: Basic`, as written, percent signs and all.
    pub url: Url,
    /// Header fields. An `Authorization` among them wins over credentials in the URL.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The time from start to the last byte of the answer.
    pub timeout: Duration,
}

impl std::fmt::Debug for EgressRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Path, query and header values may hold secrets.
        f.debug_struct("EgressRequest")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct EgressResponse {
    /// The status; any but a refused redirect.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The first bytes of the body, at most [`ClientOptions::body_head`].
    pub body_head: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The policy forbids the address.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// The answer is a redirect, and those are not followed under this policy.
    #[error("the server answered with a redirect (status {status}), which is not followed")]
    RedirectNotFollowed {
        /// The status, 3xx.
        status: StatusCode,
    },
    /// No answer in time.
    #[error("no answer within {} ms", after.as_millis())]
    Timeout {
        /// The time it was given.
        after: Duration,
    },
    /// Not an `http` or `https` URL with a host, or a header that cannot be sent.
    #[error("the request cannot be sent: {0}")]
    Invalid(String),
    /// The name does not resolve, or the proxy or the TLS settings fail.
    #[error(transparent)]
    Net(#[from] NetError),
    /// No connection.
    #[error("cannot connect: {reason}")]
    Connect {
        /// The stable code of the cause.
        code: &'static str,
        /// The cause in words.
        reason: String,
    },
    /// The connection failed, or the answer is not HTTP.
    #[error("no valid answer: {reason}")]
    Http {
        /// The stable code of the cause.
        code: &'static str,
        /// The cause in words.
        reason: String,
    },
}

impl EgressError {
    /// The stable code: `EEGRESSBLOCKED`, `EREDIRECTNOTFOLLOWED`, `ETIMEDOUT`, `EINVALIDREQUEST` or one of [`NetError::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Blocked(_) => "EEGRESSBLOCKED",
            Self::RedirectNotFollowed { .. } => "EREDIRECTNOTFOLLOWED",
            Self::Timeout { .. } => "ETIMEDOUT",
            Self::Invalid(_) => "EINVALIDREQUEST",
            Self::Net(error) => error.code(),
            Self::Connect { code, .. } | Self::Http { code, .. } => code,
        }
    }

    /// The HTTP status that came with the failure, if one did.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::RedirectNotFollowed { status } => Some(*status),
            _ => None,
        }
    }

    /// Whether another attempt is pointless: the policy or the request itself is the cause.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Blocked(_) | Self::RedirectNotFollowed { .. } | Self::Invalid(_)
        )
    }
}

/// An HTTP client under one policy. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct EgressClient {
    client: reqwest::Client,
    options: Arc<ClientOptions>,
}

impl EgressClient {
    /// Builds a client.
    ///
    /// # Errors
    /// The TLS profile cannot be used, or the proxy's URL.
    pub fn new(options: ClientOptions) -> Result<Self, NetError> {
        let mut tls = (*options.tls.client_config()?).clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let redirect = match (options.redirects, options.policy) {
            (Redirects::ByPolicy, EgressPolicy::Off) => Policy::limited(MAX_REDIRECTS),
            _ => Policy::none(),
        };
        // Behind a proxy the only name that is resolved for dialling is the proxy's own, which the administrator chose.
        let dialled = match options.proxy {
            Some(_) => EgressPolicy::Off,
            None => options.policy,
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect)
            .no_proxy()
            .referer(false)
            .dns_resolver(FilteringResolver {
                policy: dialled,
                source: options.resolver.clone(),
                deadline: options.connect_timeout,
            })
            .connect_timeout(options.connect_timeout)
            .pool_max_idle_per_host(options.max_idle_per_host)
            .pool_idle_timeout(options.idle_timeout)
            .local_address(options.local_address)
            .tcp_nodelay(true);
        if let Some(proxy) = &options.proxy {
            builder = builder.proxy(proxy_rule(proxy)?);
        }
        if let Some(agent) = &options.user_agent {
            builder = builder.user_agent(agent.as_str());
        }
        let client = builder
            .build()
            .map_err(|error| NetError::TlsProfile(words(&error)))?;
        Ok(Self {
            client,
            options: Arc::new(options),
        })
    }

    /// The options it was built with.
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Sends a request and reads the head of the answer.
    ///
    /// # Errors
    /// See [`EgressError`]. An answer of any status but a refused redirect is not an error.
    pub async fn send(&self, request: EgressRequest) -> Result<EgressResponse, EgressError> {
        let after = request.timeout;
        match tokio::time::timeout(after, Box::pin(self.exchange(request))).await {
            Ok(result) => result,
            Err(_) => Err(EgressError::Timeout { after }),
        }
    }

    async fn exchange(&self, request: EgressRequest) -> Result<EgressResponse, EgressError> {
        let EgressRequest {
            method,
            mut url,
            mut headers,
            body,
            timeout,
        } = request;
        self.vet(&url, Instant::now() + timeout).await?;
        if let Some(value) = take_credentials(&mut url)?
            && !headers.contains_key(AUTHORIZATION)
        {
            headers.insert(AUTHORIZATION, value);
        }
        let mut response = self
            .client
            .request(method, url)
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(|error| failure(&error, timeout))?;
        let status = response.status();
        if status.is_redirection()
            && response.headers().contains_key(LOCATION)
            && self.options.policy != EgressPolicy::Off
            && self.options.redirects == Redirects::ByPolicy
        {
            return Err(EgressError::RedirectNotFollowed { status });
        }
        let headers = std::mem::take(response.headers_mut());
        let mut head = BytesMut::new();
        let mut seen = 0;
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failure(&error, timeout))?
        {
            seen += chunk.len();
            let room = self.options.body_head.saturating_sub(head.len());
            head.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if seen > self.options.body_head + DRAIN_LIMIT {
                break;
            }
        }
        Ok(EgressResponse {
            status,
            headers,
            body_head: head.freeze(),
        })
    }

    /// Checks what the dialling resolver will not see: the scheme, literal addresses and, behind a proxy, the target's name.
    async fn vet(&self, url: &Url, end: Instant) -> Result<(), EgressError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EgressError::Invalid(format!(
                "{} URLs are not supported",
                url.scheme()
            )));
        }
        let policy = self.options.policy;
        match url.host() {
            None => Err(EgressError::Invalid("the URL has no host".to_owned())),
            Some(Host::Ipv4(address)) => Ok(policy.check(address.into())?),
            Some(Host::Ipv6(address)) => Ok(policy.check(address.into())?),
            Some(Host::Domain(name)) => {
                if self.options.proxy.is_some() && policy != EgressPolicy::Off {
                    // A name that only the proxy can resolve is the proxy's to judge.
                    let source = self.options.resolver.as_ref();
                    if let Ok(found) = resolve_by(source, name, 0, left(end)).await {
                        for address in found {
                            policy.check(address.ip())?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

/// Takes credentials out of a URL as `Authorization: Basic`, percent signs undone: what the client itself does not do with
/// them.
pub fn basic_auth(url: &mut Url) -> Option<HeaderValue> {
    let decoded = |part: &str| percent_decode_str(part).collect::<Vec<u8>>();
    let mut pair = decoded(url.username());
    let password = decoded(url.password().unwrap_or_default());
    if pair.is_empty() && password.is_empty() {
        return None;
    }
    pair.push(b':');
    pair.extend(password);
    let token = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut value = HeaderValue::from_str(&format!("Basic {token}")).ok()?;
    value.set_sensitive(true);
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .ok()?;
    Some(value)
}

/// Turns credentials in the URL into a header value, and removes them.
fn take_credentials(url: &mut Url) -> Result<Option<HeaderValue>, EgressError> {
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return Ok(None);
    }
    let token =
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", url.username()));
    let mut value = HeaderValue::from_str(&format!("Basic {token}"))
        .map_err(|error| EgressError::Invalid(error.to_string()))?;
    value.set_sensitive(true);
    // Both setters fail only on URLs without a host, which were refused before.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| EgressError::Invalid("the URL has no host".to_owned()))?;
    Ok(Some(value))
}

fn proxy_rule(proxy: &Proxy) -> Result<reqwest::Proxy, NetError> {
    let scheme = match proxy.kind() {
        ProxyKind::Http => "http",
        ProxyKind::Https => "https",
        ProxyKind::Socks4 => "socks4",
        ProxyKind::Socks4a => "socks4a",
        ProxyKind::Socks5 => "socks5h",
    };
    let rule = reqwest::Proxy::all(format!("{scheme}://{}:{}", proxy.host(), proxy.port()))
        .map_err(|error| NetError::Proxy(words(&error)))?;
    Ok(match proxy.credentials() {
        Some((user, password)) => rule.basic_auth(user, password),
        None => rule,
    })
}

/// Resolves names to the addresses that the policy allows.
#[derive(Debug, Clone)]
struct FilteringResolver {
    policy: EgressPolicy,
    source: Option<Arc<dyn LookUp>>,
    deadline: Duration,
}

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self {
            policy,
            source,
            deadline,
        } = self.clone();
        Box::pin(async move {
            // Port 0 makes the connector put in the URL's.
            let found = resolve_by(source.as_ref(), name.as_str(), 0, deadline).await?;
            let mut blocked = None;
            let mut allowed: Vec<SocketAddr> = Vec::with_capacity(found.len());
            for address in found {
                match policy.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(error) => blocked = Some(error),
                }
            }
            match blocked {
                Some(error) if allowed.is_empty() => Err(error.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The whole chain of causes, without the URL (it may hold secrets).
fn words(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error).skip(1) {
        let text = cause.to_string();
        if !parts.contains(&text) {
            parts.push(text);
        }
    }
    if parts.is_empty() {
        "request failed".to_owned()
    } else {
        parts.join(": ")
    }
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error: &'a (dyn StdError + 'static) = *error;
        // An I/O error hides what it wraps from `source`.
        match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

fn failure(error: &reqwest::Error, after: Duration) -> EgressError {
    let mut code = None;
    for cause in causes(error) {
        if let Some(blocked) = cause.downcast_ref::<Blocked>() {
            return EgressError::Blocked(blocked.clone());
        }
        if let Some(net) = cause.downcast_ref::<NetError>() {
            code = Some(net.code());
        } else if cause.is::<rustls::Error>() {
            code = Some("ETLS");
        } else if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            code = code.or(Some(io_code(io)));
        }
    }
    let reason = words(error);
    if error.is_timeout() {
        EgressError::Timeout { after }
    } else if error.is_builder() {
        EgressError::Invalid(reason)
    } else if error.is_connect() {
        EgressError::Connect {
            code: code.unwrap_or("ESOCKET"),
            reason,
        }
    } else {
        EgressError::Http {
            code: code.unwrap_or("ESOCKET"),
            reason,
        }
    }
}
