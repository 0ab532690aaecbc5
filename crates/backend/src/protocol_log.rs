//! Taking down what is said on the connections of an account.

use std::sync::atomic::{AtomicU64, Ordering};

use posthouse_model::Timestamp;

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The mail server.
    Server,
    /// We.
    Client,
    /// Nobody: something happened to the connection.
    Note,
}

impl Speaker {
    /// As the log names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "s",
            Self::Client => "c",
            Self::Note => "note",
        }
    }
}

/// Takes conversations down while that is wanted. It can be switched while connections live; none of the calls may
/// block.
pub trait ProtocolLog: Send + Sync {
    /// Whether lines are wanted now; they are only built then.
    fn wanted(&self) -> bool;
    /// A line of a connection. Credentials stand as `***`, literals as their size.
    fn line(&self, connection: u64, speaker: Speaker, text: &str);
}

/// A number for a connection, which no other one gets, also not after a restart.
#[must_use]
pub fn next_connection() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let start = u64::try_from(Timestamp::now().millis()).unwrap_or(0);
    LAST.fetch_max(start, Ordering::Relaxed);
    LAST.fetch_add(1, Ordering::Relaxed)
}
