//! Content of attachments that is part of an answer: read along with the message, within bounds.

use std::{collections::BTreeMap, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use posthouse_imap::{FetchItem, Quirk, SectionData};
use posthouse_mime::decode::TransferDecoder;
use posthouse_model::message::{Message, MessageOptions};
use tokio::time::Instant;

use super::{
    connect::{Conn, command_error},
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
    let mut room = MAX_CONTENT;
    let mut take = |leaf: &Leaf, limit: u64| {
        let size = least_decoded(leaf);
        let fits = size <= limit && size <= room;
        room -= if fits { size } else { 0 };
        fits
    };
    let files = parts.files.iter().enumerate();
    files
        .filter(|(_, leaf)| options.attachments.is_some_and(|limit| take(leaf, limit)))
        .map(|(place, _)| place)
        .collect()
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

/// Writes contents into the attachments that they were asked for.
pub fn fill(message: &mut Message, contents: &Contents, options: &MessageOptions) {
    let Some(limit) = options.attachments else {
        return;
    };
    for (place, attachment) in message.attachments.iter_mut().enumerate() {
        let content = contents.get(&place);
        attachment.content = content
            .filter(|content| content.len() as u64 <= limit)
            .map(|content| BASE64_STANDARD.encode(content));
    }
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
        let parts = Parts {
            files: vec![
                leaf(100, "base64"),
                leaf(1000, "base64"),
                leaf(66, "7bit"),
                leaf(67, "8bit"),
                leaf(264, "quoted-printable"),
            ],
            ..Parts::default()
        };
        let options = |limit| MessageOptions {
            attachments: limit,
            ..MessageOptions::default()
        };
        assert_eq!(wanted(&parts, &options(Some(66))), [0, 2, 4]);
        assert!(wanted(&parts, &options(None)).is_empty());
        let huge = Parts {
            files: vec![leaf(20 << 20, ""), leaf(20 << 20, ""), leaf(1 << 20, "")],
            ..Parts::default()
        };
        assert_eq!(wanted(&huge, &options(Some(u64::MAX))), [0, 2]);
    }
}
