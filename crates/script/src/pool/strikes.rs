//! Scripts that use up their limits again and again rest for a while.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::Digest;

/// So many times in a row are borne.
const BORNE: u32 = 3;
/// The first rest; each further excess doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);
/// Scripts that are remembered.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
struct Strikes {
    in_a_row: u32,
    until: Instant,
}

/// Excesses in a row, by script.
#[derive(Debug, Default)]
pub(super) struct Record(HashMap<Digest, Strikes>);

impl Record {
    /// How long the script still rests.
    pub(super) fn rest(&self, script: Digest, now: Instant) -> Option<Duration> {
        let rest = self.0.get(&script)?.until.saturating_duration_since(now);
        (!rest.is_zero()).then_some(rest)
    }

    /// Its last run was an excess.
    pub(super) fn is_suspect(&self, script: Digest) -> bool {
        self.0.contains_key(&script)
    }

    /// A run has ended within its limits.
    pub(super) fn clear(&mut self, script: Digest) {
        self.0.remove(&script);
    }

    /// A run has used up its limits.
    pub(super) fn strike(&mut self, script: Digest, now: Instant) {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&script) {
            self.0.retain(|_, strikes| strikes.until > now);
        }
        let strikes = self.0.entry(script).or_insert(Strikes {
            in_a_row: 0,
            until: now,
        });
        strikes.in_a_row = strikes.in_a_row.saturating_add(1);
        if let Some(beyond) = strikes.in_a_row.checked_sub(BORNE) {
            strikes.until = now + FIRST.saturating_mul(1 << beyond.min(16)).min(LONGEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Record;
    use crate::Digest;

    const A: Digest = Digest([1; 32]);

    #[test]
    fn rests_grow_with_each_excess_and_end_with_a_good_run() {
        let now = Instant::now();
        let mut record = Record::default();
        let mut rests = Vec::new();
        for _ in 0..12 {
            record.strike(A, now);
            rests.push(record.rest(A, now).map_or(0, |rest| rest.as_secs()));
        }
        assert_eq!(rests, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert!(record.is_suspect(A));
        assert_eq!(record.rest(A, now + Duration::from_secs(61)), None);
        record.clear(A);
        assert_eq!(record.rest(A, now), None);
        assert!(!record.is_suspect(A));
    }
}
