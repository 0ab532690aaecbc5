//! Deliveries of events to endpoints, in lanes.
//!
//! A lane is `(account, endpoint)`, leased to one worker. Within it first attempts go in the order of `seq`: a
//! `pending` head whose time has not come holds the lane. A delivery that is moved to `retry` has left the order and
//! waits for its own time.

use posthouse_model::{AccountId, EventType, Timestamp};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::page::json;
use crate::params;
use crate::sql::Sql;
use crate::store::Store;

/// Name of the guard that fails when the lane is no longer leased to this worker.
pub const LANE_GUARD: &str = "lane";

/// A leased lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Account.
    pub account: AccountId,
    /// Name of the endpoint.
    pub endpoint: String,
    /// Who leased it.
    pub worker: String,
    /// Counts leases; a deposed worker has an older one.
    pub fence: i64,
}

/// A delivery to make now.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Id.
    pub id: Uuid,
    /// The event's id.
    pub event: Uuid,
    /// The event's number within its account.
    pub seq: i64,
    /// The event's type.
    pub kind: EventType,
    /// The event's body, JSON.
    pub payload: String,
    /// When it was queued.
    pub created: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first attempt failed: from then on it holds its lane for a limited time.
    pub first_failed: Option<Timestamp>,
    /// It has left the order.
    pub retrying: bool,
}

/// Where a failed delivery waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At the head of its lane, holding it.
    Holding,
    /// Beside it; later events pass.
    Aside,
}

/// How many deliveries are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// In lanes that a worker holds.
    pub active: u64,
    /// Due.
    pub waiting: u64,
    /// Due later.
    pub delayed: u64,
    /// Given up.
    pub failed: u64,
}

/// Queues the delivery of an event appended earlier in the same batch (or before).
pub fn enqueue(batch: &mut Batch, account: &AccountId, event: &Uuid, endpoint: &str) -> Uuid {
    let id = Uuid::new_v4();
    batch
        .push(
            "INSERT INTO deliveries (id, event_id, account, endpoint, seq, state, created, due, attempts) \
             SELECT CAST($1 AS TEXT), id, account, CAST($3 AS TEXT), seq, 'pending', created, created, 0 \
             FROM events WHERE id=$2",
            params![id.to_string(), event.to_string(), endpoint],
        )
        .expect_rows(1);
    batch.push(
        "INSERT INTO lanes (account, endpoint, due, lease_until, fence) \
         SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), created, 0, 0 FROM events WHERE id=$3 \
         ON CONFLICT (account, endpoint) DO UPDATE SET due = \
         CASE WHEN lanes.due < excluded.due THEN lanes.due ELSE excluded.due END",
        params![account, endpoint, event.to_string()],
    );
    id
}

/// Leases up to `limit` lanes that have work now and are free, the longest waiting first.
///
/// # Errors
/// As [`Store::commit`].
pub async fn claim(
    store: &Store,
    worker: &str,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Lane>, StoreError> {
    let mut batch = Batch::new();
    let claimed = batch
        .push(
            "UPDATE lanes SET owner=$1, lease_until=$2, fence=fence+1 WHERE (account, endpoint) IN \
             (SELECT account, endpoint FROM lanes WHERE due <= $3 AND lease_until <= $3 \
             ORDER BY due LIMIT $4 {SKIP_LOCKED}) AND due <= $3 AND lease_until <= $3 \
             RETURNING account, endpoint, fence",
            params![worker, until, now, limit],
        )
        .statement();
    let committed = store.commit(batch).await?;
    committed
        .rows(claimed)
        .iter()
        .map(|row| {
            Ok(Lane {
                account: AccountId::new(row.text(0)?),
                endpoint: row.text(1)?.to_owned(),
                worker: worker.to_owned(),
                fence: row.i64(2)?,
            })
        })
        .collect()
}

/// When the next free lane has work; to sleep until then.
///
/// # Errors
/// As [`Store::query`].
pub async fn next_due(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let row = store
        .query_one(
            "SELECT MIN(CASE WHEN lease_until > due THEN lease_until ELSE due END) FROM lanes \
             WHERE due IS NOT NULL",
            params![],
        )
        .await?;
    row.map_or(Ok(None), |row| Ok(row.opt_i64(0)?.map(Timestamp)))
}

/// The delivery a lane has to make now: its head if that is due, or one of those aside, whichever is due longer.
///
/// # Errors
/// As [`Store::query`].
pub async fn next(
    store: &Store,
    lane: &Lane,
    now: Timestamp,
) -> Result<Option<Delivery>, StoreError> {
    store
        .query_one(
            "SELECT d.id, d.event_id, d.seq, e.type, e.payload, d.created, d.attempts, d.first_failed, d.state \
             FROM (SELECT * FROM (SELECT * FROM deliveries WHERE account=$1 AND endpoint=$2 \
             AND state='pending' ORDER BY seq LIMIT 1) h WHERE h.due <= $3 \
             UNION ALL SELECT * FROM (SELECT * FROM deliveries WHERE account=$1 AND endpoint=$2 \
             AND state='retry' AND due <= $3 ORDER BY due LIMIT 1) r) d \
             JOIN events e ON e.id = d.event_id ORDER BY d.due, d.seq LIMIT 1",
            params![&lane.account, &lane.endpoint, now],
        )
        .await?
        .map(|row| {
            Ok(Delivery {
                id: row.parse(0)?,
                event: row.parse(1)?,
                seq: row.i64(2)?,
                kind: row.parse(3)?,
                payload: row.text(4)?.to_owned(),
                created: row.time(5)?,
                attempts: row.count(6)?,
                first_failed: row.opt_i64(7)?.map(Timestamp),
                retrying: row.text(8)? == "retry",
            })
        })
        .transpose()
}

/// The lane is still leased to this worker; locks it, so that what follows sees all that was queued.
fn guard(batch: &mut Batch, lane: &Lane) {
    batch.guard(
        LANE_GUARD,
        Sql::dialects(
            "SELECT 1 FROM lanes WHERE account=$1 AND endpoint=$2 AND owner=$3 AND fence=$4",
            "SELECT 1 FROM lanes WHERE account=$1 AND endpoint=$2 AND owner=$3 AND fence=$4 FOR UPDATE",
        ),
        params![
            &lane.account,
            &lane.endpoint,
            lane.worker.as_str(),
            lane.fence
        ],
    );
}

/// Prolongs the lease. The batch fails with [`LANE_GUARD`] if it was lost.
pub fn renew(batch: &mut Batch, lane: &Lane, until: Timestamp) {
    guard(batch, lane);
    batch.push(
        "UPDATE lanes SET lease_until=$3 WHERE account=$1 AND endpoint=$2",
        params![&lane.account, &lane.endpoint, until],
    );
}

/// Gives the lane back and computes when it next has work.
pub fn release(batch: &mut Batch, lane: &Lane) {
    guard(batch, lane);
    batch.push(
        "UPDATE lanes SET owner=NULL, lease_until=0, due=(SELECT MIN(due) FROM \
         (SELECT due FROM (SELECT due FROM deliveries WHERE account=$1 AND endpoint=$2 AND state='pending' \
         ORDER BY seq LIMIT 1) h UNION ALL \
         SELECT MIN(due) FROM deliveries WHERE account=$1 AND endpoint=$2 AND state='retry') d) \
         WHERE account=$1 AND endpoint=$2",
        params![&lane.account, &lane.endpoint],
    );
}

/// Takes all leases away: the start of an embedded store, whose only process has just begun.
pub fn release_all(batch: &mut Batch) {
    batch.push(
        "UPDATE lanes SET owner=NULL, lease_until=0 WHERE lease_until > 0",
        params![],
    );
}

/// The endpoint accepted it: the delivery is done.
pub fn complete(batch: &mut Batch, lane: &Lane, id: &Uuid) {
    guard(batch, lane);
    batch
        .push(
            "DELETE FROM deliveries WHERE id=$1",
            params![id.to_string()],
        )
        .expect_rows(1);
}

/// An attempt failed; the next one is due then.
///
/// # Errors
/// Only if the error has no JSON form.
pub fn retry(
    batch: &mut Batch,
    lane: &Lane,
    id: &Uuid,
    now: Timestamp,
    due: Timestamp,
    wait: Wait,
    error: &Json,
) -> Result<(), StoreError> {
    guard(batch, lane);
    let state = match wait {
        Wait::Holding => "pending",
        Wait::Aside => "retry",
    };
    batch
        .push(
            "UPDATE deliveries SET state=$2, due=$3, attempts=attempts+1, \
             first_failed=COALESCE(first_failed, $4), last_error=$5 WHERE id=$1",
            params![id.to_string(), state, due, now, json(error)?],
        )
        .expect_rows(1);
    Ok(())
}

/// The delivery is given up; it is kept until [`sweep`].
///
/// # Errors
/// Only if the error has no JSON form.
pub fn fail(
    batch: &mut Batch,
    lane: &Lane,
    id: &Uuid,
    now: Timestamp,
    error: &Json,
) -> Result<(), StoreError> {
    guard(batch, lane);
    batch
        .push(
            "UPDATE deliveries SET state='failed', due=$2, attempts=attempts+1, last_error=$3 WHERE id=$1",
            params![id.to_string(), now, json(error)?],
        )
        .expect_rows(1);
    Ok(())
}

/// A delivery that is still to be made, or was given up.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenDelivery {
    /// The event's id.
    pub event: Uuid,
    /// Name of the endpoint.
    pub endpoint: String,
    /// Whether it was given up.
    pub failed: bool,
    /// Attempts so far.
    pub attempts: u32,
    /// When the next one is due.
    pub due: Timestamp,
    /// Why the last one failed.
    pub last_error: Option<Json>,
}

/// What is open of the newest events; what was delivered is not kept.
///
/// # Errors
/// As [`Store::query`].
pub async fn of_newest_events(store: &Store, limit: u32) -> Result<Vec<OpenDelivery>, StoreError> {
    store
        .query(
            "SELECT event_id, endpoint, state, attempts, due, last_error FROM deliveries WHERE event_id IN \
             (SELECT id FROM events ORDER BY created DESC, account DESC, seq DESC LIMIT $1) ORDER BY endpoint",
            params![limit],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(OpenDelivery {
                event: row.parse(0)?,
                endpoint: row.text(1)?.to_owned(),
                failed: row.text(2)? == "failed",
                attempts: row.count(3)?,
                due: row.time(4)?,
                last_error: row.opt_json(5)?,
            })
        })
        .collect()
}

/// Counts by state.
///
/// # Errors
/// As [`Store::query`].
pub async fn counts(store: &Store, now: Timestamp) -> Result<DeliveryCounts, StoreError> {
    let row = store
        .query_one(
            "SELECT COALESCE(SUM(CASE WHEN l.lease_until > $1 AND d.due <= $1 AND d.state<>'failed' THEN 1 ELSE 0 END), 0), \
             COALESCE(SUM(CASE WHEN l.lease_until <= $1 AND d.due <= $1 AND d.state<>'failed' THEN 1 ELSE 0 END), 0), \
             COALESCE(SUM(CASE WHEN d.due > $1 AND d.state<>'failed' THEN 1 ELSE 0 END), 0), \
             COALESCE(SUM(CASE WHEN d.state='failed' THEN 1 ELSE 0 END), 0) \
             FROM deliveries d JOIN lanes l ON l.account=d.account AND l.endpoint=d.endpoint",
            params![now],
        )
        .await?;
    row.map_or_else(
        || Ok(DeliveryCounts::default()),
        |row| {
            Ok(DeliveryCounts {
                active: row.count(0)?,
                waiting: row.count(1)?,
                delayed: row.count(2)?,
                failed: row.count(3)?,
            })
        },
    )
}

/// Deletes up to `limit` deliveries that were given up before that time. Repeat it while it touches rows.
pub fn sweep(batch: &mut Batch, before: Timestamp, limit: u32) -> Statement {
    batch
        .push(
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries \
             WHERE state='failed' AND due < $1 ORDER BY due LIMIT $2)",
            params![before, limit],
        )
        .statement()
}
