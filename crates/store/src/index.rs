//! The message index of followed folders: per (folder, chunk of 65,536 UIDs, key) one roaring bitmap.
//!
//! A write is computed from what is stored, so it names the revision that it was computed from; the batch fails with
//! the guard `index` when another write came between. The lease of the account's owner stands before that: see
//! [`Batch::guard_lease`].
//!
//! A row is at most 8 KiB, so a changed flag of one message writes at most that, however many messages there are.

mod bitmap;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use posthouse_model::AccountId;
use posthouse_model::index::{IndexDelta, IndexKey, MessageIndex, chunk_of, uids_of_chunk};
use roaring::RoaringBitmap;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;
use crate::value::{Row, Value};

/// Keys that are asked for by name; where more change, whole chunks are read.
const NAMED: usize = 8;

/// The guard of [`apply`] and [`replace`].
pub const GUARD: &str = "index";

/// What is stored, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Moves with every write.
    pub revision: i64,
    /// The messages.
    pub index: MessageIndex,
}

/// What a write puts into the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The revision once the batch is committed.
    pub revision: i64,
    /// Rows written or deleted.
    pub rows: usize,
    /// Bytes of their bitmaps.
    pub bytes: usize,
}

/// What the UIDs themselves are kept under.
const UIDS: &str = "u";

/// What an index is read by: how a key stands in its column.
fn key_text(key: &IndexKey) -> String {
    let (kind, name) = match key {
        IndexKey::Flag(name) => ('f', name),
        IndexKey::Label(name) => ('l', name),
    };
    let mut text = String::with_capacity(name.len() + 1);
    text.push(kind);
    for char in name.chars() {
        match char {
            // PostgreSQL texts cannot hold it.
            '\0' => text.push_str("%0"),
            '%' => text.push_str("%%"),
            other => text.push(other),
        }
    }
    text
}

fn key_of_text(text: &str) -> Option<IndexKey> {
    let mut chars = text.chars();
    let kind = chars.next()?;
    let mut name = String::with_capacity(text.len());
    while let Some(char) = chars.next() {
        name.push(match char {
            '%' => match chars.next()? {
                '0' => '\0',
                '%' => '%',
                _ => return None,
            },
            other => other,
        });
    }
    match kind {
        'f' => Some(IndexKey::Flag(name)),
        'l' => Some(IndexKey::Label(name)),
        _ => None,
    }
}

/// Columns `chunk, key, bitmap` from `at` on.
fn bitmap_of(row: &Row, at: usize) -> Result<RoaringBitmap, StoreError> {
    bitmap::decode(row.count(at)?, row.blob(at + 2)?)
}

/// Puts rows of `chunk, key, bitmap` together, the columns from `at` on.
fn collect(rows: &[Row], at: usize) -> Result<MessageIndex, StoreError> {
    let mut uids = RoaringBitmap::new();
    let mut marks: BTreeMap<IndexKey, RoaringBitmap> = BTreeMap::new();
    for row in rows {
        // A folder without a row of the index comes as one row of NULLs.
        let Some(text) = row.opt_text(at + 1)? else {
            continue;
        };
        let bitmap = bitmap_of(row, at)?;
        if text == UIDS {
            uids |= bitmap;
        } else {
            let key = key_of_text(text)
                .ok_or_else(|| StoreError::Corrupt("a key of the message index".to_owned()))?;
            *marks.entry(key).or_default() |= bitmap;
        }
    }
    Ok(MessageIndex::of(uids, marks))
}

fn snapshot(rows: &[Row]) -> Result<Option<Snapshot>, StoreError> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Snapshot {
        revision: first.i64(0)?,
        index: collect(rows, 1)?,
    }))
}

/// The index of a folder; `None` where the folder has no number.
///
/// In memory it is about as large as stored: less than 1 MB for 100,000 messages.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`]. So do all that read here.
pub async fn load(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
) -> Result<Option<Snapshot>, StoreError> {
    let rows = store
        .query(
            "SELECT m.index_revision, i.chunk, i.key, i.bitmap FROM mailboxes m \
             LEFT JOIN index_chunks i ON i.account = m.account AND i.mailbox = m.number \
             WHERE m.account=$1 AND m.number=$2",
            params![account, mailbox],
        )
        .await?;
    snapshot(&rows)
}

/// The revision of an index; 0 where the folder has no number, which no write expects.
///
/// # Errors
/// As [`load`].
pub async fn revision(store: &Store, account: &AccountId, mailbox: u32) -> Result<i64, StoreError> {
    store
        .query_one(
            "SELECT index_revision FROM mailboxes WHERE account=$1 AND number=$2",
            params![account, mailbox],
        )
        .await?
        .map_or(Ok(0), |row| row.i64(0))
}

/// The part of an index that lies in one chunk; `None` where the folder has no number.
///
/// # Errors
/// As [`load`].
pub async fn load_chunk(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    chunk: u32,
) -> Result<Option<Snapshot>, StoreError> {
    let rows = store
        .query(
            "SELECT m.index_revision, i.chunk, i.key, i.bitmap FROM mailboxes m \
             LEFT JOIN index_chunks i ON i.account = m.account AND i.mailbox = m.number AND i.chunk=$3 \
             WHERE m.account=$1 AND m.number=$2",
            params![account, mailbox, chunk],
        )
        .await?;
    snapshot(&rows)
}

/// The chunks of an index one after the other, in order of UIDs.
#[derive(Debug)]
pub struct Chunks<'a> {
    store: &'a Store,
    account: &'a AccountId,
    mailbox: u32,
    next: Option<u32>,
}

/// Reads an index chunk by chunk: never more than one in memory. Parts of different revisions do not belong together.
#[must_use]
pub const fn chunks<'a>(store: &'a Store, account: &'a AccountId, mailbox: u32) -> Chunks<'a> {
    Chunks {
        store,
        account,
        mailbox,
        next: Some(0),
    }
}

impl Chunks<'_> {
    /// The next chunk that holds messages: its number and its part of the index.
    ///
    /// # Errors
    /// As [`load`].
    pub async fn next(&mut self) -> Result<Option<(u32, Snapshot)>, StoreError> {
        let Some(from) = self.next.take() else {
            return Ok(None);
        };
        let found = self
            .store
            .query_one(
                "SELECT MIN(chunk) FROM index_chunks WHERE account=$1 AND mailbox=$2 AND chunk >= $3",
                params![self.account, self.mailbox, from],
            )
            .await?;
        let Some(chunk) = found.map_or(Ok(None), |row| row.opt_i64(0))? else {
            return Ok(None);
        };
        let chunk = u32::try_from(chunk)
            .map_err(|_| StoreError::Corrupt("a chunk of the message index".to_owned()))?;
        let part = load_chunk(self.store, self.account, self.mailbox, chunk).await?;
        self.next = chunk.checked_add(1);
        Ok(part.map(|part| (chunk, part)))
    }
}

/// The UIDs of a folder within a range.
///
/// # Errors
/// As [`load`].
pub async fn uids(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    range: RangeInclusive<u32>,
) -> Result<RoaringBitmap, StoreError> {
    let rows = store
        .query(
            "SELECT chunk, key, bitmap FROM index_chunks \
             WHERE account=$1 AND mailbox=$2 AND chunk BETWEEN $3 AND $4 AND key=$5",
            params![
                account,
                mailbox,
                chunk_of(*range.start()),
                chunk_of(*range.end()),
                UIDS
            ],
        )
        .await?;
    let mut uids = RoaringBitmap::new();
    for row in &rows {
        uids |= bitmap_of(row, 0)?;
    }
    if let Some(before) = range.start().checked_sub(1) {
        uids.remove_range(..=before);
    }
    if let Some(after) = range.end().checked_add(1) {
        uids.remove_range(after..);
    }
    Ok(uids)
}

/// How many messages a folder has.
///
/// # Errors
/// As [`load`].
pub async fn count(store: &Store, account: &AccountId, mailbox: u32) -> Result<u64, StoreError> {
    Ok(uids(store, account, mailbox, 0..=u32::MAX).await?.len())
}

/// How many messages all folders of an account have.
///
/// # Errors
/// As [`load`].
pub async fn count_all(store: &Store, account: &AccountId) -> Result<u64, StoreError> {
    let rows = store
        .query(
            "SELECT chunk, key, bitmap FROM index_chunks WHERE account=$1 AND key=$2",
            params![account, UIDS],
        )
        .await?;
    let mut count = 0;
    for row in &rows {
        count += bitmap_of(row, 0)?.len();
    }
    Ok(count)
}

/// What marks a message; `None` where the folder has no such message.
///
/// # Errors
/// As [`load`].
pub async fn keys_of(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    uid: u32,
) -> Result<Option<Vec<IndexKey>>, StoreError> {
    let part = load_chunk(store, account, mailbox, chunk_of(uid)).await?;
    Ok(part.and_then(|part| part.index.keys_of(uid)))
}

/// Writes what changed against the index of that revision.
///
/// Only rows that change are written, and only the chunks that are touched are read. The batch fails with the guard
/// `index` when the index is no longer of that revision: load it and compare again. What is written is computed from
/// what is stored now, so this is called once per folder and batch: join deltas with [`IndexDelta::then`].
///
/// # Errors
/// As [`load`].
pub async fn apply(
    store: &Store,
    batch: &mut Batch,
    account: &AccountId,
    mailbox: u32,
    revision: i64,
    delta: &IndexDelta,
) -> Result<Written, StoreError> {
    let mut written = Written {
        revision,
        ..Written::default()
    };
    if delta.is_empty() {
        return Ok(written);
    }
    next_revision(batch, account, mailbox, revision);
    written.revision += 1;
    for chunk in delta.chunks() {
        let part = delta.of_chunk(chunk);
        let before = touched(store, account, mailbox, chunk, &part).await?;
        let mut after = before.clone();
        after.apply(&part);
        let mut row = Target {
            batch,
            account,
            mailbox,
            chunk,
        };
        if after.uids() != before.uids() {
            written.count(row.write(UIDS, after.uids()));
        }
        for (key, marked) in after.keys() {
            if before.marked(key) != Some(marked) {
                written.count(row.write(&key_text(key), marked));
            }
        }
        for (key, _) in before.keys() {
            if after.marked(key).is_none() {
                row.delete(&key_text(key));
                written.count(0);
            }
        }
    }
    Ok(written)
}

/// What a delta must know of one chunk.
async fn touched(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    chunk: u32,
    part: &IndexDelta,
) -> Result<MessageIndex, StoreError> {
    let mut sql = "SELECT chunk, key, bitmap FROM index_chunks \
                   WHERE account=$1 AND mailbox=$2 AND chunk=$3"
        .to_owned();
    let mut params = params![account, mailbox, chunk];
    let names: Vec<String> = part.keys().map(key_text).collect();
    // A message that is gone may have had any mark.
    if part.removed.is_empty() && names.len() <= NAMED {
        sql.push_str(" AND key IN ($4");
        params.push(Value::from(UIDS));
        for name in names {
            params.push(Value::from(name));
            sql.push_str(&format!(", ${}", params.len()));
        }
        sql.push(')');
    }
    collect(&store.query(sql, params).await?, 0)
}

/// Puts a whole index in the place of the one of that revision.
///
/// The batch fails with the guard `index` when the stored one is of another revision, or the folder has no number.
pub fn replace(
    batch: &mut Batch,
    account: &AccountId,
    mailbox: u32,
    revision: i64,
    index: &MessageIndex,
) -> Written {
    let mut written = Written {
        revision: revision + 1,
        ..Written::default()
    };
    next_revision(batch, account, mailbox, revision);
    delete(batch, account, mailbox);
    let mut row = Target {
        batch,
        account,
        mailbox,
        chunk: 0,
    };
    let mut cut = |text: &str, all: &RoaringBitmap| {
        let mut rest = all.min();
        while let Some(uid) = rest {
            row.chunk = chunk_of(uid);
            let range = uids_of_chunk(row.chunk);
            let end = *range.end();
            let part: RoaringBitmap = all.range(range).collect();
            written.count(row.write(text, &part));
            rest = end.checked_add(1).and_then(|next| all.range(next..).next());
        }
    };
    cut(UIDS, index.uids());
    for (key, marked) in index.keys() {
        cut(&key_text(key), marked);
    }
    written
}

/// Forgets the messages of a folder, whatever the revision.
pub fn drop_mailbox(batch: &mut Batch, account: &AccountId, mailbox: u32) {
    batch.push(
        "UPDATE mailboxes SET index_revision = index_revision + 1 WHERE account=$1 AND number=$2",
        params![account, mailbox],
    );
    delete(batch, account, mailbox);
}

/// Forgets the messages of all folders of an account, whatever their revisions.
pub fn drop_account(batch: &mut Batch, account: &AccountId) {
    batch.push(
        "UPDATE mailboxes SET index_revision = index_revision + 1 WHERE account=$1",
        params![account],
    );
    batch.push(
        "DELETE FROM index_chunks WHERE account=$1",
        params![account],
    );
}

fn delete(batch: &mut Batch, account: &AccountId, mailbox: u32) {
    batch.push(
        "DELETE FROM index_chunks WHERE account=$1 AND mailbox=$2",
        params![account, mailbox],
    );
}

/// Moves the revision on. It locks the folder's row, so writes of one folder come one after the other.
fn next_revision(batch: &mut Batch, account: &AccountId, mailbox: u32, from: i64) {
    batch.guard(
        GUARD,
        "UPDATE mailboxes SET index_revision = index_revision + 1 \
         WHERE account=$1 AND number=$2 AND index_revision=$3",
        params![account, mailbox, from],
    );
}

impl Written {
    const fn count(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes;
    }
}

/// The rows of one chunk, to be written.
struct Target<'a> {
    batch: &'a mut Batch,
    account: &'a AccountId,
    mailbox: u32,
    chunk: u32,
}

impl Target<'_> {
    /// Writes or, where nothing is left, deletes a row; says how many bytes it has.
    fn write(&mut self, key: &str, bitmap: &RoaringBitmap) -> usize {
        if bitmap.is_empty() {
            self.delete(key);
            return 0;
        }
        let bytes = bitmap::encode(bitmap);
        let size = bytes.len();
        self.batch.push(
            "INSERT INTO index_chunks (account, mailbox, chunk, key, bitmap) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account, mailbox, chunk, key) DO UPDATE SET bitmap = excluded.bitmap",
            params![self.account, self.mailbox, self.chunk, key, bytes],
        );
        size
    }

    fn delete(&mut self, key: &str) {
        self.batch.push(
            "DELETE FROM index_chunks WHERE account=$1 AND mailbox=$2 AND chunk=$3 AND key=$4",
            params![self.account, self.mailbox, self.chunk, key],
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_survive_whatever_they_are_called() {
        for name in [
            "\\Seen",
            "$Forwarded",
            "u",
            "",
            "100%",
            "%0",
            "a\0b",
            "Entwürfe/ü",
        ] {
            for key in [
                IndexKey::Flag(name.to_owned()),
                IndexKey::Label(name.to_owned()),
            ] {
                let text = key_text(&key);
                assert!(text != UIDS && !text.contains('\0'));
                assert_eq!(key_of_text(&text), Some(key));
            }
        }
        for bad in ["", "x", "f%", "f%1"] {
            assert_eq!(key_of_text(bad), None);
        }
    }
}
