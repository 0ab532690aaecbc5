//! Durable markers of messages that are known but not announced yet.
//!
//! A marker is committed with the index state that found the message, and removed with the event that announces it.

use posthouse_model::{AccountId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::page::json;
use crate::params;
use crate::store::Store;

/// A message to announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker<T> {
    /// Number of its folder, 0 where there are none.
    pub mailbox: u32,
    /// The message within the folder: a UID or a provider's id.
    pub reference: String,
    /// What was noticed.
    pub data: T,
    /// When.
    pub created: Timestamp,
}

/// Marks a message; marking it twice changes nothing.
///
/// # Errors
/// Only if the data has no JSON form.
pub fn put<T: Serialize>(
    batch: &mut Batch,
    account: &AccountId,
    mailbox: u32,
    reference: &str,
    data: &T,
    now: Timestamp,
) -> Result<(), StoreError> {
    batch.push(
        "INSERT INTO announce (account, mailbox, ref, data, created) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (account, mailbox, ref) DO NOTHING",
        params![account, mailbox, reference, json(data)?, now],
    );
    Ok(())
}

/// Removes a mark. The batch fails if it is gone: then somebody else announced the message.
pub fn remove(batch: &mut Batch, account: &AccountId, mailbox: u32, reference: &str) {
    batch.guard(
        "announce",
        "DELETE FROM announce WHERE account=$1 AND mailbox=$2 AND ref=$3",
        params![account, mailbox, reference],
    );
}

/// Removes all marks of an account.
pub fn remove_all(batch: &mut Batch, account: &AccountId) {
    batch.push("DELETE FROM announce WHERE account=$1", params![account]);
}

/// The oldest marks of an account.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`] if the data has another form.
pub async fn list<T: DeserializeOwned>(
    store: &Store,
    account: &AccountId,
    limit: u32,
) -> Result<Vec<Marker<T>>, StoreError> {
    store
        .query(
            "SELECT mailbox, ref, data, created FROM announce WHERE account=$1 \
             ORDER BY created, mailbox, ref LIMIT $2",
            params![account, limit],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(Marker {
                mailbox: row.count(0)?,
                reference: row.text(1)?.to_owned(),
                data: row.json(2)?,
                created: row.time(3)?,
            })
        })
        .collect()
}
