//! Calendar parts of a message (behaviour 7.3).

use std::collections::HashSet;

use base64::prelude::{BASE64_STANDARD, Engine};
use posthouse_mime::{calendar, charset};
use posthouse_model::message::{Attachment, CalendarEvent};

use super::{
    content::Contents,
    structure::{Leaf, Parts},
};

/// The largest calendar part that is read, bytes as transferred.
const MAX_SIZE: u64 = 1 << 20;

/// Events of a message; each comes with the part it is from.
const MAX_EVENTS: usize = 20;

/// Whether a part is read for events: a calendar of the message itself.
pub fn is_calendar(attachment: &Attachment, leaf: &Leaf) -> bool {
    let named = || {
        let name = attachment.filename.as_deref().unwrap_or_default();
        name.to_ascii_lowercase().ends_with(".ics")
    };
    let kind = attachment.content_type.as_str();
    !attachment.encoded_in_message
        && leaf.size <= MAX_SIZE
        && (matches!(kind, "text/calendar" | "application/ics") || named())
}

/// The events that the calendar parts tell of. An invitation mostly comes twice, as a part to show and as a file: the
/// first counts.
pub fn read(parts: &Parts, contents: &Contents) -> Vec<CalendarEvent> {
    let mut events = Vec::new();
    let mut seen = HashSet::new();
    for (place, (attachment, leaf)) in parts.attachments.iter().zip(&parts.files).enumerate() {
        let Some(content) = contents
            .get(&place)
            .filter(|_| is_calendar(attachment, leaf))
        else {
            continue;
        };
        let calendar = calendar::parse(&charset::decode(&leaf.charset, content));
        let said = attachment
            .method
            .as_ref()
            .map(|method| method.to_ascii_uppercase());
        let method = calendar.method.or(said);
        let is_invitation = matches!(method.as_deref(), Some("REQUEST" | "CANCEL"));
        let mut encoded = None;
        for event in calendar.events {
            let key = (event.uid.clone(), event.recurrence_id.clone());
            if events.len() == MAX_EVENTS || (key.0.is_some() && !seen.insert(key)) {
                continue;
            }
            let content = encoded.get_or_insert_with(|| BASE64_STANDARD.encode(content));
            events.push(CalendarEvent {
                event_id: event.uid,
                attachment: attachment.id.clone(),
                method: method.clone(),
                summary: event.summary,
                description: event.description,
                timezone: event.timezone,
                start_date: event.start,
                end_date: event.end,
                organizer: event.organizer,
                filename: if is_invitation {
                    "invite.ics"
                } else {
                    "event.ics"
                }
                .to_owned(),
                content_type: attachment.content_type.clone(),
                encoding: "base64".to_owned(),
                content: content.clone(),
            });
        }
    }
    events
}
