//! The first access token.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use posthouse_app::AccountSuggestion;
use posthouse_model::ApiError;
use serde_json::{Value, json};

use super::{Step, Steps, to_password};
use crate::{fail::Failure, form::Form, page::Page, show};

#[derive(Template)]
#[template(path = "setup/token.html")]
struct Choose {
    steps: Steps,
    accounts: Vec<AccountSuggestion>,
    purpose: String,
    description: String,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "setup/token_made.html")]
struct Made {
    steps: Steps,
    value: String,
    curl: String,
    metrics: bool,
}

pub(super) async fn show(page: Page) -> Result<Response, Failure> {
    if let Some(away) = to_password(&page) {
        return Ok(away);
    }
    let step = choose(&page, &Form::default(), None).await?;
    Ok(page.render(&step))
}

pub(super) async fn make(page: Page, form: Form) -> Result<Response, Failure> {
    if let Some(away) = to_password(&page) {
        return Ok(away);
    }
    let purpose = form.filled("purpose").unwrap_or("api");
    let account = form.filled("account");
    let Some(body) = body(purpose, account, form.filled("description")) else {
        let fault = "Choose the account that this token is for.".to_owned();
        let step = choose(&page, &form, Some(fault)).await?;
        return Ok(page.render_as(StatusCode::BAD_REQUEST, &step));
    };
    match page.app.issue_token(page.caller(), body).await {
        Ok(issued) => {
            let value = issued.value.expose();
            let path = match (purpose, account) {
                ("metrics", _) => "/metrics".to_owned(),
                ("account", Some(account)) => format!("/v1/account/{}", show::encode(account)),
                _ => "/v1/stats".to_owned(),
            };
            let base = base(&page);
            Ok(page.render(&Made {
                steps: Steps::of(&page, Step::Token).await?,
                curl: format!("curl -H \"Authorization: Bearer {value}\" \\\n  \"{base}{path}\""),
                metrics: purpose == "metrics",
                value,
            }))
        }
        Err(error) if error.status < 500 => {
            let step = choose(&page, &form, Some(sentence(&error))).await?;
            Ok(page.render_as(StatusCode::BAD_REQUEST, &step))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the token is made of; none if it names no account but must.
fn body(purpose: &str, account: Option<&str>, description: Option<&str>) -> Option<Value> {
    let (scope, title) = match purpose {
        "metrics" => ("metrics", "Metrics"),
        "account" => ("api", "One account"),
        _ => ("api", "First application"),
    };
    let mut body = json!({
        "description": description.unwrap_or(title),
        "scopes": [scope],
    });
    if purpose == "account" {
        body["account"] = account?.into();
    }
    Some(body)
}

async fn choose(page: &Page, form: &Form, fault: Option<String>) -> Result<Choose, Failure> {
    Ok(Choose {
        steps: Steps::of(page, Step::Token).await?,
        accounts: page.app.suggest_accounts("").await?,
        purpose: form.filled("purpose").unwrap_or("api").to_owned(),
        description: form.text("description").to_owned(),
        fault,
    })
}

/// By which address clients reach this instance.
fn base(page: &Page) -> String {
    let settings = page.app.settings();
    let base = settings.text("serviceUrl").unwrap_or(&page.origin);
    base.trim().trim_end_matches('/').to_owned()
}

/// What is wrong, in one sentence.
pub(super) fn sentence(error: &ApiError) -> String {
    error
        .extra
        .get("fields")
        .and_then(|fields| fields.get(0))
        .and_then(|field| field["message"].as_str())
        .map_or_else(|| error.message.clone(), str::to_owned)
}
