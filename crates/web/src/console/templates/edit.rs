//! Writing a template, a new one or one that is there.

use askama::Template;
use axum::{
    extract::{Path, Query},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    find,
    form::{TemplateForm, faults_of},
    path,
};
use crate::{
    console::faults::Faults,
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
};

/// That of every page, and a frame of our own for the preview.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'",
);

#[derive(Template)]
#[template(path = "templates/edit.html")]
struct Edit {
    frame: Frame,
    /// Its id; empty for a new one.
    id: String,
    form: TemplateForm,
    test: Test,
    faults: Faults,
}

/// What was typed to send a test.
#[derive(Default)]
pub(super) struct Test {
    /// The account that sends it.
    pub(super) sender: String,
    pub(super) to: String,
    /// JSON.
    pub(super) params: String,
}

/// The page. 400 when it is shown again with faults.
pub(super) fn render(page: &Page, id: &str, form: TemplateForm, faults: Faults) -> Response {
    let test = Test {
        sender: form.account.clone(),
        ..Test::default()
    };
    render_with(page, id, form, test, faults)
}

/// The page after a test that was not sent.
pub(super) fn render_with(
    page: &Page,
    id: &str,
    form: TemplateForm,
    test: Test,
    faults: Faults,
) -> Response {
    let status = if faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    let title = if id.is_empty() {
        "New template"
    } else {
        form.name.as_str()
    };
    let edit = Edit {
        frame: page
            .frame(title, Room::Templates)
            .with_scripts(&["templates.js"])
            .with_styles(&["templates.css"]),
        id: id.to_owned(),
        form,
        test,
        faults,
    };
    let mut response = page.render_as(status, &edit);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    account: String,
}

pub(super) async fn blank(page: Page, Query(chosen): Query<Chosen>) -> Response {
    let form = TemplateForm {
        account: chosen.account,
        ..TemplateForm::default()
    };
    render(&page, "", form, Faults::default())
}

pub(super) async fn create(page: Page, form: Form) -> Result<Response, Failure> {
    let typed = TemplateForm::typed(&form);
    let mut body = typed.body();
    let account = Some(&typed.account).filter(|account| !account.is_empty());
    body["account"] = json!(account);
    let input = Input {
        body: Some(body),
        ..Input::default()
    };
    match page.call("postV1TemplatesTemplate", input).await {
        Ok(made) => {
            let to = path(made["id"].as_str().unwrap_or_default(), "");
            Ok(page.redirect(&to, Flash::ok("The template is stored.")))
        }
        Err(error) if error.status == 404 => {
            let mut faults = Faults::default();
            faults.add("account", "There is no account with this id.");
            Ok(render(&page, "", typed, faults))
        }
        Err(error) if error.status < 500 => {
            let faults = faults_of(&error);
            Ok(render(&page, "", typed, faults))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn show(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let form = TemplateForm::stored(&find(&page, &id).await?);
    Ok(render(&page, &id, form, Faults::default()))
}

pub(super) async fn carry_out(
    page: Page,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let stored = find(&page, &id).await?;
    let mut typed = TemplateForm::typed(&form);
    typed.account = TemplateForm::stored(&stored).account;
    let mut faults = Faults::default();
    if typed.name.is_empty() {
        // The operation would keep the old one.
        faults.add("name", "Is needed");
        return Ok(render(&page, &id, typed, faults));
    }
    let input = Input {
        path: &[("template", &id)],
        body: Some(typed.body()),
        ..Input::default()
    };
    match page.call("putV1TemplatesTemplateTemplate", input).await {
        Ok(_) => Ok(page.redirect(&path(&id, ""), Flash::ok("The template is stored."))),
        Err(error) if error.status < 500 => {
            let faults = faults_of(&error);
            Ok(render(&page, &id, typed, faults))
        }
        Err(error) => Err(error.into()),
    }
}
