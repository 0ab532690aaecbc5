//! Content of attachments that is part of an answer: read along with the message, within bounds.

use std::{collections::BTreeMap, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use posthouse_imap::{FetchItem, Quirk, SectionData};
use posthouse_mime::{
    decode::TransferDecoder,
    websafe::{Images, MAX_IMAGES, embed_images, web_safe, web_safe_text},
};
use posthouse_model::message::{Attachment, Message, MessageOptions};
use tokio::time::Instant;

use super::{
    connect::{Conn, command_error},
    events,
    read::{Sections, TOGETHER},
    structure::{Leaf, Parts},
};
use crate::BackendError;

/// The most that one message carries of its attachments, decoded bytes.
const MAX_CONTENT: u64 = 25 << 20;

/// Encoded bytes read at once.
const STEP: u32 = 1 << 20;

/// Large attachments of a message that are not there after this are left out, so that it is announced all the same.
const PATIENCE: Duration = Duration::from_secs(60);

/// Decoded contents, by the place of the attachment in the message.
pub type Contents = BTreeMap<usize, Vec<u8>>;

/// The attachments of which the content is wanted, by their place; all of them together are within bounds.
pub fn wanted(parts: &Parts, options: &MessageOptions) -> Vec<usize> {
    let (mut room, mut image_room) = (MAX_CONTENT, MAX_IMAGES as u64);
    let mut wanted = Vec::new();
    for (place, (attachment, leaf)) in parts.attachments.iter().zip(&parts.files).enumerate() {
        let size = least_decoded(leaf);
        let as_image = embeds(options) && is_image(attachment) && size <= image_room;
        if as_image {
            image_room -= size;
        }
        let as_event = options.calendar_events && events::is_calendar(attachment, leaf);
        let as_content = options.attachments.is_some_and(|limit| size <= limit);
        if (as_image || as_event || as_content) && size <= room {
            room -= size;
            wanted.push(place);
        }
    }
    wanted
}

fn embeds(options: &MessageOptions) -> bool {
    options.embed_images && options.text_type.html()
}

/// Whether the HTML may show it.
fn is_image(attachment: &Attachment) -> bool {
    let kind = &attachment.content_type;
    attachment.content_id.is_some()
        && !attachment.encoded_in_message
        && (kind.starts_with("image/") || kind == "application/octet-stream")
}

/// The least a part can be once it is decoded, bytes.
fn least_decoded(leaf: &Leaf) -> u64 {
    match leaf.encoding.to_ascii_lowercase().as_str() {
        // Four characters for three bytes, in lines of 76 and their ends; some break lines more often.
        "base64" => leaf.size / 3 * 2,
        "quoted-printable" => leaf.size / 4,
        "" | "7bit" | "8bit" | "binary" => leaf.size,
        _ => leaf.size / 2,
    }
}

/// Reads the wanted contents of a message, but for sections that were read already.
///
/// # Errors
/// What the server may say.
pub async fn read(
    session: &mut Conn,
    uid: u32,
    parts: &Parts,
    known: &Sections,
    wanted: &[usize],
) -> Result<Contents, BackendError> {
    let end = Instant::now() + PATIENCE;
    let mut room = usize::try_from(MAX_CONTENT).unwrap_or(usize::MAX);
    let mut contents = Contents::new();
    for place in wanted {
        let Some(leaf) = parts.files.get(*place) else {
            continue;
        };
        let content = match known.get(&(uid, leaf.part.clone())) {
            Some(bytes) => Some(posthouse_mime::decode::decode(&leaf.encoding, bytes)),
            // It was asked for together with others, and the server has nothing.
            None if leaf.size <= TOGETHER => None,
            None => large(session, uid, leaf, room, end).await?,
        };
        if let Some(content) = content.filter(|content| content.len() <= room) {
            room -= content.len();
            contents.insert(*place, content);
        }
    }
    Ok(contents)
}

/// A part that is read alone; none when it is larger than `room`, late, or not there.
async fn large(
    session: &mut Conn,
    uid: u32,
    leaf: &Leaf,
    room: usize,
    end: Instant,
) -> Result<Option<Vec<u8>>, BackendError> {
    let mut decoder = TransferDecoder::new(&leaf.encoding);
    let mut content = Vec::new();
    if session.quirks().has(Quirk::PartialFetchWrong) {
        let body = session.fetch_stream(uid, &leaf.part, None).await;
        let Some(mut body) = body.map_err(command_error)? else {
            return Ok(None);
        };
        // To its end in any case, or the connection is lost.
        while let Some(data) = body.chunk().await.map_err(command_error)? {
            if content.len() <= room {
                decoder.push(&data, &mut content);
            }
        }
    } else {
        let mut origin = 0;
        loop {
            if content.len() > room || Instant::now() > end {
                return Ok(None);
            }
            let item = FetchItem::Body {
                section: leaf.part.clone(),
                partial: Some((origin, STEP)),
            };
            let pieces = session.fetch(uid, &[FetchItem::Uid, item]).await;
            let pieces = pieces.map_err(command_error)?;
            let section = pieces
                .iter()
                .filter(|fetch| fetch.uid == Some(uid))
                .find_map(|fetch| fetch.section(&leaf.part));
            let data = match section.map(|section| &section.data) {
                Some(SectionData::Bytes(data)) => data,
                // Beyond the end some servers give NIL.
                Some(SectionData::Nil) => break,
                Some(SectionData::Omitted(_)) | None => return Ok(None),
            };
            decoder.push(data, &mut content);
            origin += data.len() as u64;
            if data.len() < STEP as usize {
                break;
            }
        }
    }
    decoder.finish(&mut content);
    Ok(Some(content))
}

/// Puts contents where they were asked for, and makes the HTML safe if that was asked for.
pub async fn fill(
    message: &mut Message,
    parts: &Parts,
    contents: Contents,
    options: &MessageOptions,
) {
    if options.calendar_events {
        message.calendar_events = events::read(parts, &contents);
    }
    if let Some(limit) = options.attachments {
        for (place, attachment) in message.attachments.iter_mut().enumerate() {
            let content = contents.get(&place);
            attachment.content = content
                .filter(|content| content.len() as u64 <= limit)
                .map(|content| BASE64_STANDARD.encode(content));
        }
    }
    let mut images = Images::default();
    if embeds(options) {
        for (place, attachment) in message.attachments.iter().enumerate() {
            if let (true, Some(id)) = (is_image(attachment), &attachment.content_id)
                && let Some(content) = contents.get(&place)
            {
                images.add(id, content);
            }
        }
    }
    drop(contents);
    let Some(text) = message.text.as_mut().filter(|text| text.html.is_some()) else {
        return;
    };
    let html = text.html.take().unwrap_or_default();
    if !options.web_safe {
        text.html = Some(if embeds(options) {
            embed_images(&html, &images)
        } else {
            html
        });
        return;
    }
    let plain = text.plain.clone().unwrap_or_default();
    // A long document takes a while.
    let safe = tokio::task::spawn_blocking(move || {
        if html.trim().is_empty() {
            web_safe_text(&plain)
        } else {
            web_safe(&html, images)
        }
    });
    text.html = safe.await.ok();
    text.web_safe = Some(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(size: u64, encoding: &str) -> Leaf {
        Leaf {
            size,
            encoding: encoding.to_owned(),
            ..Leaf::default()
        }
    }

    #[test]
    fn only_what_can_fit_is_read() {
        let parts = |files: Vec<Leaf>| Parts {
            attachments: vec![Attachment::default(); files.len()],
            files,
            ..Parts::default()
        };
        let mixed = parts(vec![
            leaf(100, "base64"),
            leaf(1000, "base64"),
            leaf(66, "7bit"),
            leaf(67, "8bit"),
            leaf(264, "quoted-printable"),
        ]);
        let options = |limit| MessageOptions {
            attachments: limit,
            ..MessageOptions::default()
        };
        assert_eq!(wanted(&mixed, &options(Some(66))), [0, 2, 4]);
        assert!(wanted(&mixed, &options(None)).is_empty());
        let huge = parts(vec![
            leaf(20 << 20, ""),
            leaf(20 << 20, ""),
            leaf(1 << 20, ""),
        ]);
        assert_eq!(wanted(&huge, &options(Some(u64::MAX))), [0, 2]);
    }
}
