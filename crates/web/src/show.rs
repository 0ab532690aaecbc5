//! Numbers, times and sizes for reading; used by templates.

use std::borrow::Borrow;

use posthouse_model::Timestamp;

/// A whole number; templates hand out references.
pub(crate) trait Whole {
    /// Its value.
    fn value(self) -> i128;
}

macro_rules! whole {
    ($($type:ty)+) => {$(
        impl Whole for $type {
            fn value(self) -> i128 {
                i128::try_from(self).unwrap_or(i128::MAX)
            }
        }

        impl Whole for &$type {
            fn value(self) -> i128 {
                (*self).value()
            }
        }
    )+};
}

whole! { u32 u64 i32 i64 usize }

/// A number with thin groups of three digits.
pub(crate) fn number(value: impl Whole) -> String {
    let value = value.value();
    let digits = value.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0 {
        out.push('\u{2212}');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A size in bytes in a unit that leaves at most three digits before the point.
pub(crate) fn size(bytes: impl Borrow<u64>) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut value = *bytes.borrow();
    let mut rest = 0;
    let mut unit = 0;
    while value >= 1024 && unit + 1 < UNITS.len() {
        rest = value % 1024;
        value /= 1024;
        unit += 1;
    }
    let unit_name = UNITS.get(unit).copied().unwrap_or("TB");
    if unit > 0 && value < 10 {
        format!("{value}.{} {unit_name}", rest * 10 / 1024)
    } else {
        format!("{value} {unit_name}")
    }
}

/// How long ago, or how far ahead, in one unit: `3 min ago`, `in 2 days`.
pub(crate) fn relative(time: impl Borrow<Timestamp>, now: impl Borrow<Timestamp>) -> String {
    let millis = now.borrow().millis() - time.borrow().millis();
    // What is ahead is rounded: 30 days less a second are not 29 days.
    let ahead = u64::from(millis < 0);
    let seconds = (millis.unsigned_abs() + 500 * ahead) / 1000;
    let whole = |unit: u64| (seconds + unit / 2 * ahead) / unit;
    let (count, unit) = match seconds {
        0..5 => return "just now".to_owned(),
        5..60 => (seconds, "s"),
        60..3600 => (whole(60), "min"),
        3600..86_400 => (whole(3600), "h"),
        86_400..5_184_000 => (whole(86_400), "day"),
        _ => (whole(2_592_000), "month"),
    };
    let plural = if count == 1 || !matches!(unit, "day" | "month") {
        ""
    } else {
        "s"
    };
    if millis < 0 {
        format!("in {count} {unit}{plural}")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

/// A path segment or query value, percent-encoded.
pub(crate) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A browser as its user would name it, from `User-Agent`: `Firefox 145 on Windows`. What is not known is
/// shown as it is.
pub(crate) fn browser(agent: &str) -> String {
    // The order matters: the others claim to be Chrome, and Chrome claims to be Safari.
    const BROWSERS: [(&str, &str); 7] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("HeadlessChrome/", "Headless Chrome"),
        ("Chrome/", "Chrome"),
        ("Version/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let named = BROWSERS.iter().find_map(|(mark, name)| {
        let (_, rest) = agent.split_once(mark)?;
        let version: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(format!("{name} {version}"))
    });
    let Some(named) = named else {
        return agent.chars().take(80).collect();
    };
    match SYSTEMS.iter().find(|(mark, _)| agent.contains(mark)) {
        Some((_, system)) => format!("{named} on {system}"),
        None => named,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(0_u64), "0");
        assert_eq!(number(1234_i64), "1\u{202f}234");
        assert_eq!(number(-1_234_567_i64), "\u{2212}1\u{202f}234\u{202f}567");
    }

    #[test]
    fn browsers() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome 156 on Linux");
        assert_eq!(browser(&format!("{chrome} Edg/156.0")), "Edge 156 on Linux");
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/19.0 Safari/604.1";
        assert_eq!(browser(safari), "Safari 19 on iPhone");
        assert_eq!(browser("curl/8.5.0"), "curl 8");
        assert_eq!(browser("<b>"), "<b>");
        assert_eq!(browser(&"x".repeat(200)).len(), 80);
    }

    #[test]
    fn sizes() {
        assert_eq!(size(0_u64), "0 B");
        assert_eq!(size(1023_u64), "1023 B");
        assert_eq!(size(1536_u64), "1.5 KB");
        assert_eq!(size(52_428_800_u64), "50 MB");
    }

    #[test]
    fn times() {
        let now = Timestamp::now();
        let ago = |seconds| relative(now.before(Duration::from_secs(seconds)), now);
        assert_eq!(ago(0), "just now");
        assert_eq!(ago(59), "59 s ago");
        assert_eq!(ago(7200), "2 h ago");
        assert_eq!(ago(86_400), "1 day ago");
        assert_eq!(ago(90 * 86_400), "3 months ago");
        assert_eq!(
            relative(now.after(Duration::from_secs(172_800)), now),
            "in 2 days"
        );
        assert_eq!(
            relative(now.after(Duration::from_secs(30 * 86_400 - 1)), now),
            "in 30 days"
        );
    }
}
