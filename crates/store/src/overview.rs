//! What is worth knowing at a glance, each in one indexed query.

use std::path::PathBuf;
use std::time::Duration;

use posthouse_model::{AccountId, Timestamp, route::RouteId};

use crate::error::StoreError;
use crate::params;
use crate::sql::Sql;
use crate::store::Store;

/// How many access tokens there are, and how many of them deserve a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// All that have not expired.
    pub total: u64,
    /// Those that expire soon.
    pub expiring: u64,
}

/// The embedded or remote database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Version as it names itself.
    pub version: String,
    /// Size, bytes.
    pub bytes: u64,
}

/// Counts access tokens that have not expired, and those of them that expire before `soon`.
///
/// # Errors
/// As [`Store::query`].
pub async fn tokens(
    store: &Store,
    now: Timestamp,
    soon: Timestamp,
) -> Result<TokenCounts, StoreError> {
    let row = store
        .query_one(
            "SELECT (SELECT COUNT(*) FROM tokens) \
             - (SELECT COUNT(*) FROM tokens WHERE expires IS NOT NULL AND expires <= $1), \
             (SELECT COUNT(*) FROM tokens WHERE expires IS NOT NULL AND expires > $1 AND expires <= $2)",
            params![now, soon],
        )
        .await?;
    row.map_or_else(
        || Ok(TokenCounts::default()),
        |row| {
            Ok(TokenCounts {
                total: row.count(0)?,
                expiring: row.count(1)?,
            })
        },
    )
}

/// Counts access tokens with scope `*`, no narrower permissions and no account that were last used, or made and never
/// used, before `idle`. It reads all tokens: for the background.
///
/// # Errors
/// As [`Store::query`].
pub async fn idle_tokens(
    store: &Store,
    now: Timestamp,
    idle: Timestamp,
) -> Result<u64, StoreError> {
    store
        .query_one(
            "SELECT COUNT(*) FROM tokens t JOIN token_access a ON a.id = t.id WHERE t.created < $2 \
             AND a.time < $2 AND t.account IS NULL AND t.scopes LIKE '% * %' \
             AND (t.expires IS NULL OR t.expires > $1) AND t.data NOT LIKE '%\"permissions\":%'",
            params![now, idle],
        )
        .await?
        .map_or(Ok(0), |row| row.count(0))
}

/// Accounts with a target of their own for webhooks that does not take them: the first `named`, and how many there are.
///
/// # Errors
/// As [`Store::query`].
pub async fn failing_webhooks(
    store: &Store,
    named: u32,
) -> Result<(Vec<AccountId>, u64), StoreError> {
    let rows = store
        .query(
            "SELECT account, COUNT(*) OVER () FROM accounts WHERE webhook_error IS NOT NULL \
             ORDER BY account LIMIT $1",
            params![named],
        )
        .await?;
    let mut accounts = Vec::new();
    let mut count = 0;
    for row in &rows {
        accounts.push(AccountId::new(row.text(0)?));
        count = row.count(1)?;
    }
    Ok((accounts, count))
}

/// Webhook routes in use whose last delivery or script failed: the first `named`, and how many there are.
///
/// # Errors
/// As [`Store::query`].
pub async fn failing_routes(store: &Store, named: u32) -> Result<(Vec<RouteId>, u64), StoreError> {
    let rows = store
        .query(
            "SELECT id, COUNT(*) OVER () FROM webhook_routes WHERE live = 1 AND error IS NOT NULL \
             ORDER BY id LIMIT $1",
            params![named],
        )
        .await?;
    let mut routes = Vec::new();
    let mut count = 0;
    for row in &rows {
        routes.push(RouteId::named(row.text(0)?));
        count = row.count(1)?;
    }
    Ok((routes, count))
}

/// Version and size of the database.
///
/// # Errors
/// As [`Store::query`].
pub async fn database(store: &Store) -> Result<Option<Database>, StoreError> {
    store
        .query_one(
            Sql::dialects(
                "SELECT sqlite_version(), page_count * page_size FROM pragma_page_count(), pragma_page_size()",
                "SELECT current_setting('server_version'), pg_database_size(current_database())",
            ),
            params![],
        )
        .await?
        .map(|row| {
            Ok(Database {
                version: row.text(0)?.to_owned(),
                bytes: row.count(1)?,
            })
        })
        .transpose()
}

/// How long the database takes to answer.
///
/// # Errors
/// As [`Store::query`].
pub async fn ping(store: &Store) -> Result<Duration, StoreError> {
    let asked = std::time::Instant::now();
    store.query_one("SELECT 1", params![]).await?;
    Ok(asked.elapsed())
}

/// The folder of the embedded database; none where it lives elsewhere.
#[must_use]
pub fn folder(store: &Store) -> Option<PathBuf> {
    let blobs = store.blob_folder()?;
    let folder = blobs.parent()?;
    if folder.as_os_str().is_empty() {
        return Some(PathBuf::from("."));
    }
    Some(folder.to_owned())
}
