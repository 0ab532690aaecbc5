//! Sending a test of a stored template.

use axum::{extract::Path, response::Response};
use serde_json::{Map, Value, json};

use super::{
    edit::{self, Test},
    find,
    form::TemplateForm,
    path,
};
use crate::{
    console::faults::Faults,
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Input, Page},
};

pub(super) async fn carry_out(
    page: Page,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let stored = TemplateForm::stored(&find(&page, &id).await?);
    let (sender, to) = (form.text("sender"), form.text("to"));
    let mut faults = Faults::default();
    let params = match form.text("params") {
        "" => Map::new(),
        text => match serde_json::from_str(text) {
            Ok(Value::Object(params)) => params,
            _ => {
                faults.add("send-params", "Is no JSON object.");
                Map::new()
            }
        },
    };
    for (field, value) in [("sender", sender), ("to", to)] {
        if value.is_empty() {
            faults.add(field, "Is needed");
        }
    }
    let typed = Test {
        sender: sender.to_owned(),
        to: to.to_owned(),
        params: form.text("params").to_owned(),
    };
    if !faults.is_empty() {
        return Ok(edit::render_with(&page, &id, stored, typed, faults));
    }
    let input = Input {
        path: &[("account", sender)],
        body: Some(json!({
            "to": [{ "address": to }], "template": id, "render": { "params": params },
        })),
        ..Input::default()
    };
    match page.call("postV1AccountAccountSubmit", input).await {
        Ok(_) => {
            let text = format!("A test to {to} is queued.");
            Ok(page.redirect(&path(&id, ""), Flash::ok(text)))
        }
        Err(error) if error.status < 500 => {
            let mut faults = Faults::of(&error, |label| {
                label.starts_with("to").then(|| "to".to_owned())
            });
            if let Some(details) = error.extra.get("details") {
                let reason = details["reason"].as_str().unwrap_or_default();
                faults
                    .other
                    .push(format!("Line {}: {reason}", details["line"]));
            }
            Ok(edit::render_with(&page, &id, stored, typed, faults))
        }
        Err(error) => Err(error.into()),
    }
}
