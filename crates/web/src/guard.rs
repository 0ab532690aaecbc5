//! Who may enter the console: everybody else is sent to the login, to the first steps, or away.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use posthouse_app::{
    App, Session, Visitor,
    admin::{Door, FORWARDING_HEADERS, Visit, is_local},
};
use posthouse_model::{Caller, Permissions, caller::Identity};
use serde_json::json;

use crate::{
    cookie::cookie,
    fail::{Failure, error_page},
    show,
};

/// Where a token is made: the one place whose refusals are answers of status 200 (behaviour 22).
const NEW_TOKEN: &str = "/admin/tokens/new";

/// An administrator on a page.
#[derive(Clone)]
pub(crate) struct Signed {
    /// With whose rights the page acts.
    pub(crate) caller: Caller,
    /// The request as the console's door sees it.
    pub(crate) visit: Visit,
    session: Option<Session>,
}

impl Signed {
    /// Who is signed in; nobody while there is no password.
    pub(crate) fn user(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.user.as_str())
    }
}

/// Notes who visits, for every page; turns away from the console who is not on the list of addresses.
pub(crate) async fn meet(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visit = visit(&parts);
    let path = parts.uri.path();
    let console = path == "/admin" || path.starts_with("/admin/");
    if console
        && !visit
            .address
            .is_some_and(|address| app.console_address_allowed(address))
    {
        return error_page(403, "The console cannot be opened from your address.", "/");
    }
    parts.extensions.insert(visit);
    next.run(Request::from_parts(parts, body)).await
}

/// Lets administrators pass; sends others to where they can become one.
pub(crate) async fn admit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let visit = request.extensions().get::<Visit>().cloned();
    let Some(visit) = visit else {
        return error_page(403, "The console cannot be opened from your address.", "/");
    };
    let session = match app.console().door(&visit).await {
        Ok(Door::Open(session)) => Some(session),
        Ok(Door::Setup) => None,
        Ok(Door::SetupCode) => return away(&request, "/admin/setup"),
        Ok(Door::Totp) => return away(&request, &with_next("/admin/totp", &request)),
        Ok(Door::Login) => return away(&request, &with_next("/admin/login", &request)),
        Err(error) => return Failure(error).into_response(),
    };
    let user = session
        .as_ref()
        .map_or("admin", |session| session.user.as_str());
    let signed = Signed {
        caller: Caller {
            identity: Identity::Administrator(user.to_owned()),
            account: None,
            permissions: Permissions::Unrestricted,
            address: visit.address,
        },
        visit,
        session,
    };
    request.extensions_mut().insert(Arc::new(signed));
    next.run(request).await
}

fn visit(parts: &Parts) -> Visit {
    let headers = &parts.headers;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let visitor = parts.extensions.get::<Visitor>();
    let forwarded = FORWARDING_HEADERS
        .iter()
        .any(|name| headers.contains_key(*name));
    Visit {
        address: visitor.map(|visitor| visitor.address),
        loopback: visitor
            .is_some_and(|visitor| is_local(visitor.peer, forwarded, text("host"), None)),
        cookie: cookie(headers, "ee").map(str::to_owned),
        user_agent: text("user-agent").map(str::to_owned),
    }
}

/// Where to go on after the login: to the page that was asked for.
fn with_next(path: &str, request: &Request) -> String {
    let asked = request.uri().path_and_query().map(ToString::to_string);
    match asked {
        Some(asked) if *request.method() == Method::GET && asked != "/admin" => {
            format!("{path}?next={}", show::encode(&asked))
        }
        _ => path.to_owned(),
    }
}

/// Scripts are told, browsers are sent.
fn away(request: &Request, to: &str) -> Response {
    if takes_json(request.headers()) {
        let status = if request.uri().path() == NEW_TOKEN {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        let told = json!({
            "success": false,
            "statusCode": 401,
            "error": "Unauthorized",
            "message": "Your session has ended. Load the page anew and sign in.",
        });
        return (status, Json(told)).into_response();
    }
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}

fn takes_json(headers: &HeaderMap) -> bool {
    [header::CONTENT_TYPE, header::ACCEPT].iter().any(|name| {
        headers
            .get(name)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
    })
}
