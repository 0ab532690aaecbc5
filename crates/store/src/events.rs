//! Events, in order of `(account, seq)`.
//!
//! `seq` is taken in the batch that commits the event, so the order of numbers is the order of commits. `created` is
//! the database's clock at the time of writing: as batches are limited to 3 s, no event older than
//! [`HORIZON`] appears later.

use std::time::Duration;

use posthouse_model::{AccountId, EventType, Timestamp};
use uuid::Uuid;

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::params;
use crate::sql::Sql;
use crate::store::Store;
use crate::value::Row;

/// Cursors over all accounts read events up to this long ago; see [`page`].
pub const HORIZON: Duration = Duration::from_secs(5);

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
    batch.push(
        Sql::dialects(
            "INSERT INTO events (id, account, seq, type, created, payload) \
             VALUES ($1, $2, (SELECT seq FROM account_seq WHERE account=$2), $3, \
             MAX(CAST(unixepoch('subsec')*1000 AS INTEGER), COALESCE((SELECT MAX(created) FROM events), 0)), $4)",
            "INSERT INTO events (id, account, seq, type, created, payload) \
             VALUES ($1, $2, (SELECT seq FROM account_seq WHERE account=$2), $3, \
             CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT), $4)",
        ),
        params![id.to_string(), account, kind.as_str(), payload],
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

/// Events of all accounts after a position, up to the safe horizon: what is returned is never joined later by
/// something before it. Those of one account come in the order of their numbers.
///
/// # Errors
/// As [`Store::query`].
pub async fn page(
    store: &Store,
    after: Option<&Position>,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let (created, account, seq) = after.map_or((Timestamp(i64::MIN), "", 0), |position| {
        (position.created, position.account.as_str(), position.seq)
    });
    store
        .query(
            format!(
                "{COLUMNS_AND_TABLE} WHERE created <= $1 AND created >= $2 \
                 AND (created, account, seq) > ($2, $3, $4) ORDER BY created, account, seq LIMIT $5"
            ),
            params![store.now().before(HORIZON), created, account, seq, limit],
        )
        .await?
        .iter()
        .map(stored)
        .collect()
}

/// The newest events, the newest first, each with the first `size` characters of its body.
///
/// # Errors
/// As [`Store::query`].
pub async fn newest(store: &Store, limit: u32, size: u32) -> Result<Vec<StoredEvent>, StoreError> {
    store
        .query(
            "SELECT id, account, seq, type, created, SUBSTR(payload, 1, CAST($2 AS INTEGER)) FROM events \
             ORDER BY created DESC, account DESC, seq DESC LIMIT $1",
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
