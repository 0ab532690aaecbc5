//! Workers take messages.

use std::time::Duration;

use posthouse_model::{AccountId, Timestamp};

use super::{Lease, StoredMessage, stored};
use crate::batch::Batch;
use crate::error::StoreError;
use crate::page::json;
use crate::params;
use crate::sql::Sql;
use crate::store::Store;

/// What is to be done with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// They are to be sent.
    Send,
    /// They were sent; their copies are to be stored.
    FollowUp,
}

/// The accounts of the parameter `$5`, a JSON list.
macro_rules! claims {
    ($except:literal) => {
        (
            // Of an account that has a pace, the first message once its time has come; of others, whatever is due.
            concat!(
                "UPDATE outbox SET lease_owner=$1, lease_until=$2, fence=fence+1 WHERE queue_id IN \
                 (SELECT queue_id FROM (SELECT queue_id FROM (SELECT (SELECT queue_id FROM outbox o \
                 WHERE o.account=p.account AND state='queued' AND due <= $3 AND lease_until <= $3 \
                 ORDER BY due, queue_id LIMIT 1) AS queue_id FROM send_pace p WHERE turn + pace <= $3 \
                 AND account NOT IN (",
                $except,
                ")) AS paced WHERE queue_id IS NOT NULL \
                 UNION ALL SELECT queue_id FROM (SELECT queue_id FROM outbox WHERE state='queued' AND due <= $3 \
                 AND lease_until <= $3 AND account NOT IN (",
                $except,
                ") AND account NOT IN (SELECT account FROM send_pace) ORDER BY due, queue_id \
                 LIMIT $4 {SKIP_LOCKED}) AS free) AS chosen LIMIT $4) \
                 AND state='queued' AND due <= $3 AND lease_until <= $3 RETURNING ",
                columns!()
            ),
            concat!(
                "UPDATE outbox SET lease_owner=$1, lease_until=$2, fence=fence+1 WHERE queue_id IN \
                 (SELECT queue_id FROM outbox WHERE state='sent' AND due <= $3 AND lease_until <= $3 \
                 AND account NOT IN (",
                $except,
                ") ORDER BY due, queue_id LIMIT $4 {SKIP_LOCKED}) \
                 AND state='sent' AND due <= $3 AND lease_until <= $3 RETURNING ",
                columns!()
            ),
        )
    };
}

/// Leases up to `limit` messages that are due and free, the longest waiting first; messages of the accounts in `except`
/// wait. Of an account that has a pace (see [`super::take_turn`]) it is one message at the most, and none before its turn.
///
/// # Errors
/// As [`Store::commit`] and [`super::get`].
pub async fn claim(
    store: &Store,
    work: Work,
    worker: &str,
    now: Timestamp,
    lease: Duration,
    limit: u32,
    except: &[AccountId],
) -> Result<Vec<(Lease, StoredMessage)>, StoreError> {
    const SQLITE: (&str, &str) = claims!("SELECT value FROM json_each($5)");
    const POSTGRES: (&str, &str) =
        claims!("SELECT jsonb_array_elements_text(CAST(CAST($5 AS TEXT) AS JSONB))");
    let sql = match work {
        Work::Send => Sql::dialects(SQLITE.0, POSTGRES.0),
        Work::FollowUp => Sql::dialects(SQLITE.1, POSTGRES.1),
    };
    let mut batch = Batch::new();
    let claimed = batch
        .push(
            sql,
            params![worker, now.after(lease), now, limit, json(except)?],
        )
        .statement();
    let committed = store.commit(batch).await?;
    let mut messages = Vec::new();
    for row in committed.rows(claimed) {
        let message = stored(store, now, row)?;
        let lease = Lease {
            id: message.entry.id.clone(),
            worker: worker.to_owned(),
            fence: message.fence,
        };
        messages.push((lease, message));
    }
    messages.sort_by(|(_, a), (_, b)| {
        (a.entry.scheduled, &a.entry.id).cmp(&(b.entry.scheduled, &b.entry.id))
    });
    Ok(messages)
}

/// When the next message that waits for its time is due; to sleep until then. What is due already, or leased, is not
/// looked at.
///
/// # Errors
/// As [`Store::query`].
pub async fn next_due(
    store: &Store,
    work: Work,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = match work {
        Work::Send => {
            "SELECT MIN(next) FROM (SELECT MIN(due) AS next FROM outbox WHERE state='queued' AND due > $1 \
             UNION ALL SELECT MIN(turn + pace) FROM send_pace WHERE turn + pace > $1) AS times"
        }
        Work::FollowUp => "SELECT MIN(due) FROM outbox WHERE state='sent' AND due > $1",
    };
    let row = store.query_one(sql, params![now]).await?;
    row.map_or(Ok(None), |row| Ok(row.opt_i64(0)?.map(Timestamp)))
}
