//! The use cases of access tokens: create, list, read, delete, log (behaviour 2).

use std::str::FromStr;

use posthouse_model::{
    AccountId, ApiError, Caller, Permissions, Scope, Timestamp,
    caller::Identity,
    token::{Restrictions, TokenId, TokenRecord, TokenUse, TokenValue},
};
use posthouse_store::{
    Batch, Store, StoreError,
    tokens::{self, Bound, StoredToken},
};
use serde_json::{Value, json};

use crate::{App, CallInput, Reply, internal, paging::frame};

/// Scopes that `POST /v1/tokens` hands out; the others need the command line or the console.
const API_SCOPES: &[Scope] = &[Scope::Api, Scope::Smtp, Scope::ImapProxy, Scope::Mcp];

impl App {
    /// `POST /v1/tokens`.
    pub(crate) async fn create_token(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        if caller.identity == Identity::Preauthorized {
            return Err(ApiError::new(
                403,
                "Access tokens cannot be made while authentication is switched off",
            ));
        }
        let body = input.body();
        let scopes = body.strings("scopes").unwrap_or_default();
        let known =
            |word: &String| Scope::from_str(word).is_ok_and(|scope| API_SCOPES.contains(&scope));
        if !scopes.iter().all(known) {
            return Err(ApiError::invalid_field(
                "scopes",
                "\"scopes\" must hold only api, smtp, imap-proxy or mcp",
            ));
        }
        let account = body
            .text("account")
            .filter(|id| !id.is_empty())
            .map(AccountId::new);
        let permissions = Permissions::from(body.value("permissions").cloned());
        if account.is_none() && !permissions.is_narrowed() {
            return Err(ApiError::invalid_field(
                "permissions",
                "\"permissions\" is required for a token that is not bound to an account",
            ));
        }
        if let Some(account) = &account {
            self.require_account(account).await?;
        }
        let restrictions: Option<Restrictions> = body.parse("restrictions")?;
        let record = NewToken {
            account,
            scopes,
            permissions,
            restrictions,
            description: body.text("description").map(str::to_owned),
            metadata: body.text("metadata").map(str::to_owned),
            expires: body.parse("expires")?,
            ip: body.text("ip").map(str::to_owned),
            remote_address: caller.address.map(|address| address.to_string()),
        };
        let (value, record) = record.mint()?;
        let answer = json!({ "token": value.expose(), "id": record.id });
        let reply = Reply::json(&answer)?.secret();
        let mut batch = Batch::new();
        tokens::put(&mut batch, &record).map_err(|error| internal("making a token", &error))?;
        self.keep(input, &mut batch, &reply)?;
        self.store()
            .commit(batch)
            .await
            .map_err(|error| internal("making a token", &error))?;
        Ok(reply)
    }

    /// `GET /v1/tokens` and `GET /v1/tokens/account/{account}`.
    pub(crate) async fn list_tokens(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        self.tokens().flush().await;
        let query = input.query();
        let asked = input
            .path()
            .filled("account")
            .or_else(|| query.filled("account"));
        // A bound token was admitted for its own account only.
        let account = caller.account.clone().or_else(|| asked.map(AccountId::new));
        let bound = account.as_ref().map_or(Bound::Free, Bound::To);
        let paging = query.paging();
        let page = tokens::list(self.store(), bound, query.text("query"), paging)
            .await
            .map_err(|error| internal("listing tokens", &error))?;
        let mut answer = frame(page.total, paging);
        answer.insert("account".to_owned(), json!(account));
        let shown: Vec<_> = page.items.iter().map(show).collect();
        answer.insert("tokens".to_owned(), shown.into());
        Reply::json(&answer)
    }

    /// `GET /v1/tokens/{token}`.
    pub(crate) async fn get_token(&self, input: &CallInput) -> Result<Reply, ApiError> {
        self.tokens().flush().await;
        let id = self.named_token(input).await?.ok_or_else(token_not_found)?;
        let stored = tokens::get_with_use(self.store(), &id)
            .await
            .map_err(|error| internal("reading a token", &error))?
            .ok_or_else(token_not_found)?;
        Reply::json(&show(&stored))
    }

    /// `DELETE /v1/tokens/{token}`.
    pub(crate) async fn delete_token(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let deleted = match self.named_token(input).await? {
            Some(id) => {
                let mut batch = Batch::new();
                let statement = tokens::delete(&mut batch, &id);
                let done = self
                    .store()
                    .commit(batch)
                    .await
                    .map_err(|error| internal("deleting a token", &error))?;
                self.tokens().invalidate();
                done.affected(statement) > 0
            }
            None => false,
        };
        Reply::json(&json!({ "deleted": deleted }))
    }

    /// `GET /v1/tokens/{token}/log`.
    pub(crate) async fn token_log(&self, input: &CallInput) -> Result<Reply, ApiError> {
        self.tokens().flush().await;
        let id = self.named_token(input).await?.ok_or_else(token_not_found)?;
        let mut paging = input.query().paging();
        paging.size = paging.size.min(200);
        let page = tokens::log_page(self.store(), &id, paging)
            .await
            .map_err(|error| internal("reading a token's log", &error))?;
        let mut answer = frame(page.total, paging);
        answer.insert("token".to_owned(), json!(id));
        answer.insert("entries".to_owned(), json!(page.items));
        Reply::json(&answer)
    }

    /// The token in the path, given by its id or by its value.
    async fn named_token(&self, input: &CallInput) -> Result<Option<TokenId>, ApiError> {
        find_id(self.store(), input.path().text("token").unwrap_or_default())
            .await
            .map_err(|error| internal("reading a token", &error))
    }
}

/// The id of a token that is named by its id or by its value: the two look alike, so the store is
/// asked for both.
pub(crate) async fn find_id(store: &Store, name: &str) -> Result<Option<TokenId>, StoreError> {
    let name = name.trim();
    let Ok(id) = TokenId::from_str(name) else {
        return Ok(None);
    };
    if tokens::get(store, &id).await?.is_some() {
        return Ok(Some(id));
    }
    let Ok(value) = TokenValue::from_str(name) else {
        return Ok(None);
    };
    Ok(tokens::get(store, &value.id())
        .await?
        .map(|record| record.id))
}

/// A token to be made.
#[derive(Debug, Default)]
pub(crate) struct NewToken {
    pub(crate) account: Option<AccountId>,
    pub(crate) scopes: Vec<String>,
    pub(crate) permissions: Permissions,
    pub(crate) restrictions: Option<Restrictions>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) ip: Option<String>,
    pub(crate) remote_address: Option<String>,
}

impl NewToken {
    /// Makes the value and its record.
    pub(crate) fn mint(self) -> Result<(TokenValue, TokenRecord), ApiError> {
        let now = Timestamp::now();
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(ApiError::invalid_field(
                "expires",
                "\"expires\" must be in the future",
            ));
        }
        let value = TokenValue::generate().map_err(|error| internal("making a token", &error))?;
        let record = TokenRecord {
            id: value.id(),
            created: now,
            expires: self.expires,
            account: self.account,
            ip: self.ip,
            remote_address: self.remote_address,
            scopes: Some(self.scopes),
            description: self.description,
            restrictions: self.restrictions,
            permissions: self.permissions,
            metadata: self.metadata,
        };
        Ok((value, record))
    }
}

fn token_not_found() -> ApiError {
    ApiError::not_found("Requested token was not found", "NotFound")
}

/// A token as the API shows it.
pub(crate) fn show(stored: &StoredToken) -> Value {
    let record = &stored.record;
    let access = stored.last_use.map_or_else(
        || json!({ "time": null, "ip": null }),
        |TokenUse { time, ip }| json!({ "time": time, "ip": ip }),
    );
    let mut shown = serde_json::to_value(record).unwrap_or_default();
    if let Value::Object(map) = &mut shown {
        map.entry("account").or_insert(Value::Null);
        map.insert("access".to_owned(), access);
    }
    shown
}
