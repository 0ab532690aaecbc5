//! Messages waiting to be sent.
//!
//! A worker claims a message with a lease and a fence. Before the last bytes are written it commits
//! [`mark_sending`]; a message that is claimed again with that mark set may have been sent already.

use posthouse_model::outbox::{Job, OutboxEntry, Progress, QueueId, Source};
use posthouse_model::{AccountId, Timestamp};

use crate::batch::{Batch, Statement};
use crate::blob;
use crate::error::StoreError;
use crate::page::{self, Page, Paging, json};
use crate::params;
use crate::store::Store;
use crate::value::Row;

const PLACE: &str = "outbox.job";

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
    /// When last bytes were last about to be written without a known result.
    pub marked: Option<Timestamp>,
    /// It will not be tried again, unless somebody asks for it.
    pub failed: bool,
    /// It may have been delivered, and waits for somebody to decide.
    pub held: bool,
    /// The server took it; what follows is not done yet.
    pub sent: bool,
    /// When the account's pace lets it send; none where it has no pace.
    pub turn: Option<Timestamp>,
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

/// When the account of a row may send; none where it has no pace.
macro_rules! turn {
    () => {
        "(SELECT p.turn + p.pace FROM send_pace p WHERE p.account = outbox.account)"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "queue_id, account, source, state, created, scheduled, due, attempts, max_attempts, progress, job, blob, \
             lease_owner, lease_until, fence, sending_attempt, marked, ",
            turn!()
        )
    };
}

/// Failed 4, active 3, waiting 2, delayed 1; the parameter is the time.
macro_rules! kind {
    ($now:literal) => {
        concat!(
            "CASE WHEN state IN ('failed', 'held') THEN 4 WHEN lease_until > ",
            $now,
            " THEN 3 WHEN due <= ",
            $now,
            " AND (state = 'sent' OR COALESCE(",
            turn!(),
            ", 0) <= ",
            $now,
            ") THEN 2 ELSE 1 END"
        )
    };
}

mod claim;
mod lease;
mod pace;

pub use claim::{Work, claim, next_due};
pub use lease::{
    After, LEASE_GUARD, Lease, finish, give_up_attempt, mark_sending, put_back, release, renew,
    requeue, set_job, set_progress, set_sent,
};
pub use pace::{repace, take_turn, unpace};

fn stored(store: &Store, now: Timestamp, row: &Row) -> Result<StoredMessage, StoreError> {
    let id: QueueId = row.parse(0)?;
    let state = row.text(3)?;
    let until = row.time(13)?;
    let lease = row
        .opt_text(12)?
        .filter(|_| until > now)
        .map(|owner| (owner.to_owned(), until));
    let turn = row.opt_i64(17)?.map(Timestamp);
    let next_attempt = match (state, &lease) {
        ("queued", None) => turn.max(Some(row.time(6)?)),
        _ => None,
    };
    Ok(StoredMessage {
        entry: OutboxEntry {
            account: AccountId::new(row.text(1)?),
            source: row.parse(2)?,
            created: row.time(4)?,
            scheduled: row.time(5)?,
            next_attempt,
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
        marked: row.opt_i64(16)?.map(Timestamp),
        failed: state == "failed",
        held: state == "held",
        sent: state == "sent",
        turn,
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
            " FROM outbox WHERE ($1 = '' OR account = $1) ORDER BY ",
            kind!("$2"),
            ", due, queue_id LIMIT $3 OFFSET $4"
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
            concat!(
                "SELECT ",
                kind!("$1"),
                " AS kind, COUNT(*) FROM outbox GROUP BY kind"
            ),
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

/// Sends a message again that failed or is held, as if it had just been queued; the statement touches a row if it was
/// one.
///
/// # Errors
/// Only if the progress has no JSON form.
pub fn retry(
    batch: &mut Batch,
    id: &QueueId,
    progress: &Progress,
    now: Timestamp,
) -> Result<Statement, StoreError> {
    let statement = batch.push(
        "UPDATE outbox SET state='queued', due=$2, attempts=0, progress=$3 \
         WHERE queue_id=$1 AND state IN ('failed', 'held')",
        params![id.as_str(), now, json(progress)?],
    );
    Ok(statement.statement())
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
    unpace(batch, account);
}

/// Deletes messages that failed, or were held, before that time, with their blobs.
pub fn sweep(batch: &mut Batch, before: Timestamp) {
    batch.push(
        "DELETE FROM blobs WHERE id IN (SELECT blob FROM outbox WHERE state IN ('failed', 'held') AND due < $1)",
        params![before],
    );
    batch.push(
        "DELETE FROM outbox WHERE state IN ('failed', 'held') AND due < $1",
        params![before],
    );
}
