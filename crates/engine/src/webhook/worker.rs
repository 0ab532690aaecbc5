//! Workers that deliver events. A worker leases a lane (account, endpoint) and works on it for a while.

use std::{sync::Arc, time::Duration};

use posthouse_model::queue::QueueName;
use posthouse_store::{Batch, deliveries, deliveries::Lane, events};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{WorkError, lane};
use crate::Engine;

/// How long a lane is leased; it is renewed while it is worked on.
const LEASE: Duration = Duration::from_secs(30);
/// The longest sleep without a look at the store: hints can be lost.
const POLL: Duration = Duration::from_secs(5);
/// How long what was given up is kept.
const KEEP_FAILED: Duration = Duration::from_secs(7 * 86_400);
/// Rows deleted at once.
const SWEPT: u32 = 1000;

/// Leases lanes that have work and hands them to workers, until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let name = Uuid::new_v4().to_string();
    let permits = Arc::new(Semaphore::new(engine.config().webhook_workers.max(1)));
    loop {
        let free = permits.available_permits();
        let store = engine.store();
        let now = store.now();
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        let paused = engine.settings().is_paused(QueueName::Notify);
        let claimed = if free == 0 || paused {
            Ok(Vec::new())
        } else {
            deliveries::claim(store, &name, now, now.after(LEASE), limit).await
        };
        let idle = match claimed {
            Ok(lanes) => {
                let idle = lanes.is_empty();
                for lane in lanes {
                    let Ok(permit) = permits.clone().acquire_owned().await else {
                        return;
                    };
                    let engine_of_lane = engine.clone();
                    engine.spawn(async move {
                        work(&engine_of_lane, &lane).await;
                        drop(permit);
                        // The lane, or one that waited for a worker, may have work.
                        engine_of_lane.wake_webhooks();
                    });
                }
                idle
            }
            Err(error) => {
                tracing::error!(%error, "deliveries cannot be claimed");
                tokio::time::sleep(Duration::from_secs(1)).await;
                true
            }
        };
        if idle {
            // What is due in a paused queue is no reason to look; its end is told.
            let sleep = if paused {
                POLL
            } else {
                until_next(&engine).await
            };
            tokio::select! {
                () = engine.stopping().cancelled() => return,
                () = engine.webhooks_wake().notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        } else if engine.stopping().is_cancelled() {
            return;
        }
    }
}

async fn until_next(engine: &Engine) -> Duration {
    match deliveries::next_due(engine.store()).await {
        Ok(Some(due)) => due
            .since(engine.store().now())
            .clamp(Duration::from_millis(5), POLL),
        _ => POLL,
    }
}

/// Deletes events that are older than they are kept, or more than they may be, and what was given up long ago.
pub(crate) async fn sweep(engine: &Engine) {
    let store = engine.store();
    let now = store.now();
    let settings = engine.settings();
    let retention = settings.number("eventLogRetention").unwrap_or(604_800);
    let mut before = now.before(Duration::from_secs(retention));
    if let Some(size) = settings.number("eventLogSize") {
        match events::fitting_since(store, size).await {
            Ok(since) => before = before.max(since.unwrap_or(before)),
            Err(error) => tracing::error!(%error, "the event log was not measured"),
        }
        match deliveries::fitting_since(store, size).await {
            Ok(since) => before = before.max(since.unwrap_or(before)),
            Err(error) => tracing::error!(%error, "the bodies of routes were not measured"),
        }
    }
    loop {
        let mut batch = Batch::new();
        let failed = now.before(KEEP_FAILED);
        let (failed, done) = deliveries::sweep(&mut batch, failed, before, SWEPT);
        let old = events::sweep(&mut batch, before, SWEPT);
        match store.commit(batch).await {
            Ok(swept)
                if [failed, done, old]
                    .iter()
                    .any(|one| swept.affected(*one) > 0) => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(%error, "old events were not swept");
                return;
            }
        }
    }
}

async fn work(engine: &Engine, lane: &Lane) {
    let worked = tokio::select! {
        worked = Box::pin(lane::deliver(engine, lane)) => worked,
        error = keep_lane(engine, lane) => Err(error),
    };
    match worked {
        Ok(()) => {}
        Err(WorkError::Batch(error)) if error.is_guard(deliveries::LANE_GUARD) => {
            tracing::warn!(account = %lane.account, "the lane is another worker's now");
        }
        Err(error) => {
            tracing::error!(account = %lane.account, %error, "deliveries of a lane stopped");
            // The lease runs out by itself; a pause keeps a failing store from being hammered.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Prolongs the lease until that fails.
async fn keep_lane(engine: &Engine, lane: &Lane) -> WorkError {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        let mut batch = Batch::new();
        deliveries::renew(&mut batch, lane, engine.store().now().after(LEASE));
        // Whoever cannot renew in time must have stopped before another may begin.
        match tokio::time::timeout(LEASE / 3, engine.store().commit(batch)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.into(),
            Err(_) => return WorkError::Interrupted,
        }
    }
}
