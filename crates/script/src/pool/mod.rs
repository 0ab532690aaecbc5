//! Workers and who gets one.
//!
//! | Module | Noun |
//! |---|---|
//! | [`drive`] | one run on one worker |
//! | [`process`] | one worker's process |
//! | [`queue`] | waiting for a seat |
//! | [`seats`] | who may run |
//! | [`strikes`] | scripts that rest |

mod drive;
mod process;
mod queue;
mod seats;
mod strikes;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use drive::{Job, Reply, drive};
use process::Process;
use queue::{Queue, Seat};
use strikes::Record;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Call, Digest, ErrorKind, Host, Output, PoolOptions, Script, ScriptError,
    message::{Limits, RunRequest, ToWorker},
    script::Source,
};

/// A few workers that run scripts, started when they are needed. Cheap to clone; the workers end with the last
/// clone. All methods need a tokio runtime.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    options: PoolOptions,
    host: Arc<dyn Host>,
    queue: Queue,
    idle: Mutex<Idle>,
    record: Mutex<Record>,
    closed: CancellationToken,
}

#[derive(Default)]
struct Idle {
    /// The one used last at the end.
    workers: Vec<Process>,
    /// A task ends those that have nothing to do.
    watched: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pool")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool without workers yet.
    #[must_use]
    pub fn new(mut options: PoolOptions, host: Arc<dyn Host>) -> Self {
        options.workers = options.workers.max(2);
        options.cpu = options.cpu.min(PoolOptions::MAX_CPU);
        Self {
            inner: Arc::new(Inner {
                queue: Queue::new(options.workers, options.max_waiting),
                options,
                host,
                idle: Mutex::default(),
                record: Mutex::default(),
                closed: CancellationToken::new(),
            }),
        }
    }

    /// Runs a script over a payload. If the future is dropped before its end, the worker is killed.
    ///
    /// # Errors
    /// Whatever keeps the script from giving a result, see [`ErrorKind`].
    pub async fn run(&self, call: Call) -> Result<Output, ScriptError> {
        let inner = &self.inner;
        let options = &inner.options;
        let script = &call.script;
        if call.payload.len().saturating_add(call.env.len()) > options.max_payload {
            return Err(ScriptError::new(
                ErrorKind::TooLarge,
                "the payload is larger than a script may get",
            ));
        }
        inner.check_size(script.source())?;
        let wall = call.wall.unwrap_or(options.wall);
        let run = ToWorker::Run(RunRequest {
            digest: script.digest().0,
            limits: inner.limits(call.cpu, wall),
            env: Bytes::copy_from_slice(call.env.as_bytes()),
            payload: call.payload,
        });
        let reply = inner
            .serve(script.digest(), Some(script), run, wall, &call.tag)
            .await?;
        match reply {
            Reply::Verdict(verdict) => Ok(Output {
                matched: verdict.matched,
                body: verdict.body,
                logs: verdict.logs,
                cpu: Duration::from_micros(verdict.cpu_us),
            }),
            Reply::Sound => Err(ScriptError::new(
                ErrorKind::Died,
                "the worker spoke out of turn",
            )),
        }
    }

    /// Compiles a body of a filter or a map, and runs nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] with line and column, or no worker to ask.
    pub async fn check(&self, body: &str) -> Result<(), ScriptError> {
        let script = Script::new(Some(body), None);
        if script.is_empty() {
            return Ok(());
        }
        self.inner.check_size(script.source())?;
        let wall = self.inner.options.wall;
        let check = ToWorker::Check(self.inner.limits(None, wall), body.to_owned());
        // A script that rests may be checked all the same.
        let name = Script::new(Some("\0check"), Some(body)).digest();
        let reply = self.inner.serve(name, None, check, wall, &"".into()).await;
        reply.map(|_| ()).map_err(|error| ScriptError {
            stage: None,
            ..error
        })
    }

    /// Ends all workers. What runs or waits fails with [`ErrorKind::Closed`].
    pub async fn close(&self) {
        self.inner.closed.cancel();
        self.inner.queue.close();
        let workers = std::mem::take(&mut lock(&self.inner.idle).workers);
        for mut worker in workers {
            worker.kill().await;
        }
    }

    /// Workers that run something, and workers that wait for something to run.
    #[must_use]
    pub fn workers(&self) -> (usize, usize) {
        (
            self.inner.queue.taken(),
            lock(&self.inner.idle).workers.len(),
        )
    }
}

impl Inner {
    fn check_size(&self, source: &Source) -> Result<(), ScriptError> {
        let size: usize = [&source.filter, &source.map]
            .into_iter()
            .flatten()
            .map(String::len)
            .sum();
        if size > self.options.max_source {
            return Err(ScriptError::new(
                ErrorKind::TooLarge,
                "the script is larger than allowed",
            ));
        }
        Ok(())
    }

    fn limits(&self, cpu: Option<Duration>, wall: Duration) -> Limits {
        let options = &self.options;
        let ms = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        Limits {
            cpu_ms: ms(cpu.unwrap_or(options.cpu).min(PoolOptions::MAX_CPU)),
            wall_ms: ms(wall),
            max_log_lines: options.max_log_lines,
            max_log_line: options.max_log_line,
            max_fetches: options.max_fetches,
            max_request_body: size(options.max_request_body),
            max_result: size(options.max_result),
        }
    }

    /// Finds a worker and lets it do a job.
    async fn serve(
        self: &Arc<Self>,
        digest: Digest,
        script: Option<&Script>,
        request: ToWorker,
        wall: Duration,
        tag: &Arc<str>,
    ) -> Result<Reply, ScriptError> {
        let closed = || ScriptError::new(ErrorKind::Closed, "no scripts are run any more");
        if self.closed.is_cancelled() {
            return Err(closed());
        }
        let suspect = {
            let record = lock(&self.record);
            if let Some(rest) = record.rest(digest, std::time::Instant::now()) {
                return Err(ScriptError::new(
                    ErrorKind::Suspended(rest),
                    format!(
                        "the script has used up its limits several times in a row and rests for {:.1} s",
                        rest.as_secs_f32()
                    ),
                ));
            }
            record.is_suspect(digest)
        };
        let work = async {
            let seat = self
                .queue
                .seat(digest, suspect, self.options.max_wait)
                .await?;
            let mut process = self.worker(digest).await?;
            let result = self
                .drive(&mut process, digest, script, request, wall, tag)
                .await;
            if result.usable {
                self.put_back(process);
                drop(seat);
            } else {
                self.replace(process, seat);
            }
            result.result
        };
        let result = tokio::select! {
            biased;
            () = self.closed.cancelled() => return Err(closed()),
            result = work => result,
        };
        let excess = result.as_ref().is_err_and(|error| error.kind.is_excess());
        if excess {
            lock(&self.record).strike(digest, std::time::Instant::now());
        } else if suspect {
            lock(&self.record).clear(digest);
        }
        result
    }

    async fn drive(
        &self,
        process: &mut Process,
        digest: Digest,
        script: Option<&Script>,
        request: ToWorker,
        wall: Duration,
        tag: &Arc<str>,
    ) -> drive::Ended {
        let mut job = Job {
            options: &self.options,
            host: &self.host,
            tag,
            deadline: Instant::now() + wall + self.options.grace,
            again: Vec::new(),
        };
        let mut queued = Ok(());
        if let Some(script) = script {
            let source = script.source();
            let source = ToWorker::Source(
                digest.0,
                Source {
                    filter: source.filter.clone(),
                    map: source.map.clone(),
                },
            );
            if process.known.insert(digest) {
                queued = process.queue(&source);
            }
            queued = queued.and_then(|()| process.queue(&request));
            job.again = vec![source, request];
        } else {
            queued = queued.and_then(|()| process.queue(&request));
        }
        if let Err(error) = queued {
            return drive::Ended {
                result: Err(ScriptError::new(ErrorKind::TooLarge, error.to_string())),
                usable: false,
            };
        }
        drive(process, job).await
    }

    /// An idle worker, one that knows the script if there is one, or a new one.
    async fn worker(&self, digest: Digest) -> Result<Process, ScriptError> {
        loop {
            let found = {
                let workers = &mut lock(&self.idle).workers;
                let knowing = workers
                    .iter()
                    .rposition(|worker| worker.known.contains(&digest));
                let at = knowing.or(workers.len().checked_sub(1));
                at.map(|at| workers.remove(at))
            };
            match found {
                Some(mut worker) => {
                    if worker.is_alive() {
                        return Ok(worker);
                    }
                }
                None => {
                    return Process::start(&self.options)
                        .await
                        .map_err(|reason| ScriptError::new(ErrorKind::Start, reason));
                }
            }
        }
    }

    fn put_back(self: &Arc<Self>, mut process: Process) {
        process.idle_since = Instant::now();
        // It may have forgotten as many as it was sent.
        if process.known.len() > 4 * self.options.cached_scripts as usize {
            process.known.clear();
        }
        if self.closed.is_cancelled() {
            return;
        }
        let mut idle = lock(&self.idle);
        idle.workers.push(process);
        if !std::mem::replace(&mut idle.watched, true) {
            tokio::spawn(watch(Arc::downgrade(self), self.options.idle));
        }
    }

    /// Kills a worker and starts another in its place. The seat is free when the old one is gone, so that no more
    /// of them use the processor than there are seats.
    fn replace(self: &Arc<Self>, mut old: Process, seat: Seat) {
        let inner = Arc::downgrade(self);
        tokio::spawn(async move {
            old.kill().await;
            drop(old);
            let Some(inner) = inner.upgrade() else { return };
            if inner.closed.is_cancelled() {
                return;
            }
            match Process::start(&inner.options).await {
                Ok(new) => inner.put_back(new),
                Err(reason) => tracing::warn!(reason, "a script worker cannot be replaced"),
            }
            drop(seat);
        });
    }
}

/// Ends workers that have had nothing to do for a while; itself when there are none.
async fn watch(inner: Weak<Inner>, limit: Duration) {
    loop {
        sleep(
            limit
                .min(Duration::from_secs(10))
                .max(Duration::from_millis(10)),
        )
        .await;
        let Some(inner) = inner.upgrade() else { return };
        let mut ended = Vec::new();
        {
            let mut idle = lock(&inner.idle);
            let workers = std::mem::take(&mut idle.workers);
            for worker in workers {
                if worker.idle_since.elapsed() < limit {
                    idle.workers.push(worker);
                } else {
                    ended.push(worker);
                }
            }
            idle.watched = !idle.workers.is_empty();
            if !idle.watched {
                return;
            }
        }
    }
}
