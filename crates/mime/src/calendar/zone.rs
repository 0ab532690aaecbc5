//! Time zones that an object brings along (RFC 5545 section 3.6.5).

use super::{
    line::Line,
    time::{DAY, Moment, month_days, weekday},
};
use crate::date::{civil_from_days, days_from_civil};

/// A time zone.
#[derive(Debug, Default)]
pub(super) struct Zone {
    pub(super) observances: Vec<Observance>,
}

/// Standard or daylight saving time.
#[derive(Debug, Default)]
pub(super) struct Observance {
    /// Local time of its first onset, seconds.
    start: Option<i64>,
    /// Offset from UTC before and after an onset, seconds.
    from: Option<i64>,
    to: Option<i64>,
    /// Further onsets, local time.
    dates: Vec<i64>,
    rule: Option<Rule>,
}

/// A yearly onset.
#[derive(Debug, Default)]
struct Rule {
    month: Option<i64>,
    /// Which of a weekday of the month, from its end when negative; 0 means the first of the days.
    weekday: Option<(i64, i64)>,
    /// First of the days of the month that it may be.
    day: Option<i64>,
    /// The last onset, seconds.
    until: Option<i64>,
}

/// The names of UTC.
const UTC: [&str; 7] = ["UTC", "Etc/UTC", "Z", "GMT", "Etc/GMT", "Zulu", "Etc/Zulu"];

/// A local time in UTC; as it is where the zone is not known.
pub(super) fn resolve(moment: Moment, name: &str, zone: Option<&Zone>) -> Moment {
    let Moment::Local(local) = moment else {
        return moment;
    };
    let offset = match zone {
        Some(zone) => zone.offset(local),
        None => UTC
            .iter()
            .any(|utc| utc.eq_ignore_ascii_case(name))
            .then_some(0),
    };
    offset.map_or(moment, |offset| Moment::Utc(local - offset))
}

impl Zone {
    /// The offset from UTC at a local time: that of the last onset before.
    fn offset(&self, local: i64) -> Option<i64> {
        let known = self.observances.iter();
        let last = known
            .clone()
            .filter_map(|one| Some((one.onset(local)?, one.to?)))
            .max_by_key(|(onset, _)| *onset);
        if let Some((_, offset)) = last {
            return Some(offset);
        }
        let first = known.filter_map(|one| Some((one.start?, one.from?)));
        first.min_by_key(|(start, _)| *start).map(|(_, from)| from)
    }
}

impl Observance {
    /// Takes a property in.
    pub(super) fn take(&mut self, line: &Line<'_>) {
        match line.name.as_str() {
            "DTSTART" => self.start = seconds(line.value),
            "TZOFFSETFROM" => self.from = offset(line.value),
            "TZOFFSETTO" => self.to = offset(line.value),
            "RDATE" => {
                let dates = line.value.split(',').filter_map(seconds);
                self.dates
                    .extend(dates.take(200_usize.saturating_sub(self.dates.len())));
            }
            "RRULE" => self.rule = Rule::parse(line.value),
            _ => {}
        }
    }

    /// The last onset that is not after a local time.
    fn onset(&self, local: i64) -> Option<i64> {
        let start = self.start?;
        let (year, ..) = civil_from_days(local.div_euclid(DAY));
        let yearly = self.rule.iter().flat_map(|rule| {
            let years = [year, year - 1].into_iter();
            years.filter_map(|year| rule.onset(year, start))
        });
        let until = self.rule.as_ref().and_then(|rule| rule.until);
        let yearly = yearly.filter(|onset| until.is_none_or(|until| *onset <= until));
        // A rule that ended: its last onset.
        let last = until.and_then(|until| {
            let (year, ..) = civil_from_days(until.div_euclid(DAY));
            let onset = self.rule.as_ref()?.onset(year, start)?;
            (onset <= until).then_some(onset)
        });
        yearly
            .chain(last)
            .chain(self.dates.iter().copied())
            .chain([start])
            .filter(|onset| (start..=local).contains(onset))
            .max()
    }
}

impl Rule {
    /// A yearly rule; others are none.
    fn parse(text: &str) -> Option<Self> {
        let mut rule = Self::default();
        let mut yearly = false;
        for part in text.trim().to_ascii_uppercase().split(';') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.trim() {
                "FREQ" => yearly = value.trim() == "YEARLY",
                "BYMONTH" => {
                    let month = value.trim().parse().ok();
                    rule.month = month.filter(|month| (1..=12).contains(month));
                }
                "BYDAY" => rule.weekday = by_day(value.trim()),
                "BYMONTHDAY" => {
                    let days = value.split(',').filter_map(|day| day.trim().parse().ok());
                    rule.day = days.filter(|day| (1..=31).contains(day)).min();
                }
                // Said in UTC: near enough, as no zone has two onsets within a day.
                "UNTIL" => rule.until = seconds(value).map(|until| until + DAY),
                _ => {}
            }
        }
        yearly.then_some(rule)
    }

    /// The onset in a year, at the time of day of the first.
    fn onset(&self, year: i64, start: i64) -> Option<i64> {
        let (_, start_month, start_day) = civil_from_days(start.div_euclid(DAY));
        let month = self.month.unwrap_or(start_month);
        let length = month_days(year, month);
        let day = match self.weekday {
            None => self.day.unwrap_or(start_day),
            Some((nth, wanted)) if nth < 0 => {
                let back = (weekday(days_from_civil(year, month, length)) - wanted).rem_euclid(7);
                length - back + (nth + 1) * 7
            }
            Some((nth, wanted)) => {
                let first = self.day.unwrap_or(1);
                let ahead = (wanted - weekday(days_from_civil(year, month, first))).rem_euclid(7);
                first + ahead + (nth - 1).max(0) * 7
            }
        };
        (1..=length)
            .contains(&day)
            .then(|| days_from_civil(year, month, day) * DAY + start.rem_euclid(DAY))
    }
}

/// `-1SU`, `2SU` or `SU`.
fn by_day(text: &str) -> Option<(i64, i64)> {
    let (nth, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let days = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
    let day = days.iter().position(|known| *known == day)?;
    let nth = if nth.is_empty() { 0 } else { nth.parse().ok()? };
    (-5..=5).contains(&nth).then_some((nth, day as i64))
}

fn seconds(text: &str) -> Option<i64> {
    match Moment::parse(text)? {
        Moment::Day(day) => Some(day * DAY),
        Moment::Local(seconds) | Moment::Utc(seconds) => Some(seconds),
    }
}

/// `+0100`, `-0730`, `+013015`, in seconds.
fn offset(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| {
        digits
            .get(at..at + 2)
            .map_or(Some(0), |two| two.parse().ok())
    };
    Some(sign * (part(0)? * 3600 + part(2)? * 60 + part(4)?))
}
