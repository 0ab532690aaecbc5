//! The list of tokens.

use std::str::FromStr;

use askama::Template;
use axum::{extract::Query, response::Response};
use posthouse_app::{TokenFilter, TokenListing, TokenView};
use posthouse_model::{Scope, Timestamp};
use serde::Deserialize;

use super::words;
use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
    pager::Pager,
};

/// Tokens on a page.
const SIZE: u64 = 25;

/// States that can be chosen: value, title.
const STATES: &[(&str, &str, TokenFilter)] = &[
    ("active", "Active", TokenFilter::Active),
    ("soon", "Expires within 7 days", TokenFilter::ExpiringSoon),
    ("expired", "Expired", TokenFilter::Expired),
    ("unused", "Never used", TokenFilter::Unused),
];

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    query: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct List {
    frame: Frame,
    sought: Sought,
    by_use: bool,
    filtered: bool,
    tokens: Vec<TokenView>,
    pager: Pager,
    now: Timestamp,
    states: &'static [(&'static str, &'static str, TokenFilter)],
}

impl List {
    /// The same list in another order.
    fn sorted(&self, sort: &str) -> String {
        let encode = crate::show::encode;
        format!(
            "/admin/tokens?query={}&scope={}&state={}&sort={sort}",
            encode(&self.sought.query),
            encode(&self.sought.scope),
            encode(&self.sought.state),
        )
    }
}

pub(super) async fn show(page: Page, Query(sought): Query<Sought>) -> Result<Response, Failure> {
    let scope = Scope::from_str(&sought.scope).ok();
    let filter = STATES
        .iter()
        .find(|(value, _, _)| *value == sought.state)
        .map_or(TokenFilter::All, |(_, _, filter)| *filter);
    let by_use = sought.sort == "used";
    let listed = page
        .app
        .console_tokens(&TokenListing {
            query: sought.query.clone(),
            scope,
            filter,
            by_use,
            page: sought.page.parse().unwrap_or(0),
            size: SIZE,
        })
        .await?;
    let pager = Pager::new(
        "/admin/tokens",
        &[
            ("query", &sought.query),
            ("scope", &sought.scope),
            ("state", &sought.state),
            ("sort", &sought.sort),
        ],
        listed.page,
        SIZE,
        listed.total,
        ("token", "tokens"),
    );
    Ok(page.render(&List {
        frame: page
            .frame("Access tokens", Room::Tokens)
            .with_styles(&["tokens.css"]),
        filtered: !sought.query.trim().is_empty() || scope.is_some() || filter != TokenFilter::All,
        sought,
        by_use,
        tokens: listed.items,
        pager,
        now: page.now(),
        states: STATES,
    }))
}
