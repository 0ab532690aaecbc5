//! What names messages beyond their place.

use std::sync::Arc;

use posthouse_imap::{Fetch, FetchItem, SectionData, SequenceSet};
use posthouse_mime::parse_headers;
use posthouse_model::{index::Identity, origin::Origin};

use super::{
    connect::{Conn, command_error},
    ids::MessageId,
    mailbox::Shared,
    open, shape,
};
use crate::BackendError;

/// The longest id that is believed, bytes.
const LONGEST: usize = 998;

/// What to fetch for it.
pub fn items(session: &Conn) -> Vec<FetchItem> {
    let mut items = vec![FetchItem::Uid, FetchItem::InternalDate, FetchItem::Size];
    if session.has("X-GM-EXT-1") {
        items.extend([FetchItem::GmMessageId, FetchItem::GmThreadId]);
    } else if session.has("OBJECTID") {
        items.extend([FetchItem::EmailId, FetchItem::ThreadId]);
    }
    let names = ["MESSAGE-ID", "REFERENCES", "IN-REPLY-TO"];
    items.push(FetchItem::header_fields(&names));
    items
}

/// What a reply says of it.
pub fn of(fetch: &Fetch) -> Origin {
    let section = fetch
        .sections
        .iter()
        .find(|section| section.name.starts_with("HEADER"));
    let headers = match section.map(|section| &section.data) {
        Some(SectionData::Bytes(raw)) => parse_headers(raw),
        _ => posthouse_mime::Headers::default(),
    };
    let first = |name| headers.raw(name).and_then(first_id);
    let message_id = headers.raw("message-id").and_then(own_id);
    let provider = fetch
        .gm_message_id
        .map(|id| id.to_string())
        .or_else(|| fetch.email_id.clone());
    let identity = match provider {
        Some(id) => Some(Identity::of_provider_id(&id)),
        None => message_id
            .as_deref()
            .zip(fetch.size)
            .zip(fetch.internal_date)
            .and_then(|((id, size), date)| Identity::of_message(id, size, date)),
    };
    Origin {
        identity,
        message_id,
        root: first("references"),
        parent: first("in-reply-to"),
        threaded: fetch.gm_thread_id.is_some() || fetch.thread_id.is_some(),
    }
}

/// The first id of a field, with its angle brackets: what else stands there is for people.
fn first_id(raw: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let start = text.find('<')?;
    let rest = text.get(start..)?;
    let id = rest.get(..=rest.find('>')?)?;
    // Without what folding put into it.
    let id: String = id.split_whitespace().collect();
    (id != "<>" && id.len() <= LONGEST).then_some(id)
}

/// `Message-ID`, of which some programs leave the brackets out.
fn own_id(raw: &[u8]) -> Option<String> {
    first_id(raw).or_else(|| {
        let text = String::from_utf8_lossy(raw);
        let id = text.split_whitespace().next()?;
        (id != "<>" && id.len() <= LONGEST).then(|| id.to_owned())
    })
}

/// What names messages of a folder, by UID.
///
/// # Errors
/// `MessageNotFound` where the folder is gone, and what connecting may say.
pub async fn origins(
    shared: &Arc<Shared>,
    folder: u32,
    uids: &[u32],
) -> Result<Vec<(u32, Origin)>, BackendError> {
    let Some(first) = uids.first() else {
        return Ok(Vec::new());
    };
    let id = MessageId {
        folder,
        uid: *first,
    };
    let mut opened = open::open_for(shared, id).await?;
    let session = opened.session()?;
    let items = items(session);
    let set: SequenceSet = uids.iter().copied().collect();
    let mut found = Vec::with_capacity(uids.len());
    for part in set.split(4000) {
        let pieces = session.fetch(part, &items).await.map_err(command_error)?;
        for fetch in shape::join(pieces) {
            if let Some(uid) = fetch.uid.filter(|uid| set.contains(*uid)) {
                found.push((uid, of(&fetch)));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_id_of_a_field() {
        for (raw, id, own) in [
            (" <a@b> <c@d>", Some("<a@b>"), Some("<a@b>")),
            ("<a\r\n @b>", Some("<a@b>"), Some("<a@b>")),
            ("a@b c@d", None, Some("a@b")),
            ("of > 3 < days", None, Some("of")),
            ("(comment) <x@y>", Some("<x@y>"), Some("<x@y>")),
            ("<>", None, None),
            ("  ", None, None),
            ("", None, None),
        ] {
            assert_eq!(first_id(raw.as_bytes()).as_deref(), id, "{raw}");
            assert_eq!(own_id(raw.as_bytes()).as_deref(), own, "{raw}");
        }
        assert_eq!(own_id(&[b'x'; LONGEST + 1]), None);
    }
}
