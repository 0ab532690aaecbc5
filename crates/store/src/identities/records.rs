//! How entries stand in a row: a byte for the version, then 20 bytes each, numbers with their highest byte first.

use posthouse_model::index::{Identity, ThreadKey};
use roaring::RoaringBitmap;

use crate::error::StoreError;

const VERSION: u8 = 1;
const SIZE: usize = 20;

/// The most entries of a row.
const MOST: usize = 90;

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// UID.
    pub uid: u32,
    /// What it is known by in all folders; none for a message without a Message-ID.
    pub identity: Option<Identity>,
    /// Its conversation; none where the server has thread ids of its own, or nothing is known.
    pub thread: Option<ThreadKey>,
}

/// Reads a row.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let damaged = || StoreError::Corrupt("identities of messages".to_owned());
    let (version, rest) = bytes.split_first().ok_or_else(damaged)?;
    let (records, tail) = rest.as_chunks::<SIZE>();
    let entries: Vec<Entry> = records.iter().map(entry).collect();
    let sorted = entries.is_sorted_by(|one, next| one.uid < next.uid);
    if *version != VERSION || !tail.is_empty() || entries.is_empty() || !sorted {
        return Err(damaged());
    }
    Ok(entries)
}

fn entry(record: &[u8; SIZE]) -> Entry {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (uid, rest) = record.split_at(4);
    let (identity, thread) = rest.split_at(8);
    let (identity, thread) = (number(identity), number(thread));
    Entry {
        // Of four bytes.
        uid: u32::try_from(number(uid)).unwrap_or_default(),
        identity: (identity != 0).then(|| Identity::from_bits(identity)),
        thread: (thread != 0).then(|| ThreadKey::from_bits(thread)),
    }
}

/// The rows of these entries: first UID and stored form of each.
pub(super) fn rows(entries: &[Entry]) -> impl Iterator<Item = (u32, Vec<u8>)> {
    entries.chunks(MOST).map(|part| {
        let mut bytes = Vec::with_capacity(1 + part.len() * SIZE);
        bytes.push(VERSION);
        for entry in part {
            bytes.extend(entry.uid.to_be_bytes());
            bytes.extend(entry.identity.map_or(0, Identity::bits).to_be_bytes());
            bytes.extend(entry.thread.map_or(0, ThreadKey::bits).to_be_bytes());
        }
        (part.first().map_or(0, |entry| entry.uid), bytes)
    })
}

/// How many entries rows of so many bytes together hold.
pub(super) const fn count(rows: u64, bytes: u64) -> u64 {
    bytes.saturating_sub(rows) / SIZE as u64
}

/// What a row becomes. Later entries count, but a thread key that is there stays.
pub(super) fn merge(before: &[Entry], mut new: Vec<Entry>, remove: &RoaringBitmap) -> Vec<Entry> {
    new.sort_by_key(|entry| entry.uid);
    let mut after: Vec<Entry> = Vec::with_capacity(before.len() + new.len());
    let mut before = before.iter().copied().peekable();
    for entry in new {
        while let Some(old) = before.next_if(|old| old.uid <= entry.uid) {
            after.push(old);
        }
        match after.last_mut().filter(|old| old.uid == entry.uid) {
            Some(old) => {
                old.identity = entry.identity.or(old.identity);
                old.thread = old.thread.or(entry.thread);
            }
            None => after.push(entry),
        }
    }
    after.extend(before);
    after.retain(|entry| !remove.contains(entry.uid));
    after
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn some(uid: u32, identity: u64, thread: u64) -> Entry {
        Entry {
            uid,
            identity: (identity != 0).then(|| Identity::from_bits(identity)),
            thread: (thread != 0).then(|| ThreadKey::from_bits(thread)),
        }
    }

    #[test]
    fn a_known_thread_key_stays() {
        let before = [some(3, 30, 0), some(5, 50, 500)];
        let new = vec![
            some(9, 90, 900),
            some(5, 51, 501),
            some(3, 0, 300),
            some(4, 40, 0),
        ];
        let after = merge(&before, new, &RoaringBitmap::from([9]));
        assert_eq!(after, [some(3, 30, 300), some(4, 40, 0), some(5, 51, 500)]);
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(uids in prop::collection::btree_set(any::<u32>(), 1..300), seed in any::<u64>()) {
            let entries: Vec<Entry> = uids
                .iter()
                .map(|uid| some(*uid, seed.wrapping_mul(u64::from(*uid)), seed ^ u64::from(*uid)))
                .collect();
            let mut read = Vec::new();
            let (mut count_rows, mut bytes) = (0, 0);
            for (low, data) in rows(&entries) {
                let part = decode(&data).unwrap();
                prop_assert_eq!(part[0].uid, low);
                count_rows += 1;
                bytes += data.len() as u64;
                read.extend(part);
            }
            prop_assert_eq!(count(count_rows, bytes), read.len() as u64);
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..100), ours in any::<bool>()) {
            if ours && let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            match decode(&bytes) {
                Ok(entries) => prop_assert_eq!(rows(&entries).next().unwrap().1, bytes),
                Err(error) => prop_assert!(matches!(error, StoreError::Corrupt(_))),
            }
        }
    }
}
