//! Counters per minute, kept for eight days.

use std::collections::BTreeMap;
use std::time::Duration;

use posthouse_model::Timestamp;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;

/// How long counters are kept.
pub const KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

const fn minute(time: Timestamp) -> i64 {
    time.millis().div_euclid(60_000)
}

/// Adds to a counter.
pub fn add(batch: &mut Batch, key: &str, time: Timestamp, by: i64) {
    batch.push(
        "INSERT INTO stats (minute, key, value) VALUES ($1, $2, $3) \
         ON CONFLICT (minute, key) DO UPDATE SET value = stats.value + excluded.value",
        params![minute(time), key, by],
    );
}

/// The sum of each counter from that minute on.
///
/// # Errors
/// As [`Store::query`].
pub async fn since(store: &Store, time: Timestamp) -> Result<BTreeMap<String, i64>, StoreError> {
    store
        .query(
            "SELECT key, CAST(SUM(value) AS BIGINT) FROM stats WHERE minute >= $1 GROUP BY key",
            params![minute(time)],
        )
        .await?
        .iter()
        .map(|row| Ok((row.text(0)?.to_owned(), row.i64(1)?)))
        .collect()
}

/// Deletes what is older than [`KEPT`].
pub fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push(
        "DELETE FROM stats WHERE minute < $1",
        params![minute(now.before(KEPT))],
    );
}
