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

/// Those of these messages of a folder that are marked.
///
/// # Errors
/// As [`Store::query`].
pub async fn pending(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    references: &[&str],
) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    // Each statement takes so many.
    for some in references.chunks(200) {
        let mut sql =
            "SELECT ref FROM announce WHERE account=$1 AND mailbox=$2 AND ref IN (".to_owned();
        let mut params = params![account, mailbox];
        for reference in some {
            let comma = if params.len() == 2 { "" } else { ", " };
            params.push((*reference).into());
            sql.push_str(&format!("{comma}${}", params.len()));
        }
        sql.push(')');
        for row in &store.query(sql, params).await? {
            found.push(row.text(0)?.to_owned());
        }
    }
    Ok(found)
}

/// Where a page of marks ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    created: Timestamp,
    mailbox: u32,
    reference: String,
}

impl<T> Marker<T> {
    /// The marks behind this one.
    #[must_use]
    pub fn after(&self) -> After {
        After {
            created: self.created,
            mailbox: self.mailbox,
            reference: self.reference.clone(),
        }
    }
}

/// The oldest marks of an account, or those behind another one.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`] if the data has another form.
pub async fn list<T: DeserializeOwned>(
    store: &Store,
    account: &AccountId,
    after: Option<&After>,
    limit: u32,
) -> Result<Vec<Marker<T>>, StoreError> {
    let (created, mailbox, reference) = after.map_or((i64::MIN, 0, ""), |after| {
        (
            after.created.millis(),
            after.mailbox,
            after.reference.as_str(),
        )
    });
    store
        .query(
            "SELECT mailbox, ref, data, created FROM announce \
             WHERE account=$1 AND (created, mailbox, ref) > ($2, $3, $4) \
             ORDER BY created, mailbox, ref LIMIT $5",
            params![account, created, mailbox, reference, limit],
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
