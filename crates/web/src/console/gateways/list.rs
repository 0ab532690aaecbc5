//! The list of gateways.

use askama::Template;
use axum::{extract::Query, response::Response};
use posthouse_model::Timestamp;
use serde::Deserialize;

use super::Record;
use crate::{
    fail::Failure,
    page::{Frame, Input, Page, Room},
    pager::Pager,
};

/// Gateways on a page.
const SIZE: u64 = 50;

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "gateways/list.html")]
struct List {
    frame: Frame,
    gateways: Vec<Record>,
    pager: Pager,
    now: Timestamp,
}

pub(super) async fn show(page: Page, Query(sought): Query<Sought>) -> Result<Response, Failure> {
    let number: u64 = sought.page.parse().unwrap_or(0);
    let (at, size) = (number.min(1 << 20).to_string(), SIZE.to_string());
    let input = Input {
        query: &[("page", &at), ("pageSize", &size)],
        ..Input::default()
    };
    let found = page.call("getV1Gateways", input).await?;
    let gateways = found["gateways"].as_array().into_iter().flatten();
    let total = found["total"].as_u64().unwrap_or(0);
    Ok(page.render(&List {
        frame: page.frame("Gateways", Room::Gateways),
        gateways: gateways.map(Record::of).collect(),
        pager: Pager::new(
            "/admin/gateways",
            &[],
            number,
            SIZE,
            total,
            ("gateway", "gateways"),
        ),
        now: page.now(),
    }))
}
