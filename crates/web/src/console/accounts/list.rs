//! The list of accounts.

use askama::Template;
use axum::{extract::Query, response::Response};
use posthouse_app::{AccountFilter, AccountRow};
use posthouse_model::{AccountState, Timestamp};
use serde::Deserialize;

use super::words;
use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
    pager::Pager,
};

/// Accounts on a page: what can be chosen, the first unless it is.
const SIZES: [u64; 4] = [25, 50, 100, 250];
/// States that can be chosen beside both error states together.
const STATES: &[AccountState] = &[
    AccountState::Connected,
    AccountState::Syncing,
    AccountState::Connecting,
    AccountState::Init,
    AccountState::AuthenticationError,
    AccountState::ConnectError,
    AccountState::Unset,
    AccountState::Disconnected,
    AccountState::Paused,
];

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    query: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    size: String,
    #[serde(default)]
    page: String,
}

#[derive(Template)]
#[template(path = "accounts/list.html")]
struct List {
    frame: Frame,
    query: String,
    filter: AccountFilter,
    filtered: bool,
    rows: Vec<AccountRow>,
    size: u64,
    sizes: &'static [u64],
    states: &'static [AccountState],
    pager: Pager,
    now: Timestamp,
}

pub(super) async fn show(page: Page, Query(sought): Query<Sought>) -> Result<Response, Failure> {
    let filter = AccountFilter::named(&sought.state);
    let query = sought.query.trim().to_owned();
    let wanted = sought.size.parse().unwrap_or(0);
    let size = SIZES.into_iter().find(|size| *size == wanted);
    let size = size.unwrap_or(SIZES[0]);
    let mut number = sought.page.parse().unwrap_or(0);
    let mut found = page.app.accounts_page(filter, &query, number, size).await?;
    if found.rows.is_empty() && found.total > 0 {
        // Beyond the end, as after a deletion: the last page.
        number = (found.total - 1) / size;
        found = page.app.accounts_page(filter, &query, number, size).await?;
    }
    let size_text = size.to_string();
    let pager = Pager::new(
        "/admin/accounts",
        &[
            ("query", &query),
            ("state", filter.name()),
            ("size", if size == SIZES[0] { "" } else { &size_text }),
        ],
        number,
        size,
        found.total,
        ("account", "accounts"),
    );
    Ok(page.render(&List {
        frame: page
            .frame("Accounts", Room::Accounts)
            .with_scripts(&["accounts.js"])
            .with_styles(&["accounts.css"]),
        filtered: !query.is_empty() || filter != AccountFilter::All,
        query,
        filter,
        rows: found.rows,
        size,
        sizes: &SIZES,
        states: STATES,
        pager,
        now: page.now(),
    }))
}
