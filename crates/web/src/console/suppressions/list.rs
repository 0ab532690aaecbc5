//! Which lists there are.

use askama::Template;
use axum::{extract::Query, response::Response};
use serde::Deserialize;

use super::LISTS;
use crate::{
    fail::Failure,
    page::{Frame, Input, Page, Room},
    pager::Pager,
};

/// Lists on a page.
const SIZE: u64 = 50;

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "suppressions/list.html")]
struct List {
    frame: Frame,
    /// Id and number of entries.
    lists: Vec<(String, u64)>,
    pager: Pager,
}

pub(super) async fn show(page: Page, Query(sought): Query<Sought>) -> Result<Response, Failure> {
    let number = sought.page.parse().unwrap_or(0).min(1 << 20);
    let (at, size) = (number.to_string(), SIZE.to_string());
    let input = Input {
        query: &[("page", &at), ("pageSize", &size)],
        ..Input::default()
    };
    let found = page.call("getV1Blocklists", input).await?;
    let lists = found["blocklists"].as_array().into_iter().flatten();
    let lists = lists.filter_map(|list| {
        let id = list["listId"].as_str()?.to_owned();
        Some((id, list["count"].as_u64().unwrap_or(0)))
    });
    let total = found["total"].as_u64().unwrap_or(0);
    Ok(page.render(&List {
        frame: page.frame("Suppression lists", Room::Suppressions),
        lists: lists.collect(),
        pager: Pager::new(LISTS, &[], number, SIZE, total, ("list", "lists")),
    }))
}
