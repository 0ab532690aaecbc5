//! What happens to every request: its id, cross-origin rules, the caught panic, common headers,
//! compression, the log line, the count.

use std::{
    borrow::Cow,
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{
        Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts,
        uri::PathAndQuery,
    },
    response::Response,
};
use futures_util::FutureExt;
use posthouse_app::{App, Visitor};
use posthouse_model::{ApiError, caller::Identity};
use tower::ServiceExt;

use crate::{
    ApiConfig, address, answer,
    body::Bodies,
    compress,
    cors::Cors,
    diagnostics::base_url,
    request_id::{REQUEST_ID, RequestIds},
    routes,
};

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) app: App,
    pub(crate) config: ApiConfig,
    pub(crate) bodies: Bodies,
}

/// The peer of the socket a request came by.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What a handler leaves on its response for log and count.
#[derive(Clone)]
pub(crate) struct Served {
    /// Route template.
    pub(crate) route: &'static str,
    /// Who asked.
    pub(crate) caller: Option<Identity>,
    /// Whether it counts as an API call.
    pub(crate) api: bool,
}

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pipeline(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    router: Router,
    cors: Option<Cors>,
    ids: RequestIds,
}

impl Pipeline {
    pub(crate) fn new(app: App, config: ApiConfig, pages: Router) -> Self {
        let cors = config.cors.as_ref().map(Cors::new);
        let shared = Arc::new(Shared {
            app,
            bodies: Bodies::new(&config),
            config,
        });
        Self(Arc::new(Inner {
            router: routes::router(&shared, pages),
            shared,
            cors,
            ids: RequestIds::new(),
        }))
    }

    /// Answers one request.
    pub(crate) async fn answer(self, peer: IpAddr, mut request: Request) -> Response {
        let inner = &*self.0;
        let start = Instant::now();
        let id = inner.ids.of(request.headers());
        let method = request.method().clone();
        let gzip = method != Method::HEAD && compress::accepts_gzip(request.headers());
        // Pages are for nobody's scripts but their own.
        let cors = inner.cors.as_ref().filter(|_| is_api(request.uri().path()));
        let origin = cors.and_then(|cors| cors.admitted(request.headers()));
        let preflight = cors.and_then(|cors| cors.preflight(&method, request.headers()));
        strip_slash(request.uri_mut());
        // Only what no route claimed is logged by its path.
        let uri = request.uri().clone();

        let mut response = if let Some(response) = preflight {
            response
        } else {
            request.extensions_mut().insert(Peer(peer));
            let routed = inner.router.clone().oneshot(request);
            let routed = async { routed.await.unwrap_or_else(|never| match never {}) };
            caught(routed, &id).await
        };
        if gzip {
            response = compress::compress(response).await;
        }
        let headers = response.headers_mut();
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-cache"));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers
            .entry(header::REFERRER_POLICY)
            .or_insert(HeaderValue::from_static("no-referrer"));
        if let Some(cors) = cors {
            cors.mark(origin, headers);
        }
        headers.insert(REQUEST_ID, id.clone());

        let served = response.extensions_mut().remove::<Served>();
        let status = response.status();
        if let Some(served) = served.as_ref().filter(|served| served.api) {
            inner
                .shared
                .app
                .count_api_call(lower(&method), status.as_u16(), served.route);
        }
        log(&method, &uri, status, start.elapsed(), &id, served.as_ref());
        response
    }
}

impl Shared {
    /// Who visits a page.
    pub(crate) fn visitor(&self, parts: &Parts) -> Option<Visitor> {
        let Peer(peer) = *parts.extensions.get::<Peer>()?;
        let address = self.client_address(parts)?;
        Some(Visitor {
            peer,
            address,
            proven: if self.config.proxies.is_some() {
                address
            } else {
                peer.to_canonical()
            },
            origin: self.base_url(&parts.headers, &parts.extensions),
        })
    }

    /// Where the client of a request reaches this server.
    pub(crate) fn base_url(&self, headers: &HeaderMap, extensions: &Extensions) -> String {
        let trusted = extensions.get::<Peer>().is_some_and(|peer| {
            address::is_trusted(
                peer.0,
                self.app.settings().bool("enableApiProxy"),
                self.config.proxies.as_deref(),
            )
        });
        base_url(trusted, headers)
    }

    /// The address of the client of a request.
    pub(crate) fn client_address(&self, parts: &Parts) -> Option<IpAddr> {
        let Peer(peer) = *parts.extensions.get::<Peer>()?;
        Some(address::client_address(
            peer,
            &parts.headers,
            self.app.settings().bool("enableApiProxy"),
            self.config.proxies.as_deref(),
        ))
    }
}

/// Whether programs call this path, those of other origins too if they are configured.
fn is_api(path: &str) -> bool {
    path.starts_with("/v1/")
        || path.starts_with("/mcp")
        || path.starts_with("/.well-known/")
        || matches!(
            path.trim_end_matches('/'),
            "/swagger.json" | "/health" | "/metrics" | "/sbom.json"
        )
}

/// The answer of a handler; that of one that panics is 500.
async fn caught(handler: impl Future<Output = Response>, id: &HeaderValue) -> Response {
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(request = ?id, "a handler panicked");
            answer::error(&ApiError::internal())
        }
    }
}

const fn lower(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::DELETE => "delete",
        Method::PATCH => "patch",
        Method::OPTIONS => "options",
        _ => "other",
    }
}

/// Removes one slash from the end of the path; that of the root stays.
fn strip_slash(uri: &mut Uri) {
    let path = uri.path();
    let Some(stripped) = path.strip_suffix('/').filter(|path| !path.is_empty()) else {
        return;
    };
    let target = match uri.query() {
        Some(query) => format!("{stripped}?{query}"),
        None => stripped.to_owned(),
    };
    if let Ok(target) = PathAndQuery::try_from(target) {
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = Some(target);
        if let Ok(new) = Uri::from_parts(parts) {
            *uri = new;
        }
    }
}

/// One line a request. It never holds a query, a header or the value of a path parameter: tokens
/// travel there.
fn log(
    method: &Method,
    uri: &Uri,
    status: StatusCode,
    took: Duration,
    id: &HeaderValue,
    served: Option<&Served>,
) {
    macro_rules! line {
        ($level:ident) => {
            if tracing::enabled!(target: "posthouse::access", tracing::Level::$level) {
                let route = served.map_or_else(|| redact(uri.path()), |served| served.route.into());
                let by = served.and_then(|served| served.caller.as_ref()).map_or(String::new(), caller);
                tracing::event!(
                    target: "posthouse::access",
                    tracing::Level::$level,
                    method = %method,
                    route = %route,
                    status = status.as_u16(),
                    ms = took.as_secs_f64() * 1e3,
                    request = id.to_str().unwrap_or_default(),
                    caller = %by,
                    "request"
                );
            }
        };
    }
    match status.as_u16() {
        500.. if status != StatusCode::NOT_IMPLEMENTED => line!(WARN),
        400.. => line!(INFO),
        _ => line!(DEBUG),
    }
}

/// Who asked: of a token the beginning of its id, which is a hash of its value.
fn caller(identity: &Identity) -> String {
    match identity {
        Identity::Token(id) => {
            let mut text = id.to_string();
            text.truncate(8);
            format!("token {text}")
        }
        Identity::Session => "session".to_owned(),
        Identity::Administrator(_) => "administrator".to_owned(),
        Identity::Preauthorized => "anyone".to_owned(),
        Identity::System => "system".to_owned(),
    }
}

/// The path with everything that could be a token hidden.
fn redact(path: &str) -> Cow<'_, str> {
    let suspicious = |part: &str| part.len() >= 32 || part.starts_with("sess_");
    if !path.split('/').any(suspicious) {
        return Cow::Borrowed(path);
    }
    let parts: Vec<_> = path
        .split('/')
        .map(|part| if suspicious(part) { "(hidden)" } else { part })
        .collect();
    Cow::Owned(parts.join("/"))
}

/// The body type of hyper as the router's.
pub(crate) fn adapt(request: hyper::Request<hyper::body::Incoming>) -> Request {
    request.map(Body::new)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_500_without_its_text() {
        let handler = async { panic!("hunter2") };
        let response = caught(handler, &HeaderValue::from_static("1")).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("An internal server error occurred"), "{text}");
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn one_slash_goes() {
        for (from, to) in [
            ("/", "/"),
            ("/v1/stats/", "/v1/stats"),
            ("/v1/stats/?a=b/", "/v1/stats?a=b/"),
            ("/v1/stats", "/v1/stats"),
            ("/v1/stats//", "/v1/stats/"),
        ] {
            let mut uri: Uri = from.parse().unwrap();
            strip_slash(&mut uri);
            assert_eq!(uri.to_string(), to);
        }
    }

    #[test]
    fn paths_lose_what_could_be_a_token() {
        let token = "ab".repeat(32);
        assert_eq!(
            redact(&format!("/v1/nothing/{token}/x")),
            "/v1/nothing/(hidden)/x"
        );
        assert_eq!(redact("/v1/sess_12"), "/v1/(hidden)");
        assert_eq!(redact("/v1/accounts"), "/v1/accounts");
    }
}
