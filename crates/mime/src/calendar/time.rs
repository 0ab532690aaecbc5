//! Dates, times and durations (RFC 5545 sections 3.3.4 to 3.3.6).

use crate::date::{civil_from_days, days_from_civil};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// A point in time, seconds or days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A day.
    Day(i64),
    /// A time of a zone that is to be told.
    Local(i64),
    /// A time in UTC.
    Utc(i64),
}

/// A duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Whole days.
    pub(super) days: i64,
    /// The rest.
    pub(super) seconds: i64,
}

impl Moment {
    /// `20260501`, `20260501T100000` or `20260501T100000Z`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, time) = match text.split_once(['T', 't']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let [year, month, day] = [
            number(date, 0, 4)?,
            number(date, 4, 6)?,
            number(date, 6, 8)?,
        ];
        if date.len() != 8
            || !(1..=12).contains(&month)
            || !(1..=month_days(year, month)).contains(&day)
        {
            return None;
        }
        let days = days_from_civil(year, month, day);
        let Some(time) = time else {
            return Some(Self::Day(days));
        };
        let [hour, minute, second] = [
            number(time, 0, 2)?,
            number(time, 2, 4)?,
            number(time, 4, 6).unwrap_or(0),
        ];
        // A leap second is the one before it.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let seconds = days * DAY + hour * 3600 + minute * 60 + second.min(59);
        Some(if time.ends_with(['Z', 'z']) {
            Self::Utc(seconds)
        } else {
            Self::Local(seconds)
        })
    }

    pub(super) fn plus_days(self, days: i64) -> Self {
        match self {
            Self::Day(day) => Self::Day(day + days),
            Self::Local(seconds) => Self::Local(seconds + days * DAY),
            Self::Utc(seconds) => Self::Utc(seconds + days * DAY),
        }
    }

    pub(super) fn plus_seconds(self, more: i64) -> Self {
        match self {
            Self::Day(day) => Self::Day(day + more.div_euclid(DAY)),
            Self::Local(seconds) => Self::Local(seconds + more),
            Self::Utc(seconds) => Self::Utc(seconds + more),
        }
    }

    /// As ISO 8601 writes it; none outside of the years 0 to 9999.
    pub(super) fn format(self) -> Option<String> {
        let (seconds, is_day, end) = match self {
            Self::Day(day) => (day * DAY, true, ""),
            Self::Local(seconds) => (seconds, false, ""),
            Self::Utc(seconds) => (seconds, false, "Z"),
        };
        let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
        if !(0..=9999).contains(&year) {
            return None;
        }
        let date = format!("{year:04}-{month:02}-{day:02}");
        let time = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        Some(if is_day {
            date
        } else {
            format!("{date}T{hour:02}:{minute:02}:{second:02}.000{end}")
        })
    }
}

impl Span {
    /// `P1W`, `P1DT2H30M`, `-PT15M`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(&text)),
        };
        let mut span = Self {
            days: 0,
            seconds: 0,
        };
        let mut digits = String::new();
        for c in text.strip_prefix('P')?.chars() {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            if c == 'T' && digits.is_empty() {
                continue;
            }
            let number = sign * i64::from(std::mem::take(&mut digits).parse::<u32>().ok()?);
            match c {
                'W' => span.days += number * 7,
                'D' => span.days += number,
                'H' => span.seconds += number * 3600,
                'M' => span.seconds += number * 60,
                'S' => span.seconds += number,
                _ => return None,
            }
            // More than any calendar holds: sums stay far from what the numbers can be.
            if span.days.abs() > 4_000_000 || span.seconds.abs() > 4_000_000 * DAY {
                return None;
            }
        }
        digits.is_empty().then_some(span)
    }
}

/// The number that some characters are, all of them digits.
fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

/// Days of a month.
pub(super) fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Day of the week, Sunday 0.
pub(super) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}
