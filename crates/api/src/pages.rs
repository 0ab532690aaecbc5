//! What is public and hardly ever changes: the document, the landing answer, licence texts.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use bytes::Bytes;

use crate::{
    address, answer,
    diagnostics::base_url,
    pipeline::{Peer, Served, Shared},
};

const LICENSE: &str = include_str!(concat!(env!("OUT_DIR"), "/license.txt"));

const LANDING: &str = concat!(
    "{\"name\":\"Posthouse\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\",\"documentation\":\"/swagger.json\",\"health\":\"/health\"}\n"
);

pub(crate) fn add(router: Router, shared: &Arc<Shared>) -> Router {
    let document = Arc::new(Document {
        shared: Arc::clone(shared),
        last: Mutex::new(None),
    });
    router
        .route("/", page("/", || answer::json(StatusCode::OK, LANDING)))
        .route(
            "/robots.txt",
            page("/robots.txt", || {
                answer::text(StatusCode::OK, "User-agent: *\nDisallow: /\n")
            }),
        )
        .route(
            "/favicon.ico",
            page("/favicon.ico", || {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::NO_CONTENT;
                response.headers_mut().insert(
                    header::CACHE_CONTROL,
                    HeaderValue::from_static("max-age=86400"),
                );
                response
            }),
        )
        .route(
            "/LICENSE.txt",
            page("/LICENSE.txt", || answer::text(StatusCode::OK, LICENSE)),
        )
        .route(
            "/swagger.json",
            get(move |request: Request| async move {
                marked(
                    answer::json(StatusCode::OK, document.get(&request)),
                    "/swagger.json",
                )
            }),
        )
}

fn page(
    route: &'static str,
    content: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> axum::routing::MethodRouter {
    get(move || async move { marked(content(), route) })
}

fn marked(mut response: Response, route: &'static str) -> Response {
    response.extensions_mut().insert(Served {
        route,
        caller: None,
        api: false,
    });
    response
}

/// The OpenAPI document; the last one made is kept, as nearly everybody asks by the same address.
struct Document {
    shared: Arc<Shared>,
    last: Mutex<Option<(String, Bytes)>>,
}

impl Document {
    fn get(&self, request: &Request) -> Bytes {
        let peer = request
            .extensions()
            .get::<Peer>()
            .map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
        let trusted = address::is_trusted(
            peer,
            self.shared.app.settings().bool("enableApiProxy"),
            self.shared.config.proxies.as_deref(),
        );
        let url = base_url(trusted, request.headers());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, text)) = &*last
            && *known == url
        {
            return text.clone();
        }
        let text = Bytes::from(posthouse_contract::document(&url));
        *last = Some((url, text.clone()));
        text
    }
}
