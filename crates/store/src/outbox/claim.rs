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

/// How many of those that are due are looked at, the longest waiting first, before it is asked which accounts wait behind
/// them: what an account that has enough in hand has due is passed over without a walk through all of it.
const HEAD: u32 = 128;
/// Messages claimed of an account that waited behind others.
const OF_ACCOUNT: u32 = 8;

impl Work {
    /// The messages that are free; `$1` is the time.
    const fn free(self) -> &'static str {
        match self {
            Self::Send => "state='queued' AND due <= $1 AND lease_until <= $1",
            Self::FollowUp => "state='sent' AND due <= $1 AND lease_until <= $1",
        }
    }

    /// The accounts that have turns.
    const fn paced(self) -> &'static str {
        match self {
            Self::Send => "SELECT account FROM send_pace",
            Self::FollowUp => "SELECT '' WHERE 1=0",
        }
    }
}

/// A text with `{LIST}`: the accounts of the parameter `$3`, a JSON list; and `{LIMIT}`: what limits candidates where
/// nobody else may be about to take the same.
fn dialects(text: &str) -> Sql {
    let list = "SELECT jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB)) AS value";
    Sql::texts(
        text.replace("{LIST}", "SELECT value FROM json_each($3)")
            .replace("{LIMIT}", "LIMIT $2"),
        text.replace("{LIST}", list).replace("{LIMIT}", ""),
    )
}

/// Leases the first of the candidates that nobody else is about to lease. They are chosen once: as a condition of the update
/// PostgreSQL may choose anew for each row, and take more.
fn leasing(work: Work, candidates: &str) -> Sql {
    let free = work.free();
    dialects(&format!(
        "WITH chosen(id) AS MATERIALIZED (SELECT queue_id FROM outbox WHERE queue_id IN ({candidates}) AND {free} \
         ORDER BY due, queue_id LIMIT $2 {{SKIP_LOCKED}}) \
         UPDATE outbox SET lease_owner=$4, lease_until=$5, fence=fence+1 \
         WHERE queue_id IN (SELECT id FROM chosen) AND {free} RETURNING {}",
        columns!()
    ))
}

/// Of an account that has a pace, the first message once its time has come; of others what is due longest.
fn head(work: Work) -> Sql {
    let (free, paced) = (work.free(), work.paced());
    let turns = match work {
        Work::Send => format!(
            "SELECT queue_id FROM (SELECT (SELECT queue_id FROM outbox o WHERE o.account=p.account AND {free} \
             ORDER BY due, queue_id LIMIT 1) AS queue_id FROM send_pace p WHERE turn + pace <= $1 \
             AND account NOT IN ({{LIST}})) AS turns WHERE queue_id IS NOT NULL UNION ALL "
        ),
        Work::FollowUp => String::new(),
    };
    leasing(
        work,
        &format!(
            "{turns}SELECT queue_id FROM (SELECT queue_id FROM (SELECT queue_id, account FROM outbox WHERE {free} \
             ORDER BY due, queue_id LIMIT {HEAD}) AS head WHERE account NOT IN ({{LIST}}) \
             AND account NOT IN ({paced}) {{LIMIT}}) AS free"
        ),
    )
}

/// The first messages of the accounts in the list.
fn of_accounts(work: Work) -> Sql {
    let free = work.free();
    leasing(
        work,
        &format!(
            "SELECT o.queue_id FROM (SELECT value AS account FROM ({{LIST}}) AS list) AS waiting \
             JOIN outbox o ON o.queue_id IN (SELECT queue_id FROM outbox q WHERE q.account=waiting.account AND {free} \
             ORDER BY due, queue_id LIMIT {OF_ACCOUNT})"
        ),
    )
}

/// The accounts that have something due and free, the longest waiting first; none while the head of the queue is shorter
/// than [`HEAD`].
async fn waiting_accounts(
    store: &Store,
    work: Work,
    now: Timestamp,
    limit: u32,
    except: &str,
) -> Result<Vec<String>, StoreError> {
    let (free, paced) = (work.free(), work.paced());
    let state = match work {
        Work::Send => "state='queued'",
        Work::FollowUp => "state='sent'",
    };
    let sql = dialects(&format!(
        "WITH RECURSIVE queues(account) AS (\
         SELECT (SELECT account FROM outbox WHERE {state} ORDER BY account LIMIT 1) \
         WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE {free} LIMIT {HEAD}) AS head) = {HEAD} \
         UNION ALL SELECT (SELECT account FROM outbox WHERE {state} AND account > queues.account \
         ORDER BY account LIMIT 1) FROM queues WHERE queues.account IS NOT NULL) \
         SELECT account FROM (SELECT account, (SELECT due FROM outbox WHERE account=queues.account AND {free} \
         ORDER BY due, queue_id LIMIT 1) AS due FROM queues WHERE account NOT IN ({{LIST}}) \
         AND account NOT IN ({paced})) AS waiting WHERE due IS NOT NULL ORDER BY due, account LIMIT $2"
    ));
    let rows = store.query(sql, params![now, limit, except]).await?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
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
    let until = now.after(lease);
    let take = async |sql: Sql, accounts: &str| {
        let mut batch = Batch::new();
        let taken = batch.push(sql, params![now, limit, accounts, worker, until]);
        let taken = taken.statement();
        let committed = store.commit(batch).await?;
        let messages = committed.rows(taken).iter().map(|row| {
            let message = stored(store, now, row)?;
            let lease = Lease {
                id: message.entry.id.clone(),
                worker: worker.to_owned(),
                fence: message.fence,
            };
            Ok((lease, message))
        });
        messages.collect::<Result<Vec<_>, StoreError>>()
    };
    let except = json(except)?;
    let mut messages = take(head(work), &except).await?;
    if messages.is_empty() {
        let accounts = waiting_accounts(store, work, now, limit, &except).await?;
        if !accounts.is_empty() {
            messages = take(of_accounts(work), &json(&accounts)?).await?;
        }
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
