//! Accounts: the list, adding one, one account with its history, folders, protocol log and delivery test, editing, deleting.
//!
//! Ids are the clients' own and may be any text, so nothing but an id stands behind `/admin/accounts/`: adding has an
//! address of its own.

mod actions;
mod add;
mod delivery;
mod delivery_words;
mod detail;
mod edit;
mod flush;
mod folders;
mod form;
mod list;
mod log;
mod words;

use axum::{
    Router,
    routing::{get, post},
};
use posthouse_app::{AccountTrial, Advice, App};
use posthouse_model::AccountId;
use serde_json::Value;

use crate::{
    fail::Failure,
    page::{Input, Page},
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/accounts", get(list::show))
        .route("/admin/add-account", get(add::show).post(add::carry_out))
        .route("/admin/add-account/link", post(add::make_link))
        .route("/admin/accounts/{id}", get(detail::show))
        .route("/admin/accounts/{id}/folders", get(folders::show))
        .route(
            "/admin/accounts/{id}/edit",
            get(edit::show).post(edit::carry_out),
        )
        .route("/admin/accounts/{id}/log", get(log::show).post(log::switch))
        .route("/admin/accounts/{id}/log/clear", post(log::clear))
        .route("/admin/accounts/{id}/log/download", get(log::download))
        .route(
            "/admin/accounts/{id}/delivery-test",
            get(delivery::ask).post(delivery::carry_out),
        )
        .route(
            "/admin/accounts/{id}/delivery-test/{test}",
            get(delivery::show),
        )
        .route("/admin/accounts/{id}/reconnect", post(actions::reconnect))
        .route("/admin/accounts/{id}/sync", post(actions::sync))
        .route(
            "/admin/accounts/{id}/flush",
            get(flush::ask).post(flush::carry_out),
        )
        .route(
            "/admin/accounts/{id}/delete",
            get(actions::ask_delete).post(actions::delete),
        )
}

/// The head that the pages of one account share.
struct Head {
    /// Id.
    id: AccountId,
    /// Name, or the id where there is none.
    title: String,
    /// State.
    badge: words::Badge,
    /// The account follows a mailbox.
    follows: bool,
}

impl Head {
    /// An address below the account.
    fn path(&self, rest: &str) -> String {
        path(self.id.as_str(), rest)
    }
}

/// An address below an account.
fn path(id: &str, rest: &str) -> String {
    format!("/admin/accounts/{}{rest}", crate::show::encode(id))
}

/// The account as the API shows it, and what its pages share.
async fn find(page: &Page, id: &str) -> Result<(Head, Value), Failure> {
    let input = Input {
        path: &[("account", id)],
        ..Input::default()
    };
    let account = page.call("getV1AccountAccount", input).await?;
    let text = |key: &str| account[key].as_str().unwrap_or_default();
    let id = AccountId::new(text("account"));
    let state = text("state")
        .parse()
        .unwrap_or(posthouse_model::AccountState::Init);
    let name = text("name").trim();
    let head = Head {
        title: if name.is_empty() {
            id.to_string()
        } else {
            name.to_owned()
        },
        badge: words::badge(state),
        follows: account["sendOnly"] == false,
        id,
    };
    Ok((head, account))
}

/// What a try to log in came to: protocol, and what is wrong.
pub(super) fn tried(trial: &Option<AccountTrial>) -> Vec<(&'static str, Option<&Advice>)> {
    let Some(trial) = trial else {
        return Vec::new();
    };
    [("IMAP", &trial.imap), ("SMTP", &trial.smtp)]
        .into_iter()
        .filter_map(|(name, outcome)| Some((name, outcome.as_ref()?.as_ref().err())))
        .collect()
}
