//! Counters per minute, kept for eight days.
//!
//! Every few minutes [`roll_up`] adds finished quarters of an hour up, so that a series over a week reads some
//! thousand rows instead of a hundred thousand.

use std::collections::BTreeMap;
use std::time::Duration;

use posthouse_model::Timestamp;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;

/// How long counters are kept.
pub const KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// How long ago a quarter must have ended before it is added up: counters are written within seconds.
const SETTLED: Duration = Duration::from_secs(120);

/// Minutes of a quarter of an hour.
const QUARTER: i64 = 15;

/// The sum of a counter over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// When the stretch begins.
    pub start: Timestamp,
    /// Counter.
    pub key: String,
    /// Sum.
    pub value: i64,
}

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

/// Sums of all counters over stretches of `minutes` each, from the stretch that `from` falls in; stretches are counted
/// from the epoch, those in which nothing was counted are left out. Those of whole quarters of an hour are quick over
/// any time, others are for an hour or so.
///
/// # Errors
/// As [`Store::query`].
pub async fn series(store: &Store, from: Timestamp, minutes: u32) -> Result<Vec<Sum>, StoreError> {
    let step = i64::from(minutes.max(1));
    let from = minute(from).div_euclid(step) * step;
    let sql = if step % QUARTER == 0 {
        "SELECT start, key, CAST(SUM(value) AS BIGINT) FROM ( \
         SELECT quarter*15/CAST($2 AS BIGINT) AS start, key, value FROM stats_quarters \
         WHERE quarter >= CAST($1 AS BIGINT)/15 UNION ALL \
         SELECT minute/CAST($2 AS BIGINT) AS start, key, value FROM stats WHERE minute >= CAST($1 AS BIGINT) \
         AND minute >= (SELECT COALESCE(MAX(quarter)+1, 0)*15 FROM stats_quarters)) s \
         GROUP BY start, key ORDER BY start, key"
    } else {
        "SELECT minute/CAST($2 AS BIGINT) AS start, key, CAST(SUM(value) AS BIGINT) FROM stats \
         WHERE minute >= $1 GROUP BY start, key ORDER BY start, key"
    };
    store
        .query(sql, params![from, step])
        .await?
        .iter()
        .map(|row| {
            Ok(Sum {
                start: Timestamp(row.i64(0)?.saturating_mul(step).saturating_mul(60_000)),
                key: row.text(1)?.to_owned(),
                value: row.i64(2)?,
            })
        })
        .collect()
}

/// Adds up the quarters of an hour that have ended. Doing it twice changes nothing.
pub fn roll_up(batch: &mut Batch, now: Timestamp) {
    batch.push(
        "INSERT INTO stats_quarters (quarter, key, value) \
         SELECT minute/15, key, CAST(SUM(value) AS BIGINT) FROM stats \
         WHERE minute >= (SELECT COALESCE(MAX(quarter), 0)*15 FROM stats_quarters) AND minute < $1 \
         GROUP BY minute/15, key ON CONFLICT (quarter, key) DO UPDATE SET value = excluded.value",
        params![minute(now.before(SETTLED)).div_euclid(QUARTER) * QUARTER],
    );
}

/// Deletes what is older than [`KEPT`].
pub fn sweep(batch: &mut Batch, now: Timestamp) {
    let oldest = minute(now.before(KEPT));
    batch.push("DELETE FROM stats WHERE minute < $1", params![oldest]);
    batch.push(
        "DELETE FROM stats_quarters WHERE quarter < $1",
        params![oldest.div_euclid(QUARTER)],
    );
}
