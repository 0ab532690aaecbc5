//! How fast connections to a provider are set up: providers count logins by address and turn away
//! who logs in to many mailboxes at once.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::profile::Profile;

/// When the next connection to each paced provider may be begun.
static NEXT: LazyLock<Mutex<HashMap<&'static str, Instant>>> = LazyLock::new(Mutex::default);

/// Waits for the turn of one more connection. Whoever gives up waiting leaves a gap.
pub async fn turn(profile: &'static Profile) {
    if !profile.pause().is_zero() {
        sleep_until(claim(&profile.name, profile.pause())).await;
    }
}

fn claim(name: &'static str, pause: Duration) -> Instant {
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let slot = next.entry(name).or_insert(now);
    let turn = (*slot).max(now);
    *slot = turn + pause;
    turn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_each_other_and_do_not_pile_up_unused() {
        let pause = Duration::from_millis(20);
        let first = claim("test", pause);
        let second = claim("test", pause);
        assert!(second - first >= pause);
        std::thread::sleep(pause * 4);
        // Time that nobody used is no credit for a burst.
        let late = claim("test", pause);
        assert!(late - second > pause && claim("test", pause) - late >= pause);
    }
}
