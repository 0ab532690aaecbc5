//! What came back of messages, by the Message-ID of what was sent.
//!
//! Written in the batch of the events that tell of it. Anybody can send what looks like a bounce, so that what one
//! message collects is bounded, and all of it goes after a while.

use std::collections::HashMap;
use std::time::Duration;

use posthouse_model::bounce::BounceEntry;
use posthouse_model::message::Message;
use posthouse_model::{AccountId, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::page::json;
use crate::params;
use crate::store::Store;

/// So many entries of a message are kept, the newest.
pub const MOST: u32 = 50;

/// Entries are kept for so long.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Rows that one sweep deletes at most.
const SWEPT: u32 = 5000;

/// What stands for a Message-ID: its length is up to whoever sent the message, and an index takes only so much.
type Key = [u8; 16];

fn key(message_id: &str) -> Option<Key> {
    let id = message_id.trim();
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
    let id = inner.unwrap_or(id).trim();
    if id.is_empty() {
        return None;
    }
    let hash: [u8; 32] = Sha256::digest(id).into();
    hash.first_chunk().copied()
}

/// Notes whom a message did not reach, as the message `bounce` tells. Noted again it replaces what was noted.
///
/// # Errors
/// Only if an entry has no JSON form.
pub fn put(
    batch: &mut Batch,
    account: &AccountId,
    message_id: &str,
    bounce: &str,
    entries: &[BounceEntry],
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(key) = key(message_id) else {
        return Ok(());
    };
    for (place, entry) in (0..MOST).zip(entries) {
        batch.push(
            "INSERT INTO bounces (account, message, bounce, place, data, created) \
             VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (account, message, bounce, place) DO UPDATE SET data = excluded.data",
            params![account, &key[..], bounce, place, json(entry)?, now],
        );
    }
    batch.push(
        "DELETE FROM bounces WHERE account=$1 AND message=$2 AND (bounce, place) NOT IN \
         (SELECT bounce, place FROM bounces WHERE account=$1 AND message=$2 \
          ORDER BY created DESC, bounce, place LIMIT $3)",
        params![account, &key[..], MOST],
    );
    Ok(())
}

/// Puts into each message of an account what is known of it, the oldest first.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`] if an entry has another form.
pub async fn fill(
    store: &Store,
    account: &AccountId,
    messages: Vec<&mut Message>,
) -> Result<(), StoreError> {
    let mut by_key: HashMap<Key, Vec<&mut Message>> = HashMap::new();
    for message in messages {
        if let Some(key) = message.message_id.as_deref().and_then(key) {
            by_key.entry(key).or_default().push(message);
        }
    }
    let keys: Vec<Key> = by_key.keys().copied().collect();
    // Each statement takes so many.
    for some in keys.chunks(200) {
        let mut params = params![account];
        let mut sql =
            "SELECT message, data FROM bounces WHERE account=$1 AND message IN (".to_owned();
        for (at, key) in some.iter().enumerate() {
            params.push((&key[..]).into());
            let comma = if at == 0 { "" } else { ", " };
            sql.push_str(&format!("{comma}${}", params.len()));
        }
        sql.push_str(") ORDER BY message, created, bounce, place");
        for row in &store.query(sql, params).await? {
            let key = Key::try_from(row.blob(0)?).ok();
            let same = key.and_then(|key| by_key.get_mut(&key));
            let entry: BounceEntry = row.json(1)?;
            for message in same.into_iter().flatten() {
                message.bounces.push(entry.clone());
            }
        }
    }
    Ok(())
}

/// Forgets what was noted long ago.
pub(crate) fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push(
        "DELETE FROM bounces WHERE (account, message, bounce, place) IN \
         (SELECT account, message, bounce, place FROM bounces WHERE created < $1 ORDER BY created LIMIT $2)",
        params![now.before(KEPT), SWEPT],
    );
}
