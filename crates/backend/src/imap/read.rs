//! Reading messages whole, many at once: their structure by one command, and then their texts and attachments, those with
//! the same sections together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use posthouse_imap::{FetchItem, SectionData, SequenceSet};
use posthouse_mime::{Headers, report::auto_reply};
use posthouse_model::{
    mailbox::SpecialUse,
    message::{HeaderChoice, Message, MessageOptions, TextType},
};
use serde_json::{Map, Value};

use super::{
    connect::{Conn, command_error},
    content, detail,
    ids::MessageId,
    mailbox::Shared,
    names, open, shape,
    structure::{Leaf, Parts},
    text,
};
use crate::BackendError;

/// Parts up to this size are read together with those of other messages, bytes.
pub const TOGETHER: u64 = 64 << 10;

/// Messages read by one command.
const AT_ONCE: usize = 50;

/// Reads new messages. Those of the folder that is open here are read here, others over sessions of their own.
///
/// # Errors
/// When the connection is lost.
pub async fn read_new(
    shared: &Arc<Shared>,
    session: &mut Conn,
    open: Option<(&str, u32)>,
    ids: &[String],
    options: &MessageOptions,
) -> Result<Vec<Result<Message, BackendError>>, BackendError> {
    let mut here = Vec::new();
    for id in ids {
        if let Ok(id) = MessageId::parse(id)
            && open.is_some_and(|(_, number)| number == id.folder)
        {
            here.push(id);
        }
    }
    let mut found = HashMap::new();
    if let Some((path, _)) = open {
        for some in here.chunks(AT_ONCE) {
            found.extend(read(shared, session, path, some, options).await?);
        }
    }
    let mut out = Vec::with_capacity(ids.len());
    for id in ids {
        out.push(match MessageId::parse(id) {
            Ok(parsed) if here.contains(&parsed) => found
                .remove(&parsed)
                .ok_or_else(BackendError::message_not_found),
            Ok(_) => detail::message(shared, id, options).await,
            Err(error) => Err(error),
        });
    }
    Ok(out)
}

/// Messages of the open folder; those that are not there are missing.
///
/// # Errors
/// What the server may say.
pub async fn read(
    shared: &Arc<Shared>,
    session: &mut Conn,
    path: &str,
    ids: &[MessageId],
    options: &MessageOptions,
) -> Result<HashMap<MessageId, Message>, BackendError> {
    let mut items = shape::items(session);
    items.push(header_item(&options.headers));
    let by_uid: HashMap<u32, MessageId> = ids.iter().map(|id| (id.uid, *id)).collect();
    let uids: SequenceSet = by_uid.keys().copied().collect();
    let pieces = session.fetch(uids, &items).await.map_err(command_error)?;
    let mut found = Vec::with_capacity(ids.len());
    for fetch in shape::join(pieces) {
        let known = fetch.uid.and_then(|uid| by_uid.get(&uid));
        // News of the flags of other messages come in between.
        let Some(id) = known.filter(|_| fetch.size.is_some() || fetch.body_structure.is_some())
        else {
            continue;
        };
        let root = fetch.body_structure.as_ref();
        let parts = root.map(|root| Parts::new(*id, root)).unwrap_or_default();
        found.push((*id, fetch, parts));
    }
    let mut doubtful: Vec<(u32, &mut Parts)> = found
        .iter_mut()
        .map(|(id, _, parts)| (id.uid, parts))
        .filter(|(_, parts)| !parts.doubtful.is_empty())
        .collect();
    names::complete(session, &mut doubtful).await?;
    let mut messages = Vec::with_capacity(found.len());
    for (id, fetch, parts) in found {
        let headers = shape::headers(&fetch);
        let mut message = shape::message(id, &fetch, &headers, &parts, true);
        message.is_auto_reply = auto_reply::is_auto_reply(message.subject.as_deref(), &headers);
        message.headers = view(&headers, &options.headers);
        let wanted = content::wanted(&parts, options);
        messages.push((id, message, parts, wanted));
    }
    let read = together(session, &messages, options.text_type).await?;
    let special = open::special_uses(shared, Some(session)).await?;
    let special = special.iter().find(|(_, known)| known == path);
    let special: Option<SpecialUse> = special.map(|(special, _)| *special);
    let mut out = HashMap::with_capacity(messages.len());
    for (id, mut message, parts, wanted) in messages {
        if options.text_type != TextType::None
            && let Some(content) = &mut message.text
        {
            let filled = text::fill(
                session,
                id.uid,
                &parts,
                &read,
                options.text_type,
                options.max_bytes,
                content,
            );
            match filled.await {
                Ok(()) => {}
                // It went meanwhile.
                Err(BackendError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            }
        }
        let contents = content::read(session, id.uid, &parts, &read, &wanted).await?;
        content::fill(&mut message, &parts, contents, options).await;
        message.special_use = special;
        message.message_special_use = special;
        message.path = Some(path.to_owned());
        out.insert(id, message);
    }
    Ok(out)
}

/// Small parts, by UID and section.
pub type Sections = HashMap<(u32, String), Bytes>;

/// A message, its parts, and which of its attachments are to be read.
type Begun = (MessageId, Message, Parts, Vec<usize>);

async fn together(
    session: &mut Conn,
    messages: &[Begun],
    text_type: TextType,
) -> Result<Sections, BackendError> {
    let mut groups: BTreeMap<Vec<&str>, SequenceSet> = BTreeMap::new();
    for (id, _, parts, wanted) in messages {
        let plain = parts.plain.iter().filter(|_| text_type.plain());
        let html = parts.html.iter().filter(|_| text_type.html());
        let files = wanted.iter().filter_map(|place| parts.files.get(*place));
        let small = |part: &&Leaf| part.size <= TOGETHER && part.undivided.is_none();
        let sections = plain.chain(html).chain(files).filter(small);
        let sections: Vec<&str> = sections.map(|part| part.part.as_str()).collect();
        if !sections.is_empty() {
            groups.entry(sections).or_default().add(id.uid);
        }
    }
    let mut read = Sections::new();
    for (sections, uids) in groups {
        let mut items = vec![FetchItem::Uid];
        items.extend(sections.iter().map(|section| FetchItem::body(*section)));
        let pieces = session
            .fetch(uids.clone(), &items)
            .await
            .map_err(command_error)?;
        for fetch in pieces {
            let Some(uid) = fetch.uid.filter(|uid| uids.contains(*uid)) else {
                continue;
            };
            for section in fetch.sections {
                if let SectionData::Bytes(bytes) = section.data {
                    read.insert((uid, section.name), bytes);
                }
            }
        }
    }
    Ok(read)
}

/// The headers that are asked for, those with addresses and those that tell an automatic answer.
fn header_item(choice: &HeaderChoice) -> FetchItem {
    let named: &[String] = match choice {
        HeaderChoice::All => return FetchItem::body("HEADER"),
        HeaderChoice::None => &[],
        HeaderChoice::Named(names) => names,
    };
    // The names become part of a command: only what a field name can be (RFC 5322).
    let names = named.iter().map(String::as_str);
    let mut names: Vec<&str> = names.filter(|name| is_field_name(name)).collect();
    let own = auto_reply::HEADERS.into_iter();
    let own = own.chain(shape::ADDRESS_HEADERS);
    names.extend(own.filter(|own| !named.iter().any(|name| name == own)));
    FetchItem::header_fields(&names)
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The headers that are asked for.
fn view(headers: &Headers, choice: &HeaderChoice) -> Option<Map<String, Value>> {
    let is_asked = |name: &String| match choice {
        HeaderChoice::None => false,
        HeaderChoice::All => true,
        HeaderChoice::Named(names) => names.contains(name),
    };
    let view = headers.view().into_iter();
    let asked = view.filter(|(name, _)| is_asked(name));
    (*choice != HeaderChoice::None)
        .then(|| asked.map(|(name, values)| (name, values.into())).collect())
}
