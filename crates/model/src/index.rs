//! The message index of a followed folder, and what names a message beyond its UID.
//!
//! A [`MessageIndex`] holds which messages a folder has and what marks each of them: one bitmap of UIDs, and one per
//! flag, keyword and label. An [`IndexDelta`] turns one index into another. Both are sets only: what they mean to a
//! server or to a database is decided elsewhere.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use roaring::RoaringBitmap;
use sha2::{Digest as _, Sha256};

/// UIDs of one chunk: messages whose UIDs differ in their lower 16 bits only.
pub const CHUNK: u32 = 65_536;

/// The chunk of a UID.
#[must_use]
pub const fn chunk_of(uid: u32) -> u32 {
    uid / CHUNK
}

/// The UIDs of a chunk (0 to 65,535), those included that no message can have.
#[must_use]
pub const fn uids_of_chunk(chunk: u32) -> RangeInclusive<u32> {
    let first = chunk.saturating_mul(CHUNK);
    first..=first.saturating_add(CHUNK - 1)
}

/// What can mark a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndexKey {
    /// A system flag with its backslash (`\Seen`), or a keyword.
    Flag(String),
    /// A label, where the provider has labels.
    Label(String),
}

impl IndexKey {
    /// The flag or label.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Flag(name) | Self::Label(name) => name,
        }
    }
}

/// The messages of a folder, or of a part of it, and what marks them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageIndex {
    uids: RoaringBitmap,
    keys: BTreeMap<IndexKey, RoaringBitmap>,
}

impl MessageIndex {
    /// An index of no message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An index of these messages. Marks of others are left out.
    #[must_use]
    pub fn of(
        uids: RoaringBitmap,
        marks: impl IntoIterator<Item = (IndexKey, RoaringBitmap)>,
    ) -> Self {
        let mut index = Self {
            uids,
            keys: BTreeMap::new(),
        };
        for (key, marked) in marks {
            *index.keys.entry(key).or_default() |= marked;
        }
        for marked in index.keys.values_mut() {
            *marked &= &index.uids;
        }
        index.keys.retain(|_, marked| !marked.is_empty());
        index
    }

    /// The UIDs of all messages.
    #[must_use]
    pub const fn uids(&self) -> &RoaringBitmap {
        &self.uids
    }

    /// Each key in use, with the UIDs it marks.
    pub fn keys(&self) -> impl Iterator<Item = (&IndexKey, &RoaringBitmap)> {
        self.keys.iter()
    }

    /// The UIDs that a key marks; none where no message has it.
    #[must_use]
    pub fn marked(&self, key: &IndexKey) -> Option<&RoaringBitmap> {
        self.keys.get(key)
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.uids.len()
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// What marks a message; `None` where there is no such message.
    #[must_use]
    pub fn keys_of(&self, uid: u32) -> Option<Vec<IndexKey>> {
        self.uids.contains(uid).then(|| {
            self.keys
                .iter()
                .filter(|(_, marked)| marked.contains(uid))
                .map(|(key, _)| key.clone())
                .collect()
        })
    }

    /// The UID of a sequence number (from 1), as long as the folder holds what the index holds.
    #[must_use]
    pub fn uid_at(&self, sequence: u32) -> Option<u32> {
        self.uids.select(sequence.checked_sub(1)?)
    }

    /// Takes another part of the same folder in.
    pub fn merge(&mut self, part: Self) {
        self.uids |= part.uids;
        for (key, marked) in part.keys {
            *self.keys.entry(key).or_default() |= marked;
        }
    }

    /// What it becomes. Marks of messages that it does not hold are left out.
    pub fn apply(&mut self, delta: &IndexDelta) {
        self.uids -= &delta.removed;
        for marked in self.keys.values_mut() {
            *marked -= &delta.removed;
        }
        self.uids |= &delta.added;
        for (key, cleared) in &delta.clear {
            if let Some(marked) = self.keys.get_mut(key) {
                *marked -= cleared;
            }
        }
        for (key, set) in &delta.set {
            *self.keys.entry(key.clone()).or_default() |= set & &self.uids;
        }
        self.keys.retain(|_, marked| !marked.is_empty());
    }
}

/// What changes in an index. Applied in this order, so that applying it twice is applying it once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexDelta {
    /// Messages that are gone, with all that marked them.
    pub removed: RoaringBitmap,
    /// Messages that are there now.
    pub added: RoaringBitmap,
    /// Marks taken off.
    pub clear: BTreeMap<IndexKey, RoaringBitmap>,
    /// Marks put on.
    pub set: BTreeMap<IndexKey, RoaringBitmap>,
}

impl IndexDelta {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty()
            && self.added.is_empty()
            && self.clear.values().all(RoaringBitmap::is_empty)
            && self.set.values().all(RoaringBitmap::is_empty)
    }

    /// Marks a message.
    pub fn set(&mut self, key: &IndexKey, uid: u32) {
        insert(&mut self.set, key, uid);
    }

    /// Takes a mark off a message.
    pub fn clear(&mut self, key: &IndexKey, uid: u32) {
        insert(&mut self.clear, key, uid);
    }

    /// The keys whose marks are put on or taken off.
    pub fn keys(&self) -> impl Iterator<Item = &IndexKey> {
        let set_only = self.set.keys().filter(|key| !self.clear.contains_key(*key));
        self.clear.keys().chain(set_only)
    }

    /// The chunks that it touches, in order.
    #[must_use]
    pub fn chunks(&self) -> Vec<u32> {
        let mut all = &self.removed | &self.added;
        for touched in self.clear.values().chain(self.set.values()) {
            all |= touched;
        }
        let mut chunks = Vec::new();
        let mut uids = all.iter();
        while let Some(uid) = uids.next() {
            chunks.push(chunk_of(uid));
            let last = *uids_of_chunk(chunk_of(uid)).end();
            match last.checked_add(1) {
                Some(next) => uids.advance_to(next),
                None => break,
            }
        }
        chunks
    }

    /// What this and then `next` change together, as long as neither marks a message that is not there.
    pub fn then(&mut self, next: Self) {
        self.removed |= &next.removed;
        self.added -= &next.removed;
        self.added |= next.added;
        for set in self.set.values_mut() {
            *set -= &next.removed;
        }
        for (key, cleared) in next.clear {
            if let Some(set) = self.set.get_mut(&key) {
                *set -= &cleared;
            }
            *self.clear.entry(key).or_default() |= cleared;
        }
        for (key, set) in next.set {
            if let Some(cleared) = self.clear.get_mut(&key) {
                *cleared -= &set;
            }
            *self.set.entry(key).or_default() |= set;
        }
    }

    /// What it changes in one chunk.
    #[must_use]
    pub fn of_chunk(&self, chunk: u32) -> Self {
        let mut mask = RoaringBitmap::new();
        mask.insert_range(uids_of_chunk(chunk));
        let part = |all: &BTreeMap<IndexKey, RoaringBitmap>| {
            all.iter()
                .map(|(key, uids)| (key.clone(), uids & &mask))
                .filter(|(_, uids)| !uids.is_empty())
                .collect()
        };
        Self {
            removed: &self.removed & &mask,
            added: &self.added & &mask,
            clear: part(&self.clear),
            set: part(&self.set),
        }
    }
}

fn insert(marks: &mut BTreeMap<IndexKey, RoaringBitmap>, key: &IndexKey, uid: u32) {
    match marks.get_mut(key) {
        Some(uids) => {
            uids.insert(uid);
        }
        None => {
            marks.insert(key.clone(), RoaringBitmap::from([uid]));
        }
    }
}

/// Names one message through all folders of an account: 64 bits, never 0.
///
/// Of a Message-ID, a size and an INTERNALDATE, which a move keeps, the upper 48 bits are the Message-ID's own, so that
/// all copies of a message begin alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(u64);

impl Identity {
    /// Of what a message keeps when it is moved: Message-ID, size in bytes, INTERNALDATE in milliseconds (the protocol
    /// knows whole seconds). A message without a Message-ID has none: size and time alone are a guess.
    #[must_use]
    pub fn of_message(message_id: &str, size: u64, internal_date: i64) -> Option<Self> {
        let [a, b, c, d, e, f] = Self::message_prefix(message_id)?;
        let seconds = internal_date.div_euclid(1000);
        let rest = hash(b"copy", &[&size.to_be_bytes(), &seconds.to_be_bytes()]);
        let [g, h, ..] = rest.to_be_bytes();
        Some(Self::from_bits(u64::from_be_bytes([
            a, b, c, d, e, f, g, h,
        ])))
    }

    /// Of the id that a provider gives a message in all folders: EMAILID, X-GM-MSGID.
    #[must_use]
    pub fn of_provider_id(id: &str) -> Self {
        Self::from_bits(hash(b"provider", &[id.as_bytes()]))
    }

    /// How the identities of all copies of a message begin; none for an empty Message-ID.
    #[must_use]
    pub fn message_prefix(message_id: &str) -> Option<[u8; 6]> {
        let id = bare(message_id);
        if id.is_empty() {
            return None;
        }
        let [a, b, c, d, e, f, ..] = hash(b"message", &[id.as_bytes()]).to_be_bytes();
        Some([a, b, c, d, e, f])
    }

    /// How it begins: alike for all copies of a message, see [`Identity::message_prefix`].
    #[must_use]
    pub const fn prefix(self) -> [u8; 6] {
        let [a, b, c, d, e, f, _, _] = self.0.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// From [`Identity::bits`]; 0, which stands for none, becomes 1.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(if bits == 0 { 1 } else { bits })
    }

    /// As a number, never 0.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({:016x})", self.0)
    }
}

/// Names a conversation within an account, where the server does not: 64 bits, never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadKey(u64);

impl ThreadKey {
    /// Of the Message-ID that begins the conversation; none for an empty one.
    #[must_use]
    pub fn of_message_id(message_id: &str) -> Option<Self> {
        let id = bare(message_id);
        (!id.is_empty()).then(|| Self::from_bits(hash(b"thread", &[id.as_bytes()])))
    }

    /// From [`ThreadKey::bits`]; 0, which stands for none, becomes 1.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(if bits == 0 { 1 } else { bits })
    }

    /// As a number, never 0.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// As the API shows it: 16 hexadecimal digits.
impl std::fmt::Display for ThreadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::fmt::Debug for ThreadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ThreadKey({:016x})", self.0)
    }
}

/// A Message-ID without its angle brackets and the white space that folding leaves.
fn bare(message_id: &str) -> &str {
    let id = message_id.trim();
    id.strip_prefix('<')
        .and_then(|id| id.strip_suffix('>'))
        .unwrap_or(id)
        .trim()
}

/// The first 64 bits of SHA-256: whoever sends mail chooses what goes in.
fn hash(domain: &[u8], parts: &[&[u8]]) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(domain);
    for part in parts {
        hasher.update(b"\0");
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn flag(name: &str) -> IndexKey {
        IndexKey::Flag(name.to_owned())
    }

    fn uids<const N: usize>(uids: [u32; N]) -> RoaringBitmap {
        RoaringBitmap::from(uids)
    }

    #[test]
    fn a_delta_twice_is_a_delta_once() {
        let seen = flag("\\Seen");
        let mut index = MessageIndex::of(
            uids([1, 2, 70_000, u32::MAX]),
            [(seen.clone(), uids([2, 70_000]))],
        );
        let mut delta = IndexDelta {
            removed: uids([70_000]),
            added: uids([3]),
            ..IndexDelta::default()
        };
        delta.clear(&seen, 2);
        delta.set(&seen, u32::MAX);
        delta.set(&flag("$x"), 3);
        delta.set(&flag("$x"), 99);
        assert_eq!(delta.chunks(), [0, 1, 65_535]);
        let mut by_chunk = index.clone();
        for chunk in delta.chunks() {
            by_chunk.apply(&delta.of_chunk(chunk));
        }
        index.apply(&delta);
        assert_eq!(index, by_chunk);
        assert_eq!(index.uids(), &uids([1, 2, 3, u32::MAX]));
        assert_eq!(index.keys_of(2), Some(vec![]));
        assert_eq!(index.keys_of(3), Some(vec![flag("$x")]));
        assert_eq!(index.keys_of(99), None);
        assert_eq!((index.uid_at(0), index.uid_at(3)), (None, Some(3)));
        let once = index.clone();
        index.apply(&delta);
        assert_eq!(index, once);
        assert_eq!(delta.keys().count(), 2);
        assert!(!delta.is_empty() && IndexDelta::default().is_empty());
    }

    #[test]
    fn identities_of_copies_begin_alike() {
        let one = Identity::of_message("<a@b>", 5, 1_720_320_265_000).unwrap();
        let same = Identity::of_message(" a@b ", 5, 1_720_320_265_999).unwrap();
        let copy = Identity::of_message("<a@b>", 6, 1_720_320_265_000).unwrap();
        assert_eq!(one, same);
        assert_ne!(one, copy);
        let prefix = Identity::message_prefix("<a@b>").unwrap();
        for identity in [one, copy] {
            assert_eq!(identity.bits().to_be_bytes()[..6], prefix);
        }
        assert_ne!(
            Identity::message_prefix("<A@b>").unwrap(),
            prefix,
            "Message-IDs differ by case"
        );
        assert_eq!(Identity::of_message("<>", 5, 0), None);
        assert_eq!(ThreadKey::of_message_id(" "), None);
        assert_eq!(
            ThreadKey::of_message_id("<a@b>"),
            ThreadKey::of_message_id("a@b")
        );
    }
}
