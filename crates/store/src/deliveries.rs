//! Deliveries of events to endpoints, in lanes.
//!
//! A lane is `(account, endpoint)`, leased to one worker. Within it first attempts go in the order of `seq`: a
//! `pending` head whose time has not come holds the lane. A delivery that is moved to `retry` has left the order and
//! waits for its own time. One that is `done` or `failed` stays as long as its event is kept.

use std::collections::HashMap;

use posthouse_model::{AccountId, EventType, Timestamp};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::events::NEWEST_SENT;
use crate::page::json;
use crate::params;
use crate::sql::{Sql, in_list};
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
    /// What is sent, JSON: the event's body, or what a route's script made of it.
    pub payload: String,
    /// What is known of the script's run.
    pub mapped: Mapped,
    /// When it was queued.
    pub created: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first attempt failed: from then on it holds its lane for a limited time.
    pub first_failed: Option<Timestamp>,
    /// It has left the order.
    pub retrying: bool,
    /// The last attempts, a JSON array; none yet where there was none.
    pub history: Option<Json>,
}

/// What a route's script made of the body. It runs once for each delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// It did not run yet, or nothing is to run.
    Not,
    /// The body stays as it is.
    Same,
    /// The body is another.
    Other,
}

/// Where a failed delivery waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At the head of its lane, holding it.
    Holding,
    /// Beside it; later events pass.
    Aside,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The endpoint has it.
    Done,
    /// Nobody wants it any more; no attempt was made.
    Dropped,
    /// It failed; the next attempt is due then.
    Retry(Timestamp, Wait),
    /// It is given up.
    Failed,
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
            // Chosen once: as a condition of the update PostgreSQL may choose anew for each row, and take more.
            "WITH chosen AS MATERIALIZED (SELECT account, endpoint FROM lanes WHERE due <= $3 AND lease_until <= $3 \
             ORDER BY due LIMIT $4 {SKIP_LOCKED}) \
             UPDATE lanes SET owner=$1, lease_until=$2, fence=fence+1 \
             WHERE (account, endpoint) IN (SELECT account, endpoint FROM chosen) AND due <= $3 AND lease_until <= $3 \
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

/// What is read of a delivery to sort it: all but its body, which may be large.
const DUE: &str =
    "id, event_id, seq, created, attempts, first_failed, state, history, due, body_size";

/// The deliveries a lane has to make now, in this order: from its head on those that are due, then those aside that are,
/// at most `limit` of each kind and not many more bytes of payloads than `bytes`.
///
/// # Errors
/// As [`Store::query`].
pub async fn due(
    store: &Store,
    lane: &Lane,
    now: Timestamp,
    limit: u32,
    bytes: u64,
) -> Result<Vec<Delivery>, StoreError> {
    let rows = store
        .query(
            format!("SELECT d.id, d.event_id, d.seq, e.type, d.created, d.attempts, d.first_failed, d.state, d.history, d.due, \
             COALESCE(NULLIF(d.body_size, 0), e.size), d.body_size FROM (SELECT * FROM (SELECT {DUE} FROM deliveries WHERE account=$1 AND endpoint=$2 \
             AND state='pending' ORDER BY seq LIMIT $4) h \
             UNION ALL SELECT * FROM (SELECT {DUE} FROM deliveries WHERE account=$1 AND endpoint=$2 \
             AND state='retry' AND due <= $3 ORDER BY due LIMIT $4) r) d \
             JOIN events e ON e.id = d.event_id ORDER BY d.state, \
             CASE WHEN d.state='pending' THEN d.seq ELSE d.due END, d.seq"),
            params![&lane.account, &lane.endpoint, now, limit],
        )
        .await?;
    let mut due = Vec::with_capacity(rows.len());
    let mut held = false;
    let mut size = 0;
    for row in &rows {
        let retrying = row.text(7)? == "retry";
        // A head that waits holds what is behind it.
        held |= !retrying && row.time(9)? > now;
        if (held && !retrying) || size > bytes {
            continue;
        }
        size += row.count::<u64>(10)?;
        due.push(Delivery {
            id: row.parse(0)?,
            event: row.parse(1)?,
            seq: row.i64(2)?,
            kind: row.parse(3)?,
            payload: String::new(),
            mapped: match row.opt_i64(11)? {
                None => Mapped::Not,
                Some(0) => Mapped::Same,
                Some(_) => Mapped::Other,
            },
            created: row.time(4)?,
            attempts: row.count(5)?,
            first_failed: row.opt_i64(6)?.map(Timestamp),
            retrying,
            history: row.opt_json(8)?,
        });
    }
    let mut payloads = payloads(store, &due).await?;
    // An event is swept only after its deliveries: what has no payload is gone meanwhile.
    due.retain_mut(|delivery| match payloads.remove(&delivery.id) {
        Some(payload) => {
            delivery.payload = payload;
            true
        }
        None => false,
    });
    Ok(due)
}

async fn payloads(store: &Store, due: &[Delivery]) -> Result<HashMap<Uuid, String>, StoreError> {
    let mut found = HashMap::with_capacity(due.len());
    if due.is_empty() {
        return Ok(found);
    }
    let (places, params) = in_list(due.iter().map(|delivery| delivery.id.to_string()));
    let sql = format!(
        "SELECT d.id, CASE WHEN d.body_size > 0 THEN d.body ELSE e.payload END \
         FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id IN ({places})"
    );
    for row in &store.query(sql, params).await? {
        found.insert(row.parse(0)?, row.text(1)?.to_owned());
    }
    Ok(found)
}

/// The lane is still leased to this worker, or the batch fails with [`LANE_GUARD`]; locks it, so that what follows sees
/// all that was queued.
pub fn guard(batch: &mut Batch, lane: &Lane) {
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

/// Gives the lane back and computes when it next has work, which is not before `not_before`.
pub fn release(batch: &mut Batch, lane: &Lane, not_before: Timestamp) {
    guard(batch, lane);
    batch.push(
        "UPDATE lanes SET owner=NULL, lease_until=0, due=(SELECT MIN(CASE WHEN due < $3 THEN $3 ELSE due END) FROM \
         (SELECT due FROM (SELECT due FROM deliveries WHERE account=$1 AND endpoint=$2 AND state='pending' \
         ORDER BY seq LIMIT 1) h UNION ALL \
         SELECT MIN(due) FROM deliveries WHERE account=$1 AND endpoint=$2 AND state='retry') d) \
         WHERE account=$1 AND endpoint=$2",
        params![&lane.account, &lane.endpoint, not_before],
    );
}

/// Takes all leases away: the start of an embedded store, whose only process has just begun.
pub fn release_all(batch: &mut Batch) {
    batch.push(
        "UPDATE lanes SET owner=NULL, lease_until=0 WHERE lease_until > 0",
        params![],
    );
}

/// Writes down what an attempt came to. The batch must hold the [`guard`] of the lane. `history` is what is known of the
/// attempts now, `error` why this one failed.
///
/// # Errors
/// Only if one of them has no JSON form.
pub fn settle(
    batch: &mut Batch,
    id: &Uuid,
    now: Timestamp,
    settled: Settled,
    history: Option<&Json>,
    error: Option<&Json>,
) -> Result<(), StoreError> {
    let (state, due, made) = match settled {
        Settled::Done => ("done", now, 1),
        Settled::Dropped => ("done", now, 0),
        Settled::Retry(due, Wait::Holding) => ("pending", due, 1),
        Settled::Retry(due, Wait::Aside) => ("retry", due, 1),
        Settled::Failed => ("failed", now, 1),
    };
    let failed = error.map(|_| now);
    batch
        .push(
            "UPDATE deliveries SET state=$2, due=$3, attempts=attempts+$4, \
             first_failed=COALESCE(first_failed, $5), last_error=$6, history=COALESCE($7, history) WHERE id=$1",
            params![
                id.to_string(),
                state,
                due,
                made,
                failed,
                error.map(json).transpose()?,
                history.map(json).transpose()?
            ],
        )
        .expect_rows(1);
    Ok(())
}

/// Keeps what a route's script made of the body, `None` where that stays as it is. The batch must hold the [`guard`] of
/// the lane.
pub fn map(batch: &mut Batch, id: &Uuid, body: Option<&str>) {
    let size = body.map_or(0, |body| i64::try_from(body.len()).unwrap_or(i64::MAX));
    batch
        .push(
            "UPDATE deliveries SET body=$2, body_size=$3 WHERE id=$1",
            params![id.to_string(), body.map(str::to_owned), size],
        )
        .expect_rows(1);
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

/// What is open of the newest events.
///
/// # Errors
/// As [`Store::query`].
pub async fn of_newest_events(store: &Store, limit: u32) -> Result<Vec<OpenDelivery>, StoreError> {
    store
        .query(
            format!(
                "SELECT event_id, endpoint, state, attempts, due, last_error FROM deliveries \
                 WHERE event_id IN ({NEWEST_SENT}) AND state <> 'done' ORDER BY endpoint"
            ),
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

/// A delivery and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Id.
    pub id: Uuid,
    /// Name of the endpoint.
    pub endpoint: String,
    /// `pending`, `retry`, `failed` or `done`.
    pub state: String,
    /// When it was queued.
    pub created: Timestamp,
    /// When the next attempt is due; when it ended, if it did.
    pub due: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// Why the last one failed.
    pub last_error: Option<Json>,
    /// The last attempts, a JSON array.
    pub history: Option<Json>,
}

/// The deliveries of an event, the oldest first.
///
/// # Errors
/// As [`Store::query`].
pub async fn of_event(store: &Store, event: &Uuid) -> Result<Vec<Logged>, StoreError> {
    store
        .query(
            "SELECT id, endpoint, state, created, due, attempts, last_error, history FROM deliveries \
             WHERE event_id=$1 ORDER BY created, endpoint, id",
            params![event.to_string()],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(Logged {
                id: row.parse(0)?,
                endpoint: row.text(1)?.to_owned(),
                state: row.text(2)?.to_owned(),
                created: row.time(3)?,
                due: row.time(4)?,
                attempts: row.count(5)?,
                last_error: row.opt_json(6)?,
                history: row.opt_json(7)?,
            })
        })
        .collect()
}

/// Queues another delivery of an event that is stored: a new one, due then, beside the order of its lane. It has the body
/// that a route's script made for the last one, if one did.
pub fn repeat(
    batch: &mut Batch,
    event: &Uuid,
    endpoint: &str,
    now: Timestamp,
    due: Timestamp,
) -> Uuid {
    let id = Uuid::new_v4();
    batch.push(
        "INSERT INTO deliveries (id, event_id, account, endpoint, seq, state, created, due, attempts, body, body_size) \
         SELECT CAST($1 AS TEXT), e.id, e.account, CAST($3 AS TEXT), e.seq, 'retry', CAST($4 AS BIGINT), \
         CAST($5 AS BIGINT), 0, b.body, b.body_size FROM events e LEFT JOIN \
         (SELECT event_id, body, body_size FROM deliveries WHERE event_id=$2 AND endpoint=$3 \
         AND body_size IS NOT NULL ORDER BY created DESC, id LIMIT 1) b ON b.event_id = e.id WHERE e.id=$2",
        params![id.to_string(), event.to_string(), endpoint, now, due],
    );
    batch.push(
        "INSERT INTO lanes (account, endpoint, due, lease_until, fence) \
         SELECT account, CAST($2 AS TEXT), CAST($3 AS BIGINT), 0, 0 FROM events WHERE id=$1 \
         ON CONFLICT (account, endpoint) DO UPDATE SET due = \
         CASE WHEN lanes.due < excluded.due THEN lanes.due ELSE excluded.due END",
        params![event.to_string(), endpoint, due],
    );
    id
}

/// Counts by state.
///
/// # Errors
/// As [`Store::query`].
pub async fn counts(store: &Store, now: Timestamp) -> Result<DeliveryCounts, StoreError> {
    let row = store
        .query_one(
            // Each state by its own index: what is done is many times as many.
            "SELECT COALESCE(SUM(CASE WHEN lease_until > $1 AND due <= $1 THEN 1 ELSE 0 END), 0), \
             COALESCE(SUM(CASE WHEN lease_until <= $1 AND due <= $1 THEN 1 ELSE 0 END), 0), \
             COALESCE(SUM(CASE WHEN due > $1 THEN 1 ELSE 0 END), 0), \
             (SELECT COUNT(*) FROM deliveries WHERE state='failed') \
             FROM (SELECT d.due, l.lease_until FROM deliveries d JOIN lanes l ON l.account=d.account \
             AND l.endpoint=d.endpoint WHERE d.state='pending' UNION ALL \
             SELECT d.due, l.lease_until FROM deliveries d JOIN lanes l ON l.account=d.account \
             AND l.endpoint=d.endpoint WHERE d.state='retry') o",
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

/// Since when bodies that routes' scripts made may be kept so that they have not more bytes than that; none if all may.
///
/// # Errors
/// As [`Store::query`].
pub async fn fitting_since(store: &Store, bytes: u64) -> Result<Option<Timestamp>, StoreError> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let row = store
        .query_one(
            "SELECT created FROM (SELECT created, SUM(body_size) OVER (ORDER BY created DESC) AS total FROM deliveries \
             WHERE body_size > 0 AND (SELECT COALESCE(SUM(body_size), 0) FROM deliveries WHERE body_size > 0) \
             > CAST($1 AS BIGINT)) d WHERE total > CAST($1 AS BIGINT) ORDER BY created DESC LIMIT 1",
            params![bytes],
        )
        .await?;
    row.map(|row| Ok(Timestamp(row.i64(0)?.saturating_add(1))))
        .transpose()
}

/// Deletes up to `limit` deliveries each of those given up before `failed`, and of those done whose events are older than
/// `done`. Repeat it while one of the two touches as many rows.
pub fn sweep(
    batch: &mut Batch,
    failed: Timestamp,
    done: Timestamp,
    limit: u32,
) -> (Statement, Statement) {
    let failed = batch
        .push(
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries \
             WHERE state='failed' AND due < $1 ORDER BY due LIMIT $2)",
            params![failed, limit],
        )
        .statement();
    let done = batch
        .push(
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries \
             WHERE state='done' AND created < $1 ORDER BY created LIMIT $2)",
            params![done, limit],
        )
        .statement();
    (failed, done)
}
