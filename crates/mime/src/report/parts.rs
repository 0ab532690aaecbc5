//! The parts of a message (RFC 2046), as far as a report has any: few, small, not deep.

use std::borrow::Cow;

use crate::{
    decode::decode,
    header::{Headers, parse_headers, pieces},
    html::html_to_text,
    param::{decode_param, split_params},
    text::{TextFormat, text_from},
};

/// Parts of all levels that are looked at, and levels.
const MAX_PARTS: usize = 100;
const MAX_DEPTH: usize = 8;

/// Characters of a text that are looked at (behaviour 16).
const MAX_TEXT: usize = 50_000;

/// Bytes of a part that is no text: fields of a report, the header of a message that came back.
const MAX_FIELDS: usize = 128 * 1024;

/// A part that holds no others. An attached message is one too.
pub(super) struct Part<'a> {
    /// `type/subtype`, lower case.
    pub(super) kind: String,
    charset: String,
    encoding: String,
    body: &'a [u8],
}

/// A message and its parts in their order.
pub(super) struct Tree<'a> {
    /// Its header.
    pub(super) headers: Headers,
    /// Its `type/subtype`.
    pub(super) kind: String,
    /// `report-type` of a `multipart/report` (RFC 6522), lower case.
    pub(super) report_type: Option<String>,
    /// All that are no multiparts.
    pub(super) parts: Vec<Part<'a>>,
}

/// The message with line ends that can be told: some gateways double the CR, or leave the LF out.
pub(super) fn mended(raw: &[u8]) -> Cow<'_, [u8]> {
    let has_doubled = raw.windows(3).any(|three| three == b"\r\r\n");
    let has_lf = raw.contains(&b'\n');
    if has_lf && !has_doubled {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    for (at, &byte) in raw.iter().enumerate() {
        match byte {
            b'\r' if !has_lf => out.push(b'\n'),
            b'\r' if raw.get(at + 1) == Some(&b'\r') => {}
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

impl<'a> Tree<'a> {
    /// Cuts a message into its parts. Linear in its length.
    pub(super) fn read(raw: &'a [u8]) -> Self {
        let headers = parse_headers(raw);
        let body = raw.get(pieces(raw).body..).unwrap_or_default();
        let (kind, params) = split_params(headers.raw("Content-Type").unwrap_or_default());
        let mut parts = Vec::new();
        add(&mut parts, &headers, body, 0);
        let report_type = decode_param(&params, "report-type");
        Self {
            kind,
            report_type: report_type.map(|kind| kind.trim().to_ascii_lowercase()),
            headers,
            parts,
        }
    }

    /// The first part of one of these types.
    pub(super) fn first(&self, kinds: &[&str]) -> Option<&Part<'a>> {
        self.parts
            .iter()
            .find(|part| kinds.contains(&part.kind.as_str()))
    }

    /// What a reader sees of it: its plain text, else its HTML as text.
    pub(super) fn text(&self) -> String {
        let plain = self.parts.iter().filter(|part| part.kind == "text/plain");
        let mut out = String::new();
        for part in plain {
            out.push_str(&part.text());
            out.push('\n');
            if out.len() > MAX_TEXT {
                break;
            }
        }
        if out.trim().is_empty()
            && let Some(html) = self.first(&["text/html"])
        {
            out = html_to_text(&html.text());
        }
        if let Some((end, _)) = out.char_indices().nth(MAX_TEXT) {
            out.truncate(end);
        }
        out
    }
}

impl Part<'_> {
    /// Its bytes, decoded, as many as are looked at.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let raw = self.body.get(..MAX_FIELDS).unwrap_or(self.body);
        decode(&self.encoding, raw)
    }

    fn text(&self) -> String {
        let format = TextFormat {
            transfer: &self.encoding,
            charset: &self.charset,
            html: self.kind == "text/html",
            ..TextFormat::default()
        };
        text_from(self.body, &format, MAX_TEXT * 4).0
    }
}

/// Adds what a body of this header holds.
fn add<'a>(parts: &mut Vec<Part<'a>>, headers: &Headers, body: &'a [u8], depth: usize) {
    if parts.len() >= MAX_PARTS {
        return;
    }
    let (kind, params) = split_params(headers.raw("Content-Type").unwrap_or_default());
    let boundary = decode_param(&params, "boundary").filter(|boundary| !boundary.is_empty());
    if kind.starts_with("multipart/")
        && depth < MAX_DEPTH
        && let Some(boundary) = boundary
    {
        let bodies = split(body, boundary.as_bytes());
        // A boundary that never comes: the text is all there is.
        if !bodies.is_empty() {
            for part in bodies.into_iter().take(MAX_PARTS) {
                let body = part.get(pieces(part).body..).unwrap_or_default();
                add(parts, &parse_headers(part), body, depth + 1);
            }
            return;
        }
    }
    let is_typed = kind.contains('/') && !kind.starts_with("multipart/");
    parts.push(Part {
        kind: if is_typed {
            kind
        } else {
            "text/plain".to_owned()
        },
        charset: decode_param(&params, "charset").unwrap_or_default(),
        encoding: headers
            .text("Content-Transfer-Encoding")
            .unwrap_or_default(),
        body,
    });
}

/// The bodies between the lines of a boundary. The last one may be unclosed.
fn split<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    let mut start = None;
    let mut at = 0;
    for line in body.split_inclusive(|b| *b == b'\n') {
        let rest = line
            .strip_prefix(b"--")
            .and_then(|line| line.strip_prefix(boundary));
        if let Some(rest) = rest {
            let rest = rest.trim_ascii_end();
            if rest.is_empty() || rest == b"--" {
                let part = start.and_then(|start| body.get(start..at));
                out.extend(part);
                start = rest.is_empty().then_some(at + line.len());
                if out.len() >= MAX_PARTS || start.is_none() {
                    return out;
                }
            }
        }
        at += line.len();
    }
    out.extend(start.and_then(|start| body.get(start..)));
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn parts_of_a_report() {
        let raw = b"Content-Type: multipart/report; report-type=Delivery-Status; boundary=\"x y\"\n\nbefore\n--x y\n\nhello\n\
--x y \nContent-Type: multipart/mixed; boundary=z\n\n--z\nContent-Type: message/rfc822\n\nSubject: s\n\n--z--\n--x y\nContent-Type: a/b\n\nlast";
        let tree = Tree::read(raw);
        assert_eq!(tree.report_type.as_deref(), Some("delivery-status"));
        let kinds: Vec<&str> = tree.parts.iter().map(|part| part.kind.as_str()).collect();
        assert_eq!(kinds, ["text/plain", "message/rfc822", "a/b"]);
        assert_eq!(tree.text(), "hello\n\n");
        assert_eq!(tree.parts[2].bytes(), b"last");
    }

    #[test]
    fn line_ends_are_mended() {
        assert_eq!(mended(b"a\r\r\nb\r\r\n"), &b"a\r\nb\r\n"[..]);
        assert_eq!(mended(b"a\rb"), &b"a\nb"[..]);
        assert!(matches!(mended(b"a\r\nb"), Cow::Borrowed(_)));
    }
}
