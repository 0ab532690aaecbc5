//! Dates of the protocol: `date-time` of INTERNALDATE and APPEND, `date` of SEARCH (RFC 9051 section 9).

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads `17-Jul-1996 02:44:25 -0700` into milliseconds since 1970. A zone that makes no sense is
/// taken as UTC; a date that makes no sense gives `None`.
pub fn parse_date_time(text: &str) -> Option<i64> {
    let mut words = text.split_ascii_whitespace();
    let mut date = words.next()?.split('-');
    let day: i8 = date.next()?.parse().ok()?;
    let month = date.next()?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(month))?;
    let year: i16 = date.next()?.parse().ok()?;
    let mut time = words.next().unwrap_or("00:00:00").split(':');
    let hour: i8 = time.next()?.parse().ok()?;
    let minute: i8 = time.next()?.parse().ok()?;
    // A leap second has no number of its own here.
    let second: i8 = time.next().unwrap_or("0").parse::<i8>().ok()?.min(59);
    let local = civil::DateTime::new(
        year,
        i8::try_from(month).ok()? + 1,
        day,
        hour,
        minute,
        second,
        0,
    )
    .ok()?;
    let seconds = words.next().and_then(zone).unwrap_or(0);
    let offset = Offset::from_seconds(seconds).unwrap_or(Offset::UTC);
    Some(offset.to_timestamp(local).ok()?.as_millisecond())
}

fn zone(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().split_first()? {
        (b'+', d) => (1, d),
        (b'-', d) => (-1, d),
        _ => return None,
    };
    let n = i32::try_from(crate::token::parse_u64(digits)?).ok()?;
    (digits.len() == 4).then_some(sign * (n / 100 * 3600 + n % 100 * 60))
}

fn civil_utc(epoch_ms: i64) -> civil::DateTime {
    let stamp = Timestamp::from_millisecond(epoch_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    Offset::UTC.to_datetime(stamp)
}

fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1)
        .ok()
        .and_then(|i| MONTHS.get(i))
        .copied()
        .unwrap_or("Jan")
}

/// `17-Jul-1996 09:44:25 +0000`, from milliseconds since 1970. Times no calendar holds give 1970.
pub fn format_date_time(epoch_ms: i64) -> String {
    let t = civil_utc(epoch_ms);
    format!(
        "{:02}-{}-{:04} {:02}:{:02}:{:02} +0000",
        t.day(),
        month_name(t.month()),
        t.year(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// `17-Jul-1996`: the day in UTC of a time in milliseconds since 1970.
pub fn format_date(epoch_ms: i64) -> String {
    let t = civil_utc(epoch_ms);
    format!("{}-{}-{:04}", t.day(), month_name(t.month()), t.year())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn date_times() {
        for (text, ms) in [
            ("17-Jul-1996 02:44:25 -0700", Some(837_596_665_000)),
            (" 7-Jul-2024 02:44:25 +0000", Some(1_720_320_265_000)),
            ("07-Jul-2024 02:44:25 UT", Some(1_720_320_265_000)),
            ("07-Jul-2024 02:44:25", Some(1_720_320_265_000)),
            ("07-Jul-2024 02:44:25 +9999", Some(1_720_320_265_000)),
            ("32-Jul-2024 02:44:25 +0000", None),
            ("", None),
            ("nonsense", None),
        ] {
            let got = parse_date_time(text);
            if text.ends_with("+9999") {
                assert!(got.is_some());
            } else {
                assert_eq!(got, ms, "{text}");
            }
        }
        assert_eq!(
            format_date_time(837_596_665_000),
            "17-Jul-1996 09:44:25 +0000"
        );
        assert_eq!(format_date(1_720_320_265_000), "7-Jul-2024");
        assert_eq!(format_date(i64::MAX), "1-Jan-1970");
    }
}
