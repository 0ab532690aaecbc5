//! Access tokens, their last use and their audit log.

use posthouse_model::token::{TokenId, TokenLogEntry, TokenRecord, TokenUse};
use posthouse_model::{AccountId, Scope, Timestamp};

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::generation::{self, Generation};
use crate::page::{self, Page, Paging, json};
use crate::params;
use crate::sql::{fold, like_contains};
use crate::store::Store;
use crate::value::{Row, Value};

/// Whose tokens a listing shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound<'a> {
    /// All.
    Any,
    /// Those bound to no account.
    Free,
    /// Those of an account.
    To(&'a AccountId),
}

/// A token with its last use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// The record.
    pub record: TokenRecord,
    /// Last use.
    pub last_use: Option<TokenUse>,
}

/// Which tokens a search shows, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSearch {
    /// A text in id, description or account, ASCII case folded; empty for any.
    pub text: String,
    /// Only those that name this scope.
    pub scope: Option<Scope>,
    /// Only those in this state.
    pub state: Option<TokenState>,
    /// The order.
    pub sort: TokenSort,
}

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It has not expired.
    Active,
    /// It expires before this time, and has not yet.
    ExpiresBefore(Timestamp),
    /// It has expired and was not swept yet.
    Expired,
    /// It was never used.
    Unused,
}

/// The order of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenSort {
    /// The newest first.
    #[default]
    Created,
    /// The last used first, those never used at the end.
    LastUse,
}

fn stored(row: &Row) -> Result<StoredToken, StoreError> {
    let last_use = match (row.opt_i64(1)?, row.opt_text(2)?) {
        (Some(time), Some(ip)) => ip.parse().ok().map(|ip| TokenUse {
            time: Timestamp(time),
            ip,
        }),
        _ => None,
    };
    Ok(StoredToken {
        record: row.json(0)?,
        last_use,
    })
}

/// The record of a token, expired or not.
///
/// # Errors
/// As [`Store::query`].
pub async fn get(store: &Store, id: &TokenId) -> Result<Option<TokenRecord>, StoreError> {
    store
        .query_one(
            "SELECT data FROM tokens WHERE id=$1",
            params![id.to_string()],
        )
        .await?
        .map(|row| row.json(0))
        .transpose()
}

/// A token, expired or not, with its last use.
///
/// # Errors
/// As [`Store::query`].
pub async fn get_with_use(store: &Store, id: &TokenId) -> Result<Option<StoredToken>, StoreError> {
    store
        .query_one(
            "SELECT t.data, a.time, a.ip FROM tokens t LEFT JOIN token_access a ON a.id = t.id WHERE t.id=$1",
            params![id.to_string()],
        )
        .await?
        .map(|row| stored(&row))
        .transpose()
}

/// A page of tokens, ids descending; `query` is looked for in id, description and account, ASCII case folded.
///
/// # Errors
/// As [`Store::query`].
pub async fn list(
    store: &Store,
    bound: Bound<'_>,
    query: Option<&str>,
    paging: Paging,
) -> Result<Page<StoredToken>, StoreError> {
    let (kind, account) = match bound {
        Bound::Any => (0, ""),
        Bound::Free => (1, ""),
        Bound::To(account) => (2, account.as_str()),
    };
    page::read(
        store,
        "SELECT COUNT(*) FROM tokens t WHERE ($1 = 0 OR ($1 = 1 AND t.account IS NULL) OR t.account = $2) \
         AND t.search LIKE $3 ESCAPE '\\'",
        "SELECT t.data, a.time, a.ip FROM tokens t LEFT JOIN token_access a ON a.id = t.id \
         WHERE ($1 = 0 OR ($1 = 1 AND t.account IS NULL) OR t.account = $2) \
         AND t.search LIKE $3 ESCAPE '\\' ORDER BY t.id DESC LIMIT $4 OFFSET $5",
        params![kind, account, like_contains(query.unwrap_or_default())],
        paging,
        stored,
    )
    .await
}

/// A page of tokens, bound or not.
///
/// # Errors
/// As [`Store::query`].
pub async fn search(
    store: &Store,
    search: &TokenSearch,
    now: Timestamp,
    paging: Paging,
) -> Result<Page<StoredToken>, StoreError> {
    let mut params = Vec::new();
    let mut conditions = vec!["TRUE".to_owned()];
    let mut condition = |text: &str, value: Value| {
        params.push(value);
        conditions.push(text.replace('?', &format!("${}", params.len())));
    };
    if !search.text.is_empty() {
        let pattern = like_contains(&search.text);
        condition("t.search LIKE ? ESCAPE '\\'", pattern.into());
    }
    if let Some(scope) = search.scope {
        condition("t.scopes LIKE ?", format!("% {scope} %").into());
    }
    match search.state {
        None => {}
        Some(TokenState::Active) => {
            condition("(t.expires IS NULL OR t.expires > ?)", now.into());
        }
        Some(TokenState::ExpiresBefore(end)) => {
            condition("t.expires > ?", now.into());
            condition("t.expires <= ?", end.into());
        }
        Some(TokenState::Expired) => condition("t.expires <= ?", now.into()),
        Some(TokenState::Unused) => condition("a.time = ?", 0.into()),
    }
    let conditions = conditions.join(" AND ");
    // SQLite reads the tables of a cross join in the order they are named: that of the index which gives the
    // order, or first the one whose text is searched.
    let joined = match search.sort {
        TokenSort::LastUse if search.text.is_empty() => "token_access a CROSS JOIN tokens t",
        _ => "tokens t CROSS JOIN token_access a",
    };
    let joined = format!("{joined} WHERE a.id = t.id AND {conditions}");
    let counted = match search.state {
        Some(TokenState::Unused) => joined.clone(),
        _ => format!("tokens t WHERE {conditions}"),
    };
    let (listed, order) = match search.sort {
        TokenSort::Created => (&counted, "t.created DESC, t.id DESC"),
        TokenSort::LastUse => (&joined, "a.time DESC, a.id DESC"),
    };
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    page::read(
        store,
        format!("SELECT COUNT(*) FROM {counted}"),
        // Only the rows of the page are opened: the records are long.
        format!(
            "SELECT t.data, a.time, a.ip FROM \
             (SELECT t.id FROM {listed} ORDER BY {order} LIMIT ${limit} OFFSET ${offset}) page \
             CROSS JOIN tokens t CROSS JOIN token_access a WHERE t.id = page.id AND a.id = page.id \
             ORDER BY {order}"
        ),
        params,
        paging,
        stored,
    )
    .await
}

/// Fills in the columns of tokens that an older version stored; whether there may be more.
///
/// # Errors
/// As [`Store::query`] and [`Store::commit`].
pub(crate) async fn complete(store: &Store) -> Result<bool, StoreError> {
    const AT_ONCE: usize = 500;
    let rows = store
        .query(
            "SELECT data FROM tokens WHERE created=0 ORDER BY id LIMIT $1",
            params![AT_ONCE as i64],
        )
        .await?;
    let mut batch = Batch::new();
    for row in &rows {
        let record: TokenRecord = row.json(0)?;
        // Not put: another process may be deleting it.
        batch.push(
            "UPDATE tokens SET created=$2, scopes=$3 WHERE id=$1",
            params![record.id.to_string(), created(&record), scopes(&record)],
        );
        batch.push(
            "INSERT INTO token_access (id, time, ip) SELECT id, 0, '' FROM tokens WHERE id=$1 \
             ON CONFLICT (id) DO NOTHING",
            params![record.id.to_string()],
        );
    }
    if !batch.is_empty() {
        store
            .commit(batch)
            .await
            .map_err(|error| StoreError::Open(format!("completing access tokens: {error}")))?;
    }
    Ok(rows.len() == AT_ONCE)
}

/// Every record, for the command line's export and start-up checks.
///
/// # Errors
/// As [`Store::query`].
pub async fn all(store: &Store) -> Result<Vec<TokenRecord>, StoreError> {
    store
        .query("SELECT data FROM tokens ORDER BY id", params![])
        .await?
        .iter()
        .map(|row| row.json(0))
        .collect()
}

/// Stores a token; an existing one with the same id is replaced.
///
/// # Errors
/// Only if the record has no JSON form.
pub fn put(batch: &mut Batch, record: &TokenRecord) -> Result<(), StoreError> {
    let account = record.account.as_ref().map(AccountId::as_str);
    let search = fold(&format!(
        "{}\u{1f}{}\u{1f}{}",
        record.id,
        record.description.as_deref().unwrap_or_default(),
        account.unwrap_or_default()
    ));
    batch.push(
        "INSERT INTO tokens (id, account, search, data, expires, created, scopes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET account = excluded.account, search = excluded.search, \
         data = excluded.data, expires = excluded.expires, created = excluded.created, \
         scopes = excluded.scopes",
        params![
            record.id.to_string(),
            account,
            search,
            json(record)?,
            record.expires,
            created(record),
            scopes(record),
        ],
    );
    batch.push(
        "INSERT INTO token_access (id, time, ip) VALUES ($1, 0, '') ON CONFLICT (id) DO NOTHING",
        params![record.id.to_string()],
    );
    generation::bump(batch, Generation::Tokens);
    Ok(())
}

/// The time of creation as it is sorted by; 0 stands for a row that is not complete.
fn created(record: &TokenRecord) -> i64 {
    record.created.millis().max(1)
}

/// The scopes as they are searched; a record without any opens everything.
fn scopes(record: &TokenRecord) -> String {
    match &record.scopes {
        None => format!(" {} ", Scope::All),
        Some(scopes) if scopes.is_empty() => String::new(),
        Some(scopes) => format!(" {} ", scopes.join(" ")),
    }
}

/// Deletes a token with its log; the statement touches a row if there was one.
pub fn delete(batch: &mut Batch, id: &TokenId) -> Statement {
    let id = id.to_string();
    batch.push("DELETE FROM token_access WHERE id=$1", params![&id]);
    batch.push("DELETE FROM token_log WHERE token=$1", params![&id]);
    let deleted = batch
        .push("DELETE FROM tokens WHERE id=$1", params![id])
        .statement();
    generation::bump(batch, Generation::Tokens);
    deleted
}

/// Deletes the tokens of an account with their logs.
pub fn delete_of_account(batch: &mut Batch, account: &AccountId) {
    for table in [
        "DELETE FROM token_access WHERE id IN (SELECT id FROM tokens WHERE account=$1)",
        "DELETE FROM token_log WHERE token IN (SELECT id FROM tokens WHERE account=$1)",
        "DELETE FROM tokens WHERE account=$1",
    ] {
        batch.push(table, params![account]);
    }
    generation::bump(batch, Generation::Tokens);
}

/// Notes last uses; an older one never replaces a newer one.
pub fn touch(batch: &mut Batch, uses: &[(TokenId, TokenUse)]) {
    for (id, last_use) in uses {
        batch.push(
            "INSERT INTO token_access (id, time, ip) SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT) \
             WHERE EXISTS (SELECT 1 FROM tokens WHERE id=$1) \
             ON CONFLICT (id) DO UPDATE SET time = excluded.time, ip = excluded.ip \
             WHERE token_access.time <= excluded.time",
            params![id.to_string(), last_use.time, last_use.ip.to_string()],
        );
    }
}

/// Adds an entry to a token's log and keeps the newest `keep`.
///
/// # Errors
/// Only if the entry has no JSON form.
pub fn log(
    batch: &mut Batch,
    id: &TokenId,
    entry: &TokenLogEntry,
    keep: u32,
) -> Result<(), StoreError> {
    let id = id.to_string();
    batch.push(
        "INSERT INTO token_log (token, id, time, entry) VALUES ($1, $2, $3, $4)",
        params![
            &id,
            uuid::Uuid::now_v7().to_string(),
            entry.time,
            json(entry)?
        ],
    );
    batch.push(
        "DELETE FROM token_log WHERE token=$1 AND id <= \
         (SELECT id FROM token_log WHERE token=$1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
        params![id, keep],
    );
    Ok(())
}

/// A page of a token's log, newest first.
///
/// # Errors
/// As [`Store::query`].
pub async fn log_page(
    store: &Store,
    id: &TokenId,
    paging: Paging,
) -> Result<Page<TokenLogEntry>, StoreError> {
    page::read(
        store,
        "SELECT COUNT(*) FROM token_log WHERE token=$1",
        "SELECT entry FROM token_log WHERE token=$1 ORDER BY id DESC LIMIT $2 OFFSET $3",
        params![id.to_string()],
        paging,
        |row| row.json(0),
    )
    .await
}

/// Deletes expired tokens and log entries older than `log_before`.
pub fn sweep(batch: &mut Batch, now: Timestamp, log_before: Timestamp) {
    for sql in [
        "DELETE FROM token_access WHERE id IN (SELECT id FROM tokens WHERE expires <= $1)",
        "DELETE FROM token_log WHERE token IN (SELECT id FROM tokens WHERE expires <= $1)",
        "DELETE FROM tokens WHERE expires <= $1",
    ] {
        batch.push(sql, params![now]);
    }
    batch.push("DELETE FROM token_log WHERE time < $1", params![log_before]);
}
