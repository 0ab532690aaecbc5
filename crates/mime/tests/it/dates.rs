use posthouse_mime::{date::format_date, parse_date};
use posthouse_model::Timestamp;
use proptest::prelude::*;

#[test]
fn forms() {
    let table = [
        (
            "Fri, 21 Nov 1997 09:55:06 -0600",
            "1997-11-21T15:55:06.000Z",
        ),
        ("21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06.000Z"),
        (
            "Mon, 21 Nov 1997 09:55:06 -0600",
            "1997-11-21T15:55:06.000Z",
        ), // wrong weekday
        ("Fri, 21 Nov 1997 09:55 -0600", "1997-11-21T15:55:00.000Z"),
        ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06.000Z"),
        ("21 Nov 25 09:55:06 GMT", "2025-11-21T09:55:06.000Z"),
        ("21 Nov 103 09:55:06 GMT", "2003-11-21T09:55:06.000Z"),
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", ""),
        (
            "Fri, 21 Nov 1997 (a (nested \\) one)) 09:55:06 -0600 (CST)",
            "1997-11-21T15:55:06.000Z",
        ),
        ("Fri,21 Nov 1997 09:55:06 EST", "1997-11-21T14:55:06.000Z"),
        ("Fri, 21 Nov 1997 09:55:06 PDT", "1997-11-21T16:55:06.000Z"),
        ("Fri, 21 Nov 1997 09:55:06 UT", "1997-11-21T09:55:06.000Z"),
        ("Fri, 21 Nov 1997 09:55:06 Z", "1997-11-21T09:55:06.000Z"),
        ("Fri, 21 Nov 1997 09:55:06 K", "1997-11-21T09:55:06.000Z"),
        ("Fri, 21 Nov 1997 09:55:06", "1997-11-21T09:55:06.000Z"),
        (
            "Fri, 21 Nov 1997 09:55:06 -0000",
            "1997-11-21T09:55:06.000Z",
        ),
        (
            "Fri, 21 Nov 1997 09:55:06 +05:30",
            "1997-11-21T04:25:06.000Z",
        ),
        (
            "Fri, 21 Nov 1997 09:55:06 GMT+0100",
            "1997-11-21T08:55:06.000Z",
        ),
        (
            "Fri, 21 Nov 1997 09:55:06.123 +0000",
            "1997-11-21T09:55:06.000Z",
        ),
        (
            "Fri, 21 November 1997 9:55:06 +0000",
            "1997-11-21T09:55:06.000Z",
        ),
        (
            "Sat, 31 Dec 2016 23:59:60 +0000",
            "2016-12-31T23:59:59.000Z",
        ),
        ("Fri Nov 21 09:55:06 1997", "1997-11-21T09:55:06.000Z"),
        ("Fri Nov 21 09:55:06 MST 1997", "1997-11-21T16:55:06.000Z"),
        ("21-Nov-1997 09:55:06 -0600", "1997-11-21T15:55:06.000Z"),
        (" 1-Nov-1997 09:55:06 -0600", "1997-11-01T15:55:06.000Z"),
        ("1997-11-21T09:55:06Z", "1997-11-21T09:55:06.000Z"),
        (
            "Thu, 29 Feb 2024 00:00:00 +0000",
            "2024-02-29T00:00:00.000Z",
        ),
        ("Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.000Z"),
        ("Fri, 29 Feb 2023 00:00:00 +0000", ""),
        ("Fri, 31 Apr 2023 00:00:00 +0000", ""),
        ("Fri, 21 Nov 1997 24:55:06 -0600", ""),
        ("Fri, 21 Nov 1997", ""),
        ("21 Foo 1997 09:55:06", ""),
        ("", ""),
        ("now", ""),
        ("é, 21 Nov", ""),
    ];
    for (text, expected) in table {
        let read = parse_date(text)
            .map(|time| time.to_string())
            .unwrap_or_default();
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn written_as_the_standard_says() {
    let time: Timestamp = "2025-11-24T00:11:22.987Z".parse().unwrap();
    assert_eq!(format_date(time), "Mon, 24 Nov 2025 00:11:22 +0000");
    assert_eq!(format_date(Timestamp(0)), "Thu, 01 Jan 1970 00:00:00 +0000");
    assert_eq!(
        format_date(Timestamp(-1000)),
        "Wed, 31 Dec 1969 23:59:59 +0000"
    );
    for edge in [i64::MIN, i64::MAX] {
        assert!(parse_date(&format_date(Timestamp(edge))).is_some());
    }
}

proptest! {
    #[test]
    fn round_trip(seconds in -62_135_596_800i64..253_402_300_799) {
        let time = Timestamp::from_secs(seconds);
        prop_assert_eq!(parse_date(&format_date(time)), Some(time));
    }

    #[test]
    fn any_text(text in ".{0,60}", parts in prop::collection::vec("[0-9]{1,5}|Nov|[-+:,/(]|\\PC", 0..12)) {
        let _ = parse_date(&text);
        let _ = parse_date(&parts.concat());
    }
}
