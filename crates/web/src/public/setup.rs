//! The first step of the first run: the door to it, and the password. The other steps are pages of the
//! console.

use askama::Template;
use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use posthouse_app::{App, Door, Visit};

use crate::{
    console::setup::{self, PasswordStep},
    crumb::Crumb,
    fail::{Failure, rendered},
    form::Form,
    login::{Secure, go_on},
    page,
};

#[derive(Template)]
#[template(path = "setup/code.html")]
struct Code {
    brand: String,
    theme: &'static str,
    crumb: String,
    fault: Option<String>,
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/setup", get(show))
        .route("/admin/setup/code", post(show_code))
}

async fn show(
    State(app): State<App>,
    Extension(Crumb(crumb)): Extension<Crumb>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(match app.console().door(&visit).await? {
        Door::SetupCode => ask(&app, &headers, crumb, StatusCode::OK, None),
        Door::Setup => rendered(
            StatusCode::OK,
            &PasswordStep::new(&app, page::theme(&headers), crumb, None),
        ),
        Door::Open(_) => {
            let to = setup::first_open(&app.first_run().await?);
            Redirect::to(to).into_response()
        }
        Door::Login | Door::Totp => {
            Redirect::to("/admin/login?next=%2Fadmin%2Fsetup").into_response()
        }
    })
}

async fn show_code(
    State(app): State<App>,
    Extension(Crumb(crumb)): Extension<Crumb>,
    Extension(visit): Extension<Visit>,
    Secure(secure): Secure,
    headers: HeaderMap,
    form: Form,
) -> Response {
    match app.console().setup_code(&visit, form.text("code")).await {
        Ok(session) => go_on(&session, secure, "/admin/setup"),
        Err(error) => {
            let status =
                StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let fault = match error.status {
                403 => "This is not the code. It stands in the output of the server's start, and changes with every start.".to_owned(),
                _ => format!("{}.", error.message),
            };
            ask(&app, &headers, crumb, status, Some(fault))
        }
    }
}

fn ask(
    app: &App,
    headers: &HeaderMap,
    crumb: String,
    status: StatusCode,
    fault: Option<String>,
) -> Response {
    let page = Code {
        brand: page::brand(app),
        theme: page::theme(headers),
        crumb,
        fault,
    };
    rendered(status, &page)
}
