//! From FETCH replies to messages.

use std::collections::BTreeMap;

use posthouse_imap::{Address as WireAddress, Envelope, Fetch, FetchItem, SectionData};
use posthouse_mime::{Headers, decode_text, parse_headers};
use posthouse_model::{
    Timestamp,
    message::{Address, Message},
};

use super::{connect::Conn, ids::MessageId, structure::Parts};

/// The fields with addresses. They are read from the header itself: of what is not by the book (no brackets, an address as a name,
/// semicolons) the envelopes of servers leave out addresses or hold the wrong one, and nothing in them tells.
pub const ADDRESS_HEADERS: [&str; 6] = ["from", "sender", "reply-to", "to", "cc", "bcc"];

/// What to fetch for a message as lists show it, but for its [`ADDRESS_HEADERS`].
pub fn items(session: &Conn) -> Vec<FetchItem> {
    let mut items = vec![
        FetchItem::Uid,
        FetchItem::Flags,
        FetchItem::InternalDate,
        FetchItem::Size,
        FetchItem::Envelope,
        FetchItem::BodyStructure,
    ];
    if session.has("X-GM-EXT-1") {
        items.extend([
            FetchItem::GmMessageId,
            FetchItem::GmThreadId,
            FetchItem::GmLabels,
        ]);
    } else if session.has("OBJECTID") {
        items.extend([FetchItem::EmailId, FetchItem::ThreadId]);
    }
    items
}

/// Joins the pieces in which a server sent messages, by sequence number.
pub fn join(pieces: Vec<Fetch>) -> Vec<Fetch> {
    let mut whole: BTreeMap<u32, Fetch> = BTreeMap::new();
    for piece in pieces {
        let Some(known) = whole.get_mut(&piece.seq) else {
            whole.insert(piece.seq, piece);
            continue;
        };
        known.uid = piece.uid.or(known.uid);
        // The later word on flags counts.
        known.flags = piece.flags.or(known.flags.take());
        known.internal_date = piece.internal_date.or(known.internal_date);
        known.size = piece.size.or(known.size);
        known.envelope = piece.envelope.or(known.envelope.take());
        known.body_structure = piece.body_structure.or(known.body_structure.take());
        known.email_id = piece.email_id.or(known.email_id.take());
        known.thread_id = piece.thread_id.or(known.thread_id.take());
        known.gm_message_id = piece.gm_message_id.or(known.gm_message_id);
        known.gm_thread_id = piece.gm_thread_id.or(known.gm_thread_id);
        known.gm_labels = piece.gm_labels.or(known.gm_labels.take());
        known.sections.extend(piece.sections);
    }
    whole.into_values().collect()
}

/// The header fields that a reply holds.
pub fn headers(fetch: &Fetch) -> Headers {
    let mut sections = fetch.sections.iter();
    let section = sections.find(|section| section.name.starts_with("HEADER"));
    match section.map(|section| &section.data) {
        Some(SectionData::Bytes(raw)) => parse_headers(raw),
        _ => Headers::default(),
    }
}

/// A message as lists show it; in detail with sender and hidden recipients.
pub fn message(
    id: MessageId,
    fetch: &Fetch,
    headers: &Headers,
    parts: &Parts,
    detail: bool,
) -> Message {
    let mut out = Message {
        id: id.encode(),
        uid: Some(id.uid),
        email_id: fetch
            .gm_message_id
            .map(|id| id.to_string())
            .or_else(|| fetch.email_id.clone()),
        thread_id: fetch
            .gm_thread_id
            .map(|id| id.to_string())
            .or_else(|| fetch.thread_id.clone()),
        date: fetch.internal_date.map(Timestamp),
        labels: fetch.gm_labels.clone(),
        size: fetch.size,
        text: Some(parts.text(id)),
        attachments: parts.attachments.clone(),
        ..Message::default()
    };
    set_flags(&mut out, fetch.flags.clone().unwrap_or_default());
    if let Some(envelope) = &fetch.envelope {
        out.subject = envelope.subject.as_deref().map(decode_text);
        out.message_id = text(envelope.message_id.as_deref());
        out.in_reply_to = text(envelope.in_reply_to.as_deref());
    }
    let none = Envelope::default();
    set_addresses(
        &mut out,
        headers,
        fetch.envelope.as_deref().unwrap_or(&none),
        detail,
    );
    out
}

fn set_addresses(out: &mut Message, headers: &Headers, envelope: &Envelope, detail: bool) {
    let read = |name: &str, known: &[WireAddress]| {
        if headers.has(name) {
            headers.addresses(name)
        } else {
            addresses(known)
        }
    };
    let authors = read("From", &envelope.from);
    // Servers put From in the place of these two where they are not there (RFC 9051 section 7.5.2).
    let or_authors = |name: &str| match headers.addresses(name) {
        none if none.is_empty() => authors.clone(),
        some => some,
    };
    out.reply_to = or_authors("Reply-To");
    out.to = read("To", &envelope.to);
    out.cc = read("Cc", &envelope.cc);
    if headers.is_empty() {
        out.reply_to = addresses(&envelope.reply_to);
    }
    if detail {
        out.sender = or_authors("Sender").into_iter().next();
        if headers.is_empty() {
            out.sender = addresses(&envelope.sender).into_iter().next();
        }
        out.bcc = read("Bcc", &envelope.bcc);
    }
    out.from = authors.into_iter().next();
}

/// Writes flags and what follows from them.
pub fn set_flags(message: &mut Message, mut flags: Vec<String>) {
    // `\Recent` belongs to a session, not to the message.
    flags.retain(|flag| !flag.eq_ignore_ascii_case("\\Recent"));
    let has = |name: &str| flags.iter().any(|flag| flag.eq_ignore_ascii_case(name));
    message.unseen = !has("\\Seen");
    message.flagged = has("\\Flagged");
    message.answered = has("\\Answered");
    message.draft = has("\\Draft");
    message.flags = flags;
}

fn text(raw: Option<&[u8]>) -> Option<String> {
    let text = String::from_utf8_lossy(raw?).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn addresses(list: &[WireAddress]) -> Vec<Address> {
    list.iter()
        .filter_map(|entry| match entry {
            WireAddress::Mailbox { name, local, host } => {
                let local = decode_text(local);
                let host = decode_text(host);
                let known = !host.is_empty() && !is_placeholder(&host);
                Some(Address {
                    name: name
                        .as_deref()
                        .map(decode_text)
                        .filter(|name| !name.is_empty()),
                    address: if known {
                        format!("{local}@{host}")
                    } else if is_placeholder(&local) {
                        String::new()
                    } else {
                        local
                    },
                })
            }
            WireAddress::GroupStart(name) => Some(Address {
                name: Some(decode_text(name)),
                address: String::new(),
            }),
            WireAddress::GroupEnd => None,
        })
        .collect()
}

/// What servers write where an address lacks a part.
fn is_placeholder(text: &str) -> bool {
    [
        "MISSING_DOMAIN",
        "MISSING_MAILBOX",
        "SYNTAX_ERROR",
        ".MISSING-HOST-NAME.",
        ".SYNTAX-ERROR.",
    ]
    .contains(&text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn mailbox(name: Option<&str>, local: &str, host: &str) -> WireAddress {
        WireAddress::Mailbox {
            name: name.map(|name| name.as_bytes().to_vec()),
            local: local.as_bytes().to_vec(),
            host: host.as_bytes().to_vec(),
        }
    }

    #[test]
    fn groups_stand_as_empty_addresses() {
        let got = addresses(&[
            WireAddress::GroupStart(b"team".to_vec()),
            mailbox(Some("=?utf-8?q?J=C3=B6rg?="), "j", "x.org"),
            WireAddress::GroupEnd,
            mailbox(None, "alone", "MISSING_DOMAIN"),
        ]);
        let got: Vec<_> = got
            .iter()
            .map(|a| (a.name.as_deref(), a.address.as_str()))
            .collect();
        assert_eq!(
            got,
            [
                (Some("team"), ""),
                (Some("Jörg"), "j@x.org"),
                (None, "alone")
            ]
        );
    }

    #[test]
    fn flags_and_booleans() {
        let mut message = Message::default();
        set_flags(
            &mut message,
            vec!["\\seen".into(), "\\Recent".into(), "$Forwarded".into()],
        );
        assert!(!message.unseen && !message.flagged);
        assert_eq!(message.flags, ["\\seen", "$Forwarded"]);
    }

    #[test]
    fn pieces_are_joined() {
        let piece = |seq, uid, flags: Option<&str>| Fetch {
            seq,
            uid,
            flags: flags.map(|flag| vec![flag.to_owned()]),
            ..Fetch::default()
        };
        let got = join(vec![
            piece(2, Some(9), None),
            piece(1, Some(4), Some("a")),
            piece(2, None, Some("b")),
        ]);
        assert_eq!(got.len(), 2);
        assert_eq!((got[1].uid, got[1].has_flag("b")), (Some(9), true));
    }
}
