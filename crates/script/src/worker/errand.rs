//! What the current run has asked for and said. Native functions write it, the loop of the run reads it.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    clock::Clock,
    pipe::{Pipe, WorkerError},
};
use crate::{
    Level, LogLine, Logs,
    message::{FetchCall, FromWorker, Limits},
};

/// Timers that may be set at a time.
const MAX_TIMERS: usize = 1000;

/// Everything that one worker's realms share; nothing of it can be seen by a script.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) pipe: RefCell<Pipe>,
    pub(super) clock: Clock,
    pub(super) errand: RefCell<Errand>,
    last_fetch: Cell<u32>,
}

/// The state of one run.
#[derive(Debug, Default)]
pub(super) struct Errand {
    pub(super) limits: Limits,
    logs: Logs,
    logged: u32,
    fetches: u32,
    /// Fetches without an answer.
    pub(super) waiting: HashSet<u32>,
    /// Bodies of answers, read by the script when it likes.
    pub(super) bodies: HashMap<u32, Bytes>,
    /// Timers by the moment they are due.
    timers: BTreeSet<(Instant, u32)>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            pipe: RefCell::new(Pipe::new()),
            clock: Clock::new(),
            errand: RefCell::default(),
            last_fetch: Cell::default(),
        }
    }

    /// A run begins.
    pub(super) fn begin(&self, limits: &Limits) {
        *self.errand.borrow_mut() = Errand {
            limits: limits.clone(),
            ..Errand::default()
        };
        self.clock.start(limits);
    }

    /// Called by the interpreter every few thousand steps: must the run stop? A run that takes long also tells
    /// what it logged, so that the lines are known even if the worker has to be killed.
    pub(super) fn interrupted(&self) -> bool {
        if let Ok(mut errand) = self.errand.try_borrow_mut()
            && errand.logs != Logs::default()
        {
            let logs = errand.take_logs();
            if let Ok(pipe) = self.pipe.try_borrow() {
                // A server that is gone is noticed at the next read.
                drop(pipe.send(&FromWorker::Logs(logs)));
            }
        }
        self.clock.check()
    }

    /// Sends a request; the answer comes later under the number. `Err` is for the script.
    pub(super) fn fetch(&self, call: FetchCall) -> Result<u32, String> {
        let mut errand = self.errand.borrow_mut();
        let limits = &errand.limits;
        if errand.fetches >= limits.max_fetches {
            return Err(format!(
                "fetch may be called {} times, no more",
                limits.max_fetches
            ));
        }
        if call
            .body
            .as_ref()
            .is_some_and(|body| body.len() > limits.max_request_body as usize)
        {
            return Err(format!(
                "a request's body may have {} bytes",
                limits.max_request_body
            ));
        }
        errand.fetches += 1;
        let id = self.last_fetch.get().wrapping_add(1);
        self.last_fetch.set(id);
        errand.waiting.insert(id);
        self.pipe
            .borrow()
            .send(&FromWorker::Fetch(id, call))
            .map_err(|error| error.to_string())?;
        Ok(id)
    }

    /// Sends the result of the run.
    pub(super) fn send(&self, message: &FromWorker) -> Result<(), WorkerError> {
        self.pipe.borrow().send(message)
    }
}

impl Errand {
    /// Takes down a line, or counts it.
    pub(super) fn log(&mut self, level: Level, mut text: String, cut: bool) {
        if self.logged >= self.limits.max_log_lines {
            self.logs.dropped = self.logs.dropped.saturating_add(1);
            return;
        }
        self.logged += 1;
        let most = self.limits.max_log_line as usize;
        if cut || text.len() > most {
            text.truncate(text.floor_char_boundary(most.saturating_sub('…'.len_utf8())));
            text.push('…');
        }
        self.logs.lines.push(LogLine { level, text });
    }

    /// The lines since the last time.
    pub(super) fn take_logs(&mut self) -> Logs {
        std::mem::take(&mut self.logs)
    }

    /// Sets a timer.
    pub(super) fn timer(&mut self, id: u32, delay: Duration) -> Result<(), String> {
        if self.timers.len() >= MAX_TIMERS {
            return Err(format!("{MAX_TIMERS} timers may be set, no more"));
        }
        self.timers.insert((Instant::now() + delay, id));
        Ok(())
    }

    /// Takes a timer back.
    pub(super) fn untimer(&mut self, id: u32) {
        self.timers.retain(|(_, other)| *other != id);
    }

    /// When the next timer is due.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// A timer that is due.
    pub(super) fn due_timer(&mut self) -> Option<u32> {
        let (due, id) = *self.timers.first()?;
        (due <= Instant::now()).then(|| {
            self.timers.pop_first();
            id
        })
    }

    /// The body has ended: what it left waiting is nobody's any more.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
        self.timers.clear();
        self.bodies.clear();
    }
}
