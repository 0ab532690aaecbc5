//! Dates as moment.js reads and writes them: in English, and without a time zone that is told in UTC.

mod format;
mod parse;
mod token;

use jiff::{SignedDuration, civil::DateTime};

pub(crate) use parse::{offset, offset_of};

/// What is written for what is no date.
pub(crate) const INVALID: &str = "Invalid date";

/// Where milliseconds are counted from.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A point in time with the offset under which it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Milliseconds since 1970.
    millis: i64,
    /// Minutes east of UTC.
    offset: i32,
    /// What a clock shows there.
    local: DateTime,
}

impl Moment {
    fn new(millis: i64, offset: i32) -> Option<Self> {
        let shown = millis.checked_add(i64::from(offset) * 60_000)?;
        let local = EPOCH.checked_add(SignedDuration::from_millis(shown)).ok()?;
        Some(Self {
            millis,
            offset,
            local,
        })
    }

    /// From milliseconds since 1970. Years before -9999 and after 9999 are no dates here.
    pub(crate) fn from_millis(millis: f64) -> Option<Self> {
        // Within the range that JavaScript has for dates every number is exact.
        if !(-8.64e15..=8.64e15).contains(&millis) {
            return None;
        }
        #[allow(clippy::cast_possible_truncation)]
        Self::new(millis.trunc() as i64, 0)
    }

    /// Writes it as seen from another offset, in minutes. `None` changes nothing.
    pub(crate) fn set_offset(&mut self, offset: Option<i32>) {
        if let Some(moved) = offset.and_then(|offset| Self::new(self.millis, offset)) {
            *self = moved;
        }
    }
}
