//! Requests that scripts make: through the egress filter and the proxy that webhooks use, with limits of their own.

use std::sync::Arc;

use posthouse_net::{
    EgressRequest, EgressResponse, NetError,
    http::{ClientOptions, HeaderMap, HeaderName, Method, Redirects},
};
use posthouse_script::{FetchRequest, FetchResponse, Fetching, Host, Redirect};
use tokio::{sync::Semaphore, time::Instant};
use url::Url;

use crate::{EngineConfig, http::HttpClients, settings::SettingsCell};

/// Requests of all scripts at once: a script may end and leave some behind.
const AT_ONCE: usize = 32;
/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// Idle connections kept to each host.
const IDLE: usize = 4;
/// Fields that belong to the connection, and are not the script's to set (RFC 9110 section 7.6.1).
const NOT_ITS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The way out.
pub(super) struct WebHost {
    clients: HttpClients,
    settings: Arc<SettingsCell>,
    product: String,
    slots: Semaphore,
}

impl WebHost {
    /// For answers of at most that many bytes.
    pub(super) fn new(
        config: &EngineConfig,
        max_body: usize,
        settings: Arc<SettingsCell>,
    ) -> Result<Self, NetError> {
        let clients = HttpClients::new(ClientOptions {
            policy: config.egress_policy,
            redirects: Redirects::HandedOut,
            max_idle_per_host: IDLE,
            // One more shows that there are too many.
            body_head: max_body.saturating_add(1),
            ..ClientOptions::default()
        })?;
        Ok(Self {
            clients,
            settings,
            product: config.product.clone(),
            slots: Semaphore::new(AT_ONCE),
        })
    }

    async fn answer(&self, request: FetchRequest) -> Result<FetchResponse, String> {
        let end = Instant::now() + request.timeout;
        let slot = self.slots.acquire().await;
        let _slot = slot.map_err(|error| error.to_string())?;
        let client = self.clients.by(&self.settings.get());
        let client = client.map_err(|error| error.to_string())?;
        let mut step = first(&request, &self.product, end)?;
        let mut redirects = 0;
        loop {
            step.timeout = end.saturating_duration_since(Instant::now());
            let answer = client.send(step.clone()).await;
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.body_head.len() > request.max_body {
                let most = request.max_body;
                return Err(format!("the answer has more than {most} bytes"));
            }
            let next = match (step.redirected(&answer), request.redirect) {
                (None, _) | (Some(_), Redirect::Manual) => {
                    return Ok(response(&step.url, redirects > 0, answer));
                }
                (Some(_), Redirect::Error) => return Err("the answer is a redirect".to_owned()),
                (Some(next), Redirect::Follow) => next?,
            };
            redirects += 1;
            if redirects > REDIRECTS {
                return Err(format!("more than {REDIRECTS} redirects"));
            }
            step = next;
        }
    }
}

impl Host for WebHost {
    fn fetch(&self, request: FetchRequest) -> Fetching<'_> {
        Box::pin(self.answer(request))
    }
}

/// The first request on the way to the answer. Each is checked anew by the client.
fn first(request: &FetchRequest, product: &str, end: Instant) -> Result<EgressRequest, String> {
    let method: Method = request
        .method
        .parse()
        .map_err(|_| "this is no method".to_owned())?;
    if matches!(method.as_str(), "CONNECT" | "TRACE") {
        return Err(format!("the method {method} is not allowed"));
    }
    let url = Url::parse(&request.url).map_err(|error| format!("this is no URL: {error}"))?;
    let mut headers = HeaderMap::new();
    if let Ok(product) = product.parse() {
        headers.insert("user-agent", product);
    }
    for (name, value) in &request.headers {
        if NOT_ITS.contains(&name.to_ascii_lowercase().as_str()) {
            continue;
        }
        let bad = || format!("the header {name} cannot be sent");
        let known: HeaderName = name.parse().map_err(|_| bad())?;
        headers.insert(known, value.parse().map_err(|_| bad())?);
    }
    Ok(EgressRequest {
        method,
        url,
        headers,
        body: request.body.clone().unwrap_or_default(),
        timeout: end.saturating_duration_since(Instant::now()),
    })
}

fn response(url: &Url, redirected: bool, answer: EgressResponse) -> FetchResponse {
    let mut url = url.clone();
    // Both fail only on URLs without a host, which give no answer.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    let headers = answer.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    FetchResponse {
        status: answer.status.as_u16(),
        status_text: answer
            .status
            .canonical_reason()
            .unwrap_or_default()
            .to_owned(),
        url: url.into(),
        redirected,
        headers: headers.collect(),
        body: answer.body_head,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    fn step(method: &str) -> EgressRequest {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = FetchRequest {
            method: method.to_owned(),
            url: "https://a.example/x/y".to_owned(),
            headers: vec![
                header("authorization", "Bearer secret"),
                header("content-type", "text/plain"),
                header("host", "b.example"),
                header("x-own", "1"),
            ],
            body: Some(Bytes::from_static(b"body")),
            redirect: Redirect::Follow,
            max_body: 10,
            timeout: Duration::from_secs(1),
            tag: "r".into(),
        };
        first(&request, "Posthouse/1", Instant::now()).unwrap()
    }

    #[test]
    fn what_is_the_connection_s_is_not_the_script_s() {
        let step = step("POST");
        assert!(!step.headers.contains_key("host"));
        assert_eq!(step.headers["user-agent"], "Posthouse/1");
        assert_eq!(step.headers["x-own"], "1");
    }
}
