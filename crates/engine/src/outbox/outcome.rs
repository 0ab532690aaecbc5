//! What an attempt came to, and what follows: pure functions.

use std::time::Duration;

use posthouse_model::Timestamp;
use posthouse_smtp::SmtpError;

/// A failed attempt in the words of answers and events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) code: String,
    pub(super) response: Option<String>,
    pub(super) response_code: Option<u16>,
    pub(super) command: Option<String>,
    pub(super) permanent: bool,
    /// The connection was lost after the last byte: it may have been delivered.
    pub(super) ambiguous: bool,
}

impl Failure {
    pub(super) fn of(error: &SmtpError, ambiguous: bool) -> Self {
        Self {
            message: error.to_string(),
            code: error.code().to_owned(),
            response: error.response(),
            response_code: error.response_code(),
            command: error.command().map(str::to_owned),
            // What is not known cannot be permanent.
            permanent: error.is_permanent() && !ambiguous,
            ambiguous,
        }
    }

    /// A failure that no server caused.
    pub(super) fn local(message: &str, code: &str, permanent: bool) -> Self {
        Self {
            message: message.to_owned(),
            code: code.to_owned(),
            response: None,
            response_code: None,
            command: None,
            permanent,
            ambiguous: false,
        }
    }
}

/// When the next attempt is due after `made` attempts of `max`; none when it is over (behaviour
/// 11.2: 5 s · 2^n with 20 % jitter). `random` is in 0..1.
pub(super) fn next_attempt(
    made: u32,
    max: u32,
    permanent: bool,
    now: Timestamp,
    random: f64,
) -> Option<Timestamp> {
    if permanent || made >= max {
        return None;
    }
    let base = Duration::from_secs(5).saturating_mul(1 << made.saturating_sub(1).min(16));
    let jitter = 0.4f64.mul_add(random.clamp(0.0, 1.0), 0.8);
    Some(now.after(base.mul_f64(jitter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_double_and_end() {
        let wait = |made, max, permanent| {
            next_attempt(made, max, permanent, Timestamp(0), 0.5)
                .map(|next| next.since(Timestamp(0)).as_secs())
        };
        assert_eq!(wait(1, 10, false), Some(5));
        assert_eq!(wait(2, 10, false), Some(10));
        assert_eq!(wait(9, 10, false), Some(1280));
        assert_eq!(wait(10, 10, false), None);
        assert_eq!(wait(1, 10, true), None);
        assert_eq!(wait(1, 1, false), None);
    }
}
