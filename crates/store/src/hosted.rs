//! Links to the hosted form: what was done with each while it is valid. The links themselves are not stored, they are
//! signed.

use posthouse_model::{AccountId, Timestamp};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;

/// Name of the guard that fails when an account was already made with the link.
pub const UNUSED_GUARD: &str = "unused link";

/// Whether an account was made with the link of this nonce.
///
/// # Errors
/// As [`Store::query`].
pub async fn is_used(store: &Store, nonce: &str) -> Result<bool, StoreError> {
    let row = store
        .query_one(
            "SELECT 1 FROM hosted_links WHERE nonce=$1 AND account IS NOT NULL",
            params![nonce],
        )
        .await?;
    Ok(row.is_some())
}

/// Counts a trial of settings with a link; the answer is the number of trials so far, this one included. The row is
/// forgotten after `expires`.
///
/// # Errors
/// As [`Store::commit`].
pub async fn count_probe(
    store: &Store,
    nonce: &str,
    expires: Timestamp,
) -> Result<u64, StoreError> {
    let mut batch = Batch::new();
    let count = batch
        .push(
            "INSERT INTO hosted_links (nonce, probes, expires) VALUES ($1, 1, $2) \
             ON CONFLICT (nonce) DO UPDATE SET probes = hosted_links.probes + 1 RETURNING probes",
            params![nonce, expires],
        )
        .expect_rows(1);
    store.commit(batch).await?.row(count)?.count(0)
}

/// Uses the link up for an account; the batch fails with [`UNUSED_GUARD`] if somebody else did.
pub fn claim(batch: &mut Batch, nonce: &str, account: &AccountId, expires: Timestamp) {
    batch.guard(
        UNUSED_GUARD,
        "INSERT INTO hosted_links (nonce, probes, account, expires) VALUES ($1, 0, $2, $3) \
         ON CONFLICT (nonce) DO UPDATE SET account = excluded.account \
         WHERE hosted_links.account IS NULL RETURNING nonce",
        params![nonce, account, expires],
    );
}

/// Deletes what is known of links that are no longer valid.
pub fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push("DELETE FROM hosted_links WHERE expires <= $1", params![now]);
}
