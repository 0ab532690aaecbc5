//! What a comparison found.

use posthouse_model::index::{IndexDelta, IndexKey};
use roaring::RoaringBitmap;

use crate::MarkChange;

/// A message whose flags or labels changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// UID.
    pub uid: u32,
    /// Its flags, where they changed.
    pub flags: Option<MarkChange>,
    /// Its labels, where they changed.
    pub labels: Option<MarkChange>,
}

/// A message that the index did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// UID.
    pub uid: u32,
    /// Its flags, but `\Recent`.
    pub flags: Vec<String>,
    /// Its labels.
    pub labels: Vec<String>,
}

/// What changed in a folder: gone first, then updated, then new, each by UID.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// UIDs of messages that are gone.
    pub deleted: RoaringBitmap,
    /// Messages whose flags or labels changed.
    pub updated: Vec<Updated>,
    /// Messages that are new.
    pub new: Vec<NewMessage>,
}

impl Changes {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.updated.is_empty() && self.new.is_empty()
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.deleted.len() + self.updated.len() as u64 + self.new.len() as u64
    }

    /// What the index becomes by them: nothing but what they say, so that to announce them and to record this is one.
    #[must_use]
    pub fn delta(&self) -> IndexDelta {
        let mut delta = IndexDelta {
            removed: self.deleted.clone(),
            ..IndexDelta::default()
        };
        for updated in &self.updated {
            let kinds = [
                (&updated.flags, IndexKey::Flag as fn(String) -> IndexKey),
                (&updated.labels, IndexKey::Label),
            ];
            for (change, key) in kinds {
                let Some(change) = change else { continue };
                for name in &change.added {
                    delta.set(&key(name.clone()), updated.uid);
                }
                for name in &change.deleted {
                    delta.clear(&key(name.clone()), updated.uid);
                }
            }
        }
        for new in &self.new {
            delta.added.insert(new.uid);
            for flag in &new.flags {
                delta.set(&IndexKey::Flag(flag.clone()), new.uid);
            }
            for label in &new.labels {
                delta.set(&IndexKey::Label(label.clone()), new.uid);
            }
        }
        delta
    }

    /// In parts of at most so many changes, to be recorded one after the other. Each has its own delta.
    #[must_use]
    pub fn chunks(self, most: usize) -> Chunks {
        Chunks {
            deleted: self.deleted,
            updated: self.updated.into_iter(),
            new: self.new.into_iter(),
            most: most.max(1),
        }
    }
}

/// See [`Changes::chunks`].
#[derive(Debug)]
pub struct Chunks {
    deleted: RoaringBitmap,
    updated: std::vec::IntoIter<Updated>,
    new: std::vec::IntoIter<NewMessage>,
    most: usize,
}

impl Iterator for Chunks {
    type Item = Changes;

    fn next(&mut self) -> Option<Changes> {
        let deleted: RoaringBitmap = self.deleted.iter().take(self.most).collect();
        self.deleted.remove_smallest(deleted.len());
        let mut room = self.most - usize::try_from(deleted.len()).unwrap_or(self.most);
        let updated: Vec<Updated> = self.updated.by_ref().take(room).collect();
        room -= updated.len();
        let new = self.new.by_ref().take(room).collect();
        let part = Changes {
            deleted,
            updated,
            new,
        };
        (!part.is_empty()).then_some(part)
    }
}
