//! When a failed delivery is tried again: a pure function.

use std::time::Duration;

use posthouse_model::Timestamp;

use crate::Settings;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(1280);

/// How long a delivery is tried: until both are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Attempts at least.
    pub attempts: u32,
    /// Time since it was queued at least.
    pub horizon: Duration,
}

impl Schedule {
    /// As the settings have it.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let attempts = settings.number("webhookAttempts").unwrap_or(10);
        let horizon = settings.number("webhookRetryHorizon").unwrap_or(86_400);
        Self {
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            horizon: Duration::from_secs(horizon),
        }
    }

    /// The time of the next attempt after `made` failed ones; none when it is over. `random` is in
    /// 0..1, `after` is what the receiver asked for (`Retry-After`).
    #[must_use]
    pub fn next(
        self,
        made: u32,
        queued: Timestamp,
        now: Timestamp,
        after: Option<Duration>,
        random: f64,
    ) -> Option<Timestamp> {
        let doubled = FIRST.saturating_mul(1 << made.saturating_sub(1).min(16));
        // 20 % of jitter, so that what failed together does not come back together.
        let delay = doubled
            .min(LONGEST)
            .mul_f64(0.4f64.mul_add(random.clamp(0.0, 1.0), 0.8));
        let asked = after.unwrap_or_default().min(self.horizon.max(LONGEST));
        let next = now.after(delay.max(asked));
        (made < self.attempts || next <= queued.after(self.horizon)).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Schedule = Schedule {
        attempts: 10,
        horizon: Duration::from_secs(86_400),
    };

    fn waits(schedule: Schedule) -> (Vec<u64>, Duration) {
        let queued = Timestamp(0);
        let (mut now, mut waits, mut made) = (queued, Vec::new(), 1);
        while let Some(next) = schedule.next(made, queued, now, None, 0.5) {
            waits.push(next.since(now).as_secs());
            now = next;
            made += 1;
        }
        (waits, now.since(queued))
    }

    #[test]
    fn doubles_and_goes_on_for_a_day() {
        let (waits, whole) = waits(DAY);
        assert_eq!(&waits[..9], &[5, 10, 20, 40, 80, 160, 320, 640, 1280]);
        assert!(whole > DAY.horizon - LONGEST && whole <= DAY.horizon);
    }

    #[test]
    fn without_a_horizon_the_attempts_alone_count() {
        let schedule = Schedule {
            attempts: 3,
            horizon: Duration::ZERO,
        };
        assert_eq!(waits(schedule).0, [5, 10]);
    }

    #[test]
    fn the_receiver_may_ask_for_more_time() {
        let wait = Duration::from_secs(90);
        let next = DAY.next(1, Timestamp(0), Timestamp(0), Some(wait), 0.5);
        assert_eq!(next, Some(Timestamp(0).after(wait)));
    }
}
