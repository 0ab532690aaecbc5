//! Images of a message, put into its HTML.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::param::percent_decode;

/// The most that images put into a text may take altogether, bytes before encoding, each time they are shown.
pub const MAX_IMAGES: usize = 2 << 20;

/// Longest link to an image that is looked at, bytes.
const MAX_LINK: usize = 1000;

/// Images of a message by their Content-ID, as `data:` URIs.
#[derive(Debug, Default)]
pub struct Images {
    by_id: HashMap<String, (usize, String)>,
}

impl Images {
    /// Takes an image in; false for content that is none of the raster formats browsers show (which is told by its
    /// first bytes, whatever it is called).
    pub fn add(&mut self, content_id: &str, content: &[u8]) -> bool {
        let Some(kind) = raster(content) else {
            return false;
        };
        let id = content_id.trim().trim_matches(['<', '>']).to_owned();
        let uri = format!("data:{kind};base64,{}", BASE64_STANDARD.encode(content));
        self.by_id.entry(id).or_insert((content.len(), uri));
        true
    }

    /// The `data:` URI for a `cid:` link, while `used` leaves room.
    pub(super) fn uri(&self, link: &str, used: &AtomicUsize) -> Option<&str> {
        let (scheme, id) = link.split_once(':')?;
        if !scheme.trim().eq_ignore_ascii_case("cid") {
            return None;
        }
        let id = id.trim();
        let mut decoded = Vec::new();
        percent_decode(id.as_bytes(), &mut decoded);
        let decoded = String::from_utf8_lossy(&decoded);
        let found = self.by_id.get(id);
        let (size, uri) = found.or_else(|| self.by_id.get(decoded.as_ref()))?;
        let before = used.fetch_add(*size, Ordering::Relaxed);
        (before.saturating_add(*size) <= MAX_IMAGES).then_some(uri)
    }
}

/// The type of a raster image, by its first bytes.
fn raster(content: &[u8]) -> Option<&'static str> {
    match content {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        [b'B', b'M', ..] => Some("image/bmp"),
        _ => None,
    }
}

/// HTML as it is, but for `cid:` links to images of the message, which become `data:` URIs.
#[must_use]
pub fn embed_images(html: &str, images: &Images) -> String {
    let used = AtomicUsize::new(0);
    let mut out = String::with_capacity(html.len());
    let mut copied = 0;
    for (range, link) in links(html) {
        if let Some(uri) = images.uri(&link, &used) {
            out.push_str(html.get(copied..range.start).unwrap_or_default());
            out.push_str(uri);
            copied = range.end;
        }
    }
    out.push_str(html.get(copied..).unwrap_or_default());
    out
}

/// The Content-IDs that `cid:` links of HTML name, as they are written and decoded (RFC 2392).
#[must_use]
pub fn content_ids(html: &str) -> HashSet<String> {
    let mut ids = HashSet::new();
    for (_, link) in links(html) {
        let id = link.split_once(':').map_or("", |(_, id)| id).trim();
        let mut decoded = Vec::new();
        percent_decode(id.as_bytes(), &mut decoded);
        ids.insert(String::from_utf8_lossy(&decoded).into_owned());
        ids.insert(id.to_owned());
    }
    ids
}

/// Where `cid:` links stand, with what they are.
fn links(html: &str) -> Vec<(Range<usize>, String)> {
    let mut out: Vec<(Range<usize>, String)> = Vec::new();
    let mut at = 0;
    while let Some(found) = html.get(at..).and_then(|rest| rest.find(':')) {
        let colon = at + found;
        let searched = at;
        at = colon + 1;
        let Some(start) = colon.checked_sub(3) else {
            continue;
        };
        let is_cid = html
            .get(start..colon)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid"));
        let before = html.get(searched.min(start)..start).unwrap_or_default();
        if !is_cid || !before.trim_end().ends_with(['"', '\'', '=', '(']) {
            continue;
        }
        let rest = html.get(start..).unwrap_or_default();
        let rest = rest
            .get(..rest.floor_char_boundary(MAX_LINK))
            .unwrap_or_default();
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>' | '<' | ')'))
            .unwrap_or(rest.len());
        let link = rest.get(..end).unwrap_or_default().replace("&amp;", "&");
        out.push((start..start + end, link));
        at = start + end.max(4);
    }
    out
}
