//! One token: what it may do, where it was used, how to use it.

use std::str::FromStr;

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use posthouse_app::{Ability, GROUPS, TokenView, actions_of};
use posthouse_model::{
    Action, ApiError, Group, Timestamp,
    token::{TokenId, TokenLogEntry},
};
use serde::Deserialize;

use super::{
    snippet::{PLACEHOLDER, Snippets},
    words,
};
use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
    pager::Pager,
};

/// Entries of the audit log on a page.
const SIZE: u64 = 20;

/// One field of the table of permissions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Granted,
    Refused,
    /// The group has no such action.
    Nothing,
}

struct Row {
    title: &'static str,
    cells: Vec<Cell>,
}

#[derive(Template)]
#[template(path = "tokens/detail.html")]
struct Detail {
    frame: Frame,
    token: TokenView,
    ability: Ability,
    made: Snippets,
    export: String,
    rows: Vec<Row>,
    api: bool,
    log: Vec<TokenLogEntry>,
    log_on: bool,
    pager: Pager,
    now: Timestamp,
}

impl Detail {
    fn addresses(&self) -> &[String] {
        self.restrictions(|all| all.addresses.as_deref())
    }

    fn referrers(&self) -> &[String] {
        self.restrictions(|all| all.referrers.as_deref())
    }

    fn restrictions(
        &self,
        list: impl Fn(&posthouse_model::token::Restrictions) -> Option<&[String]>,
    ) -> &[String] {
        self.token
            .record
            .restrictions
            .as_ref()
            .and_then(list)
            .unwrap_or_default()
    }

    fn limit(&self) -> Option<String> {
        let limit = self.token.record.restrictions.as_ref()?.rate_limit?;
        Some(format!(
            "{} requests in {} seconds",
            limit.max_requests?,
            limit.time_window.unwrap_or(180)
        ))
    }
}

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    page: String,
}

pub(super) async fn show(
    page: Page,
    Path(id): Path<String>,
    Query(sought): Query<Sought>,
) -> Result<Response, Failure> {
    let (id, token) = find(&page, &id).await?;
    let ability = token.ability();
    let export = token.export()?;
    let listed = page
        .app
        .console_token_log(id, sought.page.parse().unwrap_or(0), SIZE)
        .await?;
    let account = token
        .record
        .account
        .as_ref()
        .map(|account| account.as_str());
    let made = Snippets::new(&page, PLACEHOLDER.to_owned(), account, &ability);
    let rows = GROUPS
        .iter()
        .map(|words| row(&token, words.group, words.title))
        .collect();
    Ok(page.render(&Detail {
        frame: page
            .frame(words::title(&token), Room::Tokens)
            .with_styles(&["tokens.css"]),
        rows,
        api: ability.reached > 0,
        ability,
        made,
        export,
        log: listed.items,
        log_on: page.app.settings().bool("tokenAuditLog"),
        pager: Pager::new(
            &format!("/admin/tokens/{id}"),
            &[],
            listed.page,
            SIZE,
            listed.total,
            ("entry", "entries"),
        ),
        now: page.now(),
        token,
    }))
}

/// The token that a path names.
pub(super) async fn find(page: &Page, id: &str) -> Result<(TokenId, TokenView), Failure> {
    let gone = || {
        ApiError::new(
            404,
            "There is no such token. It may have expired or been deleted.",
        )
    };
    let id = TokenId::from_str(id).map_err(|_| gone())?;
    let token = page.app.console_token(id).await?.ok_or_else(gone)?;
    Ok((id, token))
}

fn row(token: &TokenView, group: Group, title: &'static str) -> Row {
    let has = actions_of(group);
    let cells = Action::ALL
        .iter()
        .map(|action| {
            if !has.contains(action) {
                Cell::Nothing
            } else if token.record.permissions.check(*action, group).is_ok() {
                Cell::Granted
            } else {
                Cell::Refused
            }
        })
        .collect();
    Row { title, cells }
}
