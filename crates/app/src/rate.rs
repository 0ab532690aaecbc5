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

/// Counters that are kept at least before finished windows are looked for.
const FEW: usize = 1 << 13;
/// Counters that are kept at most: some 15 MB.
const MOST: usize = 1 << 17;

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
    local: Mutex<Counters>,
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
        Ok(local.count(key, window, Timestamp::now()))
    }
}

/// Counters in memory. Strangers choose some of the keys, so their number has a limit, and what it costs to hold it is
/// spread: between two walks the map grows to its double, or from half of the limit to the limit.
struct Counters {
    counts: HashMap<String, (Window, u64)>,
    /// How many there are at the next walk.
    walk_at: usize,
    /// Entries that were walked over so far.
    #[cfg(test)]
    walked: usize,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            counts: HashMap::new(),
            walk_at: FEW,
            #[cfg(test)]
            walked: 0,
        }
    }
}

impl Counters {
    fn count(&mut self, key: &str, window: Window, now: Timestamp) -> u64 {
        if let Some(entry) = self.counts.get_mut(key) {
            if entry.0 != window {
                *entry = (window, 0);
            }
            entry.1 += 1;
            return entry.1;
        }
        if self.counts.len() >= self.walk_at {
            self.make_room(now);
        }
        self.counts.insert(key.to_owned(), (window, 1));
        1
    }

    fn make_room(&mut self, now: Timestamp) {
        #[cfg(test)]
        {
            self.walked += self.counts.len();
        }
        self.counts.retain(|_, (window, _)| window.end() > now);
        if self.walk_at >= MOST && self.counts.len() > MOST / 2 {
            self.drop_oldest(self.counts.len() - MOST / 2);
        }
        self.walk_at = (2 * self.counts.len()).clamp(FEW, MOST);
    }

    /// Drops as many counters: those whose windows end first, and of one window those that counted least, so that a flood
    /// of new keys drops itself before the counter of somebody who tries again and again.
    fn drop_oldest(&mut self, many: usize) {
        let rank = |window: &Window, count: u64| (window.end(), count);
        let mut ranks: Vec<_> = self
            .counts
            .values()
            .map(|(window, count)| rank(window, *count))
            .collect();
        let Some(last) = many.checked_sub(1).filter(|last| *last < ranks.len()) else {
            return;
        };
        let (_, limit, _) = ranks.select_nth_unstable(last);
        let limit = *limit;
        let below = self.counts.values();
        let below = below.filter(|(window, count)| rank(window, *count) < limit);
        // Of those that are at the limit itself any may go.
        let mut equals = many - below.count();
        self.counts.retain(|_, (window, count)| {
            let rank = rank(window, *count);
            if rank == limit && equals > 0 {
                equals -= 1;
                return false;
            }
            rank >= limit
        });
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

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_flood_of_keys_costs_little() {
        let now = Timestamp(EPOCH);
        let window = Window::at(now, MINUTE);
        let mut counters = Counters::default();
        let flood = 5 * MOST;
        for at in 0..flood {
            assert_eq!(counters.count(&format!("flood:{at}"), window, now), 1);
            assert!(counters.counts.len() <= MOST);
            if at % 1000 == 0 {
                // Who goes on trying is not forgotten.
                let tries = at as u64 / 1000 + 1;
                assert_eq!(counters.count("guessing", window, now), tries);
            }
        }
        assert!(
            counters.walked < 4 * flood,
            "{} entries were walked over for {flood} keys",
            counters.walked
        );
    }

    #[test]
    fn what_ended_goes_first() {
        let now = Timestamp(EPOCH);
        let mut counters = Counters::default();
        let hour = Window::at(now, 60 * MINUTE);
        for at in 0..FEW {
            counters.count(&format!("hour:{at}"), hour, now);
        }
        let first = Window::at(now, MINUTE);
        for at in 0..MOST / 2 {
            counters.count(&format!("first:{at}"), first, now);
        }
        // The minute is over: its counters go, those of the hour stay.
        let later = Timestamp(EPOCH + 60_000);
        let second = Window::at(later, MINUTE);
        for at in 0..MOST - FEW {
            counters.count(&format!("second:{at}"), second, later);
        }
        let left = |name: &str| {
            let keys = counters.counts.keys();
            keys.filter(|key| key.starts_with(name)).count()
        };
        assert_eq!((left("hour:"), left("first:")), (FEW, 0));
        assert_eq!(left("second:"), MOST - FEW);
        // At the limit the windows that end first make room.
        for at in 0..MOST / 4 {
            counters.count(&format!("hours:{at}"), hour, later);
        }
        assert!(counters.counts.len() <= MOST);
        assert_eq!(counters.count("hour:1", hour, later), 2);
    }

    #[test]
    fn a_window_counts_anew() {
        let mut counters = Counters::default();
        let at = |ms: i64| Window::at(Timestamp(EPOCH + ms), MINUTE);
        let now = Timestamp(EPOCH);
        assert_eq!(counters.count("a", at(0), now), 1);
        assert_eq!(counters.count("a", at(59_999), now), 2);
        assert_eq!(counters.count("b", at(0), now), 1);
        assert_eq!(counters.count("a", at(60_000), now), 1);
    }
}
