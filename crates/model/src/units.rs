//! Durations, sizes and booleans as configuration writes them.

use std::time::Duration;

/// A configuration value that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not {1}")]
pub struct BadUnit(pub String, pub &'static str);

fn split(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim().to_ascii_lowercase()))
}

/// Reads a duration: a number is milliseconds; units `ms s m h d mo y` (30 and 365 days).
///
/// # Errors
/// The text is neither a number nor a number with a known unit.
pub fn parse_duration(text: &str) -> Result<Duration, BadUnit> {
    let bad = || {
        BadUnit(
            text.to_owned(),
            "a duration (such as 500, 10s, 5m, 2h, 1d, 1mo, 1y)",
        )
    };
    let (number, unit) = split(text).ok_or_else(bad)?;
    let millis = match unit.as_str() {
        "" | "ms" => 1.0,
        "s" | "sec" => 1e3,
        "m" | "min" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        "mo" => 30.0 * 8.64e7,
        "y" => 365.0 * 8.64e7,
        _ => return Err(bad()),
    };
    Duration::try_from_secs_f64(number * millis / 1e3).map_err(|_| bad())
}

/// Reads a size in bytes: a number, or with `k M G T P` (1024-based), `B` optional.
///
/// # Errors
/// The text is neither a number nor a number with a known unit.
pub fn parse_size(text: &str) -> Result<u64, BadUnit> {
    let bad = || BadUnit(text.to_owned(), "a size (such as 500, 64k, 5M, 25MB, 1G)");
    let (number, unit) = split(text).ok_or_else(bad)?;
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(bad()),
    };
    let bytes = number * 1024f64.powi(power);
    if !bytes.is_finite() || bytes >= 9.0e18 {
        return Err(bad());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(bytes as u64)
}

/// Reads a boolean: `y…`, `t…`, or a non-zero integer is true; `n…`, `f…`, zero or nothing is false.
///
/// # Errors
/// Any other text.
pub fn parse_bool(text: &str) -> Result<bool, BadUnit> {
    let word = text.trim().to_ascii_lowercase();
    match word.as_str() {
        "" | "off" => Ok(false),
        "on" => Ok(true),
        word if word.starts_with(['y', 't']) => Ok(true),
        word if word.starts_with(['n', 'f']) => Ok(false),
        word => word
            .parse::<i64>()
            .map(|number| number != 0)
            .map_err(|_| BadUnit(text.to_owned(), "a boolean (such as true or false)")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("250", 250),
            ("10s", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("500ms", 500),
            ("1mo", 2_592_000_000),
            ("1y", 31_536_000_000),
            ("1.5 s", 1500),
        ] {
            assert_eq!(
                parse_duration(text).unwrap(),
                Duration::from_millis(millis),
                "{text}"
            );
        }
        for bad in ["", "s", "5 parsecs", "-1s", "1e400"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("100", 100),
            ("5M", 5 << 20),
            ("25MB", 25 << 20),
            ("64k", 65_536),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for bad in ["", "M", "5X", "9999999P"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn booleans() {
        for (text, value) in [
            ("yes", true),
            ("Y", true),
            ("TRUE", true),
            ("1", true),
            ("2", true),
            ("0", false),
            ("no", false),
        ] {
            assert_eq!(parse_bool(text).unwrap(), value, "{text}");
        }
        assert!(parse_bool("maybe").is_err());
    }
}
