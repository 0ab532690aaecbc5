//! Who is on a list.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use posthouse_model::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{LISTS, path};
use crate::{
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
    pager::Pager,
};

/// Entries on a page.
const SIZE: u64 = 50;

/// A recipient of the list.
struct Entry {
    recipient: String,
    account: String,
    source: &'static str,
    reason: String,
    created: Option<Timestamp>,
}

impl Entry {
    fn of(entry: &Value) -> Self {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        Self {
            recipient: text("recipient"),
            account: text("account"),
            source: match entry["source"].as_str() {
                Some("form") => "Unsubscribe page",
                Some("one-click") => "Mail program",
                Some("ui") => "Console",
                _ => "API",
            },
            reason: text("reason"),
            created: serde_json::from_value(entry["created"].clone()).ok(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    recipient: String,
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "suppressions/entries.html")]
struct Entries {
    frame: Frame,
    list: String,
    entries: Vec<Entry>,
    /// Whom somebody looks for.
    sought: String,
    /// Why they are on the list; none when they are not.
    reason: Option<String>,
    pager: Pager,
    now: Timestamp,
}

pub(super) async fn show(
    page: Page,
    Path(list): Path<String>,
    Query(sought): Query<Sought>,
) -> Result<Response, Failure> {
    let number = sought.page.parse().unwrap_or(0).min(1 << 20);
    let (at, size) = (number.to_string(), SIZE.to_string());
    let input = Input {
        path: &[("listId", &list)],
        query: &[("page", &at), ("pageSize", &size)],
        ..Input::default()
    };
    let found = page.call("getV1BlocklistListid", input).await?;
    let recipient = sought.recipient.trim().to_lowercase();
    let reason = match recipient.as_str() {
        "" => None,
        recipient => page.app.suppression_reason(&list, recipient).await?,
    };
    let entries = found["addresses"].as_array().into_iter().flatten();
    Ok(page.render(&Entries {
        frame: page.frame(list.clone(), Room::Suppressions),
        entries: entries.map(Entry::of).collect(),
        sought: recipient,
        reason,
        pager: Pager::new(
            &path(&list, ""),
            &[],
            number,
            SIZE,
            found["total"].as_u64().unwrap_or(0),
            ("address", "addresses"),
        ),
        now: page.now(),
        list,
    }))
}

pub(super) async fn remove(
    page: Page,
    Path(list): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let recipient = form.text("recipient");
    let input = Input {
        path: &[("listId", &list)],
        query: &[("recipient", recipient)],
        ..Input::default()
    };
    let removed = page.call("deleteV1BlocklistListid", input).await?;
    let text = if removed["deleted"] == true {
        format!("{recipient} is taken off the list and can be written to again.")
    } else {
        format!("{recipient} was not on the list.")
    };
    // The list is gone with its last entry.
    let input = Input {
        path: &[("listId", &list)],
        ..Input::default()
    };
    let left = page.call("getV1BlocklistListid", input).await.is_ok();
    let to = if left {
        path(&list, "")
    } else {
        LISTS.to_owned()
    };
    Ok(page.redirect(&to, Flash::ok(text)))
}
