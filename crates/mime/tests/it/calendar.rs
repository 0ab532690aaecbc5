//! Events of calendar objects.

use std::time::{Duration, Instant};

use posthouse_mime::calendar::{Calendar, Event, parse};
use proptest::prelude::*;

const BERLIN: &str = "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\n\
    BEGIN:DAYLIGHT\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nDTSTART:19700329T020000\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nEND:DAYLIGHT\n\
    BEGIN:STANDARD\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nDTSTART:19701025T030000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nEND:STANDARD\n\
    END:VTIMEZONE\n";

fn calendar(inside: &str) -> Calendar {
    parse(&format!("BEGIN:VCALENDAR\n{inside}END:VCALENDAR\n"))
}

fn event(lines: &str) -> Event {
    let mut read = calendar(&format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT\n"));
    assert_eq!(read.events.len(), 1, "{lines}");
    read.events.remove(0)
}

#[test]
fn an_invitation() {
    let text = "BEGIN:VCALENDAR\r\nPRODID:-//x//EN\r\nVERSION:2.0\r\nMETHOD:request\r\nBEGIN:VEVENT\r\n\
        ORGANIZER;CN=\"Doe: Jane\";X=1:mailto:jane@example.com\r\nUID:abc-1@example.com\r\n\
        SUMMARY;LANGUAGE=en:Planning\\, part 1\\; with a very long\r\n  title\r\n\
        DESCRIPTION:First line\\nSecond \\\\ line\r\nDTSTART:20260501T080000Z\r\nDTEND:20260501T090000Z\r\n\
        BEGIN:VALARM\r\nSUMMARY:Alarm\r\nDESCRIPTION:This is an alarm\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n\
        SEQUENCE:0\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let read = parse(text);
    assert_eq!(read.method.as_deref(), Some("REQUEST"));
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(
        read.events,
        [Event {
            uid: own("abc-1@example.com"),
            recurrence_id: None,
            summary: own("Planning, part 1; with a very long title"),
            description: own("First line\nSecond \\ line"),
            timezone: own("UTC"),
            start: own("2026-05-01T08:00:00.000Z"),
            end: own("2026-05-01T09:00:00.000Z"),
            organizer: own("mailto:jane@example.com"),
        }]
    );
    // A text without its end, with other line ends, folded by tabs.
    let broken = text
        .replace("\r\n", "\n")
        .replace("\n  title", "\n\t title");
    let broken = broken.split("SEQUENCE").next().unwrap();
    assert_eq!(parse(broken).events, read.events);
}

#[test]
fn times() {
    for (lines, zone, start, end) in [
        (
            "DTSTART:20260501T080000Z\nDURATION:PT1H30M",
            "UTC",
            "2026-05-01T08:00:00.000Z",
            "2026-05-01T09:30:00.000Z",
        ),
        (
            "DTSTART:20260501T080000\nDTEND:20260501T0900",
            "",
            "2026-05-01T08:00:00.000",
            "2026-05-01T09:00:00.000",
        ),
        (
            "DTSTART;VALUE=DATE:20260501",
            "",
            "2026-05-01",
            "2026-05-02",
        ),
        (
            "DTSTART;VALUE=DATE:20240228\nDTEND;VALUE=DATE:20240301",
            "",
            "2024-02-28",
            "2024-03-01",
        ),
        (
            "DTSTART;VALUE=DATE:20240228\nDURATION:P1W",
            "",
            "2024-02-28",
            "2024-03-06",
        ),
        (
            "DTSTART:20260501T080000Z",
            "UTC",
            "2026-05-01T08:00:00.000Z",
            "2026-05-01T08:00:00.000Z",
        ),
        (
            "DTSTART;TZID=Nowhere:20260501T080000",
            "Nowhere",
            "2026-05-01T08:00:00.000",
            "2026-05-01T08:00:00.000",
        ),
        (
            "DTSTART;TZID=Etc/UTC:20260501T080000",
            "Etc/UTC",
            "2026-05-01T08:00:00.000Z",
            "2026-05-01T08:00:00.000Z",
        ),
        (
            "DTSTART;TZID=\"Europe/Berlin\":20260501T080000",
            "Europe/Berlin",
            "2026-05-01T06:00:00.000Z",
            "2026-05-01T06:00:00.000Z",
        ),
        (
            "DTSTART;TZID=Europe/Berlin:20260115T080000\nDURATION:P1D",
            "Europe/Berlin",
            "2026-01-15T07:00:00.000Z",
            "2026-01-16T07:00:00.000Z",
        ),
        // Summer time begins on 29 March 2026 at 2 and ends on 25 October at 3.
        (
            "DTSTART;TZID=Europe/Berlin:20260329T015959\nDURATION:PT2S",
            "Europe/Berlin",
            "2026-03-29T00:59:59.000Z",
            "2026-03-29T01:00:01.000Z",
        ),
        (
            "DTSTART;TZID=Europe/Berlin:20260329T030000",
            "Europe/Berlin",
            "2026-03-29T01:00:00.000Z",
            "2026-03-29T01:00:00.000Z",
        ),
        (
            "DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:P1D",
            "Europe/Berlin",
            "2026-03-28T11:00:00.000Z",
            "2026-03-29T10:00:00.000Z",
        ),
        (
            "DTSTART;TZID=Europe/Berlin:20261025T030000",
            "Europe/Berlin",
            "2026-10-25T02:00:00.000Z",
            "2026-10-25T02:00:00.000Z",
        ),
        (
            "DTSTART;TZID=Europe/Berlin:19600101T000000",
            "Europe/Berlin",
            "1959-12-31T23:00:00.000Z",
            "1959-12-31T23:00:00.000Z",
        ),
        ("DTSTART:20260231T080000Z", "", "", ""),
        ("DTSTART:20260501T250000Z", "", "", ""),
        (
            "DTSTART:99991231T235959Z\nDURATION:P9W",
            "UTC",
            "9999-12-31T23:59:59.000Z",
            "",
        ),
        ("DTSTART:tomorrow\nDURATION:P1D", "", "", ""),
        (
            "DTSTART:20260501T080000Z\nDURATION:P99999999999999999999D",
            "UTC",
            "2026-05-01T08:00:00.000Z",
            "2026-05-01T08:00:00.000Z",
        ),
    ] {
        let mut read = calendar(&format!("{BERLIN}BEGIN:VEVENT\n{lines}\nEND:VEVENT\n"));
        let event = read.events.remove(0);
        let got = [event.timezone, event.start, event.end].map(Option::unwrap_or_default);
        assert_eq!(got, [zone, start, end], "{lines}");
    }
}

#[test]
fn zones_as_programs_write_them() {
    // The rule of the United States, a zone without summer time, onsets by date, a rule that has ended, and days that
    // are counted.
    for (zone, time, expected) in [
        (
            "BEGIN:STANDARD\nDTSTART:16010101T020000\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=1SU;BYMONTH=11\nEND:STANDARD\n\
             BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=2SU;BYMONTH=3\nEND:DAYLIGHT\n",
            [
                ("20260307T120000", "17:00"),
                ("20260308T120000", "16:00"),
                ("20261101T120000", "17:00"),
            ],
            "2026",
        ),
        (
            "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0530\nTZOFFSETTO:+0530\nEND:STANDARD\n",
            [
                ("20260307T120000", "06:30"),
                ("20260701T120000", "06:30"),
                ("20261101T120000", "06:30"),
            ],
            "2026",
        ),
        (
            "BEGIN:STANDARD\nDTSTART:20250101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nRDATE:20260601T000000,20270101T000000\nEND:STANDARD\n\
             BEGIN:DAYLIGHT\nDTSTART:20260401T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:DAYLIGHT\n",
            [
                ("20260307T120000", "11:00"),
                ("20260501T120000", "10:00"),
                ("20261101T120000", "11:00"),
            ],
            "2026",
        ),
        (
            "BEGIN:DAYLIGHT\nDTSTART:20000301T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;UNTIL=20100301T000000Z\nEND:DAYLIGHT\n\
             BEGIN:STANDARD\nDTSTART:20001001T000000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;UNTIL=20101001T000000Z\nEND:STANDARD\n",
            [
                ("20260307T120000", "11:00"),
                ("20260501T120000", "11:00"),
                ("20261101T120000", "11:00"),
            ],
            "2026",
        ),
        (
            "BEGIN:DAYLIGHT\nDTSTART:20000312T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=SU;BYMONTHDAY=8,9,10,11,12,13,14\nEND:DAYLIGHT\n\
             BEGIN:STANDARD\nDTSTART:20001105T020000\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=SU;BYMONTHDAY=1,2,3,4,5,6,7\nEND:STANDARD\n",
            [
                ("20260307T120000", "17:00"),
                ("20260308T120000", "16:00"),
                ("20261101T120000", "17:00"),
            ],
            "2026",
        ),
    ] {
        for (local, utc) in time {
            let read = calendar(&format!(
                "BEGIN:VEVENT\nDTSTART;TZID=Zone:{local}\nEND:VEVENT\nBEGIN:VTIMEZONE\n{zone}TZID:Zone\nEND:VTIMEZONE\n"
            ));
            let start = read.events[0].start.clone().unwrap();
            assert!(
                start.starts_with(expected) && start.ends_with(&format!("T{utc}:00.000Z")),
                "{zone}{local}: {start}"
            );
        }
    }
}

#[test]
fn several_events() {
    let read = calendar(
        "BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20260508T080000Z\nSUMMARY:moved\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nSUMMARY:weekly\nEND:VEVENT\nBEGIN:VTODO\nUID:t\nSUMMARY:todo\nEND:VTODO\n\
         BEGIN:VEVENT\nUID:b\nRECURRENCE-ID:20260508\nSUMMARY:only this\nEND:VEVENT\n",
    );
    let summaries: Vec<_> = read
        .events
        .iter()
        .map(|event| event.summary.as_deref().unwrap())
        .collect();
    assert_eq!(summaries, ["weekly", "only this"]);
    let many = "BEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\n".repeat(5000);
    assert_eq!(calendar(&many).events.len(), 50);
}

#[test]
fn odd_lines() {
    assert_eq!(
        event("summary : spaced\nUID").summary.as_deref(),
        Some("spaced")
    );
    assert_eq!(
        event("SUMMARY;X=\"a:b:c\nUID:1").summary.as_deref(),
        Some("b:c")
    );
    assert_eq!(event("SUMMARY:a\\").summary.as_deref(), Some("a"));
    assert_eq!(event("SUMMARY:\nLOCATION:x").summary, None);
    assert_eq!(event("item1.SUMMARY:x").summary.as_deref(), Some("x"));
    for text in [
        "",
        "BEGIN",
        "END:VEVENT",
        "BEGIN:VEVENT",
        ":",
        ";:",
        "\u{feff}",
        "BEGIN:VCALENDAR",
    ] {
        assert!(parse(text).events.len() <= 1, "{text}");
    }
    assert_eq!(
        parse("\u{feff}BEGIN:VCALENDAR\nMETHOD:cancel")
            .method
            .as_deref(),
        Some("CANCEL")
    );
    let zone = calendar(
        "X-WR-TIMEZONE:Europe/Berlin\nBEGIN:VEVENT\nDTSTART:20260501T080000\nEND:VEVENT\n",
    );
    assert_eq!(zone.events[0].timezone.as_deref(), Some("Europe/Berlin"));
}

#[test]
fn hostile_objects_take_linear_time() {
    for piece in [
        "BEGIN:VEVENT\n",
        "BEGIN:VTIMEZONE\nBEGIN:STANDARD\n",
        "BEGIN:STANDARD\nDTSTART:20000101T000000\nRDATE:20000101T000000\n",
        "END:VEVENT\n",
        " x\n",
        "A;B=\"",
        "SUMMARY;X=\"a\":\\n",
        "DTSTART;TZID=x:20260501T080000\n",
        "\"",
        ":",
        ";",
        "\\",
    ] {
        let text = format!(
            "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:x\n{}",
            piece.repeat(100_000)
        );
        let start = Instant::now();
        let _ = parse(&text);
        let _ = calendar(&format!("{BERLIN}BEGIN:VEVENT\n{}", piece.repeat(50_000)));
        assert!(start.elapsed() < Duration::from_secs(5), "{piece}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "(BEGIN:(VCALENDAR|VEVENT|VTIMEZONE|STANDARD)\n|END:(VEVENT|VTIMEZONE|STANDARD)\n|DTSTART(;TZID=a)?:[0-9T]{0,17}Z?\n|TZID:a\n|TZOFFSET(TO|FROM):[-+0-9]{0,7}\n|RRULE:FREQ=YEARLY(;BYMONTH=[0-9]{1,2})?(;BYDAY=-?[0-9]?SU)?(;BYMONTHDAY=[0-9]{1,2})?(;UNTIL=[0-9]{8})?\n|DURATION:-?P[0-9]{0,9}[WDTHMS][0-9]{0,9}[WDTHMS]?\n|[^\n]{0,20}\n){0,40}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_text(text in ".{0,200}") {
        let _ = parse(&text);
    }
}
