//! When a failed delivery is tried again: a pure function.

use std::time::Duration;

use posthouse_model::Timestamp;

/// A delivery is tried at least this often.
pub const MIN_ATTEMPTS: u32 = 10;
/// A delivery is tried at least for so long.
pub const HORIZON: Duration = Duration::from_secs(24 * 3600);
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(1280);

/// The time of the next attempt after `made` failed ones; none when it is over. `random` is in
/// 0..1, `after` is what the receiver asked for (`Retry-After`).
#[must_use]
pub fn next_attempt(
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
    let next = now.after(delay.max(after.unwrap_or_default().min(HORIZON)));
    (made < MIN_ATTEMPTS || next <= queued.after(HORIZON)).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_and_goes_on_for_a_day() {
        let queued = Timestamp(0);
        let mut now = queued;
        let mut waits = Vec::new();
        let mut made = 1;
        while let Some(next) = next_attempt(made, queued, now, None, 0.5) {
            waits.push(next.since(now).as_secs());
            now = next;
            made += 1;
        }
        assert_eq!(&waits[..9], &[5, 10, 20, 40, 80, 160, 320, 640, 1280]);
        assert!(now.since(queued) > HORIZON - LONGEST);
    }

    #[test]
    fn the_receiver_may_ask_for_more_time() {
        let wait = Duration::from_secs(90);
        let next = next_attempt(1, Timestamp(0), Timestamp(0), Some(wait), 0.5);
        assert_eq!(next, Some(Timestamp(0).after(wait)));
    }
}
