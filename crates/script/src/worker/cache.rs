//! Scripts that a worker knows, the most recently used ones.

use std::collections::HashMap;

use super::realm::Realm;
use crate::script::Source;

/// A script with its realm, if one is ready.
pub(super) struct Known {
    pub(super) source: Source,
    pub(super) realm: Option<Realm>,
    used: u64,
}

/// Scripts by digest, bounded in number.
pub(super) struct Cache {
    known: HashMap<[u8; 32], Known>,
    most: usize,
    clock: u64,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: HashMap::new(),
            most: most.max(1),
            clock: 0,
        }
    }

    /// Takes a script in; the one that was used the longest ago goes if there are too many.
    pub(super) fn insert(&mut self, digest: [u8; 32], source: Source) {
        if self.known.len() >= self.most
            && !self.known.contains_key(&digest)
            && let Some(oldest) = self
                .known
                .iter()
                .min_by_key(|(_, known)| known.used)
                .map(|(digest, _)| *digest)
        {
            self.known.remove(&oldest);
        }
        self.clock += 1;
        self.known.insert(
            digest,
            Known {
                source,
                realm: None,
                used: self.clock,
            },
        );
    }

    /// A script that is used now.
    pub(super) fn get(&mut self, digest: &[u8; 32]) -> Option<&mut Known> {
        self.clock += 1;
        let known = self.known.get_mut(digest)?;
        known.used = self.clock;
        Some(known)
    }
}
