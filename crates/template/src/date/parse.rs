//! Reading a date: ISO 8601 (extended and basic, with days of months, of weeks and of years) and RFC 2822, section 3.3.

use jiff::civil::{Date, ISOWeekDate, Time, Weekday};

use super::{EPOCH, Moment};

/// Longer texts are no dates.
const LONGEST: usize = 100;

impl Moment {
    /// Reads a date. Without an offset it is meant in UTC, and so it is written.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST || !text.is_ascii() {
            return None;
        }
        let text = text.trim_start();
        iso(text).or_else(|| rfc2822(text))
    }

    /// A date, a time (24:00 is the end of the day) and the offset they are meant in.
    fn from_parts(date: Date, clock: Clock, offset: i32) -> Option<Self> {
        let end = clock.hour == 24 && clock.minute == 0 && clock.second == 0 && clock.millis == 0;
        let hour = if end { 0 } else { clock.hour };
        let time = Time::new(hour, clock.minute, clock.second, 0).ok()?;
        let since = date.to_datetime(time).duration_since(EPOCH).as_secs();
        let day = if end { 24 * 60 * 60 } else { 0 };
        let seconds = since + day - i64::from(offset) * 60;
        Self::new(seconds * 1000 + i64::from(clock.millis), 0)
    }
}

/// A time of a day.
#[derive(Default)]
struct Clock {
    hour: i8,
    minute: i8,
    second: i8,
    millis: i32,
}

fn iso(text: &str) -> Option<Moment> {
    let split = text.find(['T', ' ']);
    let (date, time) = split.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let (date, extended) = iso_date(date)?;
    let Some(time) = time else {
        return Moment::from_parts(date, Clock::default(), 0);
    };
    let (time, offset) = if let Some(time) = time.strip_suffix('Z') {
        (time.trim_end(), 0)
    } else if let Some(at) = time.find(['+', '-']) {
        (&time[..at], offset_exact(&time[at..])?)
    } else {
        (time, 0)
    };
    Moment::from_parts(date, iso_time(time, extended)?, offset)
}

/// The date, and whether it is written with dashes.
fn iso_date(text: &str) -> Option<(Date, bool)> {
    let signed = text.starts_with(['+', '-']);
    let (year, rest) = text.split_at_checked(if signed { 7 } else { 4 })?;
    let digits = year.strip_prefix(['+', '-']).unwrap_or(year);
    let size = i16::try_from(number(digits)?).ok()?;
    let year = if year.starts_with('-') { -size } else { size };
    let (rest, extended) = rest
        .strip_prefix('-')
        .map_or((rest, false), |rest| (rest, true));
    if let Some(week) = rest.strip_prefix('W') {
        let (week, day) = week.split_at_checked(2)?;
        let day = if day.is_empty() {
            "1"
        } else if extended {
            day.strip_prefix('-')?
        } else {
            day
        };
        let weekday = Weekday::from_monday_one_offset(i8::try_from(number(day)?).ok()?).ok()?;
        let week = i8::try_from(number(week)?).ok()?;
        let date = ISOWeekDate::new(year, week, weekday).ok()?.date();
        return Some((date, extended));
    }
    let (month, day) = match (rest.len(), extended) {
        (0, false) => ("01", "01"),
        (2, _) => (rest, "01"),
        (3, _) => return Some((day_of_year(year, number(rest)?)?, extended)),
        (4, false) => rest.split_at_checked(2)?,
        (5, true) => rest.split_once('-').filter(|(month, _)| month.len() == 2)?,
        _ => return None,
    };
    let month = i8::try_from(number(month)?).ok()?;
    let day = i8::try_from(number(day)?).ok()?;
    Some((Date::new(year, month, day).ok()?, extended))
}

fn day_of_year(year: i16, day: u32) -> Option<Date> {
    let first = Date::new(year, 1, 1).ok()?;
    let within = (1..=u32::from(first.days_in_year().unsigned_abs())).contains(&day);
    let days = i64::from(day.checked_sub(1).filter(|_| within)?);
    first.checked_add(jiff::Span::new().days(days)).ok()
}

/// `HH`, `HH:mm`, `HH:mm:ss`, `HH:mm:ss.SSS`; without colons in a date without dashes.
fn iso_time(text: &str, extended: bool) -> Option<Clock> {
    let (text, fraction) = text
        .split_once(['.', ','])
        .map_or((text, None), |(text, fraction)| (text, Some(fraction)));
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, more) = rest.split_at_checked(2)?;
        parts.push(i8::try_from(number(part)?).ok()?);
        if more.is_empty() {
            break;
        }
        rest = if extended {
            more.strip_prefix(':')?
        } else {
            more
        };
    }
    let (hour, minute, second) = match *parts.as_slice() {
        [hour] => (hour, 0, 0),
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let mut millis = 0;
    if let Some(fraction) = fraction {
        number(fraction.get(..1)?)?;
        if parts.len() != 3 || fraction.bytes().any(|byte| !byte.is_ascii_digit()) {
            return None;
        }
        let three: String = fraction.chars().chain("00".chars()).take(3).collect();
        millis = i32::try_from(number(&three)?).ok()?;
    }
    Some(Clock {
        hour,
        minute,
        second,
        millis,
    })
}

/// `Sat, 28 Nov 2026 09:30:00 +0200`
fn rfc2822(text: &str) -> Option<Moment> {
    let mut words = text.split_ascii_whitespace().peekable();
    let mut weekday = None;
    if let Some(word) = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
        let name = word.strip_suffix(',').unwrap_or(word);
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let at = days.iter().position(|day| *day == name)?;
        weekday = Some(Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()?);
    }
    let day = i8::try_from(number(words.next().filter(|day| day.len() <= 2)?)?).ok()?;
    let month = words.next()?;
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|name| *name == month)?;
    let year = words.next()?;
    let year = match (year.len(), number(year)?) {
        (2, year @ 0..=49) => 2000 + year,
        (2, year) | (3, year) => 1900 + year,
        (4, year) => year,
        _ => return None,
    };
    let clock = words.next()?;
    let clock = iso_time(clock, true).filter(|_| matches!(clock.len(), 5 | 8))?;
    let offset = match words.next()? {
        "UT" | "GMT" | "Z" | "z" => 0,
        "EDT" => -4 * 60,
        "EST" | "CDT" => -5 * 60,
        "CST" | "MDT" => -6 * 60,
        "MST" | "PDT" => -7 * 60,
        "PST" => -8 * 60,
        zone if zone.len() == 5 => offset_exact(zone)?,
        _ => return None,
    };
    let month = i8::try_from(month + 1).ok()?;
    let date = Date::new(i16::try_from(year).ok()?, month, day).ok()?;
    let agrees = weekday.is_none_or(|weekday| weekday == date.weekday());
    if words.next().is_some() || !agrees {
        return None;
    }
    Moment::from_parts(date, clock, offset)
}

/// Digits alone.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// `+02`, `+0200`, `+02:00` and nothing else: minutes.
fn offset_exact(text: &str) -> Option<i32> {
    let (minutes, length) = offset_at(text)?;
    (length == text.len()).then_some(minutes)
}

/// An offset at the beginning of a text: minutes, and how long it is.
fn offset_at(text: &str) -> Option<(i32, usize)> {
    let digits = text.strip_prefix(['+', '-'])?;
    let hours = number(digits.get(..2)?)?;
    let colon = usize::from(digits.get(2..3) == Some(":"));
    let minutes = digits.get(2 + colon..4 + colon).and_then(number);
    let length = 3 + minutes.map_or(0, |_| 2 + colon);
    let size = i32::try_from(hours * 60 + minutes.unwrap_or(0)).ok()?;
    Some((if text.starts_with('-') { -size } else { size }, length))
}

/// The offset that a text names, in minutes: the last of `Z`, `+02`, `+0200`, `+02:00` in it.
pub(crate) fn offset(text: &str) -> Option<i32> {
    let (mut found, mut at) = (None, 0);
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with(['Z', 'z']) {
            found = Some(0);
        } else if let Some((minutes, length)) = offset_at(rest) {
            found = Some(minutes);
            at += length;
            continue;
        }
        at += 1;
    }
    found
}

/// The offset that a number means: hours below 16, else minutes.
pub(crate) fn offset_of(number: f64) -> Option<i32> {
    if number.is_nan() || number.abs() > 6000.0 {
        return None;
    }
    let minutes = if number.abs() < 16.0 {
        number * 60.0
    } else {
        number
    };
    #[allow(clippy::cast_possible_truncation)]
    Some(minutes.trunc() as i32)
}
