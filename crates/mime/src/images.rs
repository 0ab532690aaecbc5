//! `data:` images of an HTML text, taken out as attachments.

use std::{collections::HashMap, ops::Range};

use bytes::Bytes;

use crate::{
    build::{Disposition, OutgoingAttachment},
    decode, word,
};

/// Replaces the `data:` images in attributes by `cid:` links to new inline attachments named
/// `image-N.ext`, N counting from 1. `token` makes their Content-IDs unique.
pub(crate) fn extract(html: &str, token: &str) -> (String, Vec<OutgoingAttachment>) {
    let mut out = String::with_capacity(html.len().min(1 << 20));
    let mut attachments: Vec<OutgoingAttachment> = Vec::new();
    let mut seen: HashMap<&str, String> = HashMap::new();
    let mut copied = 0;
    for range in uris(html) {
        let Some(uri) = html.get(range.clone()) else {
            continue;
        };
        let cid = match seen.get(uri) {
            Some(cid) => cid.clone(),
            None => {
                let Some((content_type, content)) = parse(uri) else {
                    continue;
                };
                let number = attachments.len() + 1;
                let cid = format!("image-{number}.{token}@attached");
                attachments.push(OutgoingAttachment {
                    filename: Some(format!("image-{number}.{}", extension(&content_type))),
                    content_type: Some(content_type),
                    disposition: Some(Disposition::Inline),
                    cid: Some(cid.clone()),
                    content: Bytes::from(content),
                });
                seen.insert(uri, cid.clone());
                cid
            }
        };
        out.push_str(html.get(copied..range.start).unwrap_or_default());
        out.push_str("cid:");
        out.push_str(&cid);
        copied = range.end;
    }
    out.push_str(html.get(copied..).unwrap_or_default());
    (out, attachments)
}

/// Where quoted attribute values `src="data:image/..."` stand.
fn uris(html: &str) -> Vec<Range<usize>> {
    let bytes = html.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(found) = html.get(at..).and_then(|rest| rest.find(':')) {
        let colon = at + found;
        at = colon + 1;
        let start = colon.saturating_sub(4);
        let starts = html
            .get(start..colon)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data"));
        let image = html
            .get(colon + 1..colon + 7)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("image/"));
        if !starts || !image {
            continue;
        }
        let before = html.get(start.saturating_sub(32)..start).or_else(|| {
            // The window may begin inside a character.
            (1..4).find_map(|shift| html.get(start.saturating_sub(32) + shift..start))
        });
        let Some(before) = before.map(str::trim_end) else {
            continue;
        };
        let Some(quote @ (b'"' | b'\'')) = before.bytes().last() else {
            continue;
        };
        let attribute = before
            .get(..before.len() - 1)
            .unwrap_or_default()
            .trim_end();
        let Some(attribute) = attribute.strip_suffix('=').map(str::trim_end) else {
            continue;
        };
        let attribute = attribute.to_ascii_lowercase();
        if !(attribute.ends_with("src") || attribute.ends_with("background")) {
            continue;
        }
        let Some(len) = bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|&b| b == quote))
        else {
            break;
        };
        out.push(start..at + len);
        at += len;
    }
    out
}

/// Type and content of a `data:` URI (RFC 2397).
fn parse(uri: &str) -> Option<(String, Vec<u8>)> {
    let (meta, data) = uri.split_once(':')?.1.split_once(',')?;
    let mut params = meta.split(';');
    let kind = params.next()?.trim().to_ascii_lowercase();
    let (_, subtype) = kind.split_once('/')?;
    if subtype.is_empty()
        || !subtype
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
    {
        return None;
    }
    let base64 = params.any(|param| param.trim().eq_ignore_ascii_case("base64"));
    let mut plain = Vec::with_capacity(data.len());
    let data = data.as_bytes();
    let mut at = 0;
    while let Some(&byte) = data.get(at) {
        at += 1;
        if byte == b'%'
            && let (Some(high), Some(low)) = (
                data.get(at).and_then(word::hex),
                data.get(at + 1).and_then(word::hex),
            )
        {
            plain.push(high << 4 | low);
            at += 2;
        } else {
            plain.push(byte);
        }
    }
    let content = if base64 {
        decode::base64(&plain)
    } else {
        plain
    };
    (!content.is_empty()).then_some((kind, content))
}

fn extension(content_type: &str) -> &str {
    match content_type
        .split_once('/')
        .map_or("", |(_, subtype)| subtype)
    {
        "jpeg" | "pjpeg" => "jpg",
        "svg+xml" => "svg",
        "tiff" => "tif",
        "x-icon" | "vnd.microsoft.icon" => "ico",
        "x-png" => "png",
        subtype if subtype.bytes().all(|b| b.is_ascii_alphanumeric()) => subtype,
        _ => "bin",
    }
}
