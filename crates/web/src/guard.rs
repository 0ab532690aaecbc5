//! Who may enter the console: everybody else is sent to the login, to the first steps, or away.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Version, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use posthouse_app::{
    App, Session, Visitor,
    admin::{Arrival, Door, FORWARDING_HEADERS, Visit},
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

/// What our pages ask for by themselves, for as long as they are open: it keeps no session alive.
const BACKGROUND: [&str; 3] = [
    "/admin/changes",
    "/admin/overview",
    "/admin/setup/event.json",
];

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
    let visit = visit(&app, &parts);
    let path = parts.uri.path();
    let console = path == "/admin" || path.starts_with("/admin/");
    if console && !is_admitted(&app, &parts) {
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

/// Whether the addresses on the way of this request may open the console.
fn is_admitted(app: &App, parts: &Parts) -> bool {
    let passed: Vec<&str> = parts
        .headers
        .get_all("x-forwarded-for")
        .iter()
        // What is no text is no address either.
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .collect();
    parts
        .extensions
        .get::<Visitor>()
        .is_some_and(|visitor| app.console_admits(visitor, &passed))
}

fn visit(app: &App, parts: &Parts) -> Visit {
    let headers = &parts.headers;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // What cannot be read was sent nevertheless.
    let sent = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let visitor = parts.extensions.get::<Visitor>();
    let forwarded = FORWARDING_HEADERS
        .iter()
        .any(|name| headers.contains_key(*name));
    Visit {
        address: visitor.map(|visitor| visitor.address),
        proven: visitor.map(|visitor| visitor.proven),
        loopback: visitor.is_some_and(|visitor| {
            app.console().is_local(&Arrival {
                peer: visitor.peer,
                forwarded,
                old: parts.version < Version::HTTP_11,
                host: text("host"),
                origin: sent("origin"),
                referrer: sent("referer"),
                bound: None,
            })
        }),
        background: BACKGROUND.contains(&parts.uri.path()),
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
