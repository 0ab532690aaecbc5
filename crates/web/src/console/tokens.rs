//! Access tokens: the list, making one, what one may do, deleting it.

mod create;
mod delete;
mod detail;
mod form;
mod list;
mod snippet;
mod words;

use axum::{
    Json, Router,
    extract::{Query, Request},
    http::{Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use posthouse_app::{AccountSuggestion, App};
use posthouse_model::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use snippet::base;

use crate::{fail::Failure, flash::Flash, form::Form, page::Page};

/// Where tokens are made; its JSON answers are wire.
const NEW: &str = "/admin/tokens/new";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/tokens", get(list::show))
        .route(NEW, get(create::show).post(create::make))
        .route("/admin/tokens/check", post(create::check))
        .route("/admin/tokens/accounts.json", get(suggest))
        .route("/admin/tokens/log", post(switch_log))
        .route("/admin/tokens/{id}", get(detail::show))
        .route(
            "/admin/tokens/{id}/delete",
            get(delete::ask).post(delete::carry_out),
        )
}

#[derive(Deserialize)]
struct Sought {
    #[serde(default)]
    q: String,
}

/// Accounts for a picker.
async fn suggest(
    page: Page,
    Query(sought): Query<Sought>,
) -> Result<Json<Vec<AccountSuggestion>>, Failure> {
    Ok(Json(page.app.suggest_accounts(&sought.q).await?))
}

/// Switches the audit log of all tokens on or off.
async fn switch_log(page: Page, form: Form) -> Result<Response, Failure> {
    let on = form.is("on");
    page.app.set_token_log(page.caller(), on).await?;
    // An id, so never a way to another site.
    let back = form
        .filled("token")
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map_or_else(
            || "/admin/tokens".to_owned(),
            |id| format!("/admin/tokens/{id}#log"),
        );
    let text = if on {
        "The audit log is on. Requests with any token are recorded from now on."
    } else {
        "The audit log is off. What was recorded stays until it is a week old."
    };
    Ok(page.redirect(&back, Flash::ok(text)))
}

/// The body of an answer that failed, as clients of this path know it: HTTP says 200, the body says why.
fn failed(error: &ApiError) -> Value {
    let mut body = error.envelope();
    if let Some(body) = body.as_object_mut() {
        body.insert("success".to_owned(), false.into());
    }
    body
}

/// Turns what stands before the page (no session, no crumb) into the answer that clients of
/// `POST /admin/tokens/new` know, and scripts of the pages beside it. To be laid around the guard.
pub(crate) async fn json_failures(request: Request, next: Next) -> Response {
    let sends_json = request.method() == Method::POST
        && ["/admin/tokens/", "/admin/reference/"]
            .iter()
            .any(|room| request.uri().path().starts_with(room))
        && is_json(&request);
    let response = next.run(request).await;
    if !sends_json {
        return response;
    }
    let status = response.status();
    let error = if status.is_redirection() {
        ApiError::new(401, "Log in first")
    } else if response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
    {
        match status.as_u16() {
            403 => ApiError::new(
                403,
                "The request did not come from a page of this console, or the page is too old",
            ),
            code => ApiError::new(code, "The request was refused"),
        }
    } else {
        return response;
    };
    // A fresh crumb must still reach the browser.
    let cookies: Vec<_> = response
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .cloned()
        .collect();
    let mut answer = Json(failed(&error)).into_response();
    for cookie in cookies {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

fn is_json(request: &Request) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// `Ok` as the wire knows it.
fn done(value: Value) -> Value {
    let mut body = json!({ "success": true });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), value) {
        body.extend(more);
    }
    body
}
