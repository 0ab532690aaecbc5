//! The use cases of accounts (behaviour 8): register, show, list, change, delete, reconnect, sync.

pub mod advice;
mod change;
mod console;
mod flush;
mod kept;
mod logs;
mod show;
mod verify;

pub use console::{
    AccountFilter, AccountRow, AccountTrial, AccountsPage, Transition, WebhookRouting,
};
pub use logs::LogLine;
pub(crate) use verify::SmtpTrial;

use posthouse_engine::NewEvent;
use posthouse_model::{
    AccountId, AccountState, ApiError, Caller, EventType, Timestamp,
    account::{AccountConfig, AccountStatus},
    command::{Answer, Command},
};
use posthouse_store::{
    Batch, BatchError,
    accounts::{self, StoredAccount, VERSION_GUARD},
    hosted::{self, UNUSED_GUARD},
    outbox,
};
use serde_json::{Map, Value, json};

use crate::{App, CallInput, Link, LinkError, Reply, input::Fields, internal, paging::frame};

/// How often a change is tried again when others change the same account.
const TRIES: usize = 8;
/// Length of a generated id.
const ID_LENGTH: usize = 16;

impl App {
    /// `POST /v1/account`: registers an account, or changes the one of this id.
    pub(crate) async fn register_account(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let (id, state) = self
            .put_account(&input.valid.body, None, Some(input))
            .await?;
        registered(&id, state)
    }

    /// Registers or changes the account that a body of `POST /v1/account` names; its id, and `new` or `existing`. In the same
    /// batch a link to the hosted form is used up, and the answer to the call that registers it is kept.
    ///
    /// # Errors
    /// 403 when the link was used up by somebody else.
    pub(crate) async fn put_account(
        &self,
        body: &Value,
        link: Option<&Link>,
        call: Option<&CallInput>,
    ) -> Result<(AccountId, &'static str), ApiError> {
        refuse_oauth2(body)?;
        let id = match Fields::of(body).filled("account") {
            Some(id) => checked_id(id)?,
            None => generate_id()?,
        };
        for _ in 0..TRIES {
            if let Some(stored) = self.stored_account(&id).await? {
                if self.replace_config(&stored, body, link).await? {
                    return Ok((id, "existing"));
                }
            } else if self.insert_account(&id, body, link, call).await? {
                return Ok((id, "new"));
            }
        }
        Err(busy())
    }

    /// `PUT /v1/account/{account}`.
    pub(crate) async fn update_account(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let id = input.account()?;
        for _ in 0..TRIES {
            let stored = self.known_account(&id).await?;
            refuse_oauth2(&input.valid.body)?;
            if self
                .replace_config(&stored, &input.valid.body, None)
                .await?
            {
                return Reply::json(&json!({ "account": id }));
            }
        }
        Err(busy())
    }

    /// `GET /v1/account/{account}`.
    pub(crate) async fn get_account(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let stored = self.known_account(&input.account()?).await?;
        let mut shown = show::detail(&stored.account)?;
        let open = self.engine().connections(&stored.account.id);
        shown.insert("connections".to_owned(), json!(open));
        if input.query().is("quota") {
            shown.insert("quota".to_owned(), self.quota(caller, input).await);
        }
        Reply::json(&shown)
    }

    /// Storage of the mailbox; `false` where that is not known.
    async fn quota(&self, caller: &Caller, input: &CallInput) -> Value {
        let answered = self.ask(caller, input, Command::GetQuota).await;
        let Ok(Answer::Quota(Some(quota))) = answered.map(|answered| answered.answer) else {
            return json!(false);
        };
        let percent = quota.usage.saturating_mul(100).checked_div(quota.limit);
        let mut shown = json!({ "usage": quota.usage, "limit": quota.limit });
        if let Some(percent) = percent {
            shown["status"] = json!(format!("{percent}%"));
        }
        shown
    }

    /// `GET /v1/accounts`.
    pub(crate) async fn list_accounts(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("listing accounts", error);
        let query = input.query();
        let state: Option<AccountState> = query.parse("state")?;
        let text = query.filled("query");
        let paging = query.paging();
        let page = accounts::list(self.store(), state, text, paging)
            .await
            .map_err(|error| failed(&error))?;
        let shown: Vec<Map<String, Value>> = page
            .items
            .iter()
            .map(|stored| show::entry(&stored.account))
            .collect::<Result<_, _>>()?;
        let mut answer = frame(page.total, paging);
        answer.insert(
            "query".to_owned(),
            text.map_or(json!(false), |text| json!(text)),
        );
        let state = state.map_or("*", AccountState::as_str);
        answer.insert("state".to_owned(), json!(state));
        answer.insert("accounts".to_owned(), json!(shown));
        Reply::json(&answer)
    }

    /// `DELETE /v1/account/{account}`: with its tokens and queued messages.
    pub(crate) async fn delete_account(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let id = input.account()?;
        let failed = |error: &dyn std::fmt::Display| internal("deleting an account", error);
        for _ in 0..TRIES {
            let stored = self.known_account(&id).await?;
            let mut recorder = self.engine().recorder();
            // Two who delete at once tell of it once.
            accounts::guard_version(&mut recorder.batch, &id, stored.version);
            // Before the deletion, which takes the counters away.
            recorder.event(
                &id,
                Some(&stored.account.config),
                NewEvent::new(EventType::AccountDeleted, json!({ "account": id })),
            );
            outbox::delete_of_account(&mut recorder.batch, &id);
            accounts::delete(&mut recorder.batch, &id);
            match recorder.commit().await {
                Ok(_) => {
                    self.tokens().invalidate();
                    self.engine().account_deleted(&id);
                    return Reply::json(&json!({ "account": id, "deleted": true }));
                }
                Err(error) if error.is_guard(VERSION_GUARD) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(busy())
    }

    /// `PUT /v1/account/{account}/reconnect`.
    pub(crate) async fn reconnect_account(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let wanted = input.body().is("reconnect");
        self.nudge(caller, input, wanted.then_some(Command::Reconnect))
            .await?;
        Reply::json(&json!({ "reconnect": wanted }))
    }

    /// `PUT /v1/account/{account}/sync`.
    pub(crate) async fn sync_account(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let wanted = input.body().is("sync");
        self.nudge(caller, input, wanted.then_some(Command::Sync))
            .await?;
        Reply::json(&json!({ "sync": wanted }))
    }

    /// `GET /v1/account/{account}/server-signatures`: IMAP has none.
    pub(crate) async fn server_signatures(&self, input: &CallInput) -> Result<Reply, ApiError> {
        self.require_account(&input.account()?).await?;
        Reply::json(&json!({ "signatures": [], "signaturesSupported": false }))
    }

    /// `GET /v1/account/{account}/oauth-token`.
    pub(crate) async fn oauth_token(&self, input: &CallInput) -> Result<Reply, ApiError> {
        if !self.settings().bool("enableOAuthTokensApi") {
            return Err(
                ApiError::new(403, "The OAuth2 token endpoint is switched off")
                    .code("ApiEndpointDisabled"),
            );
        }
        self.require_account(&input.account()?).await?;
        Err(ApiError::not_implemented("getV1AccountAccountOauthtoken"))
    }

    async fn nudge(
        &self,
        caller: &Caller,
        input: &CallInput,
        command: Option<Command>,
    ) -> Result<(), ApiError> {
        let account = self.engine().account(&input.account()?).await?;
        if let Some(command) = command {
            account
                .call(&self.context(caller, input), command, None)
                .await?;
        }
        Ok(())
    }

    /// An account, if it exists.
    pub(crate) async fn stored_account(
        &self,
        id: &AccountId,
    ) -> Result<Option<StoredAccount>, ApiError> {
        accounts::get(self.store(), id)
            .await
            .map_err(|error| internal("reading an account", &error))
    }

    /// An account.
    pub(crate) async fn known_account(&self, id: &AccountId) -> Result<StoredAccount, ApiError> {
        self.stored_account(id)
            .await?
            .ok_or_else(ApiError::account_not_found)
    }

    /// The configuration of an account alone.
    pub(crate) async fn known_config(&self, id: &AccountId) -> Result<AccountConfig, ApiError> {
        accounts::config(self.store(), id)
            .await
            .map_err(|error| internal("reading an account", &error))?
            .ok_or_else(ApiError::account_not_found)
    }

    /// Registers an account; false if somebody else just did.
    async fn insert_account(
        &self,
        id: &AccountId,
        body: &Value,
        link: Option<&Link>,
        call: Option<&CallInput>,
    ) -> Result<bool, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("registering an account", error);
        let blank = AccountConfig {
            notify_from: Some(Timestamp::now()),
            ..AccountConfig::default()
        };
        let config = change::apply(&blank, body)?;
        let state = if config.follows_imap() {
            AccountState::Init
        } else {
            AccountState::Unset
        };
        let mut recorder = self.engine().recorder();
        use_up(&mut recorder.batch, link, id);
        accounts::insert(
            self.store(),
            &mut recorder.batch,
            id,
            &config,
            &AccountStatus::default(),
            state,
            Some(&self.engine().config().node),
        )
        .map_err(|error| failed(&error))?;
        recorder.event(
            id,
            Some(&config),
            NewEvent::new(EventType::AccountAdded, json!({ "account": id })),
        );
        if let Some(call) = call {
            self.keep(call, &mut recorder.batch, &registered(id, "new")?)?;
        }
        match recorder.commit().await {
            Ok(_) => {
                self.engine().account_changed(id);
                Ok(true)
            }
            Err(BatchError::Constraint { .. }) => Ok(false),
            Err(error) if error.is_guard(UNUSED_GUARD) => Err(LinkError::Expired.into()),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Changes an account as it was read; false if somebody else changed it meanwhile.
    async fn replace_config(
        &self,
        stored: &StoredAccount,
        body: &Value,
        link: Option<&Link>,
    ) -> Result<bool, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("changing an account", error);
        let id = &stored.account.id;
        let config = change::apply(&stored.account.config, body)?;
        let mut recorder = self.engine().recorder();
        use_up(&mut recorder.batch, link, id);
        accounts::update_config(
            self.store(),
            &mut recorder.batch,
            id,
            stored.version,
            &config,
        )
        .map_err(|error| failed(&error))?;
        if config.send_rate != stored.account.config.send_rate {
            outbox::repace(&mut recorder.batch, Some(id));
        }
        if config.webhooks != stored.account.config.webhooks {
            // What was wrong with the old target says nothing of the new one.
            accounts::set_webhook_error(&mut recorder.batch, id, None)
                .map_err(|error| failed(&error))?;
        }
        match recorder.commit().await {
            Ok(_) if same_connections(&stored.account.config, &config) => {
                let on = config.logs == Some(true);
                self.engine().set_account_logs(id, on);
                self.engine().wake_outbox();
                Ok(true)
            }
            Ok(_) => {
                self.engine().account_changed(id);
                Ok(true)
            }
            Err(error) if error.is_guard(VERSION_GUARD) => Ok(false),
            Err(error) if error.is_guard(UNUSED_GUARD) => Err(LinkError::Expired.into()),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Whether a change is of the protocol log or the rate of sending and of nothing else: connections stay open then.
fn same_connections(before: &AccountConfig, after: &AccountConfig) -> bool {
    let same = AccountConfig {
        logs: before.logs,
        send_rate: before.send_rate,
        ..after.clone()
    };
    before != after && same == *before
}

/// The account is the one that the link is good for.
fn use_up(batch: &mut Batch, link: Option<&Link>, id: &AccountId) {
    if let Some(link) = link {
        hosted::claim(batch, link.nonce(), id, link.remembered_until());
    }
}

fn busy() -> ApiError {
    ApiError::new(503, "The account is being changed by others, try again").code("LockFail")
}

/// OAuth2 needs applications, which this version does not have.
fn refuse_oauth2(body: &Value) -> Result<(), ApiError> {
    let oauth2 = &body["oauth2"];
    let asks = |message: &str| Err(ApiError::new(501, message).code("NotImplemented"));
    if oauth2["authorize"] == true {
        return asks("\"oauth2.authorize\" is not available in this version of Posthouse");
    }
    if oauth2["provider"]
        .as_str()
        .is_some_and(|app| !app.is_empty())
    {
        return asks(
            "OAuth2 applications (\"oauth2.provider\") are not available in this version of Posthouse",
        );
    }
    Ok(())
}

/// An id that accounts can have. `.` and `..` are none: programs read them, and their encoded forms, as steps in a path, so
/// that addresses of such an account lead elsewhere (RFC 3986, 5.2.4).
///
/// # Errors
/// 400 for the field `account`.
pub(crate) fn checked_id(id: &str) -> Result<AccountId, ApiError> {
    if matches!(id, "." | "..") {
        let message = "\"account\" must not be \".\" or \"..\"";
        return Err(ApiError::invalid_field("account", message));
    }
    Ok(AccountId::new(id))
}

/// The answer to the call that registered an account.
fn registered(id: &AccountId, state: &str) -> Result<Reply, ApiError> {
    Reply::json(&json!({ "account": id, "state": state }))
}

/// A new id: random digits and lower-case letters.
fn generate_id() -> Result<AccountId, ApiError> {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut id = String::with_capacity(ID_LENGTH);
    while id.len() < ID_LENGTH {
        let mut bytes = [0; 2 * ID_LENGTH];
        getrandom::fill(&mut bytes).map_err(|error| internal("drawing an id", &error))?;
        // 252 is the greatest multiple of 36 in a byte: no letter is likelier than another.
        let letters = bytes.iter().filter(|byte| **byte < 252);
        let letters = letters.filter_map(|byte| ALPHABET.get(usize::from(byte % 36)));
        id.extend(
            letters
                .map(|letter| char::from(*letter))
                .take(ID_LENGTH - id.len()),
        );
    }
    Ok(AccountId::new(&id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn generated_ids() {
        let id = generate_id().unwrap();
        assert_eq!(id.as_str().len(), 16);
        assert!(
            id.as_str()
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        );
        assert_ne!(id, generate_id().unwrap());
    }
}
