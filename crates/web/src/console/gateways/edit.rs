//! One gateway: what it did, its settings, a try with what was typed.

use askama::Template;
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use posthouse_app::AccountTrial;
use posthouse_model::Timestamp;

use super::{
    Record, find,
    form::{GatewayForm, faults_of},
};
use crate::{
    console::faults::Faults,
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
};

#[derive(Template)]
#[template(path = "gateways/edit.html")]
struct Edit {
    frame: Frame,
    record: Record,
    form: GatewayForm,
    faults: Faults,
    trial: Option<AccountTrial>,
    stored: bool,
    now: Timestamp,
}

fn render(
    page: &Page,
    record: Record,
    form: GatewayForm,
    outcome: Result<Option<AccountTrial>, Faults>,
) -> Response {
    let (status, faults, trial) = match outcome {
        Ok(trial) => (StatusCode::OK, Faults::default(), trial),
        Err(faults) => (StatusCode::BAD_REQUEST, faults, None),
    };
    let edit = Edit {
        frame: page
            .frame(record.title(), Room::Gateways)
            .with_styles(&["accounts.css"]),
        record,
        form: form.without_password(),
        faults,
        trial,
        stored: true,
        now: page.now(),
    };
    page.render_as(status, &edit)
}

pub(super) async fn show(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let gateway = match find(&page, &id).await {
        // Addresses that look as if they added a gateway.
        Err(Failure(error)) if error.status == 404 && (id == "new" || id == "add") => {
            return Ok(Redirect::to("/admin/add-gateway").into_response());
        }
        found => found?,
    };
    let form = GatewayForm::stored(&gateway);
    Ok(render(&page, Record::of(&gateway), form, Ok(None)))
}

pub(super) async fn carry_out(
    page: Page,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let gateway = find(&page, &id).await?;
    let record = Record::of(&gateway);
    let typed = GatewayForm::typed(&form, &GatewayForm::stored(&gateway));
    let path = [("gateway", id.as_str())];
    let input = Input {
        path: &path,
        body: Some(typed.body().into()),
        ..Input::default()
    };
    let done = if form.text("do") == "test" {
        match page.validate("putV1GatewayEditGateway", input) {
            Ok((_, valid)) => page.app.try_gateway(Some(&id), &valid.body).await.map(Some),
            Err(error) => Err(error),
        }
    } else {
        page.call("putV1GatewayEditGateway", input)
            .await
            .map(|_| None)
    };
    match done {
        Ok(None) => {
            let flash = Flash::ok("The gateway is changed.");
            Ok(page.redirect(&record.path(""), flash))
        }
        Ok(trial) => Ok(render(&page, record, typed, Ok(trial))),
        Err(error) if error.status < 500 => {
            Ok(render(&page, record, typed, Err(faults_of(&error))))
        }
        Err(error) => Err(error.into()),
    }
}
