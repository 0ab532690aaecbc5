//! Protocol logs of accounts: what was said to mail servers and what they said, JSON line by JSON line.
//!
//! Lines are written some at a time, each time as one row.

use posthouse_model::AccountId;
use uuid::Uuid;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;

/// Rows read at once.
const ROWS: u32 = 16;

/// Lines of one account, each without its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The newest last.
    pub lines: Vec<String>,
    /// Where the next read goes on.
    place: Option<(i64, String)>,
}

/// Adds lines, the newest last, and forgets all but about the newest `keep`. An account that is gone gets none.
pub fn append(batch: &mut Batch, account: &AccountId, lines: &[String], keep: u32) {
    let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    if count > 0 && keep > 0 {
        batch.push(
            "INSERT INTO account_logs (account, last, id, lines) \
             SELECT account, \
             COALESCE((SELECT MAX(last) FROM account_logs WHERE account=$1), 0) + CAST($2 AS BIGINT), \
             CAST($3 AS TEXT), CAST($4 AS TEXT) FROM accounts WHERE account=$1",
            params![account, count, Uuid::now_v7().to_string(), lines.join("\n")],
        );
    }
    batch.push(
        "DELETE FROM account_logs WHERE account=$1 AND last <= \
         (SELECT MAX(last) FROM account_logs WHERE account=$1) - $2",
        params![account, keep],
    );
}

/// The first of the newest `keep` lines, as many as lie in a few rows.
///
/// # Errors
/// As [`Store::query`].
pub async fn first(store: &Store, account: &AccountId, keep: u32) -> Result<Lines, StoreError> {
    let rows = store
        .query(
            "SELECT last FROM account_logs WHERE account=$1 ORDER BY last DESC, id DESC LIMIT 1",
            params![account],
        )
        .await?;
    let Some(last) = rows.first() else {
        return Ok(Lines::default());
    };
    let before = last.i64(0)? - i64::from(keep);
    let rows = read(store, account, before, "").await?;
    let mut found = rows;
    // The row that holds the first line may begin with older ones.
    if let Some((at, count)) = found.first_row {
        let older = usize::try_from(before - (at - count)).unwrap_or(0);
        found
            .lines
            .lines
            .drain(..older.min(found.lines.lines.len()));
    }
    Ok(found.lines)
}

/// The lines after those that were read; none at the end.
///
/// # Errors
/// As [`Store::query`].
pub async fn next(
    store: &Store,
    account: &AccountId,
    read_before: &Lines,
) -> Result<Lines, StoreError> {
    match &read_before.place {
        Some((last, id)) => Ok(read(store, account, *last, id).await?.lines),
        None => Ok(Lines::default()),
    }
}

/// The newest lines, the newest last.
///
/// # Errors
/// As [`Store::query`].
pub async fn tail(
    store: &Store,
    account: &AccountId,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    let mut part = first(store, account, limit).await?;
    let mut lines = Vec::new();
    while !part.lines.is_empty() {
        let after = next(store, account, &part).await?;
        lines.append(&mut part.lines);
        part = after;
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    lines.drain(..lines.len().saturating_sub(limit));
    Ok(lines)
}

/// Forgets the lines of an account.
pub fn clear(batch: &mut Batch, account: &AccountId) {
    batch.push(
        "DELETE FROM account_logs WHERE account=$1",
        params![account],
    );
}

struct Part {
    lines: Lines,
    /// Number of the last line of the first row, and how many that row has.
    first_row: Option<(i64, i64)>,
}

async fn read(
    store: &Store,
    account: &AccountId,
    after: i64,
    after_id: &str,
) -> Result<Part, StoreError> {
    let rows = store
        .query(
            "SELECT last, id, lines FROM account_logs \
             WHERE account=$1 AND last >= $2 AND (last > $2 OR id > $3) ORDER BY last, id LIMIT $4",
            params![account, after, after_id, ROWS],
        )
        .await?;
    let mut part = Part {
        lines: Lines::default(),
        first_row: None,
    };
    for row in &rows {
        let (last, text) = (row.i64(0)?, row.text(2)?);
        let before = part.lines.lines.len();
        part.lines.lines.extend(text.split('\n').map(str::to_owned));
        if part.first_row.is_none() {
            let count = part.lines.lines.len() - before;
            part.first_row = Some((last, i64::try_from(count).unwrap_or(i64::MAX)));
        }
        part.lines.place = Some((last, row.text(1)?.to_owned()));
    }
    Ok(part)
}
