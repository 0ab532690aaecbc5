//! One message in detail (behaviour 10.4).

use std::sync::Arc;

use posthouse_imap::{Fetch, FetchItem, SectionData, StoreAction, StoreOptions};
use posthouse_mime::{Headers, parse_headers};
use posthouse_model::message::{HeaderChoice, Message, MessageOptions, TextType};
use serde_json::{Map, Value};

use super::{
    connect::{Conn, command_error},
    ids::MessageId,
    mailbox::Shared,
    open, shape,
    structure::Parts,
    text,
};
use crate::BackendError;

/// A message.
///
/// # Errors
/// `MessageNotFound`, and what connecting may say.
pub async fn message(
    shared: &Arc<Shared>,
    id: &str,
    options: &MessageOptions,
) -> Result<Message, BackendError> {
    let id = MessageId::parse(id)?;
    let mut opened = open::open_for(shared, id).await?;
    let path = opened.folder.path.clone();
    let session = opened.session()?;
    let mut items = shape::items(session);
    items.extend(header_item(&options.headers));
    let fetch = fetch_one(session, id.uid, &items).await?;
    let parts = fetch
        .body_structure
        .as_ref()
        .map(|root| Parts::new(id, root))
        .unwrap_or_default();
    let mut message = shape::message(id, &fetch, &parts, true);
    if options.headers != HeaderChoice::None {
        let headers = headers_of(&fetch);
        message.is_auto_reply = shape::is_auto_reply(message.subject.as_deref(), &headers);
        message.headers = Some(view(&headers));
    }
    if options.text_type != TextType::None
        && let Some(content) = &mut message.text
    {
        text::fill(
            session,
            id.uid,
            &parts,
            options.text_type,
            options.max_bytes,
            content,
        )
        .await?;
    }
    if options.mark_as_seen && message.unseen {
        let options = StoreOptions {
            silent: true,
            ..StoreOptions::default()
        };
        match session
            .store(id.uid, StoreAction::Add, &["\\Seen"], options)
            .await
        {
            Ok(_) => {
                let mut flags = std::mem::take(&mut message.flags);
                flags.push("\\Seen".to_owned());
                shape::set_flags(&mut message, flags);
            }
            // A folder that cannot be changed can still be read.
            Err(error) if error.is_refusal() => {}
            Err(error) => return Err(command_error(error)),
        }
    }
    let special = open::special_uses(shared, Some(session)).await?;
    let special = special.iter().find(|(_, known)| *known == path);
    message.special_use = special.map(|(special, _)| *special);
    message.message_special_use = message.special_use;
    message.path = Some(path);
    Ok(message)
}

/// The items of one message, joined.
///
/// # Errors
/// `MessageNotFound`, and what the server may say.
pub async fn fetch_one(
    session: &mut Conn,
    uid: u32,
    items: &[FetchItem],
) -> Result<Fetch, BackendError> {
    let pieces = session.fetch(uid, items).await.map_err(command_error)?;
    shape::join(pieces)
        .into_iter()
        .find(|fetch| fetch.uid == Some(uid))
        .ok_or_else(BackendError::message_not_found)
}

fn header_item(choice: &HeaderChoice) -> Option<FetchItem> {
    match choice {
        HeaderChoice::None => None,
        HeaderChoice::All => Some(FetchItem::body("HEADER")),
        HeaderChoice::Named(names) => {
            // The names become part of a command: only what a field name can be (RFC 5322).
            let names: Vec<_> = names.iter().filter(|name| is_field_name(name)).collect();
            (!names.is_empty()).then(|| FetchItem::header_fields(&names))
        }
    }
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn headers_of(fetch: &Fetch) -> Headers {
    let section = fetch
        .sections
        .iter()
        .find(|section| section.name.starts_with("HEADER"));
    match section.map(|section| &section.data) {
        Some(SectionData::Bytes(raw)) => parse_headers(raw),
        _ => Headers::default(),
    }
}

fn view(headers: &Headers) -> Map<String, Value> {
    headers
        .view()
        .into_iter()
        .map(|(name, values)| (name, values.into()))
        .collect()
}
