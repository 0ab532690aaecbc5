//! What a process does beside its work: it notices what others changed, and keeps house.

use std::time::Duration;

use posthouse_store::{deliveries, generation, outbox, upkeep};
use tokio::time::{Instant, MissedTickBehavior};

use super::Engine;

/// How often a process looks for changes that others made.
const WATCH: Duration = Duration::from_millis(250);

/// How often housekeeping runs.
const UPKEEP: Duration = Duration::from_secs(300);

impl Engine {
    /// Notices what other processes changed.
    pub(super) async fn watch(self) {
        let mut tick = tokio::time::interval(WATCH);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stopping().cancelled() => return,
                _ = tick.tick() => {}
            }
            let now = match generation::read(self.store()).await {
                Ok(now) => now,
                Err(error) => {
                    tracing::error!(%error, "changes of other processes cannot be read");
                    continue;
                }
            };
            let before = self.0.generations.borrow().clone();
            if now == before {
                continue;
            }
            let changed = |what| before.get(&what) != now.get(&what);
            if changed(generation::Generation::Settings)
                && let Err(error) = self.reload_settings().await
            {
                tracing::error!(%error, "the settings cannot be read");
                continue;
            }
            if changed(generation::Generation::Routes)
                && let Err(error) = self.reload_routes().await
            {
                tracing::error!(%error, "the webhook routes cannot be read");
                continue;
            }
            self.0.generations.send_replace(now);
        }
    }

    /// Housekeeping, and the gauges of the queues.
    pub(super) async fn upkeep(self) {
        let mut swept: Option<Instant> = None;
        let mut tick = tokio::time::interval(Duration::from_secs(15));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stopping().cancelled() => return,
                _ = tick.tick() => {}
            }
            self.measure_queues().await;
            if swept.is_none_or(|swept| swept.elapsed() >= UPKEEP) {
                swept = Some(Instant::now());
                if let Err(error) = upkeep::run(self.store()).await {
                    tracing::error!(%error, "housekeeping failed");
                }
                crate::webhook::sweep(&self).await;
                crate::outbox::sweep(&self).await;
            }
        }
    }

    async fn measure_queues(&self) {
        let now = self.store().now();
        let set = |queue: &str, state: &str, value: u64| {
            self.metrics()
                .queue_size
                .with_label_values(&[queue, state])
                .set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        if let Ok(counts) = deliveries::counts(self.store(), now).await {
            set("notify", "active", counts.active);
            set("notify", "waiting", counts.waiting);
            set("notify", "delayed", counts.delayed);
            set("notify", "paused", 0);
        }
        if let Ok(counts) = outbox::counts(self.store(), now).await {
            set("submit", "active", counts.active);
            set("submit", "waiting", counts.waiting);
            set("submit", "delayed", counts.delayed);
            set("submit", "paused", 0);
        }
    }
}
