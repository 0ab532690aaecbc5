//! The client and its options.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use super::connector::Connector;
use super::credentials::take_credentials;
use super::error::EgressError;
use super::exchange::{EgressRequest, EgressResponse};
use crate::egress::EgressPolicy;
use crate::error::NetError;
use crate::proxy::Proxy;
use crate::resolver::LookUp;
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
    /// Go through this proxy, by tunnels alone: CONNECT or SOCKS. Names are resolved here and the proxy is asked for the
    /// address that passed; a name that only the proxy can resolve is the proxy's to judge.
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

/// An HTTP client under one policy. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct EgressClient {
    client: Client<Connector, Full<Bytes>>,
    /// The `User-Agent`, where a request brings none.
    user_agent: Option<HeaderValue>,
    options: Arc<ClientOptions>,
}

impl EgressClient {
    /// Builds a client.
    ///
    /// # Errors
    /// The TLS profile cannot be used, or the name of the product is no header value.
    pub fn new(options: ClientOptions) -> Result<Self, NetError> {
        // What cannot work is told at once.
        options.tls.client_config()?;
        let user_agent = options.user_agent.as_deref().map(HeaderValue::from_str);
        let user_agent = user_agent
            .transpose()
            .map_err(|error| NetError::TlsProfile(format!("user agent: {error}")))?;
        let options = Arc::new(options);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.max_idle_per_host)
            .build(Connector::new(Arc::clone(&options)));
        Ok(Self {
            client,
            user_agent,
            options,
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
        match tokio::time::timeout(after, Box::pin(self.walk(request))).await {
            Ok(Err(EgressError::Net(NetError::Timeout { after, .. }))) => {
                Err(EgressError::Timeout { after })
            }
            Ok(result) => result,
            Err(_) => Err(EgressError::Timeout { after }),
        }
    }

    /// One request after the other, as far as redirects are followed.
    async fn walk(&self, mut request: EgressRequest) -> Result<EgressResponse, EgressError> {
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.exchange(&mut request).await?;
            let away = answer.status.is_redirection() && answer.headers.contains_key(LOCATION);
            if !away || self.options.redirects == Redirects::HandedOut {
                return Ok(answer);
            }
            if self.options.policy != EgressPolicy::Off {
                let status = answer.status;
                return Err(EgressError::RedirectNotFollowed { status });
            }
            request = match request.redirected(&answer) {
                None => return Ok(answer),
                Some(next) => next.map_err(EgressError::Invalid)?,
            };
        }
        Err(EgressError::Http {
            code: "ESOCKET",
            reason: format!("more than {MAX_REDIRECTS} redirects"),
        })
    }

    async fn exchange(&self, request: &mut EgressRequest) -> Result<EgressResponse, EgressError> {
        let uri = uri(&request.url)?;
        if let Some(value) = take_credentials(&mut request.url)?
            && !request.headers.contains_key(AUTHORIZATION)
        {
            request.headers.insert(AUTHORIZATION, value);
        }
        let mut sent = Request::new(Full::new(request.body.clone()));
        *sent.method_mut() = request.method.clone();
        *sent.uri_mut() = uri;
        *sent.headers_mut() = self.complete(request.headers.clone());
        let response = self.client.request(sent).await?;
        self.read(response).await
    }

    /// The fields, with those that every request has.
    fn complete(&self, mut headers: HeaderMap) -> HeaderMap {
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        if let Some(agent) = &self.user_agent {
            headers.entry(USER_AGENT).or_insert_with(|| agent.clone());
        }
        headers
    }

    /// Reads the head of an answer's body, and as much beyond as lets the connection be used again.
    async fn read(&self, response: Response<Incoming>) -> Result<EgressResponse, EgressError> {
        let (parts, mut body) = response.into_parts();
        let mut head = BytesMut::new();
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            // Trailers are of no interest.
            let Ok(chunk) = frame?.into_data() else {
                continue;
            };
            seen += chunk.len();
            let room = self.options.body_head.saturating_sub(head.len());
            head.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if seen > self.options.body_head + DRAIN_LIMIT {
                break;
            }
        }
        Ok(EgressResponse {
            status: parts.status,
            headers: parts.headers,
            body_head: head.freeze(),
        })
    }
}

/// What is asked for, without credentials.
fn uri(url: &Url) -> Result<Uri, EgressError> {
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        let reason = format!("{scheme} URLs are not supported");
        return Err(EgressError::Invalid(reason));
    }
    let authority = url.host_str().filter(|host| !host.is_empty());
    let Some(host) = authority else {
        return Err(EgressError::Invalid("the URL has no host".to_owned()));
    };
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let query = url
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    format!("{}://{host}{port}{}{query}", url.scheme(), url.path())
        .parse()
        .map_err(|error: hyper::http::uri::InvalidUri| EgressError::Invalid(error.to_string()))
}
