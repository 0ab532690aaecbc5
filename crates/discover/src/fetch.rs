//! Documents over HTTP, small and from allowed addresses.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use posthouse_net::http::{ClientOptions, HeaderMap, Method, Redirects};
use posthouse_net::{
    EgressClient, EgressError, EgressRequest, EgressResponse, NetError, TlsProfile,
};
use url::Url;

use crate::{DiscoverConfig, dns::Dns, xml::MAX_BYTES};

/// Redirects followed.
const MAX_REDIRECTS: usize = 5;

/// A client for documents of strangers.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    client: EgressClient,
    timeout: Duration,
    http_port: u16,
    https_port: u16,
}

impl Fetch {
    /// A client; names are resolved by `dns` where name servers are configured.
    ///
    /// # Errors
    /// The file of certificate authorities cannot be read.
    pub(crate) fn new(config: &DiscoverConfig, dns: &Dns) -> Result<Self, NetError> {
        let client = EgressClient::new(ClientOptions {
            policy: config.egress,
            redirects: Redirects::HandedOut,
            resolver: config.dns.is_some().then(|| Arc::new(dns.clone()) as _),
            tls: TlsProfile {
                ca_file: config.ca_file.clone(),
                ..TlsProfile::default()
            },
            user_agent: Some(config.user_agent.clone()),
            connect_timeout: config.step,
            max_idle_per_host: 0,
            // A byte more than is allowed tells the document that is too large.
            body_head: MAX_BYTES + 1,
            ..ClientOptions::default()
        })?;
        Ok(Self {
            client,
            timeout: config.step,
            http_port: config.http_port,
            https_port: config.https_port,
        })
    }

    /// An `http` address on a host.
    pub(crate) fn http(&self, host: &str, path: &str) -> Option<Url> {
        at(&format!("http://{host}{path}"), self.http_port)
    }

    /// An `https` address on a host.
    pub(crate) fn https(&self, host: &str, path: &str) -> Option<Url> {
        at(&format!("https://{host}{path}"), self.https_port)
    }

    /// Reads a document.
    pub(crate) async fn get(&self, url: Url) -> Option<Bytes> {
        self.walk(Method::GET, url, Bytes::new()).await
    }

    /// Sends XML and reads the answer. A redirect is sent the same again.
    pub(crate) async fn post(&self, url: Url, body: Bytes) -> Option<Bytes> {
        self.walk(Method::POST, url, body).await
    }

    /// Where an address redirects to.
    pub(crate) async fn redirect_of(&self, url: Url) -> Option<Url> {
        let answer = self.ask(&Method::GET, &url, &Bytes::new()).await?;
        location(&url, &answer)
    }

    async fn walk(&self, method: Method, mut url: Url, body: Bytes) -> Option<Bytes> {
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.ask(&method, &url, &body).await?;
            if answer.status.is_redirection() {
                url = location(&url, &answer)?;
                continue;
            }
            let fits = answer.body_head.len() <= MAX_BYTES;
            return (answer.status == 200 && fits).then_some(answer.body_head);
        }
        tracing::debug!("too many redirects");
        None
    }

    async fn ask(&self, method: &Method, url: &Url, body: &Bytes) -> Option<EgressResponse> {
        let mut headers = HeaderMap::new();
        if *method == Method::POST {
            headers.insert("content-type", "text/xml; charset=utf-8".parse().ok()?);
        }
        let request = EgressRequest {
            method: method.clone(),
            url: url.clone(),
            headers,
            body: body.clone(),
            timeout: self.timeout,
        };
        let log = |error: &EgressError| {
            tracing::debug!(host = url.host_str(), %error, "no document");
        };
        self.client.send(request).await.inspect_err(log).ok()
    }
}

fn at(text: &str, port: u16) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    url.set_port(Some(port)).ok()?;
    Some(url)
}

/// The next step of a redirect: over HTTP, without credentials, and not from TLS back to plain text.
fn location(from: &Url, answer: &EgressResponse) -> Option<Url> {
    let text = answer.headers.get("location")?.to_str().ok()?;
    if !answer.status.is_redirection() {
        return None;
    }
    follow(from, text)
}

/// The address that `text` names, if it may be followed from `from`.
pub(crate) fn follow(from: &Url, text: &str) -> Option<Url> {
    let next = from.join(text).ok()?;
    let scheme = match from.scheme() {
        "http" => matches!(next.scheme(), "http" | "https"),
        _ => next.scheme() == "https",
    };
    let bare = next.username().is_empty() && next.password().is_none();
    (scheme && bare && next.has_host()).then_some(next)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn redirects_stay_with_http_and_never_leave_tls() {
        let follow = |from: &str, to| {
            super::follow(&Url::parse(from).unwrap(), to).map(|url| url.to_string())
        };
        assert_eq!(
            follow("http://a.example/x", "/y").unwrap(),
            "http://a.example/y"
        );
        assert_eq!(
            follow("http://a.example/x", "https://b.example/").unwrap(),
            "https://b.example/"
        );
        assert_eq!(
            follow("https://a.example/x", "//b.example/").unwrap(),
            "https://b.example/"
        );
        for (from, to) in [
            ("https://a.example/", "http://a.example/"),
            ("http://a.example/", "ftp://a.example/"),
            ("http://a.example/", "file:///etc/passwd"),
            ("http://a.example/", "https://user:pass@b.example/"),
            ("http://a.example/", "http://"),
            ("http://a.example/", "data:text/xml,<a/>"),
        ] {
            assert_eq!(follow(from, to), None, "{to}");
        }
    }
}
