//! Dates of mail headers (RFC 5322 section 3.3 with the obsolete forms of 4.3).

use posthouse_model::Timestamp;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Longest date that is looked at, comments included.
const MAX_LEN: usize = 4096;

/// Reads the date of a header.
///
/// Beside RFC 5322: obsolete zones, a missing zone (UTC), missing seconds, years of two digits,
/// comments, a wrong weekday, `asctime` order, the IMAP form `24-Nov-2025 00:11:22 +0000`, ISO 8601.
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let text = without_comments(text.get(..MAX_LEN.min(text.len())).unwrap_or_default());
    let text = text.trim();
    if text.len() >= 10 && text.as_bytes().get(4) == Some(&b'-') {
        return text.parse().ok();
    }
    let mut date = Parts::default();
    for token in text.split(|c: char| c.is_whitespace() || c == ',') {
        if !token.is_empty() {
            date.token(token)?;
        }
    }
    date.finish()
}

fn without_comments(text: &str) -> String {
    let mut depth = 0usize;
    let mut escaped = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if depth > 0 => escaped = true,
            '(' => {
                depth += 1;
                out.push(' ');
            }
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[derive(Default)]
struct Parts {
    day: Option<i64>,
    month: Option<i64>,
    year: Option<i64>,
    /// Seconds of the day.
    time: Option<i64>,
    /// Seconds east of UTC.
    zone: Option<i64>,
}

impl Parts {
    /// Takes one word of the date; `None` if it makes the whole no date.
    fn token(&mut self, token: &str) -> Option<()> {
        let first = token.chars().next()?;
        if token.contains(':') && first.is_ascii_digit() {
            if self.time.is_none() {
                self.time = Some(self.clock(token)?);
            }
        } else if first.is_ascii_digit() {
            let mut pieces = token.split(['-', '/']);
            let number = pieces.next()?;
            match (pieces.next().and_then(month), pieces.next()) {
                (Some(month), Some(year)) => {
                    self.day = Some(number.parse().ok()?);
                    self.month = Some(month);
                    self.year = Some(full_year(year)?);
                }
                _ => self.number(number)?,
            }
        } else if matches!(first, '+' | '-') {
            self.zone = Some(offset(token).unwrap_or(0));
        } else if self.month.is_none() && month(token).is_some() {
            self.month = month(token);
        } else if self.time.is_some() && self.zone.is_none() {
            self.zone = Some(named_zone(token));
        }
        Some(())
    }

    fn number(&mut self, digits: &str) -> Option<()> {
        if digits.len() > 4 {
            return None;
        }
        if self.day.is_none() && digits.len() <= 2 {
            self.day = Some(digits.parse().ok()?);
        } else if self.year.is_none() {
            self.year = Some(full_year(digits)?);
        }
        Some(())
    }

    /// `hh:mm[:ss[.fraction]]`, perhaps with the zone stuck to it.
    fn clock(&mut self, token: &str) -> Option<i64> {
        let end = token
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.')))
            .unwrap_or(token.len());
        let (clock, zone) = token.split_at_checked(end)?;
        if !zone.is_empty() {
            self.zone = Some(offset(zone).unwrap_or_else(|| named_zone(zone)));
        }
        let mut pieces = clock.split(':');
        let hour: i64 = pieces.next()?.parse().ok()?;
        let minute: i64 = pieces.next()?.parse().ok()?;
        let second: i64 = match pieces.next() {
            Some(second) => second.split('.').next()?.parse().ok()?,
            None => 0,
        };
        // A leap second is the last second of its minute: this calendar has none.
        let valid =
            (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
        valid.then(|| hour * 3600 + minute * 60 + second.min(59))
    }

    fn finish(self) -> Option<Timestamp> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !(1..=length).contains(&day) || !(1..=9999).contains(&year) {
            return None;
        }
        let seconds =
            days_from_civil(year, month, day) * 86_400 + self.time? - self.zone.unwrap_or(0);
        Some(Timestamp::from_secs(seconds))
    }
}

fn month(name: &str) -> Option<i64> {
    let name = name.get(..3)?;
    let index = MONTHS
        .iter()
        .position(|month| month.eq_ignore_ascii_case(name))?;
    i64::try_from(index + 1).ok()
}

/// RFC 5322 section 4.3: 00-49 is 20xx, 50-99 and three digits count from 1900.
fn full_year(digits: &str) -> Option<i64> {
    let year: i64 = digits.parse().ok()?;
    Some(match digits.len() {
        1 | 2 if year < 50 => 2000 + year,
        1..=3 => 1900 + year,
        _ => year,
    })
}

/// `+hhmm`, `+hh:mm`, `+hh`, perhaps after `GMT` or `UTC`.
fn offset(text: &str) -> Option<i64> {
    let sign_at = text.find(['+', '-'])?;
    let sign = if text.as_bytes().get(sign_at) == Some(&b'-') {
        -1
    } else {
        1
    };
    let digits: String = text
        .get(sign_at + 1..)?
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.parse::<i64>().ok()?, 0),
        4 => (
            digits.get(..2)?.parse().ok()?,
            digits.get(2..)?.parse::<i64>().ok()?,
        ),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * (hours * 3600 + minutes * 60))
}

/// RFC 5322 section 4.3: military letters and unknown names mean UTC.
fn named_zone(name: &str) -> i64 {
    let hours = match name.to_ascii_uppercase().as_str() {
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        // Not in the RFC, frequent in Europe and Japan.
        "CET" | "MEZ" | "BST" => 1,
        "CEST" | "MESZ" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "JST" => 9,
        other => return offset(other).unwrap_or(0),
    };
    hours * 3600
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The date as a header writes it, in UTC: `Mon, 24 Nov 2025 00:11:22 +0000`.
#[must_use]
pub fn format_date(time: Timestamp) -> String {
    // Within the years that the format has room for.
    let seconds = time
        .millis()
        .div_euclid(1000)
        .clamp(-62_135_596_800, 253_402_300_799);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let name = |names: &[&'static str], index: i64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| names.get(index).copied())
            .unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} +0000",
        name(&DAYS, days.rem_euclid(7)),
        name(&MONTHS, month - 1),
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}
