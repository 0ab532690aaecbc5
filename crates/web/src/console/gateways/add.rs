//! Adding a gateway: the form, a try with what was typed, the gateway.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use posthouse_app::AccountTrial;
use posthouse_model::ApiError;
use serde_json::{Value, json};

use super::{
    find,
    form::{GatewayForm, faults_of},
    path,
};
use crate::{
    console::faults::Faults,
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
};

#[derive(Template)]
#[template(path = "gateways/add.html")]
struct Add {
    frame: Frame,
    form: GatewayForm,
    faults: Faults,
    trial: Option<AccountTrial>,
    stored: bool,
}

fn render(
    page: &Page,
    form: GatewayForm,
    outcome: Result<Option<AccountTrial>, Faults>,
) -> Response {
    let (status, faults, trial) = match outcome {
        Ok(trial) => (StatusCode::OK, Faults::default(), trial),
        Err(faults) => (StatusCode::BAD_REQUEST, faults, None),
    };
    let add = Add {
        frame: page
            .frame("Add gateway", Room::Gateways)
            .with_styles(&["accounts.css"]),
        form: form.without_password(),
        faults,
        trial,
        stored: false,
    };
    page.render_as(status, &add)
}

pub(super) async fn show(page: Page) -> Response {
    render(&page, GatewayForm::blank(), Ok(None))
}

pub(super) async fn carry_out(page: Page, form: Form) -> Result<Response, Failure> {
    let typed = GatewayForm::typed(&form, &GatewayForm::default());
    let done = if form.text("do") == "test" {
        attempt(&page, &typed).await.map(Some)
    } else {
        create(&page, &typed).await.map(|()| None)
    };
    match done {
        Ok(None) => {
            let flash = Flash::ok("The gateway is added.");
            Ok(page.redirect(&path(&typed.gateway, ""), flash))
        }
        Ok(trial) => Ok(render(&page, typed, Ok(trial))),
        Err(error) if error.status < 500 => Ok(render(&page, typed, Err(faults_of(&error)))),
        Err(error) => Err(error.into()),
    }
}

/// The body of `POST /v1/gateway`.
fn body(form: &GatewayForm, id: &str, name: &str) -> Value {
    let mut body = form.body();
    body.insert("gateway".to_owned(), json!(id));
    body.insert("name".to_owned(), json!(name));
    body.into()
}

async fn create(page: &Page, form: &GatewayForm) -> Result<(), ApiError> {
    match find(page, &form.gateway).await {
        // The operation would put the new settings in the place of the old ones.
        Ok(_) => {
            let message = "\"gateway\" is the id of another gateway";
            return Err(ApiError::invalid_field("gateway", message));
        }
        Err(Failure(error)) if error.status >= 500 => return Err(error),
        Err(_) => {}
    }
    let input = Input {
        body: Some(body(form, &form.gateway, &form.name)),
        ..Input::default()
    };
    page.call("postV1Gateway", input).await.map(|_| ())
}

async fn attempt(page: &Page, form: &GatewayForm) -> Result<AccountTrial, ApiError> {
    // A try needs neither id nor name.
    let input = Input {
        body: Some(body(form, "-", "-")),
        ..Input::default()
    };
    let (_, valid) = page.validate("postV1Gateway", input)?;
    page.app.try_gateway(None, &valid.body).await
}
