//! Callers come before the mail: while many wait for their messages to be taken in, those that were taken wait a little to be
//! sent. All that there is to do is done no later by it, but callers have their answers sooner.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// So many at once are a burst.
const MANY: usize = 8;
/// A burst is over when for so long there were fewer.
const CALM: Duration = Duration::from_millis(20);
/// A message waits no longer.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often is looked whether it is over.
const LOOK: Duration = Duration::from_millis(10);

/// Those who hand in messages now.
#[derive(Debug)]
pub struct Callers {
    count: AtomicUsize,
    since: Instant,
    /// When they were last many: milliseconds after `since`, plus one; 0 = never.
    many: AtomicU64,
}

/// One of them, for as long as this is kept.
#[derive(Debug)]
pub struct AtTheDoor<'a>(&'a Callers);

impl Default for Callers {
    fn default() -> Self {
        Self {
            count: AtomicUsize::new(0),
            since: Instant::now(),
            many: AtomicU64::new(0),
        }
    }
}

impl Callers {
    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Somebody hands in a message.
    pub fn enter(&self) -> AtTheDoor<'_> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= MANY - 1 {
            self.many.store(self.now() + 1, Ordering::Relaxed);
        }
        AtTheDoor(self)
    }

    fn are_many(&self) -> bool {
        let many = self.many.load(Ordering::Relaxed);
        let calm = u64::try_from(CALM.as_millis()).unwrap_or(0);
        many > 0 && self.now() < many - 1 + calm
    }

    /// Waits until there are few, but not for long.
    pub(super) async fn few(&self) {
        let until = Instant::now() + PATIENCE;
        while self.are_many() && Instant::now() < until {
            sleep(LOOK).await;
        }
    }
}

impl Drop for AtTheDoor<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn mail_waits_while_there_are_many_and_never_for_long() {
        let callers = Callers::default();
        let waits = || callers.few().now_or_never().is_none();
        assert!(!waits(), "nobody");
        let few: Vec<_> = (1..MANY).map(|_| callers.enter()).collect();
        assert!(!waits(), "not many");
        let last = callers.enter();
        assert!(waits(), "many");
        // They stay, but nobody comes.
        callers.few().await;
        assert!(!waits());
        drop(last);
        // They come and go, and never end.
        let burst = async {
            loop {
                drop(callers.enter());
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = burst => {}
            () = callers.few() => {}
        }
        drop(few);
        drop(callers.enter());
        callers.few().await;
        assert!(!waits(), "few again");
    }
}
