//! Why a run gave no result.

use std::{fmt, time::Duration};

use crate::Logs;

/// Which of a route's two bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The filter.
    Filter,
    /// The map.
    Map,
}

impl Stage {
    /// Its name, which is also the name of its file in stacks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Map => "map",
        }
    }
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The script is not JavaScript; line and column say where.
    Syntax,
    /// The script threw, or its promise was rejected.
    Thrown,
    /// It used up its time of the processor.
    Cpu,
    /// It used up its time by the clock.
    Wall,
    /// It used up its memory.
    Memory,
    /// Its promise can never settle: nothing is left to run or to wait for.
    Unsettled,
    /// The map's result is not JSON (`undefined`, a function, a cycle).
    NotJson,
    /// The payload, the script or the map's result is larger than allowed.
    TooLarge,
    /// The payload or `env` is not JSON. Not the script's fault.
    Input,
    /// The worker ended in the middle of the run. Not known to be the script's fault.
    Died,
    /// No worker could be started. Not the script's fault.
    Start,
    /// Too many runs wait already, or it waited too long for a worker. Not the script's fault.
    Busy,
    /// The script used up its limits several times in a row, and rests.
    Suspended(Duration),
    /// The pool is closed.
    Closed,
}

impl ErrorKind {
    /// The same run may succeed later without a change of script or payload.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Died | Self::Start | Self::Busy | Self::Suspended(_) | Self::Closed
        )
    }

    /// The run cost more than it may: several of these in a row make the script rest.
    pub(crate) fn is_excess(self) -> bool {
        matches!(self, Self::Cpu | Self::Memory | Self::Died)
    }
}

/// A place in the user's own text, both numbers from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// In which body.
    pub stage: Stage,
    /// The function, if it has a name.
    pub function: Option<String>,
    /// Line of the body.
    pub line: u32,
    /// Column of the line.
    pub column: u32,
}

/// Why a run gave no result. All texts are bounded; those of the script are foreign data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The kind.
    pub kind: ErrorKind,
    /// In which body, where that is known.
    pub stage: Option<Stage>,
    /// The error's `name`, as in `TypeError`.
    pub name: String,
    /// The error's `message`.
    pub message: String,
    /// Places of the user's text on the stack, the innermost first.
    pub stack: Box<[Frame]>,
    /// What the script logged until then, as far as it is known.
    pub logs: Logs,
}

impl ScriptError {
    /// Of the machinery or its limits, not thrown by the script.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let name = match kind {
            ErrorKind::Syntax => "SyntaxError",
            ErrorKind::Thrown => "Error",
            ErrorKind::Cpu | ErrorKind::Wall => "TimeoutError",
            ErrorKind::Memory => "MemoryError",
            ErrorKind::Unsettled => "UnsettledError",
            ErrorKind::NotJson => "TypeError",
            ErrorKind::TooLarge => "SizeError",
            ErrorKind::Input => "InputError",
            ErrorKind::Died | ErrorKind::Start => "WorkerError",
            ErrorKind::Busy => "BusyError",
            ErrorKind::Suspended(_) => "SuspendedError",
            ErrorKind::Closed => "ClosedError",
        };
        Self {
            kind,
            stage: None,
            name: name.to_owned(),
            message: message.into(),
            stack: Box::default(),
            logs: Logs::default(),
        }
    }

    /// Line and column of the innermost place in the user's text.
    #[must_use]
    pub fn position(&self) -> Option<(u32, u32)> {
        self.stack.first().map(|frame| (frame.line, frame.column))
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stage) = self.stage {
            write!(out, "{}: ", stage.as_str())?;
        }
        write!(out, "{}: {}", self.name, self.message)?;
        if let Some((line, column)) = self.position() {
            write!(out, " (line {line}, column {column})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {}
