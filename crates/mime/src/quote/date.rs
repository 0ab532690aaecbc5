//! Dates as people write them.

use jiff::{
    civil::DateTime,
    tz::{Offset, TimeZone},
};
use posthouse_model::Timestamp;

use super::words::Words;

impl Words {
    /// Day, time and the distance from UTC, seen from a time zone (a name of the IANA database), from UTC if there is none
    /// of that name. Empty for a time that no calendar has.
    pub(super) fn date(&self, time: Timestamp, tz: &str) -> String {
        let zone = TimeZone::get(tz.trim()).unwrap_or(TimeZone::UTC);
        let Ok(instant) = jiff::Timestamp::from_millisecond(time.millis()) else {
            return String::new();
        };
        let local = zone.to_datetime(instant);
        let month = usize::from(local.month().unsigned_abs());
        let name = self.months.get(month.saturating_sub(1)).copied();
        self.date
            .replace("{y}", &local.year().to_string())
            .replace("{month}", name.unwrap_or_default())
            .replace("{m}", &month.to_string())
            .replace("{d}", &local.day().to_string())
            .replace("{time}", &clock(local, zone.to_offset(instant)))
    }
}

/// `00:13 UTC+2`: the time, and which it is.
fn clock(local: DateTime, offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let (hours, rest) = ((minutes / 60).abs(), (minutes % 60).abs());
    let sign = if minutes < 0 { '-' } else { '+' };
    let zone = match (hours, rest) {
        (0, 0) => String::new(),
        (hours, 0) => format!("{sign}{hours}"),
        (hours, rest) => format!("{sign}{hours}:{rest:02}"),
    };
    format!("{:02}:{:02} UTC{zone}", local.hour(), local.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_languages_and_zones() {
        let time = Timestamp(1_700_000_000_000);
        for (locale, tz, date) in [
            ("en", "UTC", "November 14, 2023 at 22:13 UTC"),
            (
                "en_US",
                "Asia/Kolkata",
                "November 15, 2023 at 03:43 UTC+5:30",
            ),
            (
                "de-AT",
                "America/New_York",
                "14. November 2023 um 17:13 UTC-5",
            ),
            (
                "fr",
                "America/St_Johns",
                "14 novembre 2023 \u{e0} 18:43 UTC-3:30",
            ),
            ("es", "", "14 de noviembre de 2023, 22:13 UTC"),
            ("it", "No/Where", "14 novembre 2023 alle 22:13 UTC"),
            ("nl", "UTC", "14 november 2023 om 22:13 UTC"),
            ("pl", "UTC", "14 listopada 2023, 22:13 UTC"),
            ("pt-BR", "UTC", "14 de novembro de 2023 \u{e0}s 22:13 UTC"),
            (
                "RU",
                "UTC",
                "14 \u{43d}\u{43e}\u{44f}\u{431}\u{440}\u{44f} 2023 \u{433}. \u{432} 22:13 UTC",
            ),
            ("sv", "UTC", "14 november 2023 kl. 22:13 UTC"),
            ("et", "Europe/Tallinn", "15. november 2023 kell 00:13 UTC+2"),
            (
                "ja",
                "Asia/Tokyo",
                "2023\u{5e74}11\u{6708}15\u{65e5} 07:13 UTC+9",
            ),
            (
                "zh-Hans",
                "UTC",
                "2023\u{5e74}11\u{6708}14\u{65e5} 22:13 UTC",
            ),
            ("tlh", "UTC", "November 14, 2023 at 22:13 UTC"),
        ] {
            assert_eq!(Words::of(locale).date(time, tz), date, "{locale}");
        }
    }
}
