//! Health, readiness, metrics, the bill of materials.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use posthouse_app::Target;
use posthouse_model::{Action, ApiError, Group, Scope};

use crate::{
    answer,
    input::{self, Query},
    pipeline::{Served, Shared},
};

/// CycloneDX, made from the lock file when the crate is built.
const SBOM: &str = include_str!(concat!(env!("OUT_DIR"), "/sbom.json"));

const SUCCESS: &str = "{\"success\":true}";

pub(crate) fn add(router: Router, shared: &Arc<Shared>) -> Router {
    let (health, ready) = (Arc::clone(shared), Arc::clone(shared));
    let (metrics, sbom) = (Arc::clone(shared), Arc::clone(shared));
    router
        .route(
            "/health",
            get(move || async move { checked("/health", health.app.health().await) }),
        )
        .route(
            "/readyz",
            get(move || async move { checked("/readyz", ready.app.ready().await) }),
        )
        .route("/livez", get(async || checked("/livez", Ok(()))))
        .route(
            "/metrics",
            get(move |request: Request| async move {
                guarded(&metrics, request, "/metrics", Scope::Metrics, async || {
                    let mut response = Response::new(Body::from(metrics.app.metrics_text().await));
                    response.headers_mut().insert(
                        header::CONTENT_TYPE,
                        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
                    );
                    response
                })
                .await
            }),
        )
        .route(
            "/sbom.json",
            get(move |request: Request| async move {
                guarded(&sbom, request, "/sbom.json", Scope::Api, async || {
                    answer::json(StatusCode::OK, SBOM)
                })
                .await
            }),
        )
}

fn checked(route: &'static str, result: Result<(), ApiError>) -> Response {
    let response = match result {
        Ok(()) => answer::json(StatusCode::OK, SUCCESS),
        Err(error) => answer::error(&error),
    };
    served(response, route)
}

fn served(mut response: Response, route: &'static str) -> Response {
    response.extensions_mut().insert(Served {
        route,
        caller: None,
        api: false,
    });
    response
}

/// Answers when the request's token opens this scope and reads diagnostics.
async fn guarded(
    shared: &Shared,
    request: Request,
    route: &'static str,
    scope: Scope,
    content: impl AsyncFnOnce() -> Response,
) -> Response {
    let (parts, _) = request.into_parts();
    let query = Query::parse(parts.uri.query());
    let request = posthouse_app::Request {
        credential: input::credential(&parts.headers, &query),
        session_cookie: None,
        address: shared.client_address(&parts),
        referrer: input::text(&parts.headers, header::REFERER.as_str()),
        method: "GET".to_owned(),
    };
    let target = Target {
        scopes: &[scope],
        action: Action::Read,
        group: Group::Diagnostics,
        path: route,
        account: None,
        operation: None,
        query_account: None,
    };
    let response = match shared.app.admit(&request, &target).await {
        Ok(admitted) => {
            let mut response = content().await;
            if let Some(rate) = admitted.rate {
                answer::add_rate(response.headers_mut(), rate);
            }
            response
        }
        Err(refusal) => answer::refusal(&refusal),
    };
    served(response, route)
}

/// Where this client reaches this server, as proxy and client say.
pub(crate) fn base_url(trusted: bool, headers: &HeaderMap) -> String {
    let forwarded = |name: &str| {
        let value = headers.get(name).filter(|_| trusted)?.to_str().ok()?;
        Some(value.split(',').next().unwrap_or_default().trim())
    };
    let scheme = match forwarded("x-forwarded-proto") {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        _ => "http",
    };
    let host = forwarded("x-forwarded-host")
        .or_else(|| {
            headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
        })
        .filter(|host| {
            !host.is_empty()
                && host.len() <= 255
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
        })
        .unwrap_or("localhost");
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn base_urls() {
        let headers = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            headers
        };
        let behind = headers(&[
            ("host", "inner:3000"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "mail.example.com, other"),
        ]);
        assert_eq!(base_url(true, &behind), "https://mail.example.com");
        assert_eq!(base_url(false, &behind), "http://inner:3000");
        assert_eq!(base_url(true, &headers(&[])), "http://localhost");
        assert_eq!(
            base_url(true, &headers(&[("host", "a\"b")])),
            "http://localhost"
        );
    }

    #[test]
    fn the_bill_of_materials_lists_what_is_linked() {
        let bill: serde_json::Value = serde_json::from_str(SBOM).unwrap();
        assert_eq!(bill["bomFormat"], "CycloneDX");
        let components = bill["components"].as_array().unwrap();
        assert!(components.iter().any(|part| part["name"] == "axum"));
    }
}
