//! The text of a message, read as far as it is asked for (behaviour 10.4).

use std::sync::Arc;

use posthouse_imap::{FetchItem, SectionData};
use posthouse_mime::text::TextDecoder;
use posthouse_model::message::{Text, TextType};

use super::{
    connect::{Conn, command_error},
    detail::fetch_one,
    ids::TextId,
    mailbox::Shared,
    open,
    read::Sections,
    structure::{Leaf, Parts},
};
use crate::BackendError;

/// The most text of a type that one answer holds when no limit was asked for, bytes.
const MAX_TEXT: u64 = 16 << 20;

/// Encoded bytes read at once: at least, and at most.
const READ: (u64, u64) = (4 << 10, 256 << 10);

/// The text that an id names.
///
/// # Errors
/// `MessageNotFound`, and what connecting may say.
pub async fn text(
    shared: &Arc<Shared>,
    id: &str,
    text_type: TextType,
    max_bytes: Option<u64>,
) -> Result<Text, BackendError> {
    let id = TextId::parse(id)?;
    let mut opened = open::open_for(shared, id.message).await?;
    let session = opened.session()?;
    let uid = id.message.uid;
    let items = [FetchItem::Uid, FetchItem::BodyStructure];
    let fetch = fetch_one(session, uid, &items).await?;
    let mut parts = fetch
        .body_structure
        .as_ref()
        .map(|root| Parts::new(id.message, root))
        .unwrap_or_default();
    parts.plain.retain(|part| id.plain.contains(&part.part));
    parts.html.retain(|part| id.html.contains(&part.part));
    let mut text = Text::default();
    let none = Sections::new();
    fill(session, uid, &parts, &none, text_type, max_bytes, &mut text).await?;
    Ok(text)
}

/// Reads the asked types of text, but for sections that were read already; each type is there afterwards, if only as an
/// empty string.
///
/// # Errors
/// What the server may say.
pub async fn fill(
    session: &mut Conn,
    uid: u32,
    parts: &Parts,
    known: &Sections,
    text_type: TextType,
    max_bytes: Option<u64>,
    text: &mut Text,
) -> Result<(), BackendError> {
    let max = max_bytes.unwrap_or(MAX_TEXT).min(MAX_TEXT);
    let mut more = false;
    if text_type.plain() {
        let (plain, cut) = read(session, uid, &parts.plain, known, max).await?;
        text.plain = Some(plain);
        more |= cut;
    }
    if text_type.html() {
        let (html, cut) = read(session, uid, &parts.html, known, max).await?;
        text.html = Some(html);
        more |= cut;
    }
    if text_type != TextType::None {
        text.has_more = Some(more);
    }
    Ok(())
}

/// Parts joined by a line end, at most `max` bytes; whether there was more.
async fn read(
    session: &mut Conn,
    uid: u32,
    parts: &[Leaf],
    known: &Sections,
    max: u64,
) -> Result<(String, bool), BackendError> {
    let mut all = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 && !all.ends_with('\n') && !all.is_empty() {
            all.push('\n');
        }
        let room = max.saturating_sub(all.len() as u64);
        if room == 0 {
            all.truncate(floor(&all, max));
            return Ok((all, true));
        }
        let (text, more) = match known.get(&(uid, part.part.clone())) {
            Some(bytes) => decode(part, bytes, room),
            None => read_part(session, uid, part, room).await?,
        };
        all.push_str(&text);
        if more {
            return Ok((all, true));
        }
    }
    Ok((all, false))
}

/// The last place not beyond `max` where a text may be cut.
fn floor(text: &str, max: u64) -> usize {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    text.floor_char_boundary(max)
}

/// A part that was read whole.
fn decode(part: &Leaf, bytes: &[u8], max: u64) -> (String, bool) {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let mut decoder = TextDecoder::new(&part.format(), max);
    decoder.push(bytes);
    decoder.finish()
}

async fn read_part(
    session: &mut Conn,
    uid: u32,
    part: &Leaf,
    max: u64,
) -> Result<(String, bool), BackendError> {
    // A character may take three times its bytes in quoted-printable.
    let step = max.saturating_mul(3).clamp(READ.0, READ.1);
    let mut decoder = TextDecoder::new(&part.format(), usize::try_from(max).unwrap_or(usize::MAX));
    let mut origin = 0;
    loop {
        let item = FetchItem::Body {
            section: part.part.clone(),
            partial: Some((origin, step as u32)),
        };
        let pieces = session
            .fetch(uid, &[FetchItem::Uid, item])
            .await
            .map_err(command_error)?;
        let section = pieces
            .iter()
            .filter(|fetch| fetch.uid == Some(uid))
            .find_map(|fetch| fetch.section(&part.part));
        let data = match section.map(|section| &section.data) {
            Some(SectionData::Bytes(data)) => data,
            Some(_) => break,
            None => return Err(BackendError::message_not_found()),
        };
        origin += data.len() as u64;
        // A server that gave less than was asked for has no more.
        if !decoder.push(data) || (data.len() as u64) < step {
            break;
        }
    }
    let (text, more) = decoder.finish();
    Ok(match &part.undivided {
        Some(boundary) if is_divided(&text, boundary) => (String::new(), false),
        _ => (text, more),
    })
}

/// Whether a line of the boundary is in there: then the server was right to find nothing.
fn is_divided(text: &str, boundary: &str) -> bool {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("--"));
    !boundary.is_empty() && lines.any(|line| line.starts_with(boundary))
}
