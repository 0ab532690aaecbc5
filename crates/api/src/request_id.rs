//! Request ids: the client's own if it is sane, else one of ours.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids: a part that differs from process to process, and a count.
pub(crate) struct RequestIds {
    process: u32,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        #[allow(clippy::cast_possible_truncation)]
        let process = RandomState::new().hash_one(std::process::id()) as u32;
        Self {
            process,
            next: AtomicU64::new(1),
        }
    }

    /// The id of a request.
    pub(crate) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(own) = headers.get(REQUEST_ID)
            && is_sane(own.as_bytes())
        {
            return own.clone();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-{number:x}", self.process);
        HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

/// Short, and nothing that could be mistaken for structure in a log.
fn is_sane(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken_over() {
        for (id, sane) in [
            ("abc-123", true),
            ("1.2:3/4+5=@_", true),
            ("", false),
            ("two words", false),
            ("quote\"", false),
        ] {
            assert_eq!(is_sane(id.as_bytes()), sane, "{id}");
        }
        assert!(!is_sane(&[b'a'; 129]));
    }

    #[test]
    fn own_ids_differ() {
        let ids = RequestIds::new();
        let none = HeaderMap::new();
        assert_ne!(ids.of(&none), ids.of(&none));
    }
}
