//! One run of a script: what goes in, what comes out.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::Script;

/// One run of a [`Script`] over one payload. Filter and map take one trip to the worker: the map runs where the
/// filter matched, over a payload of its own.
#[derive(Clone, Debug)]
pub struct Call {
    /// What runs.
    pub script: Script,
    /// The event as JSON, with `_route`. Each body gets a copy of its own.
    pub payload: Bytes,
    /// A JSON value that both bodies see as `env`.
    pub env: Arc<str>,
    /// Passed through to [`crate::FetchRequest::tag`]: whose script asks.
    pub tag: Arc<str>,
    /// Time of the processor for both bodies together, if other than the pool's.
    pub cpu: Option<Duration>,
    /// Time by the clock, waiting included, if other than the pool's.
    pub wall: Option<Duration>,
}

impl Call {
    /// With an empty `env`, no tag and the pool's limits.
    #[must_use]
    pub fn new(script: Script, payload: impl Into<Bytes>) -> Self {
        Self {
            script,
            payload: payload.into(),
            env: "{}".into(),
            tag: "".into(),
            cpu: None,
            wall: None,
        }
    }
}

/// What a run said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The filter's result was truthy, or there is no filter.
    pub matched: bool,
    /// The map's result as JSON; none if there is no map or the filter did not match.
    pub body: Option<Bytes>,
    /// What the script logged, in order.
    pub logs: Logs,
    /// Time of the processor that the run took.
    pub cpu: Duration,
}

/// What a script logged, bounded in number and length of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// The first lines.
    pub lines: Vec<LogLine>,
    /// How many more there were.
    pub dropped: u32,
}

/// One line of a script's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// By which method of `logger`.
    pub level: Level,
    /// Its argument: a string as it is, anything else as JSON.
    pub text: String,
}

/// Levels of `logger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `logger.trace`
    Trace,
    /// `logger.debug`
    Debug,
    /// `logger.info`
    Info,
    /// `logger.warn`
    Warn,
    /// `logger.error`
    Error,
    /// `logger.fatal`
    Fatal,
}

impl Level {
    const ALL: [Self; 6] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Fatal,
    ];

    /// The method's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    pub(crate) fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    pub(crate) fn index(self) -> u8 {
        self as u8
    }
}
