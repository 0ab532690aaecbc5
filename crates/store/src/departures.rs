//! Messages that went from a folder, kept until it shows whether they were moved.
//!
//! The deletion is announced when it is due, or together with the arrival that explains it. After that the row stays for
//! a while, so that a late arrival can still be told for a move.

use std::time::Duration;

use posthouse_model::index::{Identity, ThreadKey};
use posthouse_model::{AccountId, Timestamp};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;
use crate::value::{Row, Value};

/// The guard of [`announced`] and [`claim`].
pub const GUARD: &str = "departure";

/// How long a departure is kept after it was announced.
const KEPT: Duration = Duration::from_secs(3600);

/// A message that went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Number of its folder, 0 where there are none.
    pub mailbox: u32,
    /// The message's id.
    pub reference: String,
    /// Its UID.
    pub uid: Option<u32>,
    /// Its folder.
    pub path: String,
    /// What names it in all folders.
    pub identity: Identity,
    /// Its conversation.
    pub thread: Option<ThreadKey>,
    /// When it was found to be gone.
    pub gone: Timestamp,
    /// When its deletion is announced; none once it is.
    pub due: Option<Timestamp>,
}

const COLUMNS: &str = "mailbox, ref, uid, path, identity, thread, gone, due";

fn departure(row: &Row, at: usize) -> Result<Departure, StoreError> {
    let uid = row.opt_i64(at + 2)?.map(u32::try_from).transpose();
    Ok(Departure {
        mailbox: row.count(at)?,
        reference: row.text(at + 1)?.to_owned(),
        uid: uid.map_err(|_| StoreError::Corrupt("a departure's UID".to_owned()))?,
        path: row.text(at + 3)?.to_owned(),
        identity: Identity::from_bits(row.i64(at + 4)?.cast_unsigned()),
        thread: row
            .opt_i64(at + 5)?
            .map(|bits| ThreadKey::from_bits(bits.cast_unsigned())),
        gone: row.time(at + 6)?,
        due: row.opt_i64(at + 7)?.map(Timestamp),
    })
}

/// Keeps a message that went.
pub fn put(batch: &mut Batch, account: &AccountId, departure: &Departure) {
    batch.push(
        "INSERT INTO departures (account, mailbox, ref, uid, path, identity, thread, gone, due) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (account, mailbox, ref) DO UPDATE SET gone = excluded.gone, due = excluded.due",
        params![
            account,
            departure.mailbox,
            &departure.reference,
            departure.uid,
            &departure.path,
            departure.identity.bits().cast_signed(),
            departure.thread.map(|thread| thread.bits().cast_signed()),
            departure.gone,
            departure.due,
        ],
    );
}

/// The messages with one of these identities that went lately.
///
/// # Errors
/// As [`Store::query`].
pub async fn find(
    store: &Store,
    account: &AccountId,
    identities: &[Identity],
) -> Result<Vec<Departure>, StoreError> {
    let mut found = Vec::new();
    // Each statement takes so many.
    for some in identities.chunks(200) {
        let mut params = params![account];
        let mut sql =
            format!("SELECT {COLUMNS} FROM departures WHERE account=$1 AND identity IN (");
        for (at, identity) in some.iter().enumerate() {
            params.push(Value::from(identity.bits().cast_signed()));
            let comma = if at == 0 { "" } else { ", " };
            sql.push_str(&format!("{comma}${}", params.len()));
        }
        sql.push(')');
        for row in &store.query(sql, params).await? {
            found.push(departure(row, 0)?);
        }
    }
    Ok(found)
}

/// An account's departure that is due, and the epoch of the account's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Account.
    pub account: AccountId,
    /// The epoch.
    pub epoch: i64,
    /// The message.
    pub departure: Departure,
}

/// What is due of the accounts of a node, the oldest first.
///
/// # Errors
/// As [`Store::query`].
pub async fn due(
    store: &Store,
    node: &str,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Due>, StoreError> {
    store
        .query(
            "SELECT d.account, a.epoch, d.mailbox, d.ref, d.uid, d.path, d.identity, d.thread, d.gone, d.due \
             FROM departures d JOIN accounts a ON a.account = d.account AND a.owner = $1 \
             WHERE d.due IS NOT NULL AND d.due <= $2 ORDER BY d.due, d.account, d.mailbox, d.ref LIMIT $3",
            params![node, now, limit],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(Due {
                account: AccountId::new(row.text(0)?),
                epoch: row.i64(1)?,
                departure: departure(row, 2)?,
            })
        })
        .collect()
}

/// When the next one of the accounts of a node is due.
///
/// # Errors
/// As [`Store::query`].
pub async fn next_due(store: &Store, node: &str) -> Result<Option<Timestamp>, StoreError> {
    let row = store
        .query_one(
            "SELECT d.due FROM departures d JOIN accounts a ON a.account = d.account AND a.owner = $1 \
             WHERE d.due IS NOT NULL ORDER BY d.due LIMIT 1",
            params![node],
        )
        .await?;
    row.map_or(Ok(None), |row| Ok(row.opt_i64(0)?.map(Timestamp)))
}

/// Notes that the deletion is announced. The batch fails if it was before, or was told for a move.
pub fn announced(batch: &mut Batch, account: &AccountId, departure: &Departure) {
    batch.guard(
        GUARD,
        "UPDATE departures SET due=NULL \
         WHERE account=$1 AND mailbox=$2 AND ref=$3 AND due IS NOT NULL",
        params![account, departure.mailbox, &departure.reference],
    );
}

/// Forgets a message whose move is explained. The batch fails if another explained it, or its deletion was announced
/// since.
pub fn claim(batch: &mut Batch, account: &AccountId, departure: &Departure) {
    let sql = match departure.due {
        None => "DELETE FROM departures WHERE account=$1 AND mailbox=$2 AND ref=$3 AND due IS NULL",
        Some(_) => {
            "DELETE FROM departures WHERE account=$1 AND mailbox=$2 AND ref=$3 AND due IS NOT NULL"
        }
    };
    let params = params![account, departure.mailbox, &departure.reference];
    batch.guard(GUARD, sql, params);
}

/// Forgets all of an account.
pub fn drop_account(batch: &mut Batch, account: &AccountId) {
    batch.push("DELETE FROM departures WHERE account=$1", params![account]);
}

/// Forgets what was announced long ago.
pub(crate) fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push(
        "DELETE FROM departures WHERE due IS NULL AND gone < $1",
        params![now.before(KEPT)],
    );
}
