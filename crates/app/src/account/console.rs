//! Accounts as the console shows them.

use posthouse_engine::default_url;
use posthouse_model::{
    AccountId, AccountState, ApiError, EventType, Timestamp,
    account::{AccountConfig, AccountError, SmtpConfig},
    secret::mask_url,
};
use posthouse_store::{
    Paging, account_states,
    accounts::{self, StateFilter, StoredAccount},
    identities, index,
};
use serde_json::Value;

use super::{
    advice::{self, Advice, Trouble},
    change, kept,
};
use crate::{App, internal};

/// Which accounts are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccountFilter {
    /// All.
    #[default]
    All,
    /// Those in one state.
    State(AccountState),
    /// Those in either error state.
    Errors,
}

impl AccountFilter {
    /// The filter by its name in an address: a state, `errors`, or anything else for all.
    #[must_use]
    pub fn named(name: &str) -> Self {
        if name == "errors" {
            return Self::Errors;
        }
        name.parse().map_or(Self::All, Self::State)
    }

    /// Its name in an address; empty for all.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "",
            Self::State(state) => state.as_str(),
            Self::Errors => "errors",
        }
    }
}

/// A part of the list of accounts.
#[derive(Debug, Clone)]
pub struct AccountsPage {
    /// Accounts in all that the filter and the search let through.
    pub total: u64,
    /// Those of this page, by id.
    pub rows: Vec<AccountRow>,
}

/// An account in a list.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// Id.
    pub id: AccountId,
    /// Display name.
    pub name: String,
    /// Address.
    pub email: Option<String>,
    /// Type, as the API names it.
    pub kind: &'static str,
    /// State.
    pub state: AccountState,
    /// What is wrong, in plain words; none while all is well.
    pub advice: Option<Advice>,
    /// `messageNew` events so far.
    pub received: u64,
    /// `messageSent` events so far.
    pub sent: u64,
    /// When the index last changed.
    pub sync_time: Option<Timestamp>,
}

/// A transition of an account's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub time: Timestamp,
    /// The state that was entered.
    pub state: AccountState,
    /// The failure that led there.
    pub error: Option<AccountError>,
}

/// Where the events of an account go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRouting {
    /// Webhooks are switched on for the instance.
    pub enabled: bool,
    /// The target, masked; none when there is none.
    pub target: Option<String>,
    /// The target is the account's own.
    pub own_target: bool,
    /// Event types that are delivered; `*` for all.
    pub events: Vec<String>,
    /// New messages are announced from the inbox only.
    pub inbox_only: bool,
    /// Names of the headers that are added.
    pub headers: Vec<String>,
    /// What the target last answered wrong: its message and when.
    pub failure: Option<(String, Option<Timestamp>)>,
}

/// Whether the settings of an account would work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTrial {
    /// Logging in over IMAP; none when the account has no IMAP server.
    pub imap: Option<Result<(), Advice>>,
    /// Logging in over SMTP; none when the account has no SMTP server.
    pub smtp: Option<Result<(), Advice>>,
}

impl App {
    /// Refuses a change, which the contract validated, after which an account would log in to another host or port with a
    /// password that is stored.
    ///
    /// # Errors
    /// 400 with a fault at each password that is to be typed again, or when the settings cannot be combined; 404 when there
    /// is no such account; 500 when the store fails.
    pub async fn check_kept_passwords(&self, id: &AccountId, body: &Value) -> Result<(), ApiError> {
        let before = self.known_config(id).await?;
        kept::check(&before, &change::apply(&before, body)?, body)
    }

    /// Logs in with the settings that an account would have after a change, which the contract validated; a new
    /// account's where there is no id. Nothing is stored.
    ///
    /// # Errors
    /// As [`App::check_kept_passwords`].
    pub async fn try_account(
        &self,
        id: Option<&AccountId>,
        body: &Value,
    ) -> Result<AccountTrial, ApiError> {
        let before = match id {
            Some(id) => self.known_config(id).await?,
            None => AccountConfig::default(),
        };
        let config = change::apply(&before, body)?;
        kept::check(&before, &config, body)?;
        let limit = self.engine().config().connect_timeout;
        let outcome = self.verify_config(&config, false, limit).await;
        let imap_host = config.imap.as_ref().and_then(|imap| imap.host.as_deref());
        let smtp_host = config.smtp.as_ref().and_then(|smtp| smtp.host.as_deref());
        Ok(AccountTrial {
            imap: outcome
                .get("imap")
                .map(|tried| tried_words(tried, imap_host)),
            smtp: outcome
                .get("smtp")
                .map(|tried| tried_words(tried, smtp_host)),
        })
    }

    /// Logs in to an SMTP server that stands for itself.
    pub(crate) async fn try_smtp_server(&self, smtp: SmtpConfig) -> AccountTrial {
        let host = smtp.host.clone();
        let config = AccountConfig {
            smtp: Some(smtp),
            ..AccountConfig::default()
        };
        let limit = self.engine().config().connect_timeout;
        let outcome = self.verify_config(&config, false, limit).await;
        AccountTrial {
            imap: None,
            smtp: outcome
                .get("smtp")
                .map(|tried| tried_words(tried, host.as_deref())),
        }
    }

    /// How many messages of an account are indexed, and of how many of them is known what tells a move and a conversation:
    /// those that were there first are read in the background.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn index_progress(&self, id: &AccountId) -> Result<(u64, u64), ApiError> {
        let reading = |error| internal("counting indexed messages", &error);
        let indexed = index::count_all(self.store(), id).await.map_err(reading)?;
        let named = identities::count_all(self.store(), id)
            .await
            .map_err(reading)?;
        Ok((indexed, named))
    }

    /// A page of accounts ordered by id; `query` is looked for in id, name and address.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn accounts_page(
        &self,
        filter: AccountFilter,
        query: &str,
        page: u64,
        size: u64,
    ) -> Result<AccountsPage, ApiError> {
        let state = match filter {
            AccountFilter::All => StateFilter::Any,
            AccountFilter::State(state) => StateFilter::Only(state),
            AccountFilter::Errors => StateFilter::Errors,
        };
        let size = size.clamp(1, 1000);
        let found = accounts::list(self.store(), state, Some(query), Paging { page, size })
            .await
            .map_err(|error| internal("listing accounts", &error))?;
        Ok(AccountsPage {
            total: found.total,
            rows: found.items.into_iter().map(row).collect(),
        })
    }

    /// The last transitions of an account's state, the newest first; empty for an unknown account.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn account_history(
        &self,
        id: &AccountId,
        limit: u32,
    ) -> Result<Vec<Transition>, ApiError> {
        let history = account_states::list(self.store(), id, limit)
            .await
            .map_err(|error| internal("reading the history of an account", &error))?;
        let history = history.into_iter().map(|entry| Transition {
            time: entry.time,
            state: entry.state,
            error: (!entry.code.is_empty() || !entry.reason.is_empty()).then(|| AccountError {
                response: entry.reason,
                server_response_code: entry.code,
                ..AccountError::default()
            }),
        });
        Ok(history.collect())
    }

    /// What is wrong with an account, in plain words: its connection, then its sending.
    ///
    /// # Errors
    /// 404 when there is no such account, 500 when the store fails.
    pub async fn account_advice(&self, id: &AccountId) -> Result<Vec<Advice>, ApiError> {
        let stored = self.known_account(id).await?;
        let smtp = stored.account.status.smtp_status.as_ref();
        let smtp_host = stored.account.config.smtp.as_ref();
        let smtp_host = smtp_host.and_then(|smtp| smtp.host.as_deref());
        let sending = smtp.and_then(|status| advice::for_smtp(status, smtp_host));
        Ok(connection_advice(&stored)
            .into_iter()
            .chain(sending)
            .collect())
    }

    /// Where the events of an account go, by the settings of this moment.
    ///
    /// # Errors
    /// 404 when there is no such account, 500 when the store fails.
    pub async fn webhook_routing(&self, id: &AccountId) -> Result<WebhookRouting, ApiError> {
        let stored = self.known_account(id).await?;
        let config = &stored.account.config;
        let settings = self.settings();
        let own_target = config.webhooks.as_ref().is_some_and(|url| !url.is_empty());
        let own_headers = config.webhooks_custom_headers.as_ref();
        let mut headers: Vec<String> = own_headers
            .into_iter()
            .flatten()
            .map(|header| header.key.clone())
            .collect();
        if let Value::Array(list) = settings.value("webhooksCustomHeaders") {
            for header in &list {
                if let Some(key) = header["key"].as_str()
                    && !headers.iter().any(|own| own.eq_ignore_ascii_case(key))
                {
                    headers.push(key.to_owned());
                }
            }
        }
        let flag = if own_target {
            stored.account.status.webhook_error_flag.clone()
        } else {
            Some(settings.value("webhookErrorFlag")).filter(Value::is_object)
        };
        let failure = flag.and_then(|flag| {
            let message = flag["message"].as_str()?.to_owned();
            let time = serde_json::from_value(flag["time"].clone()).ok();
            Some((message, time)).filter(|(message, _)| !message.is_empty())
        });
        let mut events = settings.words("webhookEvents");
        if events.iter().any(|word| word == "*") {
            events = vec!["*".to_owned()];
        }
        events.retain(|word| word == "*" || word.parse::<EventType>().is_ok());
        Ok(WebhookRouting {
            enabled: settings.bool("webhooksEnabled"),
            target: default_url(&settings, Some(config)).map(mask_url),
            own_target,
            events,
            inbox_only: settings.bool("inboxNewOnly"),
            headers,
            failure,
        })
    }
}

fn tried_words(outcome: &Value, host: Option<&str>) -> Result<(), Advice> {
    if outcome["success"] == true {
        return Ok(());
    }
    let text = |key: &str| outcome[key].as_str();
    let said = text("responseText").or_else(|| text("error"));
    let error = AccountError {
        response: said.unwrap_or_default().to_owned(),
        server_response_code: text("code").unwrap_or_default().to_owned(),
        ..AccountError::default()
    };
    Err(advice::of_failure(&error, host))
}

fn row(stored: StoredAccount) -> AccountRow {
    let advice = connection_advice(&stored);
    let account = stored.account;
    let count = |event: EventType| account.counters.get(event.as_str()).copied().unwrap_or(0);
    AccountRow {
        kind: account.config.kind(),
        state: account.state,
        advice,
        received: count(EventType::MessageNew),
        sent: count(EventType::MessageSent),
        sync_time: account.status.sync_time,
        id: account.id,
        name: account.config.name,
        email: account.config.email,
    }
}

/// What is wrong with the connection of an account.
fn connection_advice(stored: &StoredAccount) -> Option<Advice> {
    let account = &stored.account;
    let imap = account.config.imap.as_ref();
    advice::for_connection(&Trouble {
        state: account.state,
        error: account.status.last_error.as_ref(),
        disabled: imap.is_some_and(|imap| imap.disabled == Some(true)),
        host: imap.and_then(|imap| imap.host.as_deref()),
    })
}
