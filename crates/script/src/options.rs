//! Limits of a pool.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

/// How workers are started and what scripts may use. All limits are of one run unless said otherwise.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// The program of a worker: it must do nothing but [`crate::worker::run`].
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// How many workers at most, at least 2. One script never has all of them.
    pub workers: usize,
    /// JavaScript's memory, in bytes; a worker's address space is bounded by this and a fixed allowance.
    pub memory: usize,
    /// Time of the processor, at most [`Self::MAX_CPU`].
    pub cpu: Duration,
    /// Time by the clock, waiting for answers included.
    pub wall: Duration,
    /// A worker that has not answered so long after `wall` is killed.
    pub grace: Duration,
    /// Lines of log that are kept.
    pub max_log_lines: u32,
    /// Bytes of one line that are kept.
    pub max_log_line: u32,
    /// Bytes of a payload, `env` included.
    pub max_payload: usize,
    /// Bytes of both bodies of a script together.
    pub max_source: usize,
    /// Bytes of a map's result.
    pub max_result: usize,
    /// How many times `fetch` may be called.
    pub max_fetches: u32,
    /// Bytes of the body of one request.
    pub max_request_body: usize,
    /// Bytes of the body of one answer.
    pub max_response_body: usize,
    /// Time of one request.
    pub fetch_timeout: Duration,
    /// Compiled scripts that a worker keeps.
    pub cached_scripts: u32,
    /// A worker that has had nothing to do for so long is ended.
    pub idle: Duration,
    /// Runs that may wait for a worker, of all scripts together.
    pub max_waiting: usize,
    /// How long one may wait.
    pub max_wait: Duration,
}

impl PoolOptions {
    /// The most time of the processor that can be given to a run.
    pub const MAX_CPU: Duration = Duration::from_secs(30);

    /// Defaults for workers of this program.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().collect(),
            workers: 4,
            memory: 64 << 20,
            cpu: Duration::from_secs(1),
            wall: Duration::from_secs(15),
            grace: Duration::from_secs(1),
            max_log_lines: 100,
            max_log_line: 4096,
            max_payload: 16 << 20,
            max_source: 256 << 10,
            max_result: 16 << 20,
            max_fetches: 20,
            max_request_body: 1 << 20,
            max_response_body: 2 << 20,
            fetch_timeout: Duration::from_secs(10),
            cached_scripts: 32,
            idle: Duration::from_secs(60),
            max_waiting: 1024,
            max_wait: Duration::from_secs(30),
        }
    }

    /// Defaults for workers that are the running binary itself with these arguments. On Linux it is named by
    /// `/proc/self/exe`, so that an update of the file does not mix two versions.
    ///
    /// # Errors
    /// The binary's path cannot be found out.
    pub fn of_this_binary(args: impl IntoIterator<Item = OsString>) -> std::io::Result<Self> {
        let link = Path::new("/proc/self/exe");
        let program = if link.exists() {
            link.to_owned()
        } else {
            std::env::current_exe()?
        };
        Ok(Self::new(program, args))
    }
}
