//! Fixed-window rate limits (behaviour 2.4): in memory on one node, a counter row where nodes share
//! a database.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use posthouse_model::{ApiError, Timestamp};
use posthouse_store::Store;

/// 2000-01-01T00:00:00Z, where windows begin to be counted.
const EPOCH: i64 = 946_684_800_000;

/// Counters kept before finished windows are dropped.
const SWEEP_AT: usize = 10_000;

/// One window of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Number of the window since [`EPOCH`].
    pub(crate) bucket: i64,
    /// Length, ms.
    length: i64,
}

impl Window {
    /// The window that `now` falls in.
    pub(crate) fn at(now: Timestamp, length: Duration) -> Self {
        let length = i64::try_from(length.as_millis())
            .unwrap_or(i64::MAX)
            .max(1000);
        Self {
            bucket: (now.millis() - EPOCH).div_euclid(length),
            length,
        }
    }

    /// When it ends.
    pub(crate) fn end(self) -> Timestamp {
        Timestamp(
            self.bucket
                .saturating_add(1)
                .saturating_mul(self.length)
                .saturating_add(EPOCH),
        )
    }

    /// The time left in it.
    pub(crate) fn ends_in(self, now: Timestamp) -> Duration {
        self.end().since(now)
    }
}

/// Who counts as one: an IPv4 address, or the network of 64 bits that an IPv6 host picks its addresses from.
pub(crate) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}/64", address.to_bits() >> 64),
    }
}

/// Counters of requests.
pub(crate) struct Rates {
    /// The database that nodes share; none on the embedded store.
    shared: Option<Store>,
    local: Mutex<HashMap<String, (Window, u64)>>,
}

impl Rates {
    pub(crate) fn new(shared: Option<Store>) -> Self {
        Self {
            shared,
            local: Mutex::default(),
        }
    }

    /// Counts a request; the answer is the number of requests in the window, this one included.
    pub(crate) async fn count(&self, key: &str, window: Window) -> Result<u64, ApiError> {
        if let Some(store) = &self.shared {
            return posthouse_store::rates::count(store, key, window.bucket, window.end())
                .await
                .map_err(|error| crate::internal("counting a request", &error));
        }
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        if local.len() > SWEEP_AT {
            let now = Timestamp::now();
            local.retain(|_, (window, _)| window.end() > now);
        }
        let entry = local.entry(key.to_owned()).or_insert((window, 0));
        if entry.0 != window {
            *entry = (window, 0);
        }
        entry.1 += 1;
        Ok(entry.1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_ipv6_host_has_one_count() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
    }

    #[test]
    fn windows_are_fixed() {
        let length = Duration::from_secs(60);
        let first = Window::at(Timestamp(EPOCH), length);
        assert_eq!(first, Window::at(Timestamp(EPOCH + 59_999), length));
        assert_ne!(first, Window::at(Timestamp(EPOCH + 60_000), length));
        assert_eq!(
            first.ends_in(Timestamp(EPOCH + 59_000)),
            Duration::from_secs(1)
        );
    }
}
