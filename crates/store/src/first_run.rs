//! What an instance has already, for the steps of its first run.

use crate::error::StoreError;
use crate::params;
use crate::store::Store;

/// What is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Access tokens: 0, 1, or 2 for more.
    pub tokens: u64,
    /// Whether one of them was ever used.
    pub token_used: bool,
    /// Whether there is an account.
    pub account: bool,
    /// Whether there is an event.
    pub event: bool,
}

/// Looks what is there; it touches a few rows, however many there are.
///
/// # Errors
/// As [`Store::query`].
pub async fn look(store: &Store) -> Result<Found, StoreError> {
    let row = store
        .query_one(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM tokens LIMIT 2) t), \
             (SELECT COUNT(*) FROM (SELECT 1 FROM token_access WHERE time > 0 LIMIT 1) u), \
             (SELECT COUNT(*) FROM (SELECT 1 FROM accounts LIMIT 1) a), \
             (SELECT COUNT(*) FROM (SELECT 1 FROM events LIMIT 1) e)",
            params![],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Found::default());
    };
    Ok(Found {
        tokens: row.count(0)?,
        token_used: row.i64(1)? > 0,
        account: row.i64(2)? > 0,
        event: row.i64(3)? > 0,
    })
}
