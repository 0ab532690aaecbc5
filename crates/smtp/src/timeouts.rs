//! How long each phase may take.

use std::time::Duration;

/// Client timeouts by phase; the defaults are the minima of RFC 5321 section 4.5.3.2. Connecting has its own deadline in
/// [`posthouse_net::Dial`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From connection to greeting.
    pub greeting: Duration,
    /// EHLO, AUTH, STARTTLS, RSET and NOOP, each.
    pub command: Duration,
    /// The answer to MAIL.
    pub mail: Duration,
    /// The answer to each RCPT.
    pub rcpt: Duration,
    /// The answer to DATA.
    pub data: Duration,
    /// Handing over one block of the message.
    pub block: Duration,
    /// The answer to the final dot.
    pub end: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            greeting: minutes(5),
            command: minutes(2),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            end: minutes(10),
        }
    }
}

impl Timeouts {
    /// The same limit for every phase.
    pub fn all(limit: Duration) -> Self {
        Self {
            greeting: limit,
            command: limit,
            mail: limit,
            rcpt: limit,
            data: limit,
            block: limit,
            end: limit,
        }
    }
}
