//! Putting a recipient on a list.

use askama::Template;
use axum::{extract::Query, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::{Map, json};

use super::path;
use crate::{
    console::faults::Faults,
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
};

/// Fields that faults are shown at.
const FIELDS: &[&str] = &["listId", "recipient", "account", "reason"];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    list: String,
    recipient: String,
    account: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "suppressions/add.html")]
struct Add {
    frame: Frame,
    typed: Typed,
    faults: Faults,
}

fn render(page: &Page, status: StatusCode, typed: Typed, faults: Faults) -> Response {
    let add = Add {
        frame: page.frame("Suppress an address", Room::Suppressions),
        typed,
        faults,
    };
    page.render_as(status, &add)
}

pub(super) async fn show(page: Page, Query(typed): Query<Typed>) -> Response {
    render(&page, StatusCode::OK, typed, Faults::default())
}

pub(super) async fn carry_out(page: Page, form: Form) -> Result<Response, Failure> {
    let text = |name: &str| form.text(name).to_owned();
    let typed = Typed {
        list: text("listId"),
        recipient: text("recipient"),
        account: text("account"),
        reason: text("reason"),
    };
    let mut body = Map::new();
    for (key, value) in [
        ("recipient", &typed.recipient),
        ("account", &typed.account),
        ("reason", &typed.reason),
    ] {
        if !value.is_empty() {
            body.insert(key.to_owned(), json!(value));
        }
    }
    let input = Input {
        path: &[("listId", &typed.list)],
        body: Some(body.into()),
        ..Input::default()
    };
    match page.call("postV1BlocklistListid", input).await {
        Ok(answer) => {
            let text = if answer["added"] == true {
                format!("{} is on the list.", typed.recipient)
            } else {
                format!("{} was on the list already.", typed.recipient)
            };
            Ok(page.redirect(&path(&typed.list, ""), Flash::ok(text)))
        }
        Err(error) if error.status == 404 => {
            let mut faults = Faults::default();
            faults.add("account", "There is no account with this id.");
            Ok(render(&page, StatusCode::BAD_REQUEST, typed, faults))
        }
        Err(error) if error.status < 500 => {
            let faults = Faults::of(&error, |label| {
                FIELDS.contains(&label).then(|| label.to_owned())
            });
            Ok(render(&page, StatusCode::BAD_REQUEST, typed, faults))
        }
        Err(error) => Err(error.into()),
    }
}
