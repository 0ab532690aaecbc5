//! Folders of accounts: their numbers, what is known of them, and the last listing.
//!
//! A number stands for a path with its UIDVALIDITY and is never given to another: message ids are made of it. A
//! changed UIDVALIDITY makes a new number.

use posthouse_model::mailbox::Mailbox;
use posthouse_model::{AccountId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::page::json;
use crate::params;
use crate::store::Store;
use crate::value::Row;
use crate::{departures, identities, index};

/// A numbered folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMailbox {
    /// Its number within the account, from 1.
    pub number: u32,
    /// Path, decoded.
    pub path: String,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// What the backend knows of it, as JSON; none when it is not followed.
    pub sync: Option<String>,
}

impl StoredMailbox {
    /// What the backend knows of it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it has another form.
    pub fn sync<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        self.sync
            .as_ref()
            .map(|text| {
                serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
            })
            .transpose()
    }
}

fn stored(row: &Row) -> Result<StoredMailbox, StoreError> {
    Ok(StoredMailbox {
        number: row.count(0)?,
        path: row.text(1)?.to_owned(),
        uid_validity: row.count(2)?,
        sync: row.opt_text(3)?.map(str::to_owned),
    })
}

/// The folder of a number.
///
/// # Errors
/// As [`Store::query`].
pub async fn get(
    store: &Store,
    account: &AccountId,
    number: u32,
) -> Result<Option<StoredMailbox>, StoreError> {
    store
        .query_one(
            "SELECT number, path, uidvalidity, sync FROM mailboxes WHERE account=$1 AND number=$2",
            params![account, number],
        )
        .await?
        .map(|row| stored(&row))
        .transpose()
}

/// The number of a folder, if it was seen before.
///
/// # Errors
/// As [`Store::query`].
pub async fn number(
    store: &Store,
    account: &AccountId,
    path: &str,
    uid_validity: u32,
) -> Result<Option<u32>, StoreError> {
    store
        .query_one(
            "SELECT number FROM mailboxes WHERE account=$1 AND path=$2 AND uidvalidity=$3",
            params![account, path, uid_validity],
        )
        .await?
        .map(|row| row.count(0))
        .transpose()
}

/// All numbers that a path ever had.
///
/// # Errors
/// As [`Store::query`].
pub async fn numbers(
    store: &Store,
    account: &AccountId,
    path: &str,
) -> Result<Vec<u32>, StoreError> {
    store
        .query(
            "SELECT number FROM mailboxes WHERE account=$1 AND path=$2",
            params![account, path],
        )
        .await?
        .iter()
        .map(|row| row.count(0))
        .collect()
}

/// The followed folders of an account, by number.
///
/// # Errors
/// As [`Store::query`].
pub async fn followed(
    store: &Store,
    account: &AccountId,
) -> Result<Vec<StoredMailbox>, StoreError> {
    store
        .query(
            "SELECT number, path, uidvalidity, sync FROM mailboxes \
             WHERE account=$1 AND sync IS NOT NULL ORDER BY number",
            params![account],
        )
        .await?
        .iter()
        .map(stored)
        .collect()
}

/// Gives a folder its number, the next one of the account if it is new; the statement's row is the number.
pub fn register(
    batch: &mut Batch,
    account: &AccountId,
    path: &str,
    uid_validity: u32,
) -> Statement {
    // Locks the row until the commit, so that two folders never get one number. It must be a statement of its own:
    // only the next one then sees what the former holder of the lock wrote.
    batch.push(
        "INSERT INTO account_seq (account, seq, mailbox) VALUES ($1, 0, 0) \
         ON CONFLICT (account) DO UPDATE SET mailbox = account_seq.mailbox",
        params![account],
    );
    batch.push(
        "UPDATE account_seq SET mailbox = mailbox + 1 WHERE account=$1 AND NOT EXISTS \
         (SELECT 1 FROM mailboxes WHERE account=$1 AND path=$2 AND uidvalidity=$3)",
        params![account, path, uid_validity],
    );
    batch.push(
        "INSERT INTO mailboxes (account, number, path, uidvalidity) \
         SELECT account, mailbox, CAST($2 AS TEXT), CAST($3 AS BIGINT) FROM account_seq WHERE account=$1 \
         ON CONFLICT DO NOTHING",
        params![account, path, uid_validity],
    );
    batch
        .push(
            "SELECT number FROM mailboxes WHERE account=$1 AND path=$2 AND uidvalidity=$3",
            params![account, path, uid_validity],
        )
        .expect_rows(1)
}

/// Notes what the backend knows of a folder, which must have its number; other UIDVALIDITYs of the path are no longer
/// followed.
///
/// # Errors
/// Only if the value has no JSON form.
pub fn set_sync<T: Serialize>(
    batch: &mut Batch,
    account: &AccountId,
    path: &str,
    uid_validity: u32,
    sync: &T,
) -> Result<(), StoreError> {
    batch.push(
        "UPDATE mailboxes SET sync=NULL \
         WHERE account=$1 AND path=$2 AND uidvalidity<>$3 AND sync IS NOT NULL",
        params![account, path, uid_validity],
    );
    batch
        .push(
            "UPDATE mailboxes SET sync=$4 WHERE account=$1 AND path=$2 AND uidvalidity=$3",
            params![account, path, uid_validity, json(sync)?],
        )
        .expect_rows(1);
    Ok(())
}

/// Notes that messages of a folder are taken in without what names them.
pub fn set_unnamed(batch: &mut Batch, account: &AccountId, path: &str, uid_validity: u32) {
    batch.push(
        "UPDATE mailboxes SET unnamed=1 WHERE account=$1 AND path=$2 AND uidvalidity=$3",
        params![account, path, uid_validity],
    );
}

/// Notes that all messages of a folder are named.
pub fn set_named(batch: &mut Batch, account: &AccountId, number: u32) {
    batch.push(
        "UPDATE mailboxes SET unnamed=0 WHERE account=$1 AND number=$2",
        params![account, number],
    );
}

/// The followed folders of an account with messages that are still to be named.
///
/// # Errors
/// As [`Store::query`].
pub async fn unnamed(store: &Store, account: &AccountId) -> Result<Vec<u32>, StoreError> {
    store
        .query(
            "SELECT number FROM mailboxes \
             WHERE account=$1 AND unnamed=1 AND sync IS NOT NULL ORDER BY number",
            params![account],
        )
        .await?
        .iter()
        .map(|row| row.count(0))
        .collect()
}

/// Forgets what is known of a folder; its number stays.
pub fn forget(batch: &mut Batch, account: &AccountId, path: &str) {
    batch.push(
        "UPDATE mailboxes SET sync=NULL WHERE account=$1 AND path=$2",
        params![account, path],
    );
}

/// Forgets what is known of all folders of an account, for a new first sync; numbers stay.
pub fn forget_all(batch: &mut Batch, account: &AccountId) {
    batch.push(
        "UPDATE mailboxes SET sync=NULL WHERE account=$1",
        params![account],
    );
    index::drop_account(batch, account);
    identities::drop_account(batch, account);
    departures::drop_account(batch, account);
}

/// The folders as last listed, and when.
///
/// # Errors
/// As [`Store::query`].
pub async fn listing(
    store: &Store,
    account: &AccountId,
) -> Result<Option<(Vec<Mailbox>, Timestamp)>, StoreError> {
    store
        .query_one(
            "SELECT data, updated FROM mailbox_listings WHERE account=$1",
            params![account],
        )
        .await?
        .map(|row| Ok((row.json(0)?, row.time(1)?)))
        .transpose()
}

/// Notes the folders as listed.
///
/// # Errors
/// Only if they have no JSON form.
pub fn set_listing(
    batch: &mut Batch,
    account: &AccountId,
    folders: &[Mailbox],
    now: Timestamp,
) -> Result<(), StoreError> {
    batch.push(
        "INSERT INTO mailbox_listings (account, data, updated) VALUES ($1, $2, $3) \
         ON CONFLICT (account) DO UPDATE SET data = excluded.data, updated = excluded.updated",
        params![account, json(folders)?, now],
    );
    Ok(())
}
