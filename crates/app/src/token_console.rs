//! Access tokens as the console handles them: all scopes, every token, and why a request for one is
//! refused (behaviour 22).

use std::{str::FromStr, time::Duration};

use posthouse_contract::operation;
use posthouse_model::{
    AccountId, ApiError, Caller, Permissions, Scope, Timestamp,
    caller::Identity,
    token::{Restrictions, TokenId, TokenLogEntry, TokenRecord, TokenUse, TokenValue},
};
use posthouse_store::{
    Batch, Paging, accounts, settings,
    tokens::{self, StoredToken, TokenSearch, TokenSort, TokenState},
};
use serde_json::{Map, Value, json};

use crate::{
    App,
    ability::{Ability, Grant, ability},
    input::Fields,
    internal,
    paging::pages,
    token_api::NewToken,
    token_format,
};

/// How soon a token "expires soon".
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);
/// Accounts suggested at once.
const SUGGESTIONS: u64 = 8;

/// A token that was made. The value is shown nowhere else.
#[derive(Debug)]
pub struct Issued {
    /// The value.
    pub value: TokenValue,
    /// The record.
    pub record: TokenRecord,
    /// The form in which a configuration prepares it for another instance; without the value.
    pub export: String,
}

/// A token as the console shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// The record.
    pub record: TokenRecord,
    /// Its last use.
    pub last_use: Option<TokenUse>,
}

/// Which tokens a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenFilter {
    /// All.
    #[default]
    All,
    /// Those that have not expired.
    Active,
    /// Those that expire within a week.
    ExpiringSoon,
    /// Those that have expired and were not swept yet.
    Expired,
    /// Those that were never used.
    Unused,
}

/// What a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenListing {
    /// A text in id, description or account; empty for any.
    pub query: String,
    /// Only those that name this scope.
    pub scope: Option<Scope>,
    /// Only those in this state.
    pub filter: TokenFilter,
    /// Whether the last used come first instead of the newest.
    pub by_use: bool,
    /// From 0.
    pub page: u64,
    /// Entries on a page.
    pub size: u64,
}

/// A page of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// Entries in all.
    pub total: u64,
    /// This page, from 0.
    pub page: u64,
    /// Pages, at least 1.
    pub pages: u64,
    /// Entries of this page.
    pub items: Vec<T>,
}

/// An account as a picker offers it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AccountSuggestion {
    /// Its id.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Its address.
    pub email: Option<String>,
}

impl App {
    /// Makes a token of any scope. `body` is what `POST /v1/tokens` takes.
    ///
    /// # Errors
    /// 400 with every fault in `fields`; 404 `AccountNotFound`; 403 for callers that are no
    /// administrator.
    pub async fn issue_token(&self, caller: &Caller, body: Value) -> Result<Issued, ApiError> {
        require_administrator(caller)?;
        let read = read(body);
        let unknown_account = match read
            .as_ref()
            .map_or_else(|bad| &bad.account, |new| &new.account)
        {
            Some(account) => self.require_account(account).await.err(),
            None => None,
        };
        let mut new = match (read, unknown_account) {
            (Ok(new), None) => new,
            (Ok(_), Some(error)) => return Err(error),
            (Err(bad), error) => {
                let mut faults = bad.faults;
                if let Some(error) = error {
                    faults.push(json!({ "key": "account", "message": error.message }));
                }
                return Err(ApiError::invalid_input(faults.into()));
            }
        };
        new.remote_address = caller.address.map(|address| address.to_string());
        self.store_token(new).await
    }

    pub(crate) async fn store_token(&self, new: NewToken) -> Result<Issued, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("making a token", error);
        let (value, record) = new.mint()?;
        let mut batch = Batch::new();
        tokens::put(&mut batch, &record).map_err(|error| failed(&error))?;
        self.store()
            .commit(batch)
            .await
            .map_err(|error| failed(&error))?;
        let export = token_format::export(&record).map_err(|error| failed(&error))?;
        Ok(Issued {
            value,
            record,
            export,
        })
    }

    /// A page of all tokens, bound or not.
    ///
    /// # Errors
    /// The store fails.
    pub async fn console_tokens(
        &self,
        listing: &TokenListing,
    ) -> Result<Listed<TokenView>, ApiError> {
        self.tokens().flush().await;
        let now = Timestamp::now();
        let search = TokenSearch {
            text: listing.query.trim().to_owned(),
            scope: listing.scope,
            state: match listing.filter {
                TokenFilter::All => None,
                TokenFilter::Active => Some(TokenState::Active),
                TokenFilter::ExpiringSoon => Some(TokenState::ExpiresBefore(now.after(SOON))),
                TokenFilter::Expired => Some(TokenState::Expired),
                TokenFilter::Unused => Some(TokenState::Unused),
            },
            sort: if listing.by_use {
                TokenSort::LastUse
            } else {
                TokenSort::Created
            },
        };
        let paging = Paging {
            page: listing.page,
            size: listing.size.clamp(1, 200),
        };
        let page = tokens::search(self.store(), &search, now, paging)
            .await
            .map_err(|error| internal("listing tokens", &error))?;
        Ok(listed(page, paging, TokenView::from))
    }

    /// A token and its last use; none if there is no such id.
    ///
    /// # Errors
    /// The store fails.
    pub async fn console_token(&self, id: TokenId) -> Result<Option<TokenView>, ApiError> {
        self.tokens().flush().await;
        tokens::get_with_use(self.store(), &id)
            .await
            .map(|found| found.map(TokenView::from))
            .map_err(|error| internal("reading a token", &error))
    }

    /// A page of a token's audit log, newest first.
    ///
    /// # Errors
    /// The store fails.
    pub async fn console_token_log(
        &self,
        id: TokenId,
        page: u64,
        size: u64,
    ) -> Result<Listed<TokenLogEntry>, ApiError> {
        let paging = Paging {
            page,
            size: size.clamp(1, 200),
        };
        let page = tokens::log_page(self.store(), &id, paging)
            .await
            .map_err(|error| internal("reading a token's log", &error))?;
        Ok(listed(page, paging, |entry| entry))
    }

    /// Deletes a token; whether there was one. It is refused from then on.
    ///
    /// # Errors
    /// The store fails; 403 for callers that are no administrator.
    pub async fn delete_console_token(
        &self,
        caller: &Caller,
        id: TokenId,
    ) -> Result<bool, ApiError> {
        require_administrator(caller)?;
        let mut batch = Batch::new();
        let statement = tokens::delete(&mut batch, &id);
        let done = self
            .store()
            .commit(batch)
            .await
            .map_err(|error| internal("deleting a token", &error))?;
        self.tokens().invalidate();
        Ok(done.affected(statement) > 0)
    }

    /// Switches the audit log of all tokens on or off.
    ///
    /// # Errors
    /// The store fails; 403 for callers that are no administrator.
    pub async fn set_token_log(&self, caller: &Caller, on: bool) -> Result<(), ApiError> {
        require_administrator(caller)?;
        let mut batch = Batch::new();
        settings::set(self.store(), &mut batch, "tokenAuditLog", &json!(on), false)
            .map_err(|error| internal("writing a setting", &error))?;
        self.store()
            .commit(batch)
            .await
            .map_err(|error| internal("writing a setting", &error))?;
        self.settings_changed().await
    }

    /// Accounts whose id, name or address holds a text, for a picker.
    ///
    /// # Errors
    /// The store fails.
    pub async fn suggest_accounts(&self, query: &str) -> Result<Vec<AccountSuggestion>, ApiError> {
        let paging = Paging {
            page: 0,
            size: SUGGESTIONS,
        };
        let page = accounts::list(self.store(), None, Some(query.trim()), paging)
            .await
            .map_err(|error| internal("listing accounts", &error))?;
        let suggestion = |stored: accounts::StoredAccount| AccountSuggestion {
            account: stored.account.id,
            name: stored.account.config.name,
            email: stored.account.config.email,
        };
        Ok(page.items.into_iter().map(suggestion).collect())
    }
}

impl TokenView {
    /// The form in which a configuration prepares it for another instance.
    ///
    /// # Errors
    /// The record has no such form, which would be a fault of ours.
    pub fn export(&self) -> Result<String, ApiError> {
        token_format::export(&self.record).map_err(|error| internal("exporting a token", &error))
    }

    /// What it may do.
    #[must_use]
    pub fn ability(&self) -> Ability {
        ability(&Grant::from(&self.record))
    }
}

impl From<StoredToken> for TokenView {
    fn from(stored: StoredToken) -> Self {
        Self {
            record: stored.record,
            last_use: stored.last_use,
        }
    }
}

/// What a token would be able to do that is still being described. Whatever cannot be read yet
/// counts as not chosen.
#[must_use]
pub fn preview(body: &Value) -> Ability {
    let fields = Fields::of(body);
    let scopes = fields.strings("scopes").unwrap_or_default();
    let permissions = Permissions::from(fields.value("permissions").cloned());
    let restrictions = fields.fields("restrictions");
    let chosen = |key: &str| {
        restrictions.is_some_and(|all| all.strings(key).is_some_and(|list| !list.is_empty()))
    };
    ability(&Grant {
        scopes: Some(&scopes),
        permissions: &permissions,
        account: fields.filled("account"),
        addresses: chosen("addresses"),
        referrers: chosen("referrers"),
        expires: fields.filled("expires").is_some(),
    })
}

/// A request that cannot be fulfilled.
struct Refused {
    faults: Vec<Value>,
    /// The account it names, so that its absence is told with the rest.
    account: Option<AccountId>,
}

/// Reads a request by the rules of `POST /v1/tokens`, with every scope and without its demand that a
/// token of the whole instance be narrowed.
fn read(mut body: Value) -> Result<NewToken, Refused> {
    let account = |body: &Value| {
        Fields::of(body)
            .text("account")
            .map(str::trim)
            .filter(|id| !id.is_empty() && !id.contains('\0'))
            .map(AccountId::new)
    };
    let named = account(&body);
    let mut faults = Vec::new();
    let mut fault = |key: &str, reason: &str| {
        faults.push(json!({ "key": key, "message": format!("\"{key}\" {reason}") }));
    };
    let scopes = match scopes(&body) {
        Ok(scopes) => scopes,
        Err(reason) => {
            fault("scopes", reason);
            Vec::new()
        }
    };
    if let Some(body) = body.as_object_mut() {
        body.retain(|_, value| !value.is_null());
        // The contract knows fewer scopes: they were checked above.
        body.insert("scopes".to_owned(), json!([Scope::Api]));
    }
    let limit = Fields::of(&body)
        .fields("restrictions")
        .and_then(|restrictions| restrictions.fields("rateLimit"));
    if limit.is_some_and(|limit| limit.value("maxRequests").is_none()) {
        fault("maxRequests", "is required for a rate limit");
    }
    let past = |time: &str| Timestamp::from_str(time).is_ok_and(|time| time <= Timestamp::now());
    if Fields::of(&body).filled("expires").is_some_and(past) {
        fault("expires", "must be in the future");
    }
    let schema = operation("postV1Tokens").and_then(|operation| operation.body.as_ref());
    let checked = match schema.map(|schema| schema.check(body)) {
        Some(Ok(body)) => body,
        Some(Err(found)) => {
            let mut all: Vec<Value> = found.iter().map(|fault| json!(fault)).collect();
            all.extend(faults);
            return Err(Refused {
                faults: all,
                account: named,
            });
        }
        None => Value::Object(Map::new()),
    };
    if !faults.is_empty() {
        return Err(Refused {
            faults,
            account: named,
        });
    }
    let fields = Fields::of(&checked);
    let refused = |error: ApiError| Refused {
        faults: error
            .extra
            .get("fields")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default(),
        account: None,
    };
    let text = |key: &str| fields.text(key).map(str::to_owned);
    Ok(NewToken {
        account: account(&checked),
        scopes,
        permissions: Permissions::from(fields.value("permissions").cloned()),
        restrictions: fields
            .parse::<Restrictions>("restrictions")
            .map_err(refused)?
            .filter(|all| *all != Restrictions::default()),
        description: text("description"),
        metadata: text("metadata"),
        expires: fields.parse("expires").map_err(refused)?,
        ip: text("ip"),
        remote_address: None,
    })
}

/// The scopes that a request names, each once.
fn scopes(body: &Value) -> Result<Vec<String>, &'static str> {
    let words: Vec<&Value> = match body.get("scopes") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
    };
    let mut scopes: Vec<String> = Vec::new();
    for word in words {
        let scope = word.as_str().and_then(|word| Scope::from_str(word).ok());
        let Some(scope) = scope else {
            return Err("must hold only api, metrics, smtp, imap-proxy, mcp or *");
        };
        if !scopes.iter().any(|known| known == scope.as_str()) {
            scopes.push(scope.as_str().to_owned());
        }
    }
    if scopes.is_empty() {
        return Err("must hold at least one scope");
    }
    Ok(scopes)
}

pub(crate) fn require_administrator(caller: &Caller) -> Result<&str, ApiError> {
    match &caller.identity {
        Identity::Administrator(user) => Ok(user),
        Identity::System => Ok(""),
        _ => Err(ApiError::new(403, "Only an administrator may do this")),
    }
}

pub(crate) fn listed<T, U>(
    page: posthouse_store::Page<T>,
    paging: Paging,
    item: impl Fn(T) -> U,
) -> Listed<U> {
    Listed {
        total: page.total,
        page: paging.page,
        pages: pages(page.total, paging.size),
        items: page.items.into_iter().map(item).collect(),
    }
}
