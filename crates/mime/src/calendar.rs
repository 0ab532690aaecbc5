//! Events of an iCalendar object (RFC 5545), as far as a notification tells of them.
//!
//! Reading is tolerant: lines that are none are passed over, components that are not closed end with the text.

mod line;
mod time;
mod zone;

use std::collections::HashMap;

use line::Line;
use time::{Moment, Span};
use zone::{Observance, Zone};

/// Events that are read of one object.
const MAX_EVENTS: usize = 50;
/// Components that may be open at once, and time zones with their parts.
const MAX_DEPTH: usize = 16;
const MAX_OBSERVANCES: usize = 200;

/// What an iCalendar object says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// `METHOD`, upper case: `REQUEST`, `CANCEL`, `REPLY` and so on (RFC 5546).
    pub method: Option<String>,
    /// Its events in their order. Of a repeated event that comes with changed occurrences only the event itself.
    pub events: Vec<Event>,
}

/// An event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `UID`.
    pub uid: Option<String>,
    /// The occurrence that this is about, as written.
    pub recurrence_id: Option<String>,
    /// `SUMMARY`.
    pub summary: Option<String>,
    /// `DESCRIPTION`.
    pub description: Option<String>,
    /// The time zone as named in the event; `UTC` when its times are.
    pub timezone: Option<String>,
    /// Begin: `2026-05-01T08:00:00.000Z`; without the `Z` where the zone is not known; `2026-05-01` for whole days.
    pub start: Option<String>,
    /// End, in the same forms; the day after the last of whole days.
    pub end: Option<String>,
    /// `ORGANIZER`, a URI: mostly `mailto:` and an address.
    pub organizer: Option<String>,
}

/// Reads an iCalendar object. Linear in its length.
#[must_use]
pub fn parse(text: &str) -> Calendar {
    let mut reader = Reader::default();
    line::each(text, |line| reader.take(&line));
    reader.finish()
}

/// An event as it is read: times are resolved when all zones are known.
#[derive(Default)]
struct Draft {
    event: Event,
    start: Option<Moment>,
    end: Option<Moment>,
    end_zone: Option<String>,
    span: Option<Span>,
}

#[derive(Default)]
struct Reader {
    open: Vec<String>,
    method: Option<String>,
    zone: Option<String>,
    drafts: Vec<Draft>,
    zones: HashMap<String, Zone>,
    zone_id: Option<String>,
    observances: Vec<Observance>,
    read: usize,
}

impl Reader {
    fn take(&mut self, line: &Line<'_>) {
        match line.name.as_str() {
            "BEGIN" => self.begin(line.value.trim().to_ascii_uppercase()),
            "END" => self.end(&line.value.trim().to_ascii_uppercase()),
            _ => {
                let mut inside = self.open.iter().rev().map(String::as_str);
                match (inside.next(), inside.next()) {
                    (Some("VCALENDAR"), _) => self.of_calendar(line),
                    (Some("VEVENT"), _) => self.of_event(line),
                    (Some("VTIMEZONE"), _) if line.name == "TZID" => {
                        self.zone_id = Some(line.value.trim().to_owned());
                    }
                    (Some("STANDARD" | "DAYLIGHT"), Some("VTIMEZONE")) => {
                        if let Some(observance) = self.observances.last_mut() {
                            observance.take(line);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn begin(&mut self, name: String) {
        match name.as_str() {
            "VEVENT" if self.drafts.len() < MAX_EVENTS => self.drafts.push(Draft::default()),
            // What is inside would be taken for the last event.
            "VEVENT" => return self.open.push(String::new()),
            "STANDARD" | "DAYLIGHT" if self.read < MAX_OBSERVANCES => {
                self.read += 1;
                self.observances.push(Observance::default());
            }
            "STANDARD" | "DAYLIGHT" => return,
            _ => {}
        }
        if self.open.len() < MAX_DEPTH {
            self.open.push(name);
        }
    }

    fn end(&mut self, name: &str) {
        if name == "VTIMEZONE" {
            let observances = std::mem::take(&mut self.observances);
            if let Some(id) = self.zone_id.take() {
                self.zones.entry(id).or_insert(Zone { observances });
            }
        }
        let at = self.open.iter().rposition(|open| open == name);
        if let Some(at) = at {
            self.open.truncate(at);
        }
    }

    fn of_calendar(&mut self, line: &Line<'_>) {
        let value = line.value.trim();
        match line.name.as_str() {
            "METHOD" if !value.is_empty() => self.method = Some(value.to_ascii_uppercase()),
            "X-WR-TIMEZONE" if !value.is_empty() => self.zone = Some(value.to_owned()),
            _ => {}
        }
    }

    fn of_event(&mut self, line: &Line<'_>) {
        let Some(draft) = self.drafts.last_mut() else {
            return;
        };
        let event = &mut draft.event;
        let text = || Some(line.text()).filter(|text| !text.is_empty());
        let plain = || Some(line.value.trim().to_owned()).filter(|text| !text.is_empty());
        match line.name.as_str() {
            "UID" => event.uid = text(),
            "RECURRENCE-ID" => event.recurrence_id = plain(),
            "SUMMARY" => event.summary = text(),
            "DESCRIPTION" => event.description = text(),
            "ORGANIZER" => event.organizer = plain(),
            "DTSTART" => {
                draft.start = Moment::parse(line.value);
                event.timezone = line.param("TZID").or_else(|| {
                    let is_utc = matches!(draft.start, Some(Moment::Utc(_)));
                    is_utc.then(|| "UTC".to_owned())
                });
            }
            "DTEND" => {
                draft.end = Moment::parse(line.value);
                draft.end_zone = line.param("TZID");
            }
            "DURATION" => draft.span = Span::parse(line.value),
            _ => {}
        }
    }

    fn finish(self) -> Calendar {
        let Self {
            drafts,
            zones,
            zone: default,
            ..
        } = self;
        let mut events: Vec<Event> = drafts
            .into_iter()
            .map(|draft| resolved(draft, &zones, default.as_deref()))
            .collect();
        let whole: std::collections::HashSet<Option<String>> = events
            .iter()
            .filter(|event| event.recurrence_id.is_none())
            .map(|event| event.uid.clone())
            .collect();
        events.retain(|event| event.recurrence_id.is_none() || !whole.contains(&event.uid));
        Calendar {
            method: self.method,
            events,
        }
    }
}

fn resolved(draft: Draft, zones: &HashMap<String, Zone>, default: Option<&str>) -> Event {
    let mut event = draft.event;
    if matches!(draft.start, Some(Moment::Local(_))) && event.timezone.is_none() {
        event.timezone = default.map(str::to_owned);
    }
    let instant = |moment: Moment, zone: Option<&str>| match zone {
        Some(name) => zone::resolve(moment, name, zones.get(name)),
        None => moment,
    };
    let own = event.timezone.as_deref();
    let start = draft.start.map(|start| instant(start, own));
    let end = match (draft.end, draft.start, draft.span) {
        (Some(end), ..) => Some(instant(end, draft.end_zone.as_deref().or(own))),
        (None, Some(start), Some(span)) => {
            // Days by the calendar, hours by the clock.
            Some(instant(start.plus_days(span.days), own).plus_seconds(span.seconds))
        }
        (None, Some(start @ Moment::Day(_)), None) => Some(start.plus_days(1)),
        (None, _, None) => start,
        (None, None, Some(_)) => None,
    };
    event.start = start.and_then(Moment::format);
    event.end = end.and_then(Moment::format);
    event
}
