//! Whose time it is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use posthouse_model::Timestamp;

/// The clock of a store.
pub(crate) enum Clock {
    /// This machine's: the database is a file on it.
    Machine,
    /// The database's, carried forward by the monotonic clock of this process.
    Database(Mutex<Measured>),
    /// A test's.
    Manual(ManualClock),
}

/// What the database's clock said, and when.
pub(crate) struct Measured {
    millis: i64,
    at: Instant,
}

impl Clock {
    /// The database's, not measured yet.
    pub(crate) fn database() -> Self {
        Self::Database(Mutex::new(Measured {
            millis: 0,
            at: Instant::now(),
        }))
    }

    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Machine => Timestamp::now(),
            Self::Database(measured) => {
                let measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
                Timestamp(measured.millis).after(measured.at.elapsed())
            }
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Takes in what the database's clock said at `at`; of no use to other clocks.
    pub(crate) fn measured(&self, millis: i64, at: Instant) {
        if let Self::Database(measured) = self {
            *measured.lock().unwrap_or_else(PoisonError::into_inner) = Measured { millis, at };
        }
    }
}

/// A clock that stands until it is set: how tests come to exact times. What the database itself writes down, such as
/// the time of an event, is by its own clock all the same.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Stands at this time.
    #[must_use]
    pub fn new(time: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(time.millis())))
    }

    /// The time it stands at.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    /// Puts it to another time.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.millis(), Ordering::SeqCst);
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().after(by));
    }
}
