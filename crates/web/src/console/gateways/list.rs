//! The list of gateways.

use askama::Template;
use axum::{extract::Query, response::Response};
use posthouse_model::Timestamp;
use serde::Deserialize;

use super::Record;
use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
    pager::Pager,
};

/// Gateways on a page.
const SIZE: u64 = 50;

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    query: String,
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "gateways/list.html")]
struct List {
    frame: Frame,
    query: String,
    gateways: Vec<Record>,
    pager: Pager,
    now: Timestamp,
}

pub(super) async fn show(page: Page, Query(sought): Query<Sought>) -> Result<Response, Failure> {
    let query = sought.query.trim().to_owned();
    let number = sought.page.parse().unwrap_or(0).min(1 << 20);
    let found = page.app.console_gateways(&query, number, SIZE).await?;
    let gateways = found["gateways"].as_array().into_iter().flatten();
    let total = found["total"].as_u64().unwrap_or(0);
    Ok(page.render(&List {
        frame: page.frame("Gateways", Room::Gateways),
        gateways: gateways.map(Record::of).collect(),
        pager: Pager::new(
            "/admin/gateways",
            &[("query", &query)],
            number,
            SIZE,
            total,
            ("gateway", "gateways"),
        ),
        query,
        now: page.now(),
    }))
}
