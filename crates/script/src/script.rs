//! A route's two scripts.

use std::{fmt, sync::Arc};

use sha2::{Digest as _, Sha256};

/// SHA-256 of a [`Script`]: its name in caches.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub(crate) [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(6)
            .try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// The bodies of a filter and of a map that belong together, with the hash that caches know them by. Cheap to
/// clone: make it once and keep it with the route.
#[derive(Clone, Debug)]
pub struct Script {
    source: Arc<Source>,
    digest: Digest,
}

/// The text of a [`Script`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    /// Statements of `async (payload) => { ... }`: a truthy result means that the event matches.
    pub(crate) filter: Option<String>,
    /// Statements of the same form: the result takes the place of the payload.
    pub(crate) map: Option<String>,
}

impl Script {
    /// From the bodies; one that is absent or blank is not run.
    #[must_use]
    pub fn new(filter: Option<&str>, map: Option<&str>) -> Self {
        let body = |text: Option<&str>| {
            text.filter(|text| !text.trim().is_empty())
                .map(str::to_owned)
        };
        let source = Source {
            filter: body(filter),
            map: body(map),
        };
        let mut hash = Sha256::new();
        for part in [&source.filter, &source.map] {
            match part {
                Some(text) => {
                    hash.update([1]);
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text);
                }
                None => hash.update([0]),
            }
        }
        Self {
            source: Arc::new(source),
            digest: Digest(hash.finalize().into()),
        }
    }

    /// There is nothing to run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.source.filter.is_none() && self.source.map.is_none()
    }

    /// There is a map: the payload will be replaced.
    #[must_use]
    pub fn has_map(&self) -> bool {
        self.source.map.is_some()
    }

    /// Its name in caches.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn a_filter_is_not_a_map() {
        let digest = |filter, map| Script::new(filter, map).digest();
        assert_ne!(
            digest(Some("return 1"), None),
            digest(None, Some("return 1"))
        );
        assert_ne!(digest(Some("ab"), Some("c")), digest(Some("a"), Some("bc")));
        assert_eq!(digest(Some(" \n"), None), digest(None, None));
        assert!(Script::new(Some(""), None).is_empty());
    }
}
