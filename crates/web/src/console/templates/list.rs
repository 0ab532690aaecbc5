//! The templates of an account, or the shared ones.

use askama::Template;
use axum::{extract::Query, response::Response};
use posthouse_model::{AccountId, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::TEMPLATES;
use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
    pager::Pager,
};

/// Templates on a page.
const SIZE: u64 = 50;

struct Row {
    id: String,
    name: String,
    description: String,
    markdown: bool,
    updated: Option<Timestamp>,
}

impl Row {
    fn of(template: &Value) -> Self {
        let text = |key: &str| template[key].as_str().unwrap_or_default().to_owned();
        Self {
            id: text("id"),
            name: text("name"),
            description: text("description"),
            markdown: template["format"] == "markdown",
            updated: serde_json::from_value(template["updated"].clone()).ok(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    account: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "templates/list.html")]
struct List {
    frame: Frame,
    /// Whose templates; empty for the shared ones.
    account: String,
    /// There is such an account.
    known: bool,
    query: String,
    rows: Vec<Row>,
    pager: Pager,
    now: Timestamp,
}

pub(super) async fn show(page: Page, Query(sought): Query<Sought>) -> Result<Response, Failure> {
    let account = sought.account.trim().to_owned();
    let number = sought.page.parse().unwrap_or(0).min(1 << 20);
    let query = sought.query.trim().to_owned();
    let owner = (!account.is_empty()).then(|| AccountId::new(&account));
    let found = page.app.console_templates(owner, &query, number, SIZE);
    let (found, known) = match found.await {
        Ok(found) => (found, true),
        Err(error) if error.status == 404 => (Value::Null, false),
        Err(error) => return Err(error.into()),
    };
    let rows = found["templates"].as_array().into_iter().flatten();
    Ok(page.render(&List {
        frame: page.frame("Templates", Room::Templates),
        rows: rows.map(Row::of).collect(),
        known,
        pager: Pager::new(
            TEMPLATES,
            &[("account", &account), ("query", &query)],
            number,
            SIZE,
            found["total"].as_u64().unwrap_or(0),
            ("template", "templates"),
        ),
        account,
        query,
        now: page.now(),
    }))
}
