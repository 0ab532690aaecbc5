//! Access tokens, their last use and their audit log.

use posthouse_model::token::{TokenId, TokenLogEntry, TokenRecord, TokenUse};
use posthouse_model::{AccountId, Timestamp};

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::generation::{self, Generation};
use crate::page::{self, Page, Paging, json};
use crate::params;
use crate::sql::{fold, like_contains};
use crate::store::Store;
use crate::value::Row;

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
        "INSERT INTO tokens (id, account, search, data, expires) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET account = excluded.account, search = excluded.search, \
         data = excluded.data, expires = excluded.expires",
        params![
            record.id.to_string(),
            account,
            search,
            json(record)?,
            record.expires
        ],
    );
    generation::bump(batch, Generation::Tokens);
    Ok(())
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
