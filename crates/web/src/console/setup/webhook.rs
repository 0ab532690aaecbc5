//! The webhook: where events go, tried before it is switched on.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use posthouse_app::{WebhookTest, WebhookTestResult};
use posthouse_model::secret::mask_url;
use serde_json::json;
use url::Url;

use super::{Step, Steps, to_password, token::sentence};
use crate::{
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Input, Page},
};

#[derive(Template)]
#[template(path = "setup/webhook.html")]
struct Webhook {
    steps: Steps,
    url: String,
    fault: Option<String>,
    trial: Option<WebhookTestResult>,
}

impl Webhook {
    /// How long the target took, in words.
    fn took(result: &WebhookTestResult) -> String {
        format!("{} ms", result.took.as_millis())
    }
}

pub(super) async fn show(page: Page) -> Result<Response, Failure> {
    if let Some(away) = to_password(&page) {
        return Ok(away);
    }
    let url = page.app.settings().text("webhooks").map(mask_url);
    let step = Webhook {
        steps: Steps::of(&page, Step::Webhook).await?,
        url: url.unwrap_or_default(),
        fault: None,
        trial: None,
    };
    Ok(page.render(&step))
}

/// Tries the target; switches it on if it takes the sample, or if whoever set it says so all the same.
pub(super) async fn save(page: Page, form: Form) -> Result<Response, Failure> {
    if let Some(away) = to_password(&page) {
        return Ok(away);
    }
    let mut step = Webhook {
        steps: Steps::of(&page, Step::Webhook).await?,
        url: form.text("url").to_owned(),
        fault: None,
        trial: None,
    };
    if !Url::parse(&step.url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        let fault = "Type a whole address that begins with https:// or http://.";
        step.fault = Some(fault.to_owned());
        return Ok(page.render_as(StatusCode::BAD_REQUEST, &step));
    }
    let action = form.text("action");
    if action != "force" {
        let test = WebhookTest {
            url: Some(step.url.clone()),
            ..WebhookTest::default()
        };
        match page.app.test_webhook(test).await {
            Ok(result) if result.delivered && action != "test" => {}
            Ok(result) => {
                step.trial = Some(result);
                return Ok(page.render(&step));
            }
            Err(error) if error.status < 500 => {
                step.fault = Some(sentence(&error));
                return Ok(page.render_as(StatusCode::BAD_REQUEST, &step));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let set = page
        .call(
            "postV1Settings",
            Input {
                body: Some(json!({ "webhooks": step.url, "webhooksEnabled": true })),
                ..Input::default()
            },
        )
        .await;
    match set {
        Ok(_) => Ok(page.redirect(step.steps.after(), Flash::ok("Webhooks are on."))),
        Err(error) if error.status < 500 => {
            step.fault = Some(sentence(&error));
            Ok(page.render_as(StatusCode::BAD_REQUEST, &step))
        }
        Err(error) => Err(error.into()),
    }
}
