//! Login and logout (behaviour 22).

use askama::Template;
use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use posthouse_app::{App, Door, LoginStep, NewSession, Visit};
use posthouse_model::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    crumb::Crumb,
    fail::{Failure, rendered},
    form::Form,
    login::{Secure, forget, go_on, keep, next},
    page, show,
};

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    brand: String,
    theme: &'static str,
    crumb: String,
    next: String,
    username: String,
    remember: bool,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "totp.html")]
struct Totp {
    brand: String,
    theme: &'static str,
    crumb: String,
    next: String,
    /// Whether a recovery code is asked for.
    recovery: bool,
    fault: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    recovery: String,
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/login", get(show_login).post(log_in))
        .route("/admin/totp", get(show_totp).post(second_step))
        .route("/admin/logout", post(log_out))
}

async fn show_login(
    State(app): State<App>,
    Extension(Crumb(crumb)): Extension<Crumb>,
    Extension(visit): Extension<Visit>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let next = next(&asked.next).to_owned();
    Ok(match app.console().door(&visit).await? {
        Door::Open(_) => Redirect::to(&next).into_response(),
        Door::Setup | Door::SetupCode => Redirect::to("/admin/setup").into_response(),
        Door::Login | Door::Totp => rendered(
            StatusCode::OK,
            &Login {
                brand: page::brand(&app),
                theme: page::theme(&headers),
                crumb,
                next,
                username: String::new(),
                remember: false,
                fault: None,
            },
        ),
    })
}

async fn log_in(
    State(app): State<App>,
    Extension(Crumb(crumb)): Extension<Crumb>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Secure(secure): Secure,
    body: Bytes,
) -> Response {
    let json = is_json(&headers);
    let form = fields(json, &body);
    let next = next(form.text("next")).to_owned();
    let step = app
        .console()
        .login(
            form.text("username"),
            form.raw("password"),
            form.is("remember"),
            &visit,
        )
        .await;
    match step {
        Ok(LoginStep::Done(session)) => answer(json, &session, secure, &next),
        Ok(LoginStep::Totp(session)) => {
            let to = format!("/admin/totp?next={}", show::encode(&next));
            answer(json, &session, secure, &to)
        }
        Err(error) if json => told(&error),
        Err(error) => rendered(
            status(&error),
            &Login {
                brand: page::brand(&app),
                theme: page::theme(&headers),
                crumb,
                next,
                username: form.text("username").chars().take(256).collect(),
                remember: form.is("remember"),
                fault: Some(match error.status {
                    403 => "User name or password is wrong.".to_owned(),
                    _ => format!("{}.", error.message),
                }),
            },
        ),
    }
}

async fn show_totp(
    State(app): State<App>,
    Extension(Crumb(crumb)): Extension<Crumb>,
    Extension(visit): Extension<Visit>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let next = next(&asked.next).to_owned();
    Ok(match app.console().door(&visit).await? {
        Door::Totp => rendered(
            StatusCode::OK,
            &Totp {
                brand: page::brand(&app),
                theme: page::theme(&headers),
                crumb,
                next,
                recovery: !asked.recovery.is_empty(),
                fault: None,
            },
        ),
        Door::Open(_) => Redirect::to(&next).into_response(),
        _ => to_login(&next),
    })
}

async fn second_step(
    State(app): State<App>,
    Extension(Crumb(crumb)): Extension<Crumb>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Secure(secure): Secure,
    body: Bytes,
) -> Response {
    let json = is_json(&headers);
    let form = fields(json, &body);
    let next = next(form.text("next")).to_owned();
    let console = app.console();
    let recovery = form.has("recovery");
    let result = if recovery {
        console.recovery(&visit, form.text("recovery")).await
    } else {
        console.totp(&visit, form.text("code")).await
    };
    match result {
        Ok(session) => answer(json, &session, secure, &next),
        Err(error) if json => told(&error),
        Err(error) if error.code_str() == Some("TooManyCodes") => {
            let fault = "Too many wrong codes. Begin again with your password.";
            login_again(
                &app,
                &headers,
                crumb,
                &next,
                StatusCode::UNAUTHORIZED,
                fault,
            )
        }
        Err(error) if error.status == 401 => to_login(&next),
        Err(error) => rendered(
            status(&error),
            &Totp {
                brand: page::brand(&app),
                theme: page::theme(&headers),
                crumb,
                next,
                recovery,
                fault: Some(match (error.status, recovery) {
                    (403, true) => "This recovery code is wrong, or was used before.".to_owned(),
                    (403, false) => {
                        "This code is wrong, or was used before. Wait for the next one.".to_owned()
                    }
                    _ => format!("{}.", error.message),
                }),
            },
        ),
    }
}

async fn log_out(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
) -> Result<Response, Failure> {
    app.console().logout(&visit).await?;
    let mut response = Redirect::to("/admin/login").into_response();
    forget(response.headers_mut());
    Ok(response)
}

/// The login, for whoever was sent back to it.
pub(crate) fn login_again(
    app: &App,
    headers: &HeaderMap,
    crumb: String,
    next: &str,
    status: StatusCode,
    fault: &str,
) -> Response {
    let login = Login {
        brand: page::brand(app),
        theme: page::theme(headers),
        crumb,
        next: next.to_owned(),
        username: String::new(),
        remember: false,
        fault: Some(fault.to_owned()),
    };
    rendered(status, &login)
}

fn to_login(next: &str) -> Response {
    Redirect::to(&format!("/admin/login?next={}", show::encode(next))).into_response()
}

fn status(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The session, for a browser or for a script.
fn answer(json: bool, session: &NewSession, secure: bool, to: &str) -> Response {
    if !json {
        return go_on(session, secure, to);
    }
    let mut response = Json(json!({ "success": true, "next": to })).into_response();
    keep(response.headers_mut(), session, secure);
    response
}

/// The refusal, for a script.
fn told(error: &ApiError) -> Response {
    let mut body = error.envelope();
    if let Some(body) = body.as_object_mut() {
        body.insert("success".to_owned(), false.into());
    }
    (status(error), Json(body)).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.trim_start().starts_with("application/json"))
}

/// The fields of a form, or of a flat JSON object.
fn fields(json: bool, body: &[u8]) -> Form {
    if !json {
        return Form::parse(body);
    }
    let object: serde_json::Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &object {
        match value {
            Value::String(text) => pairs.append_pair(name, text),
            Value::Bool(_) | Value::Number(_) => pairs.append_pair(name, &value.to_string()),
            _ => continue,
        };
    }
    Form::parse(pairs.finish().as_bytes())
}
