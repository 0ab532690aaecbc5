//! When to connect again: a pure function of what happened.

use std::time::Duration;

/// Failures of one account in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    /// Connections that were lost after they had been set up.
    lost: u32,
    /// Set-ups that failed.
    failed: u32,
}

/// A connection that lived for so long ends a row of failures.
pub const STABLE: Duration = Duration::from_secs(300);

const FIRST: f64 = 2.0;
const FACTOR: f64 = 1.5;
const LOST_MAX: f64 = 30.0;
const FAILED_MAX: f64 = 600.0;

impl Backoff {
    /// The connection was set up, lived for `lived` and was lost. `random` is in 0..1.
    pub fn lost(&mut self, lived: Duration, random: f64) -> Duration {
        self.failed = 0;
        self.lost = if lived >= STABLE {
            1
        } else {
            self.lost.saturating_add(1)
        };
        delay(self.lost, LOST_MAX, random)
    }

    /// The connection could not be set up.
    pub fn failed(&mut self, random: f64) -> Duration {
        self.failed = self.failed.saturating_add(1);
        delay(self.failed, FAILED_MAX, random)
    }
}

fn delay(attempt: u32, max: f64, random: f64) -> Duration {
    let exponent = i32::try_from(attempt.saturating_sub(1))
        .unwrap_or(i32::MAX)
        .min(64);
    let base = (FIRST * FACTOR.powi(exponent)).min(max);
    // The jitter keeps accounts of one host from coming back together.
    Duration::from_secs_f64(base + random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_is_bounded() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.failed(0.0).as_secs()).collect();
        assert_eq!(&waits[..5], &[2, 3, 4, 6, 10]);
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(waits[19], 600);
        assert_eq!(
            (0..20)
                .map(|_| backoff.lost(Duration::from_secs(1), 0.0).as_secs())
                .max(),
            Some(30)
        );
    }

    #[test]
    fn a_stable_connection_starts_anew() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.lost(Duration::from_secs(1), 0.0);
        }
        assert_eq!(backoff.lost(STABLE, 0.0), Duration::from_secs(2));
    }

    #[test]
    fn jitter_is_at_most_a_second() {
        let wait = |random| Backoff::default().failed(random).as_secs_f64();
        assert!((wait(1.0) - wait(0.0)).abs() <= 1.001);
    }
}
