//! Messages that are due are claimed and given to workers.

use std::{sync::Arc, time::Duration};

use posthouse_model::{AccountId, queue::QueueName};
use posthouse_store::{
    Batch,
    outbox::{self, Work},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    hand::{Hand, InHand},
    pool::Pool,
    turn::{self, Ready},
    worker::{self, LEASE, WorkError},
};
use crate::Engine;

/// The longest sleep without a look at the store: hints can be lost.
const POLL: Duration = Duration::from_secs(5);
/// The pause after a look that found nothing while some accounts have enough in hand: looking walks over what is due of
/// theirs.
const BREATH: Duration = Duration::from_millis(10);

/// Leases messages that are due and hands them to workers, until the engine stops.
pub(crate) async fn run(engine: Engine, work: Work) {
    let name = Uuid::new_v4().to_string();
    let pool = Arc::new(Pool::default());
    let hand = Hand::new(engine.clone(), work);
    let stopping = engine.stopping().clone();
    while !stopping.is_cancelled() {
        let (room, enough) = hand.room();
        let given = match begin(&engine, &hand, &pool, work, &name, room, &enough).await {
            Ok(given) => given,
            Err(error) => {
                tracing::error!(%error, "queued messages cannot be claimed");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        if given {
            continue;
        }
        for session in pool.drain(false) {
            engine.spawn(session.quit());
        }
        if room > 0 && !enough.is_empty() {
            tokio::time::sleep(BREATH).await;
        }
        let now = engine.store().now();
        let sleep = match outbox::next_due(engine.store(), work, now).await {
            // What is due in a paused queue is no reason to look; its end is told.
            Ok(Some(due)) if !is_paused(&engine) => due
                .since(engine.store().now())
                .clamp(Duration::from_millis(1), POLL),
            _ => POLL,
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = engine.outbox_wake(work).notified() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
    for session in pool.drain(true) {
        session.quit().await;
    }
}

fn is_paused(engine: &Engine) -> bool {
    engine.settings().is_paused(QueueName::Submit)
}

/// Claims messages and has them worked on; false when there was none.
async fn begin(
    engine: &Engine,
    hand: &Arc<Hand>,
    pool: &Arc<Pool>,
    work: Work,
    name: &str,
    room: usize,
    enough: &[AccountId],
) -> Result<bool, WorkError> {
    if room == 0 || is_paused(engine) {
        return Ok(false);
    }
    let limit = u32::try_from(room).unwrap_or(u32::MAX);
    let store = engine.store();
    let until = Instant::now() + LEASE;
    let claimed = outbox::claim(store, work, name, store.now(), LEASE, limit, enough).await?;
    if claimed.is_empty() {
        return Ok(false);
    }
    let mut back = Batch::new();
    for ready in turn::admit(engine, work, claimed).await? {
        match hand.take(&ready.message.entry.account) {
            Some(held) => engine.spawn(one(engine.clone(), pool.clone(), ready, held, until)),
            None => outbox::put_back(&mut back, &ready.lease),
        }
    }
    if !back.is_empty() {
        store.commit(back).await?;
    }
    Ok(true)
}

/// Works on a message once there is a place.
async fn one(engine: Engine, pool: Arc<Pool>, ready: Ready, held: InHand, until: Instant) {
    let stopping = engine.stopping().clone();
    let place = async {
        engine.callers().few().await;
        held.place().await
    };
    let place = tokio::select! {
        place = place => place,
        () = stopping.cancelled() => None,
    };
    let id = ready.lease.id.clone();
    let done = match place {
        Some(place) if !is_paused(&engine) && !stopping.is_cancelled() => {
            let waited = LEASE.saturating_sub(until.saturating_duration_since(Instant::now()));
            worker::process(&engine, &pool, ready, place, waited).await
        }
        _ => {
            let mut batch = Batch::new();
            outbox::put_back(&mut batch, &ready.lease);
            let committed = engine.store().commit(batch).await;
            committed.map(drop).map_err(Into::into)
        }
    };
    match done {
        Ok(()) => {}
        Err(WorkError::Batch(error)) if error.is_guard(outbox::LEASE_GUARD) => {
            tracing::info!(queue_id = %id, "the message was cancelled or is another worker's now");
        }
        // The lease runs out and the message is taken up again.
        Err(error) => tracing::error!(queue_id = %id, %error, "the store failed while sending"),
    }
}
