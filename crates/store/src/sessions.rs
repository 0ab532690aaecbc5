//! Sessions of the console and session tokens; their form is the caller's.

use posthouse_model::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::generation::{self, Generation};
use crate::page::json;
use crate::params;
use crate::store::Store;
use crate::value::Row;

/// A session as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// Its id: a hash of the secret.
    pub id: String,
    /// What the caller stored.
    pub data: T,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
}

fn stored<T: DeserializeOwned>(row: &Row) -> Result<Stored<T>, StoreError> {
    Ok(Stored {
        id: row.text(0)?.to_owned(),
        data: row.json(1)?,
        expires: row.time(2)?,
        seen: row.time(3)?,
    })
}

/// A session that has not expired.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`] if it has another form.
pub async fn get<T: DeserializeOwned>(
    store: &Store,
    id: &str,
    now: Timestamp,
) -> Result<Option<Stored<T>>, StoreError> {
    store
        .query_one(
            "SELECT id, data, expires, seen FROM sessions WHERE id=$1 AND expires > $2",
            params![id, now],
        )
        .await?
        .map(|row| stored(&row))
        .transpose()
}

/// The sessions of an owner that have not expired, the last used first.
///
/// # Errors
/// As [`get`].
pub async fn list<T: DeserializeOwned>(
    store: &Store,
    owner: &str,
    now: Timestamp,
) -> Result<Vec<Stored<T>>, StoreError> {
    store
        .query(
            "SELECT id, data, expires, seen FROM sessions WHERE owner=$1 AND expires > $2 \
             ORDER BY seen DESC, id",
            params![owner, now],
        )
        .await?
        .iter()
        .map(stored)
        .collect()
}

/// Stores a session. The id must not be the secret itself but a hash of it; what has an owner is listed.
///
/// # Errors
/// Only if the value has no JSON form.
pub fn put<T: Serialize>(
    batch: &mut Batch,
    id: &str,
    owner: Option<&str>,
    session: &T,
    now: Timestamp,
    expires: Timestamp,
) -> Result<(), StoreError> {
    batch.push(
        "INSERT INTO sessions (id, data, expires, owner, seen) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET data = excluded.data, expires = excluded.expires, \
         owner = excluded.owner, seen = excluded.seen",
        params![id, json(session)?, expires, owner, now],
    );
    Ok(())
}

/// Notes a use of a session that still exists, and moves its end on.
pub fn touch(batch: &mut Batch, id: &str, now: Timestamp, expires: Timestamp) -> Statement {
    batch
        .push(
            "UPDATE sessions SET expires=$2, seen=$3 WHERE id=$1 AND expires <= $2",
            params![id, expires, now],
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

/// Ends the sessions of an owner but those used last.
pub fn keep_newest(batch: &mut Batch, owner: &str, kept: u32) {
    batch.push(
        "DELETE FROM sessions WHERE owner=$1 AND id NOT IN \
         (SELECT id FROM sessions WHERE owner=$1 ORDER BY seen DESC, id LIMIT $2)",
        params![owner, kept],
    );
}

/// Ends the sessions of an owner but one; the statement touches as many rows as there were.
pub fn delete_others(batch: &mut Batch, owner: &str, kept: &str) -> Statement {
    let deleted = batch
        .push(
            "DELETE FROM sessions WHERE owner=$1 AND id <> $2",
            params![owner, kept],
        )
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
