//! Committing a batch exactly once, also when the answer to COMMIT is lost.
//!
//! The batch's id goes into `batches` in the same transaction, with the results of its statements. When the outcome
//! of a COMMIT is unknown the batch is run again, now inserting the id *first*: the insert waits for the earlier
//! transaction should it still be running, and a conflict means "already applied". When such a second run fails for
//! good, the id is burnt in a transaction of its own before the failure is reported, so that a COMMIT still travelling
//! through the network can no longer succeed.

use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use futures_util::future::join_all;
use tokio_postgres::error::SqlState;

use super::{Postgres, discard, execute, is_lost, pool_error, run, within, words};
use crate::batch::{Batch, Committed};
use crate::error::BatchError;
use crate::outcome;
use crate::params;

/// Longest transaction. The safe horizon of readers (5 s) rests on it.
const BATCH_TIME: Duration = Duration::from_secs(3);
/// How long to keep trying before "not available" or "unknown" is reported.
const PATIENCE: Duration = Duration::from_secs(20);
/// Statements sent without waiting for each other's answer.
const PIPELINE: usize = 16;

/// The server ends a statement by itself too, so that a client that is gone leaves no locks behind.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 3000";
const INSERT_ID: &str = "INSERT INTO batches (id, created, outcome) \
    VALUES ($1, CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT), $2)";
const CLAIM_ID: &str = "INSERT INTO batches (id, created) \
    VALUES ($1, CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT)) ON CONFLICT (id) DO NOTHING";
const SET_OUTCOME: &str = "UPDATE batches SET outcome=$2 WHERE id=$1";
const GET_OUTCOME: &str = "SELECT outcome FROM batches WHERE id=$1";

enum Failure {
    /// Nothing was written; running it again may help.
    Again(BatchError),
    /// Nothing was written; running it again will not help.
    Final(BatchError),
    /// The COMMIT was sent and its answer never came.
    Unknown(String),
}

pub(super) async fn commit(db: &Postgres, batch: Batch) -> Result<Committed, BatchError> {
    let started = Instant::now();
    let mut unknown: Option<String> = None;
    let mut attempt = 0_u32;
    loop {
        let failure = match attempt_once(db, &batch, unknown.is_some()).await {
            Ok(committed) => return Ok(committed),
            Err(failure) => failure,
        };
        let error = match failure {
            Failure::Final(error) => match unknown {
                None => return Err(error),
                Some(_) => match burn(db, &batch).await {
                    Ok(None) => return Err(error),
                    Ok(Some(committed)) => return Ok(committed),
                    Err(reason) => BatchError::Unknown(reason),
                },
            },
            Failure::Again(error) => error,
            Failure::Unknown(reason) => {
                tracing::warn!(batch = %batch.id, reason, "the answer to COMMIT is lost, asking again");
                unknown = Some(reason.clone());
                BatchError::Unknown(reason)
            }
        };
        if started.elapsed() > PATIENCE || db.is_closed() {
            return Err(match unknown {
                Some(reason) => BatchError::Unknown(reason),
                None => error,
            });
        }
        tokio::time::sleep(pause(attempt)).await;
        attempt += 1;
    }
}

/// 5 ms doubling to 640 ms, each drawn between half and whole so that two losers of a deadlock part.
fn pause(attempt: u32) -> Duration {
    let whole = 5_u64 << attempt.min(7);
    let random = getrandom::u32().unwrap_or(0);
    Duration::from_millis(whole / 2 + u64::from(random) % (whole / 2 + 1))
}

/// Makes sure the batch can never be applied any more; `Some` if it has been.
async fn burn(db: &Postgres, batch: &Batch) -> Result<Option<Committed>, String> {
    let connection = db.connection().await.map_err(|error| error.to_string())?;
    let id = params![batch.id.to_string()];
    let work = async {
        let burnt = execute(&connection, CLAIM_ID, &id).await?;
        if burnt.affected == 1 {
            return Ok(None);
        }
        execute(&connection, GET_OUTCOME, &id)
            .await
            .map(|done| done.rows.first().cloned())
    };
    let row = match within(BATCH_TIME, work).await {
        Some(Ok(row)) => row,
        Some(Err(error)) => return Err(words(&error)),
        None => {
            discard(connection);
            return Err("no answer in time".to_owned());
        }
    };
    row.map_or(Ok(None), |row| match row.opt_blob(0) {
        Ok(Some(bytes)) => outcome::decode(bytes)
            .map(Some)
            .map_err(|error| error.to_string()),
        // Burnt by an earlier try of this very function.
        _ => Ok(None),
    })
}

async fn attempt_once(db: &Postgres, batch: &Batch, resume: bool) -> Result<Committed, Failure> {
    let connection = match db.connection().await {
        Ok(connection) => connection,
        Err(error) => {
            return Err(match pool_error(&error) {
                error @ BatchError::Closed => Failure::Final(error),
                error => Failure::Again(error),
            });
        }
    };
    match within(BATCH_TIME, statements(db, &connection, batch, resume)).await {
        None => {
            discard(connection);
            Err(Failure::Final(BatchError::Timeout))
        }
        Some(Err(failure)) => {
            abandon(connection).await;
            Err(failure)
        }
        Some(Ok(Prepared::Applied(committed))) => {
            abandon(connection).await;
            Ok(committed)
        }
        Some(Ok(Prepared::Ready(committed))) => {
            match within(BATCH_TIME, connection.batch_execute("COMMIT")).await {
                Some(Ok(())) => Ok(committed),
                // A server that answers with an error (serialization, deferred constraint) has rolled back.
                Some(Err(error)) if error.as_db_error().is_some() && !is_lost(&error) => {
                    abandon(connection).await;
                    Err(failure(&error, batch.steps.len()))
                }
                Some(Err(error)) => {
                    discard(connection);
                    Err(Failure::Unknown(words(&error)))
                }
                None => {
                    discard(connection);
                    Err(Failure::Unknown("no answer in time".to_owned()))
                }
            }
        }
    }
}

enum Prepared {
    /// All done but the COMMIT.
    Ready(Committed),
    /// An earlier attempt had been committed.
    Applied(Committed),
}

/// Everything before COMMIT. The statements are sent in one go, as answers are not needed to send the next.
async fn statements(
    db: &Postgres,
    connection: &Object,
    batch: &Batch,
    resume: bool,
) -> Result<Prepared, Failure> {
    let end = batch.steps.len();
    let id = batch.id.to_string();
    // Preparing comes first: a statement that is not cached yet costs a round trip of its own.
    let mut prepared = Vec::with_capacity(end);
    for (at, step) in batch.steps.iter().enumerate() {
        let text = db.text(&step.sql);
        prepared.push(
            connection
                .prepare_cached(&text)
                .await
                .map_err(|error| failure(&error, at))?,
        );
    }
    if resume {
        connection
            .batch_execute(BEGIN)
            .await
            .map_err(|error| failure(&error, end))?;
        let claimed = execute(connection, CLAIM_ID, &params![id.as_str()])
            .await
            .map_err(|error| failure(&error, end))?;
        if claimed.affected == 0 {
            let known = execute(connection, GET_OUTCOME, &params![id.as_str()])
                .await
                .map_err(|error| failure(&error, end))?;
            let bytes = known.rows.first().and_then(|row| row.opt_blob(0).ok()?);
            return bytes
                .and_then(|bytes| outcome::decode(bytes).ok())
                .map(Prepared::Applied)
                .ok_or_else(|| {
                    Failure::Final(BatchError::Unknown(
                        "the outcome is not recorded".to_owned(),
                    ))
                });
        }
    }
    let mut committed = Committed {
        done: Vec::with_capacity(end),
    };
    let mut begin = !resume;
    let steps: Vec<_> = batch.steps.iter().zip(&prepared).enumerate().collect();
    for part in steps.chunks(PIPELINE) {
        let opening = async {
            if begin {
                connection.batch_execute(BEGIN).await
            } else {
                Ok(())
            }
        };
        // Futures are first polled, and so the messages sent, in this order.
        let running = join_all(
            part.iter()
                .map(|(_, (step, statement))| run(connection, statement, &step.params)),
        );
        let (opened, results) = tokio::join!(biased; opening, running);
        opened.map_err(|error| failure(&error, end))?;
        begin = false;
        for ((at, (step, _)), result) in part.iter().zip(results) {
            let done = result.map_err(|error| failure(&error, *at))?;
            step.check(*at, &done).map_err(Failure::Final)?;
            committed.done.push(done);
        }
    }
    if begin {
        return Ok(Prepared::Applied(committed));
    }
    let text = if resume { SET_OUTCOME } else { INSERT_ID };
    execute(connection, text, &params![id, outcome::encode(&committed)])
        .await
        .map_err(|error| match error.code() {
            // Only an attempt of this very batch can have inserted its id.
            Some(code) if *code == SqlState::UNIQUE_VIOLATION => Failure::Unknown(words(&error)),
            _ => failure(&error, end),
        })?;
    Ok(Prepared::Ready(committed))
}

/// Rolls back and gives the connection back to the pool, or closes it if that does not work at once.
async fn abandon(connection: Object) {
    match within(BATCH_TIME, connection.batch_execute("ROLLBACK")).await {
        Some(Ok(())) => {}
        _ => discard(connection),
    }
}

fn failure(error: &tokio_postgres::Error, statement: usize) -> Failure {
    if is_lost(error) {
        return Failure::Again(BatchError::Unavailable(words(error)));
    }
    let reason = words(error);
    let Some(code) = error.code() else {
        return Failure::Final(BatchError::Sql { statement, reason });
    };
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            Failure::Again(BatchError::Unavailable(reason))
        }
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
            Failure::Final(BatchError::Timeout)
        }
        SqlState::DISK_FULL => Failure::Final(BatchError::DiskFull),
        _ if code.code().starts_with("23") => {
            Failure::Final(BatchError::Constraint { statement, reason })
        }
        _ => Failure::Final(BatchError::Sql { statement, reason }),
    }
}
