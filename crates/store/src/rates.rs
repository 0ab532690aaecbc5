//! Fixed-window rate counters that several nodes share.

use posthouse_model::Timestamp;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;

/// Counts a request in a window's bucket; the answer is the count so far, this one included. The bucket may be forgotten
/// after `expires`.
///
/// # Errors
/// As [`Store::commit`].
pub async fn count(
    store: &Store,
    key: &str,
    bucket: i64,
    expires: Timestamp,
) -> Result<u64, StoreError> {
    let mut batch = Batch::new();
    let count = batch
        .push(
            "INSERT INTO rate (key, bucket, count, expires) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (key, bucket) DO UPDATE SET count = rate.count + excluded.count RETURNING count",
            params![key, bucket, expires],
        )
        .expect_rows(1);
    store.commit(batch).await?.row(count)?.count(0)
}

/// Deletes buckets that are over.
pub fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push("DELETE FROM rate WHERE expires < $1", params![now]);
}
