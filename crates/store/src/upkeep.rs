//! Housekeeping that is not a noun's own.

use std::time::Duration;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;
use crate::{
    answers, blob, bounces, calls, delivery_tests, departures, hosted, rates, routes, sessions,
    stats,
};

/// How long PostgreSQL remembers that a batch was applied.
const BATCHES_KEPT: Duration = Duration::from_secs(60 * 60);

/// Deletes what has had its time: applied batches, old bounces, delivery tests, sessions, rate buckets, old counters, lanes that lead
/// nowhere, unnamed blobs. Call it every
/// few minutes, on any node; also measures the database's clock again.
///
/// # Errors
/// As [`Store::commit`] and [`blob::sweep`].
pub async fn run(store: &Store) -> Result<(), StoreError> {
    store.sync_clock().await?;
    let now = store.now();
    loop {
        let mut batch = Batch::new();
        let swept = batch
            .push(
                "DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE created < $1 LIMIT 5000)",
                params![now.before(BATCHES_KEPT)],
            )
            .statement();
        if store.commit(batch).await?.affected(swept) < 5000 {
            break;
        }
    }
    let mut batch = Batch::new();
    answers::sweep(&mut batch, now);
    bounces::sweep(&mut batch, now);
    calls::sweep(&mut batch, now);
    delivery_tests::sweep(&mut batch, now);
    departures::sweep(&mut batch, now);
    hosted::sweep(&mut batch, now);
    sessions::sweep(&mut batch, now);
    rates::sweep(&mut batch, now);
    routes::sweep_lanes(&mut batch, now);
    stats::roll_up(&mut batch, now);
    stats::sweep(&mut batch, now);
    store.commit(batch).await?;
    blob::sweep(store, now).await?;
    Ok(())
}
