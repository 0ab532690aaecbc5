//! The two clocks of a run.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{ErrorKind, message::Limits};

/// How long a run may still take. The interpreter asks it every few thousand steps.
#[derive(Debug)]
pub(super) struct Clock {
    cpu_start: Cell<Duration>,
    cpu: Cell<Duration>,
    /// When the body that runs was called.
    body: Cell<Duration>,
    wall: Cell<Instant>,
    spent: Cell<Option<ErrorKind>>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            cpu_start: Cell::default(),
            cpu: Cell::default(),
            body: Cell::default(),
            wall: Cell::new(Instant::now()),
            spent: Cell::default(),
        }
    }

    /// A run begins.
    pub(super) fn start(&self, limits: &Limits) {
        self.cpu_start.set(cpu_now());
        self.cpu.set(Duration::from_millis(limits.cpu_ms.into()));
        self.wall
            .set(Instant::now() + Duration::from_millis(limits.wall_ms.into()));
        self.spent.set(None);
    }

    /// Time of the processor since the start.
    pub(super) fn used(&self) -> Duration {
        cpu_now().saturating_sub(self.cpu_start.get())
    }

    /// A body is called now.
    pub(super) fn call(&self) {
        self.body.set(cpu_now());
    }

    /// Time of the processor since a body was called.
    pub(super) fn used_by_body(&self) -> Duration {
        cpu_now().saturating_sub(self.body.get())
    }

    /// Until when the run may wait.
    pub(super) fn wall(&self) -> Instant {
        self.wall.get()
    }

    /// The run must stop.
    pub(super) fn check(&self) -> bool {
        if self.spent.get().is_none() {
            if self.used() > self.cpu.get() {
                self.spent.set(Some(ErrorKind::Cpu));
            } else if Instant::now() > self.wall.get() {
                self.spent.set(Some(ErrorKind::Wall));
            }
        }
        self.spent.get().is_some()
    }

    /// Which limit was reached, if any.
    pub(super) fn spent(&self) -> Option<ErrorKind> {
        self.spent.get()
    }

    /// The moment has come while the run waited.
    pub(super) fn expire(&self) {
        self.spent.set(Some(ErrorKind::Wall));
    }
}

/// Time of the processor that the worker has used. The clock of its only thread: Linux reads that of the process
/// by whole ticks once the process has a limit.
pub(super) fn cpu_now() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
