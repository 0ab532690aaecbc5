//! Sources and attachments to be read as streams (behaviour 10.4).

use std::sync::Arc;

use posthouse_imap::FetchItem;
use posthouse_mime::decode::TransferDecoder;
use posthouse_model::command::BodyHead;

use super::{
    detail::fetch_one,
    ids::{AttachmentId, MessageId},
    mailbox::Shared,
    names, open,
    reading::Reading,
    structure::{Parts, content_type, filename_of},
};
use crate::{BackendError, Body};

/// The source of a message.
///
/// # Errors
/// `MessageNotFound`, 413 `MessageTooLarge`, and what connecting may say.
pub async fn source(shared: &Arc<Shared>, id: &str) -> Result<Body, BackendError> {
    let id = MessageId::parse(id)?;
    let mut opened = open::open_for(shared, id).await?;
    let items = [FetchItem::Uid, FetchItem::Size];
    let fetch = fetch_one(opened.session()?, id.uid, &items).await?;
    let head = BodyHead {
        content_type: "message/rfc822".to_owned(),
        filename: Some("message.eml".to_owned()),
        // RFC822.SIZE is wrong on some servers: it must not become a promise.
        size: None,
        about: None,
    };
    let reading = Reading {
        shared: Arc::clone(shared),
        id,
        section: String::new(),
        decoder: None,
    };
    reading.start(opened, head, fetch.size.unwrap_or(0))
}

/// An attachment, decoded.
///
/// # Errors
/// `MessageNotFound`, 413 `MessageTooLarge`, and what connecting may say.
pub async fn attachment(shared: &Arc<Shared>, id: &str) -> Result<Body, BackendError> {
    let id = AttachmentId::parse(id)?;
    let mut opened = open::open_for(shared, id.message).await?;
    let items = [FetchItem::Uid, FetchItem::BodyStructure];
    let fetch = fetch_one(opened.session()?, id.message.uid, &items).await?;
    let root = fetch.body_structure.as_ref();
    let part = root
        .and_then(|root| {
            root.walk()
                .find(|part| part.part == id.part && !part.is_multipart())
        })
        .ok_or_else(|| BackendError::NotFound {
            message: "Requested attachment was not found".to_owned(),
            code: "AttachmentNotFound",
        })?;
    let mut head = BodyHead {
        content_type: content_type(part),
        filename: None,
        size: None,
        about: part.size.map(|size| {
            let base64 = part
                .encoding
                .as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case("base64"));
            if base64 { size / 4 * 3 } else { size }
        }),
    };
    // The name as listings have it.
    let mut parts = root
        .map(|root| Parts::new(id.message, root))
        .unwrap_or_default();
    parts.doubtful.retain(|(place, _)| {
        let leaf = parts.files.get(*place);
        leaf.is_some_and(|leaf| leaf.part == id.part)
    });
    let alone = &mut [(id.message.uid, &mut parts)];
    names::complete(opened.session()?, alone).await?;
    let place = parts.files.iter().position(|leaf| leaf.part == id.part);
    head.filename = match place.and_then(|place| parts.attachments.get(place)) {
        Some(attachment) => attachment.filename.clone(),
        None => {
            let disposition = part.disposition.as_ref();
            filename_of(part, disposition.map_or(&[], |d| &d.params))
        }
    };
    let reading = Reading {
        shared: Arc::clone(shared),
        id: id.message,
        section: id.part,
        decoder: part.encoding.as_deref().map(TransferDecoder::new),
    };
    reading.start(opened, head, part.size.unwrap_or(0))
}
