//! Identities and conversations of messages: what names a message beyond its UID.
//!
//! Records of 20 bytes (UID, identity, thread key), sorted by UID, packed into rows of at most 90: two of those fill a
//! page of SQLite, four a page of PostgreSQL, and a new message rewrites less than 2 KB. In effect a message takes 22 to
//! 26 bytes.
//!
//! There is no index by identity: one would cost as much again as all of this, and a write at a random place for each
//! message. It would be asked seldom: when messages are gone (all of them at once: is the message elsewhere?) and for
//! replies that name no more than their parent. So the database itself looks through the rows of the account, which lie
//! together by the primary key: a few milliseconds for 100,000 messages, and one walk answers for any number of messages.
//!
//! Writes are computed from what is stored; the batch fails with the guard `identities` when another one came between.

mod records;

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use posthouse_model::AccountId;
use posthouse_model::index::Identity;
use roaring::RoaringBitmap;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::sql::Sql;
use crate::store::Store;
use crate::value::Row;

pub use records::Entry;

/// The guard of [`apply`].
pub const GUARD: &str = "identities";

/// So many identities are each looked for by the database; for more all rows are read once.
const NEEDLES: usize = 4;

/// Rows of one read: about 1 MB.
const PAGE: u32 = 500;

/// A message found by its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Located {
    /// Number of its folder.
    pub mailbox: u32,
    /// The message.
    pub entry: Entry,
}

/// Where the rows of a folder begin, in order.
async fn lows(store: &Store, account: &AccountId, mailbox: u32) -> Result<Vec<u32>, StoreError> {
    store
        .query(
            "SELECT low FROM identities WHERE account=$1 AND mailbox=$2 ORDER BY low",
            params![account, mailbox],
        )
        .await?
        .iter()
        .map(|row| row.count(0))
        .collect()
}

/// The row that holds a UID, or would: the last one that begins at or before it, else the first.
fn row_of(lows: &[u32], uid: u32) -> Option<u32> {
    let after = lows.partition_point(|low| *low <= uid);
    lows.get(after.saturating_sub(1)).copied()
}

async fn row(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    low: u32,
) -> Result<Vec<Entry>, StoreError> {
    store
        .query_one(
            "SELECT data FROM identities WHERE account=$1 AND mailbox=$2 AND low=$3",
            params![account, mailbox, low],
        )
        .await?
        .map_or(Ok(Vec::new()), |row| records::decode(row.blob(0)?))
}

/// What is known of these messages, by UID. Those of which nothing is known are missing.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`]. So do all that read here.
pub async fn get(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    uids: &RoaringBitmap,
) -> Result<Vec<Entry>, StoreError> {
    let (Some(first), Some(last)) = (uids.min(), uids.max()) else {
        return Ok(Vec::new());
    };
    if u64::from(last - first) <= 4 * uids.len() + 500 {
        return near(store, account, mailbox, uids, first..=last).await;
    }
    let lows = lows(store, account, mailbox).await?;
    let mut found = Vec::new();
    let mut read = None;
    for uid in uids {
        let Some(low) = row_of(&lows, uid) else {
            break;
        };
        if read != Some(low) {
            read = Some(low);
            let entries = row(store, account, mailbox, low).await?;
            found.extend(entries.into_iter().filter(|entry| uids.contains(entry.uid)));
        }
    }
    Ok(found)
}

/// As [`get`], for messages that lie near one another: one read of the rows of their range.
async fn near(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    uids: &RoaringBitmap,
    range: RangeInclusive<u32>,
) -> Result<Vec<Entry>, StoreError> {
    let rows = store
        .query(
            "SELECT data FROM identities WHERE account=$1 AND mailbox=$2 AND low BETWEEN \
             COALESCE((SELECT MAX(low) FROM identities WHERE account=$1 AND mailbox=$2 AND low <= $3), $3) \
             AND $4 ORDER BY low",
            params![account, mailbox, *range.start(), *range.end()],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let entries = records::decode(row.blob(0)?)?;
        found.extend(entries.into_iter().filter(|entry| uids.contains(entry.uid)));
    }
    Ok(found)
}

/// The messages of a range of UIDs of which something is known. What the index holds beyond them is still to be asked
/// for.
///
/// # Errors
/// As [`get`].
pub async fn known(
    store: &Store,
    account: &AccountId,
    mailbox: u32,
    range: RangeInclusive<u32>,
) -> Result<RoaringBitmap, StoreError> {
    let lows = lows(store, account, mailbox).await?;
    let mut found = RoaringBitmap::new();
    let Some(from) = row_of(&lows, *range.start()) else {
        return Ok(found);
    };
    let rows = store
        .query(
            "SELECT data FROM identities WHERE account=$1 AND mailbox=$2 AND low BETWEEN $3 AND $4",
            params![account, mailbox, from, *range.end()],
        )
        .await?;
    for row in &rows {
        let entries = records::decode(row.blob(0)?)?;
        found.extend(
            entries
                .iter()
                .map(|entry| entry.uid)
                .filter(|uid| range.contains(uid)),
        );
    }
    Ok(found)
}

/// Of how many messages of a folder something is known.
///
/// # Errors
/// As [`get`].
pub async fn count(store: &Store, account: &AccountId, mailbox: u32) -> Result<u64, StoreError> {
    let sums = store
        .query_one(
            "SELECT COUNT(*), CAST(COALESCE(SUM(length(data)), 0) AS BIGINT) FROM identities \
             WHERE account=$1 AND mailbox=$2",
            params![account, mailbox],
        )
        .await?;
    let Some(sums) = sums else { return Ok(0) };
    let (rows, bytes): (u64, u64) = (sums.count(0)?, sums.count(1)?);
    Ok(records::count(rows, bytes))
}

/// Of how many messages of an account something is known.
///
/// # Errors
/// As [`get`].
pub async fn count_all(store: &Store, account: &AccountId) -> Result<u64, StoreError> {
    let sums = store
        .query_one(
            "SELECT COUNT(*), CAST(COALESCE(SUM(length(data)), 0) AS BIGINT) FROM identities \
             WHERE account=$1",
            params![account],
        )
        .await?;
    let Some(sums) = sums else { return Ok(0) };
    let (rows, bytes): (u64, u64) = (sums.count(0)?, sums.count(1)?);
    Ok(records::count(rows, bytes))
}

/// All messages of the account with one of these identities.
///
/// # Errors
/// As [`get`].
pub async fn find(
    store: &Store,
    account: &AccountId,
    wanted: &[Identity],
) -> Result<Vec<Located>, StoreError> {
    let set: HashSet<Identity> = wanted.iter().copied().collect();
    let matches = |entry: &Entry| {
        entry
            .identity
            .is_some_and(|identity| set.contains(&identity))
    };
    if set.len() > NEEDLES {
        return walk(store, account, matches).await;
    }
    let mut found = Vec::new();
    for identity in set.iter().map(|identity| identity.bits().to_be_bytes()) {
        found.extend(rows_with(store, account, &identity).await?);
    }
    found.retain(|located: &Located| matches(&located.entry));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// All messages of the account with one of these Message-IDs, whatever their size and date.
///
/// # Errors
/// As [`get`].
pub async fn find_messages(
    store: &Store,
    account: &AccountId,
    message_ids: &[&str],
) -> Result<Vec<Located>, StoreError> {
    let prefixes: HashSet<[u8; 6]> = message_ids
        .iter()
        .filter_map(|id| Identity::message_prefix(id))
        .collect();
    let matches = |entry: &Entry| {
        entry
            .identity
            .is_some_and(|identity| prefixes.contains(&identity.prefix()))
    };
    if prefixes.len() > NEEDLES {
        return walk(store, account, matches).await;
    }
    let mut found = Vec::new();
    for prefix in &prefixes {
        found.extend(rows_with(store, account, prefix).await?);
    }
    found.retain(|located| matches(&located.entry));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// All entries of the rows that hold these bytes somewhere.
async fn rows_with(
    store: &Store,
    account: &AccountId,
    needle: &[u8],
) -> Result<Vec<Located>, StoreError> {
    let rows = store
        .query(
            Sql::dialects(
                "SELECT mailbox, data FROM identities WHERE account=$1 AND instr(data, $2) > 0",
                "SELECT mailbox, data FROM identities WHERE account=$1 AND position($2::BYTEA IN data) > 0",
            ),
            params![account, needle],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        found.extend(located(row)?);
    }
    Ok(found)
}

/// Columns `mailbox, data`.
fn located(row: &Row) -> Result<impl Iterator<Item = Located> + use<>, StoreError> {
    let mailbox = row.count(0)?;
    let entries = records::decode(row.blob(1)?)?;
    Ok(entries
        .into_iter()
        .map(move |entry| Located { mailbox, entry }))
}

/// All entries of the account that fit, read a page at a time.
async fn walk(
    store: &Store,
    account: &AccountId,
    matches: impl Fn(&Entry) -> bool,
) -> Result<Vec<Located>, StoreError> {
    let mut found = Vec::new();
    let (mut mailbox, mut low) = (-1_i64, -1_i64);
    loop {
        let rows = store
            .query(
                "SELECT mailbox, data, low FROM identities \
                 WHERE account=$1 AND (mailbox, low) > ($2, $3) ORDER BY mailbox, low LIMIT $4",
                params![account, mailbox, low, PAGE],
            )
            .await?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        (mailbox, low) = (last.i64(0)?, last.i64(2)?);
        for row in &rows {
            found.extend(located(row)?.filter(|located| matches(&located.entry)));
        }
    }
}

/// Notes what became known of messages of a folder, and forgets those that are gone.
///
/// A thread key that is known stays, whatever is noted later: it may have been announced. Called once per folder and
/// batch.
///
/// # Errors
/// As [`get`].
pub async fn apply(
    store: &Store,
    batch: &mut Batch,
    account: &AccountId,
    mailbox: u32,
    put: &[Entry],
    remove: &RoaringBitmap,
) -> Result<(), StoreError> {
    if put.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let revision = store
        .query_one(
            "SELECT identity_revision FROM mailboxes WHERE account=$1 AND number=$2",
            params![account, mailbox],
        )
        .await?
        .map_or(Ok(-1), |row| row.i64(0))?;
    batch.guard(
        GUARD,
        "UPDATE mailboxes SET identity_revision = identity_revision + 1 \
         WHERE account=$1 AND number=$2 AND identity_revision=$3",
        params![account, mailbox, revision],
    );
    let lows = lows(store, account, mailbox).await?;
    // Changes by the row that they fall into; none yet: one new row.
    let mut touched: BTreeMap<Option<u32>, Vec<Entry>> = BTreeMap::new();
    for entry in put.iter().filter(|entry| !remove.contains(entry.uid)) {
        let low = row_of(&lows, entry.uid);
        touched.entry(low).or_default().push(*entry);
    }
    for low in remove.iter().filter_map(|uid| row_of(&lows, uid)) {
        touched.entry(Some(low)).or_default();
    }
    for (low, new) in touched {
        let before = match low {
            Some(low) => row(store, account, mailbox, low).await?,
            None => Vec::new(),
        };
        let after = records::merge(&before, new, remove);
        if after == before {
            continue;
        }
        if let Some(low) = low {
            batch.push(
                "DELETE FROM identities WHERE account=$1 AND mailbox=$2 AND low=$3",
                params![account, mailbox, low],
            );
        }
        for (low, data) in records::rows(&after) {
            batch.push(
                "INSERT INTO identities (account, mailbox, low, data) VALUES ($1, $2, $3, $4)",
                params![account, mailbox, low, data],
            );
        }
    }
    Ok(())
}

/// Forgets what is known of the messages of a folder.
pub fn drop_mailbox(batch: &mut Batch, account: &AccountId, mailbox: u32) {
    batch.push(
        "UPDATE mailboxes SET identity_revision = identity_revision + 1 WHERE account=$1 AND number=$2",
        params![account, mailbox],
    );
    batch.push(
        "DELETE FROM identities WHERE account=$1 AND mailbox=$2",
        params![account, mailbox],
    );
}

/// Forgets what is known of the messages of all folders of an account.
pub fn drop_account(batch: &mut Batch, account: &AccountId) {
    batch.push(
        "UPDATE mailboxes SET identity_revision = identity_revision + 1 WHERE account=$1",
        params![account],
    );
    batch.push("DELETE FROM identities WHERE account=$1", params![account]);
}
