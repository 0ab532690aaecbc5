//! Answers to idempotency keys: written in the batch of what they tell of, so that a repeated request is carried out
//! once.

use posthouse_model::{AccountId, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::page::json;
use crate::params;
use crate::store::Store;

/// Name of the guard that fails when the key was used before.
pub const GUARD: &str = "idempotency key";

/// The answer to a key that has not expired.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`] if it has another form.
pub async fn get<T: DeserializeOwned>(
    store: &Store,
    account: &AccountId,
    key: &str,
    now: Timestamp,
) -> Result<Option<T>, StoreError> {
    store
        .query_one(
            "SELECT answer FROM answers WHERE account=$1 AND key=$2 AND expires > $3",
            params![account, key, now],
        )
        .await?
        .map(|row| row.json(0))
        .transpose()
}

/// Notes the answer to a key; [`GUARD`] fails if there is one already. Of two batches with one key, the second waits
/// for the first.
///
/// # Errors
/// Only if the answer has no JSON form.
pub fn put<T: Serialize>(
    batch: &mut Batch,
    account: &AccountId,
    key: &str,
    answer: &T,
    now: Timestamp,
    expires: Timestamp,
) -> Result<(), StoreError> {
    batch.guard(
        GUARD,
        "INSERT INTO answers (account, key, answer, expires) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account, key) DO UPDATE SET answer = excluded.answer, expires = excluded.expires \
         WHERE answers.expires <= $5",
        params![account, key, json(answer)?, expires, now],
    );
    Ok(())
}

/// Forgets the answers of an account.
pub fn delete_of_account(batch: &mut Batch, account: &AccountId) {
    batch.push("DELETE FROM answers WHERE account=$1", params![account]);
}

/// Deletes expired answers.
pub fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push("DELETE FROM answers WHERE expires <= $1", params![now]);
}
