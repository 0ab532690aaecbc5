//! The steps of whoever has leased a message: each fails once the lease is another's, or the message gone.

use posthouse_model::Timestamp;
use posthouse_model::outbox::{Job, Progress, QueueId};

use super::PLACE;
use crate::batch::Batch;
use crate::blob;
use crate::error::StoreError;
use crate::page::json;
use crate::params;
use crate::store::Store;

/// Name of the guard that fails when the message is no longer leased to this worker, or gone.
pub const LEASE_GUARD: &str = "outbox lease";

/// A claimed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Queue id.
    pub id: QueueId,
    /// Who leased it.
    pub worker: String,
    /// Which lease.
    pub fence: i64,
}

/// Prolongs the lease, if it is still held.
pub fn renew(batch: &mut Batch, lease: &Lease, until: Timestamp) {
    batch.guard(
        LEASE_GUARD,
        "UPDATE outbox SET lease_until=$4 WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![lease.id.as_str(), lease.worker.as_str(), lease.fence, until],
    );
}

/// Notes that the last bytes of this attempt are about to be written. The lease must be held and must not have run
/// out.
pub fn mark_sending(batch: &mut Batch, lease: &Lease, now: Timestamp) {
    batch.guard(
        LEASE_GUARD,
        "UPDATE outbox SET sending_attempt=attempts+1, sending_fence=fence, marked=$4 \
         WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3 AND lease_until > $4",
        params![lease.id.as_str(), lease.worker.as_str(), lease.fence, now],
    );
}

/// Notes progress while the message is being sent.
///
/// # Errors
/// Only if it has no JSON form.
pub fn set_progress(
    batch: &mut Batch,
    lease: &Lease,
    progress: &Progress,
) -> Result<(), StoreError> {
    batch.guard(
        LEASE_GUARD,
        "UPDATE outbox SET progress=$4 WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![
            lease.id.as_str(),
            lease.worker.as_str(),
            lease.fence,
            json(progress)?
        ],
    );
    Ok(())
}

/// The server took the message; what follows is another's work. The mark of [`mark_sending`] is taken away.
///
/// # Errors
/// Only if the progress has no JSON form.
pub fn set_sent(
    batch: &mut Batch,
    lease: &Lease,
    progress: &Progress,
    now: Timestamp,
) -> Result<(), StoreError> {
    batch.guard(
        LEASE_GUARD,
        "UPDATE outbox SET state='sent', due=$5, progress=$4, lease_owner=NULL, lease_until=0, sending_attempt=NULL, \
         sending_fence=NULL WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![
            lease.id.as_str(),
            lease.worker.as_str(),
            lease.fence,
            json(progress)?,
            now
        ],
    );
    Ok(())
}

/// Replaces the job of a message that was leased.
///
/// # Errors
/// Only if it cannot be sealed.
pub fn set_job(
    store: &Store,
    batch: &mut Batch,
    lease: &Lease,
    job: &Job,
) -> Result<(), StoreError> {
    batch.guard(
        LEASE_GUARD,
        "UPDATE outbox SET job=$4 WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![
            lease.id.as_str(),
            lease.worker.as_str(),
            lease.fence,
            store.sealer().seal_json(PLACE, lease.id.as_str(), job)?
        ],
    );
    Ok(())
}

/// A message that some recipients have goes back into the queue for the others; `attempts` were made.
///
/// # Errors
/// Only if the progress has no JSON form.
pub fn requeue(
    batch: &mut Batch,
    lease: &Lease,
    attempts: u32,
    due: Timestamp,
    progress: &Progress,
) -> Result<(), StoreError> {
    batch.guard(
        LEASE_GUARD,
        "UPDATE outbox SET state='queued', due=$4, attempts=$5, progress=$6, lease_owner=NULL, lease_until=0 \
         WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![
            lease.id.as_str(),
            lease.worker.as_str(),
            lease.fence,
            due,
            attempts,
            json(progress)?
        ],
    );
    Ok(())
}

/// The message is sent and all follow-ups are done: it leaves the outbox with its blob.
pub fn finish(batch: &mut Batch, lease: &Lease, blob: &str) {
    batch.guard(
        LEASE_GUARD,
        "DELETE FROM outbox WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![lease.id.as_str(), lease.worker.as_str(), lease.fence],
    );
    blob::detach(batch, blob);
}

/// What becomes of a message after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is tried again then.
    Retry(Timestamp),
    /// It is not tried again.
    Fail,
    /// Somebody must decide.
    Hold,
}

/// Ends an attempt that did not succeed; the attempt counts and the mark of [`mark_sending`] is taken away.
///
/// # Errors
/// Only if the progress has no JSON form.
pub fn give_up_attempt(
    batch: &mut Batch,
    lease: &Lease,
    after: After,
    progress: &Progress,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (state, due) = match after {
        After::Retry(due) => ("queued", due),
        After::Fail => ("failed", now),
        After::Hold => ("held", now),
    };
    batch.guard(
        LEASE_GUARD,
        "UPDATE outbox SET state=$4, due=$5, attempts=attempts+1, progress=$6, lease_owner=NULL, lease_until=0, \
         sending_attempt=NULL, sending_fence=NULL WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![
            lease.id.as_str(),
            lease.worker.as_str(),
            lease.fence,
            state,
            due,
            json(progress)?
        ],
    );
    Ok(())
}

/// Gives a message back untouched (shutdown, account not ready): no attempt is counted.
pub fn release(batch: &mut Batch, lease: &Lease, due: Timestamp) {
    batch.guard(
        LEASE_GUARD,
        "UPDATE outbox SET due=$4, lease_owner=NULL, lease_until=0 \
         WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![lease.id.as_str(), lease.worker.as_str(), lease.fence, due],
    );
}

/// Gives back a message that was claimed and is not to be sent now; it stays due. That it is another's by now is as good.
pub fn put_back(batch: &mut Batch, lease: &Lease) {
    batch.push(
        "UPDATE outbox SET lease_owner=NULL, lease_until=0 WHERE queue_id=$1 AND lease_owner=$2 AND fence=$3",
        params![lease.id.as_str(), lease.worker.as_str(), lease.fence],
    );
}
