//! What is public and hardly ever changes: the document, licence texts.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, extract::Request, http::StatusCode, response::Response, routing::get};
use bytes::Bytes;

use crate::{
    answer,
    pipeline::{Served, Shared},
};

const LICENSE: &str = include_str!(concat!(env!("OUT_DIR"), "/license.txt"));

pub(crate) fn add(router: Router, shared: &Arc<Shared>) -> Router {
    let document = Arc::new(Document {
        shared: Arc::clone(shared),
        last: Mutex::new(None),
    });
    router
        .route(
            "/robots.txt",
            page("/robots.txt", || {
                answer::text(StatusCode::OK, "User-agent: *\nDisallow: /\n")
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
        let url = self
            .shared
            .base_url(request.headers(), request.extensions());
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
