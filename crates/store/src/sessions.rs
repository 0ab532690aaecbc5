//! Sessions of the console and session tokens; their form is the caller's.

use posthouse_model::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::generation::{self, Generation};
use crate::page::json;
use crate::params;
use crate::store::Store;

/// A session that has not expired, and when it will.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`] if it has another form.
pub async fn get<T: DeserializeOwned>(
    store: &Store,
    id: &str,
    now: Timestamp,
) -> Result<Option<(T, Timestamp)>, StoreError> {
    store
        .query_one(
            "SELECT data, expires FROM sessions WHERE id=$1 AND expires > $2",
            params![id, now],
        )
        .await?
        .map(|row| Ok((row.json(0)?, row.time(1)?)))
        .transpose()
}

/// Stores a session. The id must not be the secret itself but a hash of it.
///
/// # Errors
/// Only if the value has no JSON form.
pub fn put<T: Serialize>(
    batch: &mut Batch,
    id: &str,
    session: &T,
    expires: Timestamp,
) -> Result<(), StoreError> {
    batch.push(
        "INSERT INTO sessions (id, data, expires) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET data = excluded.data, expires = excluded.expires",
        params![id, json(session)?, expires],
    );
    Ok(())
}

/// Prolongs a session that still exists.
pub fn touch(batch: &mut Batch, id: &str, expires: Timestamp) -> Statement {
    batch
        .push(
            "UPDATE sessions SET expires=$2 WHERE id=$1 AND expires < $2",
            params![id, expires],
        )
        .statement()
}

/// Ends a session; the statement touches a row if there was one.
pub fn delete(batch: &mut Batch, id: &str) -> Statement {
    let deleted = batch
        .push("DELETE FROM sessions WHERE id=$1", params![id])
        .statement();
    generation::bump(batch, Generation::Sessions);
    deleted
}

/// Ends all sessions, as after a changed password.
pub fn delete_all(batch: &mut Batch) {
    batch.push("DELETE FROM sessions", params![]);
    generation::bump(batch, Generation::Sessions);
}

/// Deletes expired sessions.
pub fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push("DELETE FROM sessions WHERE expires <= $1", params![now]);
}
