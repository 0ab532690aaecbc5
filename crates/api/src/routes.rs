//! The router, built from the contract's operation table.

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Method},
    response::Response,
    routing::any,
};
use posthouse_contract::{Operation, operations};
use tower::ServiceExt;

use crate::{answer, diagnostics, operation, pages, pipeline::Shared};

/// A path of the contract with its operations.
pub(crate) struct Route {
    operations: Vec<Entry>,
    /// `Allow` of a 405.
    pub(crate) allow: HeaderValue,
}

/// An operation of a path.
pub(crate) struct Entry {
    method: Method,
    /// The operation.
    pub(crate) operation: &'static Operation,
    /// Names of the path parameters, in order.
    pub(crate) names: Vec<&'static str>,
}

impl Route {
    /// The operation of a method; `HEAD` is served as `GET`.
    pub(crate) fn find(&self, method: &Method) -> Option<&Entry> {
        let wanted = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.operations.iter().find(|entry| entry.method == wanted)
    }
}

/// Every route of the server.
///
/// What neither the contract nor this crate claims is asked of `others`: pages, as far as there are any.
pub(crate) fn router(shared: &Arc<Shared>, others: Router) -> Router {
    let mut router = Router::new();
    for (path, route) in contract_routes() {
        let shared = Arc::clone(shared);
        let route = Arc::new(route);
        router = router.route(
            &path,
            any(move |request: Request| {
                operation::handle(Arc::clone(&shared), Arc::clone(&route), request)
            }),
        );
    }
    router = diagnostics::add(router, shared);
    router = pages::add(router, shared);
    let shared = Arc::clone(shared);
    router.fallback(move |request| elsewhere(Arc::clone(&shared), others.clone(), request))
}

async fn elsewhere(shared: Arc<Shared>, others: Router, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/v1" || path.starts_with("/v1/") {
        return answer::not_found();
    }
    let (mut parts, body) = request.into_parts();
    if let Some(visitor) = shared.visitor(&parts) {
        parts.extensions.insert(visitor);
    }
    let request = Request::from_parts(parts, body);
    match others.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Paths in the router's form: parameters are named by position, because operations name the same place
/// differently (`/v1/tokens/{token}`, `/v1/tokens/{id}/log`).
fn contract_routes() -> Vec<(String, Route)> {
    let mut routes: Vec<(String, Route)> = Vec::new();
    for operation in operations() {
        let (path, names) = by_position(operation.path);
        let Ok(method) = Method::from_bytes(operation.method.as_str().as_bytes()) else {
            continue;
        };
        let entry = Entry {
            method,
            operation,
            names,
        };
        match routes.iter_mut().find(|(known, _)| *known == path) {
            Some((_, route)) => route.operations.push(entry),
            None => routes.push((
                path,
                Route {
                    operations: vec![entry],
                    allow: HeaderValue::from_static(""),
                },
            )),
        }
    }
    for (_, route) in &mut routes {
        let mut allow = String::new();
        for entry in &route.operations {
            if !allow.is_empty() {
                allow.push_str(", ");
            }
            allow.push_str(entry.method.as_str());
            if entry.method == Method::GET {
                allow.push_str(", HEAD");
            }
        }
        route.allow = HeaderValue::try_from(allow).unwrap_or(HeaderValue::from_static("GET"));
    }
    routes
}

fn by_position(template: &'static str) -> (String, Vec<&'static str>) {
    let mut path = String::new();
    let mut names = Vec::new();
    for part in template.split('/').skip(1) {
        path.push('/');
        match part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            Some(name) => {
                let _ = write!(path, "{{p{}}}", names.len());
                names.push(name);
            }
            None => path.push_str(part),
        }
    }
    (path, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_by_position() {
        let (path, names) = by_position("/v1/account/{account}/message/{message}/move");
        assert_eq!(path, "/v1/account/{p0}/message/{p1}/move");
        assert_eq!(names, ["account", "message"]);
    }

    #[test]
    fn every_operation_has_one_route_and_every_route_an_operation() {
        let routes = contract_routes();
        let mut routed: Vec<_> = routes
            .iter()
            .flat_map(|(_, route)| &route.operations)
            .map(|entry| (entry.operation.path, entry.operation.method))
            .collect();
        let mut declared: Vec<_> = operations().iter().map(|op| (op.path, op.method)).collect();
        routed.sort_unstable();
        declared.sort_unstable();
        assert_eq!(routed, declared);
        assert!(routed.len() >= 81, "{} routes", routed.len());
        let before = routed.len();
        routed.dedup();
        assert_eq!(routed.len(), before, "two operations share method and path");
    }

    #[test]
    fn every_operation_takes_the_timeout_header() {
        for operation in operations() {
            assert!(
                operation
                    .header_parameters
                    .iter()
                    .any(|parameter| parameter.name == "x-ee-timeout"),
                "{}",
                operation.id
            );
        }
    }
}
