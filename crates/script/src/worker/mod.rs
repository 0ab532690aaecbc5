//! The worker's process: runs one script after the other, as the server asks on standard input.
//!
//! | Module | Noun |
//! |---|---|
//! | [`cache`] | scripts that the worker knows |
//! | [`clock`] | the two clocks of a run |
//! | [`errand`] | what the current run asked for and said |
//! | [`fault`] | what was thrown, as data |
//! | [`limits`] | limits of the process |
//! | [`natives`] | functions that the prelude calls |
//! | [`pipe`] | standard input and output as messages |
//! | [`realm`] | a world of its own for one script |
//! | [`run`] | one body to its end |
//! | [`urls`] | the native half of `URL` |

mod cache;
mod clock;
mod errand;
mod fault;
mod limits;
mod natives;
mod pipe;
mod realm;
mod run;
mod urls;

use std::{rc::Rc, time::Duration};

use cache::Cache;
use errand::Shared;
use pipe::Received;
pub use pipe::WorkerError;
use realm::Realm;
use run::Stop;

use crate::{
    frame::FrameError,
    message::{Fault, FromWorker, Limits, RunRequest, ToWorker, VERSION},
    script::Source,
};

/// Time for what is done between two runs.
const BETWEEN_RUNS_MS: u32 = 500;

/// Serves runs until the server closes the pipe. To be called from a process that does nothing else, before it
/// starts any thread: it takes standard input and output, and gives up rights of the process for good.
///
/// # Errors
/// The server's bytes cannot be read, or a limit cannot be set.
pub fn run() -> Result<(), WorkerError> {
    let shared = Rc::new(Shared::new());
    let setup = match shared.pipe.borrow_mut().receive(None)? {
        Received::Message(ToWorker::Setup(setup)) => setup,
        Received::Message(_) => return Err(WorkerError::Version),
        Received::Closed | Received::Late => return Ok(()),
    };
    if setup.version != VERSION {
        return Err(WorkerError::Version);
    }
    limits::apply(&setup)?;
    shared.send(&FromWorker::Ready(VERSION))?;

    let memory = usize::try_from(setup.memory).unwrap_or(usize::MAX);
    let mut worker = Worker {
        cache: Cache::new(setup.cached_scripts as usize),
        shared,
        memory,
    };
    while worker.serve()? {}
    // Taking apart what a stopped script left can fail in ways of its own; the end of the process cannot.
    std::mem::forget(worker);
    Ok(())
}

struct Worker {
    cache: Cache,
    shared: Rc<Shared>,
    memory: usize,
}

impl Worker {
    /// Serves one message. False: there will be no more.
    fn serve(&mut self) -> Result<bool, WorkerError> {
        let received = self.shared.pipe.borrow_mut().receive(None)?;
        match received {
            Received::Message(ToWorker::Source(digest, source)) => {
                self.cache.insert(digest, source);
                Ok(true)
            }
            Received::Message(ToWorker::Run(request)) => self.run(&request),
            Received::Message(ToWorker::Check(limits, body)) => self.check(limits, body),
            // To a fetch that its script did not wait for.
            Received::Message(ToWorker::Answer(..)) => Ok(true),
            Received::Message(ToWorker::Setup(_)) => Err(FrameError::Malformed.into()),
            Received::Closed | Received::Late => Ok(false),
        }
    }

    fn begin(&self, limits: &Limits) -> Result<(), WorkerError> {
        self.shared.begin(limits);
        limits::allow_cpu(
            clock::cpu_now(),
            Duration::from_millis(limits.cpu_ms.into()),
        )
    }

    fn run(&mut self, request: &RunRequest) -> Result<bool, WorkerError> {
        self.begin(&request.limits)?;
        let shared = &self.shared;
        let Some(known) = self.cache.get(&request.digest) else {
            shared.send(&FromWorker::NoSource)?;
            return Ok(true);
        };
        let source = &known.source;
        let make = || Realm::new(shared, source, self.memory);
        let mut realm = match known.realm.take().map_or_else(make, Ok) {
            Ok(realm) => realm,
            Err(fault) => return failed(shared, fault),
        };
        let goes_on = match run::both(&mut realm, shared, request, make) {
            Ok(mut verdict) => {
                verdict.logs = shared.errand.borrow_mut().take_logs();
                shared.send(&FromWorker::Done(verdict))?;
                true
            }
            Err(Stop::Fault(fault)) => failed(shared, fault)?,
            Err(Stop::Closed) => false,
            Err(Stop::Worker(error)) => {
                std::mem::forget(realm);
                return Err(error);
            }
        };
        if !goes_on {
            std::mem::forget(realm);
            return Ok(false);
        }
        // The server has its result; what follows costs the next run nothing if it does not come at once.
        let limits = Limits {
            cpu_ms: BETWEEN_RUNS_MS,
            wall_ms: BETWEEN_RUNS_MS,
            ..request.limits.clone()
        };
        shared.begin(&limits);
        if realm.clean() {
            known.realm = Some(realm);
        } else {
            drop(realm);
            known.realm = make().ok();
        }
        Ok(true)
    }

    fn check(&mut self, mut limits: Limits, body: String) -> Result<bool, WorkerError> {
        // A body that closes its function early runs what follows. Not with requests.
        limits.max_fetches = 0;
        self.begin(&limits)?;
        let source = Source {
            filter: Some(body),
            map: None,
        };
        match Realm::new(&self.shared, &source, self.memory) {
            Ok(_) => {
                self.shared.send(&FromWorker::Sound)?;
                Ok(true)
            }
            Err(mut fault) => {
                fault.stage = None;
                failed(&self.shared, fault)
            }
        }
    }
}

/// Tells a fault. False: the worker ends with it.
fn failed(shared: &Shared, mut fault: Fault) -> Result<bool, WorkerError> {
    fault.logs = shared.errand.borrow_mut().take_logs();
    let ends = fault.ends;
    shared.send(&FromWorker::Failed(fault))?;
    Ok(!ends)
}
