//! Conversions: numbers, booleans and dates written as text.

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::{Number, Value};

/// Greatest whole number that JSON clients keep exactly.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// A boolean from text or 0/1.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => {
            let text = text.trim();
            let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
            if is(["true", "y", "1"]) {
                Some(true)
            } else if is(["false", "n", "0"]) {
                Some(false)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// A number read from JSON or text, as JavaScript would see it.
pub(crate) enum Numeric {
    /// Fits; whole numbers are integers.
    Number(Number, f64),
    /// A number, but too large to be exact.
    Unsafe,
    /// Not a number.
    NotNumber,
}

/// A number from a number or decimal text.
pub(crate) fn number(value: &Value) -> Numeric {
    let float = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse_decimal(text.trim()),
        _ => None,
    };
    let Some(float) = float else {
        return Numeric::NotNumber;
    };
    if !float.is_finite() || float.abs() > MAX_SAFE {
        return Numeric::Unsafe;
    }
    let number = if float.fract() == 0.0 {
        // Exact: the magnitude is below 2^53.
        #[allow(clippy::cast_possible_truncation)]
        let whole = float as i64;
        Some(Number::from(whole))
    } else {
        Number::from_f64(float)
    };
    number.map_or(Numeric::NotNumber, |number| Numeric::Number(number, float))
}

/// Decimal text only: no `inf`, no `nan`, no hexadecimal.
fn parse_decimal(text: &str) -> Option<f64> {
    let plausible = text.len() <= 40
        && text.bytes().any(|b| b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if plausible { text.parse().ok() } else { None }
}

/// An ISO 8601 date or date and time, as UTC with milliseconds. A time without a zone is UTC.
pub(crate) fn date(text: &str) -> Option<String> {
    let text = text.trim();
    // Longer text is no date; shorter than a year, month and day neither.
    if !(8..=40).contains(&text.len()) || !text.is_ascii() {
        return None;
    }
    let first = text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-')) || text.contains('[') {
        return None;
    }
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) => instant,
        Err(_) => TimeZone::UTC
            .to_timestamp(text.parse::<civil::DateTime>().ok()?)
            .ok()?,
    };
    let zoned = TimeZone::UTC.to_datetime(instant);
    if !(0..=9999).contains(&zoned.year()) {
        return None;
    }
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        zoned.year(),
        zoned.month(),
        zoned.day(),
        zoned.hour(),
        zoned.minute(),
        zoned.second(),
        zoned.millisecond()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_utc_with_milliseconds() {
        for (text, expected) in [
            ("2024-08-09", Some("2024-08-09T00:00:00.000Z")),
            ("2021-07-08T07:06:34.336Z", Some("2021-07-08T07:06:34.336Z")),
            (
                "2021-07-08T07:06:34.3369Z",
                Some("2021-07-08T07:06:34.336Z"),
            ),
            (
                "2021-07-08T10:06:34+03:00",
                Some("2021-07-08T07:06:34.000Z"),
            ),
            ("2021-07-08T07:06:34", Some("2021-07-08T07:06:34.000Z")),
            ("2021-07-08T07:06", Some("2021-07-08T07:06:00.000Z")),
            ("2021-07-08 07:06:34Z", Some("2021-07-08T07:06:34.000Z")),
            ("1969-12-31T23:59:59.999Z", Some("1969-12-31T23:59:59.999Z")),
            ("2021-02-30", None),
            ("2021-07-08T25:00:00Z", None),
            ("yesterday", None),
            ("1625727994336", None),
            ("", None),
            ("2021-07-08T07:06:34+03:00[Europe/Tallinn]", None),
        ] {
            assert_eq!(date(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn numbers() {
        let read = |value: Value| match number(&value) {
            Numeric::Number(number, _) => Some(number.to_string()),
            _ => None,
        };
        assert_eq!(read("20".into()).as_deref(), Some("20"));
        assert_eq!(read(" 5.0 ".into()).as_deref(), Some("5"));
        assert_eq!(read("1e3".into()).as_deref(), Some("1000"));
        assert_eq!(read("-0.5".into()).as_deref(), Some("-0.5"));
        for bad in ["", "x", "inf", "NaN", "0x10", "1 2", "99999999999999999999"] {
            assert_eq!(read(bad.into()), None, "{bad}");
        }
        assert_eq!(read(true.into()), None);
    }

    #[test]
    fn booleans() {
        for yes in ["true", "TRUE", "Y", "y", "1"] {
            assert_eq!(boolean(&yes.into()), Some(true), "{yes}");
        }
        for no in ["false", "N", "0"] {
            assert_eq!(boolean(&no.into()), Some(false), "{no}");
        }
        assert_eq!(boolean(&1.into()), Some(true));
        assert_eq!(boolean(&2.into()), None);
        assert_eq!(boolean(&"yes".into()), None);
    }
}
