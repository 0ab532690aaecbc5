//! The writer thread: groups all waiting batches into one transaction and one fsync.
//!
//! Each batch of a group is a savepoint, so a failed one rolls back alone. When the whole transaction is lost (no
//! room, a broken disk, an interrupted statement), its batches are run again one by one, so that each gets its own
//! verdict.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use crate::batch::{Batch, Committed};
use crate::error::{BatchError, StoreError};
use crate::sql::{Dialect, Rewrites};

/// Most batches in one group.
const GROUP: usize = 500;
/// A group takes no more batches after this long, so that the first of it is not kept waiting.
const GROUP_TIME: Duration = Duration::from_millis(500);
/// Longest run of one batch.
const BATCH_TIME: Duration = Duration::from_secs(3);
/// Batches that may wait; more wait in their callers.
const WAITING: usize = 4096;

type Verdict = Result<Committed, BatchError>;

enum Message {
    Batch(Batch, oneshot::Sender<Verdict>),
    LimitPages(u32, oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    closed: AtomicBool,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> Result<Self, StoreError> {
        let (queue, messages) = mpsc::channel(WAITING);
        let clock = Arc::new(Deadline::new());
        let watched = clock.clone();
        connection
            .progress_handler(10_000, Some(move || watched.passed()))
            .map_err(|error| StoreError::Open(error.to_string()))?;
        let mut thread = Thread {
            connection,
            rewrites: Rewrites::default(),
            clock,
        };
        std::thread::Builder::new()
            .name("store-write".to_owned())
            .spawn(move || {
                let closing = thread.serve(messages);
                let closed = thread.close();
                if let Some(reply) = closing {
                    let _ = reply.send(closed);
                }
            })
            .map_err(|error| StoreError::io("cannot start the writer thread", &error))?;
        Ok(Self {
            queue,
            closed: AtomicBool::new(false),
        })
    }

    pub(super) async fn commit(&self, batch: Batch) -> Verdict {
        if self.closed.load(Ordering::Acquire) {
            return Err(BatchError::Closed);
        }
        let (reply, verdict) = oneshot::channel();
        self.queue
            .send(Message::Batch(batch, reply))
            .await
            .map_err(|_| BatchError::Closed)?;
        verdict.await.unwrap_or(Err(BatchError::Closed))
    }

    pub(super) async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        let (reply, done) = oneshot::channel();
        self.queue
            .send(Message::LimitPages(pages, reply))
            .await
            .map_err(|_| StoreError::Closed)?;
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let (reply, done) = oneshot::channel();
        self.queue
            .send(Message::Close(reply))
            .await
            .map_err(|_| StoreError::Closed)?;
        done.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// When the running batch must end, for SQLite's progress handler.
struct Deadline {
    start: Instant,
    /// Milliseconds after `start`; 0 = none.
    at: AtomicU64,
}

impl Deadline {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            at: AtomicU64::new(0),
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn set(&self, limit: Option<Duration>) {
        let at = limit.map_or(0, |limit| {
            self.millis()
                .saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
                .max(1)
        });
        self.at.store(at, Ordering::Relaxed);
    }

    fn passed(&self) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at != 0 && self.millis() > at
    }
}

struct Waiting {
    batch: Batch,
    reply: oneshot::Sender<Verdict>,
    verdict: Verdict,
}

struct Thread {
    connection: Connection,
    rewrites: Rewrites,
    clock: Arc<Deadline>,
}

impl Thread {
    /// Works until it is told to close or every handle is gone.
    fn serve(
        &mut self,
        mut messages: mpsc::Receiver<Message>,
    ) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        let mut closing = None;
        while let Some(message) = messages.blocking_recv() {
            let first = match message {
                Message::Batch(batch, reply) => (batch, reply),
                Message::LimitPages(pages, reply) => {
                    let _ = reply.send(self.limit_pages(pages));
                    continue;
                }
                Message::Close(reply) => {
                    // What was sent before stays in the channel and is still drained by this loop.
                    messages.close();
                    closing = Some(reply);
                    continue;
                }
            };
            let mut other = None;
            self.group(first, || match messages.try_recv() {
                Ok(Message::Batch(batch, reply)) => Some((batch, reply)),
                Ok(message) => {
                    other = Some(message);
                    None
                }
                Err(_) => None,
            });
            match other {
                Some(Message::LimitPages(pages, reply)) => {
                    let _ = reply.send(self.limit_pages(pages));
                }
                Some(Message::Close(reply)) => {
                    messages.close();
                    closing = Some(reply);
                }
                Some(Message::Batch(..)) | None => {}
            }
        }
        closing
    }

    fn group(
        &mut self,
        first: (Batch, oneshot::Sender<Verdict>),
        mut more: impl FnMut() -> Option<(Batch, oneshot::Sender<Verdict>)>,
    ) {
        let started = Instant::now();
        let mut group: Vec<Waiting> = Vec::new();
        let mut next = Some(first);
        let mut lost = self.begin().err();
        while let Some((batch, reply)) = next {
            let verdict = if lost.is_none() {
                self.savepoint(&batch)
            } else {
                Err(BatchError::Timeout)
            };
            let gone = lost.is_none() && verdict.is_err() && self.connection.is_autocommit();
            group.push(Waiting {
                batch,
                reply,
                verdict,
            });
            if gone {
                // SQLite rolled the whole transaction back: the ones before are to be run again.
                self.one_by_one(group);
                return;
            }
            next = if group.len() < GROUP && started.elapsed() < GROUP_TIME {
                more()
            } else {
                None
            };
        }
        if lost.is_none() {
            lost = self.end().err();
            if lost.is_some() && group.len() > 1 {
                for waiting in &mut group {
                    if waiting.verdict.is_err() {
                        continue;
                    }
                    waiting.verdict = self.alone(&waiting.batch);
                }
                lost = None;
            }
        }
        for waiting in group {
            let verdict = match (&lost, waiting.verdict) {
                (Some(error), _) => Err(error.clone()),
                (None, verdict) => verdict,
            };
            let _ = waiting.reply.send(verdict);
        }
    }

    /// After the last batch of the group took the whole transaction with it.
    fn one_by_one(&mut self, mut group: Vec<Waiting>) {
        let culprit = group.pop();
        for waiting in group {
            let verdict = if waiting.verdict.is_ok() {
                self.alone(&waiting.batch)
            } else {
                waiting.verdict
            };
            let _ = waiting.reply.send(verdict);
        }
        if let Some(waiting) = culprit {
            let _ = waiting.reply.send(waiting.verdict);
        }
    }

    fn alone(&mut self, batch: &Batch) -> Verdict {
        self.begin()?;
        let verdict = self.savepoint(batch);
        if verdict.is_err() && self.connection.is_autocommit() {
            return verdict;
        }
        self.end()?;
        verdict
    }

    fn begin(&mut self) -> Result<(), BatchError> {
        self.clock.set(None);
        self.control("BEGIN IMMEDIATE")
    }

    /// Commits; after a failure no transaction is open.
    fn end(&mut self) -> Result<(), BatchError> {
        self.clock.set(None);
        let result = self.control("COMMIT");
        if result.is_err() && !self.connection.is_autocommit() {
            let _ = self.control("ROLLBACK");
        }
        result
    }

    fn control(&self, text: &str) -> Result<(), BatchError> {
        self.connection
            .prepare_cached(text)
            .and_then(|mut statement| statement.raw_execute())
            .map(|_| ())
            .map_err(|error| batch_error(&error, 0))
    }

    fn savepoint(&mut self, batch: &Batch) -> Verdict {
        let result = self.inside_savepoint(batch);
        result.unwrap_or_else(|error| {
            // The savepoint itself broke: only giving up the whole transaction is safe.
            if !self.connection.is_autocommit() {
                let _ = self.control("ROLLBACK");
            }
            Err(error)
        })
    }

    /// The outer error is one of the savepoint's own statements.
    fn inside_savepoint(&mut self, batch: &Batch) -> Result<Verdict, BatchError> {
        self.control("SAVEPOINT batch")?;
        self.clock.set(Some(BATCH_TIME));
        let verdict = self.steps(batch);
        self.clock.set(None);
        if self.connection.is_autocommit() {
            return Ok(verdict.and(Err(BatchError::Timeout)));
        }
        if verdict.is_err() {
            self.control("ROLLBACK TO batch")?;
        }
        self.control("RELEASE batch")?;
        Ok(verdict)
    }

    fn steps(&mut self, batch: &Batch) -> Verdict {
        let started = Instant::now();
        let mut committed = Committed {
            done: Vec::with_capacity(batch.steps.len()),
        };
        for (at, step) in batch.steps.iter().enumerate() {
            let text = self.rewrites.get(&step.sql, Dialect::Sqlite);
            let done = self
                .connection
                .prepare_cached(&text)
                .and_then(|mut statement| super::run(&mut statement, &step.params))
                .map_err(|error| batch_error(&error, at))?;
            step.check(at, &done)?;
            committed.done.push(done);
            if started.elapsed() > BATCH_TIME {
                return Err(BatchError::Timeout);
            }
        }
        Ok(committed)
    }

    fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.connection
            .query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))
            .map_err(|error| StoreError::Sql(error.to_string()))
    }

    /// Empties the log into the database file.
    fn close(self) -> Result<(), StoreError> {
        self.clock.set(None);
        self.connection.flush_prepared_statement_cache();
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|error| StoreError::Sql(error.to_string()))?;
        self.connection
            .close()
            .map_err(|(_, error)| StoreError::Sql(error.to_string()))
    }
}

fn batch_error(error: &rusqlite::Error, statement: usize) -> BatchError {
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => BatchError::DiskFull,
        Some(ErrorCode::OperationInterrupted) => BatchError::Timeout,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            BatchError::Unavailable("another process holds the database".to_owned())
        }
        Some(ErrorCode::ConstraintViolation) => BatchError::Constraint { statement, reason },
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
            BatchError::Unavailable(reason)
        }
        _ => BatchError::Sql { statement, reason },
    }
}
