//! The list of routes.

use askama::Template;
use axum::{extract::Query, response::Response};
use posthouse_model::{Timestamp, route::WebhookRoute};
use serde::Deserialize;

use super::HERE;
use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
    pager::Pager,
};

/// Routes on a page.
const SIZE: u64 = 25;

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    query: String,
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "webhooks/list.html")]
struct List {
    frame: Frame,
    query: String,
    routes: Vec<WebhookRoute>,
    pager: Pager,
    now: Timestamp,
    /// Webhooks are switched on at all.
    on: bool,
}

/// How a route stands: class and word.
fn state(route: &WebhookRoute) -> (&'static str, &'static str) {
    let config = &route.config;
    if !config.enabled {
        ("plain", "Off")
    } else if config.target_url.is_none() {
        ("warn", "No target")
    } else if config.target().is_none() {
        ("warn", "No filter")
    } else if route.webhook_error_flag.is_some() {
        ("bad", "Failing")
    } else {
        ("ok", "On")
    }
}

pub(super) async fn show(page: Page, Query(sought): Query<Sought>) -> Result<Response, Failure> {
    let query = sought.query.trim().to_owned();
    let number = sought.page.parse().unwrap_or(0);
    let listed = page.app.console_routes(&query, number, SIZE).await?;
    let pager = Pager::new(
        HERE,
        &[("query", &query)],
        listed.page,
        SIZE,
        listed.total,
        ("route", "routes"),
    );
    Ok(page.render(&List {
        frame: page
            .frame("Webhook routes", Room::Webhooks)
            .with_styles(&["webhooks.css"]),
        query,
        routes: listed.items,
        pager,
        now: page.now(),
        on: page.app.settings().bool("webhooksEnabled"),
    }))
}
