//! Reader threads: each owns a read-only connection and takes queries from one queue.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::sql::{Dialect, Rewrites, Sql};
use crate::value::{Row, Value};

type Answer = Result<Vec<Row>, StoreError>;

struct Job {
    sql: Sql,
    params: Vec<Value>,
    reply: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that sleep; waking costs a system call, so it is done only for these.
    idle: usize,
    threads: usize,
    closed: bool,
    closing: Vec<oneshot::Sender<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked between two pushes leaves the queue whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }
}

pub(super) struct Readers(Arc<Queue>);

impl Readers {
    pub(super) fn start(
        threads: usize,
        connect: impl Fn() -> Result<Connection, StoreError>,
    ) -> Result<Self, StoreError> {
        let readers = Self(Arc::default());
        for number in 0..threads {
            let connection = connect()?;
            let queue = readers.0.clone();
            queue.lock().threads += 1;
            std::thread::Builder::new()
                .name(format!("store-read-{number}"))
                .spawn(move || serve(&queue, &connection))
                .map_err(|error| StoreError::io("cannot start a reader thread", &error))?;
        }
        Ok(readers)
    }

    pub(super) async fn query(&self, sql: Sql, params: Vec<Value>) -> Answer {
        let (reply, answer) = oneshot::channel();
        let wake = {
            let mut state = self.0.lock();
            if state.closed {
                return Err(StoreError::Closed);
            }
            state.jobs.push_back(Job { sql, params, reply });
            state.idle > 0
        };
        if wake {
            self.0.wake.notify_one();
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Answers what is queued, then ends the threads and closes their connections.
    pub(super) async fn close(&self) {
        let (done, ended) = oneshot::channel();
        {
            let mut state = self.0.lock();
            if state.threads == 0 {
                return;
            }
            state.closing.push(done);
        }
        self.0.close();
        let _ = ended.await;
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn serve(queue: &Queue, connection: &Connection) {
    let mut rewrites = Rewrites::default();
    while let Some(job) = next(queue) {
        if job.reply.is_closed() {
            continue;
        }
        let answer = read(connection, &mut rewrites, &job);
        let _ = job.reply.send(answer);
    }
    connection.flush_prepared_statement_cache();
    let mut state = queue.lock();
    state.threads = state.threads.saturating_sub(1);
    if state.threads == 0 {
        for waiting in state.closing.drain(..) {
            let _ = waiting.send(());
        }
    }
}

fn next(queue: &Queue) -> Option<Job> {
    let mut state = queue.lock();
    loop {
        if let Some(job) = state.jobs.pop_front() {
            return Some(job);
        }
        if state.closed {
            return None;
        }
        state.idle += 1;
        state = queue
            .wake
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
    }
}

fn read(connection: &Connection, rewrites: &mut Rewrites, job: &Job) -> Answer {
    let text = rewrites.get(&job.sql, Dialect::Sqlite);
    let run = || {
        let mut statement = connection.prepare_cached(&text)?;
        super::run(&mut statement, &job.params)
    };
    match run() {
        Ok(done) => Ok(done.rows),
        Err(error) if super::is_busy(&error) => Err(StoreError::Timeout),
        Err(error) => Err(StoreError::Sql(error.to_string())),
    }
}
