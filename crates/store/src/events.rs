//! Events, in order of `(account, seq)`.
//!
//! `seq` is taken in the batch that commits the event, so the order of numbers is the order of commits. `created` is
//! the database's clock at the time of writing, which is before it is committed: readers of the log stop where something may
//! still appear.

use std::time::Duration;

use posthouse_model::{AccountId, EventType, Timestamp};
use uuid::Uuid;

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::params;
use crate::sql::{Dialect, Sql, in_list};
use crate::store::Store;
use crate::value::Row;

/// On PostgreSQL the log is read up to this long ago: batches are limited to 3 s.
const HORIZON: Duration = Duration::from_secs(5);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Identity; says nothing of order.
    pub id: Uuid,
    /// Account.
    pub account: AccountId,
    /// Number within the account, from 1.
    pub seq: i64,
    /// Type.
    pub kind: EventType,
    /// When it was written.
    pub created: Timestamp,
    /// The body as it is delivered, JSON.
    pub payload: String,
}

const COLUMNS_AND_TABLE: &str = "SELECT id, account, seq, type, created, payload FROM events ";

fn stored(row: &Row) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        id: row.parse(0)?,
        account: AccountId::new(row.text(1)?),
        seq: row.i64(2)?,
        kind: row.parse(3)?,
        created: row.time(4)?,
        payload: row.text(5)?.to_owned(),
    })
}

/// Appends an event with a new id. The statement's row is its number.
pub fn append(
    batch: &mut Batch,
    account: &AccountId,
    kind: EventType,
    payload: &str,
) -> (Uuid, Statement) {
    let id = Uuid::new_v4();
    let seq = batch.next_seq(account.as_str());
    let size = i64::try_from(payload.len()).unwrap_or(i64::MAX);
    batch.push(
        Sql::dialects(
            "INSERT INTO events (id, account, seq, type, created, payload, size) \
             VALUES ($1, $2, (SELECT seq FROM account_seq WHERE account=$2), $3, \
             MAX(CAST(unixepoch('subsec')*1000 AS INTEGER), COALESCE((SELECT MAX(created) FROM events), 0)), $4, $5)",
            "INSERT INTO events (id, account, seq, type, created, payload, size) \
             VALUES ($1, $2, (SELECT seq FROM account_seq WHERE account=$2), $3, \
             CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT), $4, $5)",
        ),
        params![id.to_string(), account, kind.as_str(), payload, size],
    );
    (id, seq)
}

/// One event.
///
/// # Errors
/// As [`Store::query`].
pub async fn get(store: &Store, id: &Uuid) -> Result<Option<StoredEvent>, StoreError> {
    store
        .query_one(
            format!("{COLUMNS_AND_TABLE} WHERE id=$1"),
            params![id.to_string()],
        )
        .await?
        .map(|row| stored(&row))
        .transpose()
}

/// Events of an account after a number.
///
/// # Errors
/// As [`Store::query`].
pub async fn of_account(
    store: &Store,
    account: &AccountId,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    store
        .query(
            format!("{COLUMNS_AND_TABLE} WHERE account=$1 AND seq>$2 ORDER BY seq LIMIT $3"),
            params![account, after, limit],
        )
        .await?
        .iter()
        .map(stored)
        .collect()
}

/// A place in the order of all events: by time, within it by account and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// When the event was written.
    pub created: Timestamp,
    /// Its account.
    pub account: AccountId,
    /// Its number.
    pub seq: i64,
}

impl StoredEvent {
    /// Its place in the order of all events.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            created: self.created,
            account: self.account.clone(),
            seq: self.seq,
        }
    }
}

/// Which events of the log are meant. Empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this type.
    pub kind: Option<EventType>,
    /// Written then or later.
    pub since: Option<Timestamp>,
    /// Written before then.
    pub until: Option<Timestamp>,
}

/// The latest time that is over for everybody: no event of then or before is written any more.
///
/// On SQLite whatever was being written before now is committed once an empty batch has taken its turn after it. On
/// PostgreSQL a transaction can stand longer than it should, as while a disk is slow to answer its COMMIT; it is waited
/// for. What is read afterwards sees those that ended before this looked.
async fn settled(store: &Store) -> Result<Timestamp, StoreError> {
    let now = store.now();
    if store.dialect() == Dialect::Sqlite {
        store.commit(Batch::new()).await?;
        // The number that it makes of its clock is at times rounded down to the millisecond before.
        return Ok(now.before(2 * MILLISECOND));
    }
    let horizon = now.before(HORIZON);
    let oldest = store
        .query_one(
            // One that begins to write later writes the time of then.
            "SELECT CAST(EXTRACT(EPOCH FROM LEAST(MIN(xact_start), statement_timestamp()))*1000 AS BIGINT) FROM pg_stat_activity \
             WHERE datname=current_database() AND backend_xid IS NOT NULL",
            params![],
        )
        .await?;
    let oldest = oldest.map_or(Ok(None), |row| row.opt_i64(0))?;
    Ok(oldest.map_or(horizon, |millis| {
        horizon.min(Timestamp(millis.saturating_sub(1)))
    }))
}

/// Events after a position, up to what is over: what is returned is never joined later by something before it. Those
/// of one account come in the order of their numbers. Payloads are left empty; see [`payloads`].
///
/// # Errors
/// As [`Store::query`].
pub async fn page(
    store: &Store,
    filter: &Filter,
    after: Option<&Position>,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let horizon = settled(store).await?;
    let until = filter
        .until
        .map_or(horizon, |until| horizon.min(until.before(MILLISECOND)));
    let since = filter.since.unwrap_or(Timestamp(i64::MIN));
    let (created, account, seq) = after.map_or((since, "", 0), |position| {
        (position.created, position.account.as_str(), position.seq)
    });
    let mut params = params![until, created.max(since), created, account, seq, limit];
    let mut sql = "SELECT id, account, seq, type, created, '' FROM events WHERE created <= $1 AND created >= $2 \
                   AND (created, account, seq) > ($3, $4, $5)"
        .to_owned();
    if let Some(account) = &filter.account {
        params.push(account.as_str().into());
        sql.push_str(&format!(" AND account=${}", params.len()));
    }
    if let Some(kind) = filter.kind {
        params.push(kind.as_str().into());
        sql.push_str(&format!(" AND type=${}", params.len()));
    }
    sql.push_str(" ORDER BY created, account, seq LIMIT $6");
    store.query(sql, params).await?.iter().map(stored).collect()
}

/// Reads the payloads of the first of these events, as many as have not many more bytes than `bytes`; the others are cut off.
///
/// # Errors
/// As [`Store::query`].
pub async fn payloads(
    store: &Store,
    events: &mut Vec<StoredEvent>,
    bytes: u64,
) -> Result<(), StoreError> {
    let ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
    let mut left = i64::try_from(bytes).unwrap_or(i64::MAX);
    let mut read = 0;
    // In steps, so that one is not much too many.
    for ids in ids.chunks(16) {
        if left <= 0 {
            break;
        }
        let (places, params) = in_list(ids.iter().map(String::as_str));
        let sql = format!("SELECT id, payload FROM events WHERE id IN ({places})");
        for row in &store.query(sql, params).await? {
            let id: Uuid = row.parse(0)?;
            if let Some(event) = events.iter_mut().find(|event| event.id == id) {
                event.payload = row.text(1)?.to_owned();
                left -= i64::try_from(event.payload.len()).unwrap_or(i64::MAX);
            }
        }
        read += ids.len();
    }
    events.truncate(read);
    Ok(())
}

/// Since when events may be kept so that their payloads have not more bytes than that; none if all may.
///
/// # Errors
/// As [`Store::query`].
pub async fn fitting_since(store: &Store, bytes: u64) -> Result<Option<Timestamp>, StoreError> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let row = store
        .query_one(
            "SELECT created FROM (SELECT created, account, seq, SUM(size) OVER \
             (ORDER BY created DESC, account DESC, seq DESC) AS total FROM events) e WHERE total > CAST($1 AS BIGINT) \
             ORDER BY created DESC, account DESC, seq DESC LIMIT 1",
            params![bytes],
        )
        .await?;
    row.map(|row| Ok(Timestamp(row.i64(0)?.saturating_add(1))))
        .transpose()
}

/// Ids of the newest `$1` events that were to be delivered to somebody; only so far back that it costs little.
pub(crate) const NEWEST_SENT: &str = "SELECT id FROM (SELECT id, created, account, seq FROM events \
     ORDER BY created DESC, account DESC, seq DESC LIMIT 1000) n \
     WHERE EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id=n.id) \
     ORDER BY created DESC, account DESC, seq DESC LIMIT $1";

/// The newest events that were to be delivered to somebody, the newest first, each with the first `size` characters of
/// its body.
///
/// # Errors
/// As [`Store::query`].
pub async fn newest(store: &Store, limit: u32, size: u32) -> Result<Vec<StoredEvent>, StoreError> {
    store
        .query(
            format!(
                "SELECT id, account, seq, type, created, SUBSTR(payload, 1, CAST($2 AS INTEGER)) FROM events \
                 WHERE id IN ({NEWEST_SENT}) ORDER BY created DESC, account DESC, seq DESC"
            ),
            params![limit, size],
        )
        .await?
        .iter()
        .map(stored)
        .collect()
}

/// Deletes up to `limit` events older than `before` that wait for no delivery. Repeat it while it touches rows.
pub fn sweep(batch: &mut Batch, before: Timestamp, limit: u32) -> Statement {
    batch
        .push(
            "DELETE FROM events WHERE id IN (SELECT id FROM events e WHERE e.created < $1 \
             AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id) \
             ORDER BY e.created LIMIT $2)",
            params![before, limit],
        )
        .statement()
}
