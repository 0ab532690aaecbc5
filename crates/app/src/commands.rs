//! Use cases of the command line: they work on a bare store, also beside a running server, which
//! notices what changed within a second.

use std::str::FromStr;

use posthouse_mime::report::{self, Candidate, Report};
use posthouse_model::{
    AccountId, Permissions, Scope, Timestamp,
    token::{Restrictions, TokenId, TokenRecord, TokenValue},
};
use posthouse_store::{
    Batch, BatchError, Paging, Store, StoreError, settings,
    tokens::{self, Bound, StoredToken},
};
use serde_json::{Value, json};

use crate::{
    admin,
    first_start::RUN,
    token_api::{NewToken, find_id},
    token_format,
};

/// So many bytes of a message are looked at for what it reports.
pub const BOUNCE_READ: usize = report::MAX_READ;

/// What the source of a message says of another message: of a bounce and of a complaint the fields of their events, of a
/// delivery report `deliveryReport`; nothing of any other message.
#[must_use]
pub fn check_bounce(source: &[u8]) -> Value {
    match report::read(source, Candidate::ANY) {
        Some(Report::Bounce(bounce)) => json!(bounce),
        Some(Report::Complaint(complaint)) => json!(complaint),
        Some(Report::Delivery(report)) => json!({ "deliveryReport": report }),
        None => json!({}),
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store refuses a change.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The input cannot be used; one sentence.
    #[error("{0}")]
    Invalid(String),
    /// There is no such token.
    #[error("there is no such token")]
    NotFound,
}

/// A token to be issued by the command line.
#[derive(Debug, Clone, Default)]
pub struct IssueToken {
    /// What it is for; `Generated at <date>` if none.
    pub description: Option<String>,
    /// Scopes; `*` if none.
    pub scopes: Vec<String>,
    /// The only account it may touch.
    pub account: Option<AccountId>,
    /// From when it is unknown.
    pub expires: Option<Timestamp>,
    /// What is taken away from it.
    pub permissions: Permissions,
    /// Where from and how often it may be used.
    pub restrictions: Option<Restrictions>,
}

/// Makes a token; the answer is its value, which is shown nowhere else.
///
/// # Errors
/// An unknown scope, an end in the past, or the store fails.
pub async fn issue_token(
    store: &Store,
    token: IssueToken,
) -> Result<(TokenValue, TokenRecord), CommandError> {
    for scope in &token.scopes {
        if Scope::from_str(scope).is_err() {
            let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            return Err(CommandError::Invalid(format!(
                "{scope:?} is not a scope; scopes are {}",
                known.join(", ")
            )));
        }
    }
    let new = NewToken {
        account: token.account,
        scopes: if token.scopes.is_empty() {
            vec![Scope::All.as_str().to_owned()]
        } else {
            token.scopes
        },
        permissions: token.permissions,
        restrictions: token.restrictions,
        description: token
            .description
            .or_else(|| Some(format!("Generated at {}", Timestamp::now()))),
        expires: token.expires,
        ..NewToken::default()
    };
    let (value, record) = new.mint().map_err(|error| {
        CommandError::Invalid(match error.status {
            400 => "the end must be in the future".to_owned(),
            _ => error.message,
        })
    })?;
    put(store, &record).await?;
    Ok((value, record))
}

/// Every token, ids descending.
///
/// # Errors
/// The store fails.
pub async fn list_tokens(store: &Store) -> Result<Vec<StoredToken>, CommandError> {
    let paging = Paging {
        page: 0,
        size: 1 << 31,
    };
    Ok(tokens::list(store, Bound::Any, None, paging).await?.items)
}

/// A token in the form that [`import_token`] reads; it is named by its value or its id.
///
/// # Errors
/// [`CommandError::NotFound`], or the store fails.
pub async fn export_token(store: &Store, name: &str) -> Result<String, CommandError> {
    let id = find_id(store, name).await?.ok_or(CommandError::NotFound)?;
    let record = tokens::get(store, &id)
        .await?
        .ok_or(CommandError::NotFound)?;
    token_format::export(&record).map_err(|error| CommandError::Invalid(error.to_string()))
}

/// Stores an exported token as made now, unless its id is known; whether it was stored.
///
/// # Errors
/// The text cannot be read, or the store fails.
pub async fn import_token(store: &Store, text: &str) -> Result<(TokenId, bool), CommandError> {
    let mut record = read(text)?;
    record.created = Timestamp::now();
    import(store, &record).await
}

/// As [`import_token`], for the token that the configuration names: it keeps its date.
///
/// # Errors
/// As [`import_token`].
pub async fn import_prepared_token(
    store: &Store,
    text: &str,
) -> Result<(TokenId, bool), CommandError> {
    import(store, &read(text)?).await
}

/// Deletes a token, named by its value or its id; whether there was one.
///
/// # Errors
/// The store fails.
pub async fn revoke_token(store: &Store, name: &str) -> Result<bool, CommandError> {
    let Some(id) = find_id(store, name).await? else {
        return Ok(false);
    };
    let mut batch = Batch::new();
    let statement = tokens::delete(&mut batch, &id);
    Ok(store.commit(batch).await?.affected(statement) > 0)
}

/// A password of the console that was set.
#[derive(Clone)]
pub struct SetPassword {
    /// The password.
    pub password: String,
    /// Its record in the form that `EENGINE_PREPARED_PASSWORD` takes: base64url of a PHC string.
    pub prepared: String,
}

/// Sets the console's password, a random one if none is given; ends every session and switches
/// one-time passwords off.
///
/// # Errors
/// The password is too short or too long, or the store fails.
pub async fn set_password(
    store: &Store,
    password: Option<String>,
) -> Result<SetPassword, CommandError> {
    let password = match password {
        Some(password) if admin::has_good_length(&password) => password,
        Some(_) => {
            return Err(CommandError::Invalid(format!(
                "the password must have {} to {} characters",
                admin::MIN_PASSWORD,
                admin::MAX_PASSWORD
            )));
        }
        None => {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes)
                .map_err(|error| CommandError::Invalid(format!("no random numbers: {error}")))?;
            hex::encode(bytes)
        }
    };
    let prepared = admin::store_new_password(store, &password).await?;
    Ok(SetPassword { password, prepared })
}

/// Whether the store was never served, so that it needs its first token. To be asked before
/// [`App::start`](crate::App::start).
///
/// # Errors
/// The store fails.
pub async fn is_fresh(store: &Store) -> Result<bool, CommandError> {
    let served = settings::get(store, RUN).await?.is_some();
    Ok(!served && tokens::all(store).await?.is_empty())
}

fn read(text: &str) -> Result<TokenRecord, CommandError> {
    token_format::import(text)
        .map_err(|error| CommandError::Invalid(format!("the token cannot be read: {error}")))
}

async fn import(store: &Store, record: &TokenRecord) -> Result<(TokenId, bool), CommandError> {
    if tokens::get(store, &record.id).await?.is_some() {
        return Ok((record.id, false));
    }
    put(store, record).await?;
    Ok((record.id, true))
}

async fn put(store: &Store, record: &TokenRecord) -> Result<(), CommandError> {
    let mut batch = Batch::new();
    tokens::put(&mut batch, record)?;
    store.commit(batch).await?;
    Ok(())
}
