//! Editing an account: the form, a try with what was typed, the change.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use posthouse_app::AccountTrial;
use posthouse_model::ApiError;
use serde_json::json;

use super::{
    Head, find,
    form::{AccountForm, faults_of},
};
use crate::{
    console::faults::Faults,
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
};

#[derive(Template)]
#[template(path = "accounts/edit.html")]
struct Edit {
    frame: Frame,
    head: Head,
    form: AccountForm,
    faults: Faults,
    trial: Option<AccountTrial>,
    stored: bool,
}

fn render(
    page: &Page,
    status: StatusCode,
    head: Head,
    form: AccountForm,
    faults: Faults,
    trial: Option<AccountTrial>,
) -> Response {
    let edit = Edit {
        frame: page
            .frame(format!("Edit {}", head.title), Room::Accounts)
            .with_scripts(&["accounts.js"])
            .with_styles(&["accounts.css"]),
        head,
        form: form.without_passwords(),
        faults,
        trial,
        stored: true,
    };
    page.render_as(status, &edit)
}

pub(super) async fn show(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, account) = find(&page, &id).await?;
    let form = AccountForm::stored(&account);
    Ok(render(
        &page,
        StatusCode::OK,
        head,
        form,
        Faults::default(),
        None,
    ))
}

pub(super) async fn carry_out(
    page: Page,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let (head, account) = find(&page, &id).await?;
    let before = AccountForm::stored(&account);
    let mut typed = AccountForm::typed(&form);
    typed.put("account", head.id.as_str());
    let mut faults = Faults::default();
    if typed.get("email").is_empty() && !before.get("email").is_empty() {
        faults.add("email", "The address can be changed, not taken away.");
    }
    if !faults.is_empty() {
        return Ok(render(
            &page,
            StatusCode::BAD_REQUEST,
            head,
            typed,
            faults,
            None,
        ));
    }
    let body = typed.to_update(&before);
    let path = [("account", head.id.as_str())];
    let input = |body| Input {
        path: &path,
        body: Some(body),
        ..Input::default()
    };
    if form.text("do") == "test" {
        let tried = match page.validate("putV1AccountAccount", input(body)) {
            Ok((_, valid)) => page.app.try_account(Some(&head.id), &valid.body).await,
            Err(error) => Err(error),
        };
        let (status, faults, trial) = match tried {
            Ok(trial) => (StatusCode::OK, Faults::default(), Some(trial)),
            Err(error) => (status(&error), faults_of(&error), None),
        };
        return Ok(render(&page, status, head, typed, faults, trial));
    }
    if body == json!({}) {
        let flash = Flash::ok("Nothing was changed.");
        return Ok(page.redirect(&head.path(""), flash));
    }
    let changed = async {
        let (_, valid) = page.validate("putV1AccountAccount", input(body.clone()))?;
        page.app.check_kept_passwords(&head.id, &valid.body).await?;
        page.call("putV1AccountAccount", input(body)).await
    };
    match changed.await {
        Ok(_) => Ok(page.redirect(&head.path(""), Flash::ok("The account is changed."))),
        Err(error) => {
            let faults = faults_of(&error);
            Ok(render(&page, status(&error), head, typed, faults, None))
        }
    }
}

fn status(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST)
}
