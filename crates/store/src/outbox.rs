//! Messages waiting to be sent.
//!
//! A worker claims a message with a lease and a fence. Before the last bytes are written it commits
//! [`mark_sending`]; a message that is claimed again with that mark set may have been sent already.

use std::time::Duration;

use posthouse_model::outbox::{Job, OutboxEntry, Progress, QueueId, Source};
use posthouse_model::{AccountId, Timestamp};

use crate::batch::{Batch, Statement};
use crate::blob;
use crate::error::StoreError;
use crate::page::{self, Page, Paging, json};
use crate::params;
use crate::sql::Sql;
use crate::store::Store;
use crate::value::Row;

const PLACE: &str = "outbox.job";

/// Name of the guard that fails when the message is no longer leased to this worker, or gone.
pub const LEASE_GUARD: &str = "outbox lease";

/// A message to queue.
#[derive(Clone, Debug)]
pub struct NewMessage<'a> {
    /// Queue id.
    pub id: &'a QueueId,
    /// Account.
    pub account: &'a AccountId,
    /// Origin.
    pub source: Source,
    /// When it is to be sent; may be in the past.
    pub scheduled: Timestamp,
    /// Attempts at the most.
    pub attempts: u32,
    /// Progress.
    pub progress: &'a Progress,
    /// What a worker needs beside the message.
    pub job: &'a Job,
    /// The message; named by the same batch (see [`blob::attach`]).
    pub blob: &'a blob::BlobRef,
}

/// A queued message as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    /// What listings show.
    pub entry: OutboxEntry,
    /// Id of the message's blob.
    pub blob: String,
    /// The worker that has leased it, with the end of the lease.
    pub lease: Option<(String, Timestamp)>,
    /// Counts leases.
    pub fence: i64,
    /// The attempt whose last bytes may have been written without a known result.
    pub sending_attempt: Option<u32>,
    /// It waits for a decision, not for a time.
    pub held: bool,
    /// It will not be tried again.
    pub failed: bool,
}

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

/// How many messages are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Being sent.
    pub active: u64,
    /// Due.
    pub waiting: u64,
    /// Due later.
    pub delayed: u64,
    /// Given up or held.
    pub failed: u64,
}

macro_rules! columns {
    () => {
        "queue_id, account, source, state, created, scheduled, due, attempts, max_attempts, progress, job, blob, \
         lease_owner, lease_until, fence, sending_attempt"
    };
}

fn stored(store: &Store, now: Timestamp, row: &Row) -> Result<StoredMessage, StoreError> {
    let id: QueueId = row.parse(0)?;
    let state = row.text(3)?;
    let until = row.time(13)?;
    let lease = row
        .opt_text(12)?
        .filter(|_| until > now)
        .map(|owner| (owner.to_owned(), until));
    let waits = state == "queued" && lease.is_none();
    Ok(StoredMessage {
        entry: OutboxEntry {
            account: AccountId::new(row.text(1)?),
            source: row.parse(2)?,
            created: row.time(4)?,
            scheduled: row.time(5)?,
            next_attempt: if waits { Some(row.time(6)?) } else { None },
            attempts_made: row.count(7)?,
            attempts: row.count(8)?,
            progress: row.json(9)?,
            job: store
                .sealer()
                .open_json(PLACE, id.as_str(), row.blob(10)?)?,
            id,
        },
        blob: row.text(11)?.to_owned(),
        lease,
        fence: row.i64(14)?,
        sending_attempt: row
            .opt_i64(15)?
            .map(|attempt| u32::try_from(attempt).unwrap_or(u32::MAX)),
        held: state == "held",
        failed: state == "failed",
    })
}

/// Queues a message and names its blob.
///
/// # Errors
/// Only if the job cannot be sealed.
pub fn enqueue(
    store: &Store,
    batch: &mut Batch,
    message: &NewMessage<'_>,
) -> Result<(), StoreError> {
    blob::attach(store, batch, message.blob);
    batch.push(
        "INSERT INTO outbox (queue_id, account, source, state, created, scheduled, due, attempts, max_attempts, \
         progress, job, blob, lease_until, fence) \
         VALUES ($1, $2, $3, 'queued', $4, $5, $5, 0, $6, $7, $8, $9, 0, 0)",
        params![
            message.id.as_str(),
            message.account,
            message.source.as_str(),
            store.now(),
            message.scheduled,
            message.attempts,
            json(message.progress)?,
            store
                .sealer()
                .seal_json(PLACE, message.id.as_str(), message.job)?,
            message.blob.id()
        ],
    );
    Ok(())
}

/// One message.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Sealed`] if its job cannot be opened.
pub async fn get(store: &Store, id: &QueueId) -> Result<Option<StoredMessage>, StoreError> {
    let now = store.now();
    store
        .query_one(
            concat!("SELECT ", columns!(), " FROM outbox WHERE queue_id=$1"),
            params![id.as_str()],
        )
        .await?
        .map(|row| stored(store, now, &row))
        .transpose()
}

/// A page of messages: delayed, waiting, active, failed; within these by their time. Of one account or of all.
///
/// # Errors
/// As [`get`].
pub async fn list(
    store: &Store,
    account: Option<&AccountId>,
    now: Timestamp,
    paging: Paging,
) -> Result<Page<StoredMessage>, StoreError> {
    page::read(
        store,
        "SELECT COUNT(*) FROM outbox WHERE ($1 = '' OR account = $1) AND CAST($2 AS BIGINT) IS NOT NULL",
        concat!(
            "SELECT ",
            columns!(),
            " FROM outbox WHERE ($1 = '' OR account = $1) \
             ORDER BY CASE WHEN state <> 'queued' THEN 4 WHEN lease_until > $2 THEN 3 \
             WHEN due <= $2 THEN 2 ELSE 1 END, due, queue_id LIMIT $3 OFFSET $4"
        ),
        params![account.map_or("", AccountId::as_str), now],
        paging,
        |row| stored(store, now, row),
    )
    .await
}

/// Counts by state.
///
/// # Errors
/// As [`Store::query`].
pub async fn counts(store: &Store, now: Timestamp) -> Result<OutboxCounts, StoreError> {
    let rows = store
        .query(
            "SELECT CASE WHEN state <> 'queued' THEN 4 WHEN lease_until > $1 THEN 3 \
             WHEN due <= $1 THEN 2 ELSE 1 END AS kind, COUNT(*) FROM outbox GROUP BY kind",
            params![now],
        )
        .await?;
    let mut counts = OutboxCounts::default();
    for row in &rows {
        let count = row.count(1)?;
        match row.i64(0)? {
            1 => counts.delayed = count,
            2 => counts.waiting = count,
            3 => counts.active = count,
            _ => counts.failed = count,
        }
    }
    Ok(counts)
}

/// Leases up to `limit` messages that are due and free, the longest waiting first; messages of the accounts in `except`
/// wait.
///
/// # Errors
/// As [`Store::commit`] and [`get`].
pub async fn claim(
    store: &Store,
    worker: &str,
    now: Timestamp,
    lease: Duration,
    limit: u32,
    except: &[AccountId],
) -> Result<Vec<(Lease, StoredMessage)>, StoreError> {
    macro_rules! claim {
        ($except:literal) => {
            concat!(
                "UPDATE outbox SET lease_owner=$1, lease_until=$2, fence=fence+1 WHERE queue_id IN \
                 (SELECT queue_id FROM outbox WHERE state='queued' AND due <= $3 AND lease_until <= $3 \
                 AND account NOT IN (",
                $except,
                ") ORDER BY due, queue_id LIMIT $4 {SKIP_LOCKED}) \
                 AND state='queued' AND due <= $3 AND lease_until <= $3 RETURNING queue_id, fence"
            )
        };
    }
    let mut batch = Batch::new();
    let claimed = batch
        .push(
            Sql::dialects(
                claim!("SELECT value FROM json_each($5)"),
                claim!("SELECT jsonb_array_elements_text(CAST(CAST($5 AS TEXT) AS JSONB))"),
            ),
            params![worker, now.after(lease), now, limit, json(except)?],
        )
        .statement();
    let committed = store.commit(batch).await?;
    let mut messages = Vec::new();
    for row in committed.rows(claimed) {
        let lease = Lease {
            id: row.parse(0)?,
            worker: worker.to_owned(),
            fence: row.i64(1)?,
        };
        // Gone, or claimed by another after a long pause of this process.
        if let Some(message) = get(store, &lease.id).await?
            && message.fence == lease.fence
        {
            messages.push((lease, message));
        }
    }
    messages.sort_by(|(_, a), (_, b)| {
        (a.entry.scheduled, &a.entry.id).cmp(&(b.entry.scheduled, &b.entry.id))
    });
    Ok(messages)
}

/// When the next free message is due; to sleep until then.
///
/// # Errors
/// As [`Store::query`].
pub async fn next_due(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let row = store
        .query_one(
            "SELECT MIN(CASE WHEN lease_until > due THEN lease_until ELSE due END) FROM outbox \
             WHERE state='queued'",
            params![],
        )
        .await?;
    row.map_or(Ok(None), |row| Ok(row.opt_i64(0)?.map(Timestamp)))
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
        "UPDATE outbox SET sending_attempt=attempts+1, sending_fence=fence \
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

/// Takes all leases away: the start of an embedded store, whose only process has just begun.
pub fn release_all(batch: &mut Batch) {
    batch.push(
        "UPDATE outbox SET lease_owner=NULL, lease_until=0 WHERE lease_until > 0",
        params![],
    );
}

/// Takes a message out of the outbox, whatever its state; the statement touches a row if it was there. A worker that
/// has leased it notices at its next step.
pub fn delete(batch: &mut Batch, id: &QueueId) -> Statement {
    batch.push(
        "DELETE FROM blobs WHERE id IN (SELECT blob FROM outbox WHERE queue_id=$1)",
        params![id.as_str()],
    );
    batch
        .push("DELETE FROM outbox WHERE queue_id=$1", params![id.as_str()])
        .statement()
}

/// Takes all messages of an account out of the outbox.
pub fn delete_of_account(batch: &mut Batch, account: &AccountId) {
    batch.push(
        "DELETE FROM blobs WHERE id IN (SELECT blob FROM outbox WHERE account=$1)",
        params![account],
    );
    batch.push("DELETE FROM outbox WHERE account=$1", params![account]);
}

/// Deletes messages that failed before that time, with their blobs.
pub fn sweep(batch: &mut Batch, before: Timestamp) {
    batch.push(
        "DELETE FROM blobs WHERE id IN (SELECT blob FROM outbox WHERE state='failed' AND due < $1)",
        params![before],
    );
    batch.push(
        "DELETE FROM outbox WHERE state='failed' AND due < $1",
        params![before],
    );
}
