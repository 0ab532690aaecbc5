//! Locks for what only one process may do at a time. A holder that dies loses its lock when the time is up.

use posthouse_model::Timestamp;

use crate::batch::Batch;
use crate::error::{BatchError, StoreError};
use crate::params;
use crate::store::Store;

const GUARD: &str = "lock";

/// Takes a lock until then; false when somebody else has it.
///
/// # Errors
/// As [`Store::commit`].
pub async fn take(
    store: &Store,
    name: &str,
    owner: &str,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let mut batch = Batch::new();
    batch.guard(
        GUARD,
        "INSERT INTO locks (name, owner, until) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until \
         WHERE locks.until <= $4",
        params![name, owner, until, store.now()],
    );
    match store.commit(batch).await {
        Ok(_) => Ok(true),
        Err(BatchError::GuardFailed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Gives a lock back, if it is still this owner's.
pub fn release(batch: &mut Batch, name: &str, owner: &str) {
    batch.push(
        "DELETE FROM locks WHERE name=$1 AND owner=$2",
        params![name, owner],
    );
}
