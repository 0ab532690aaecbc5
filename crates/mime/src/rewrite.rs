//! HTML parts of a finished message, put in the place of others; everything else stays as it is, byte for byte.

use std::ops::Range;

use base64::Engine as _;
use encoding_rs::{Encoding, UTF_8};

use crate::{
    body, decode,
    header::{parse_headers, pieces, split_field},
    param::{decode_param, split_params},
};

/// Parts of all levels that are looked at, and levels.
const MAX_PARTS: usize = 1000;
const MAX_DEPTH: usize = 32;
/// Longest line that may be sent, bytes without its end (RFC 5322 section 2.1.1).
const MAX_LINE: usize = 998;
/// Bytes of a base64 line.
const LINE: usize = 57;

/// Puts other HTML into the parts that are shown. `other` gets the text of each, and gives the one to put in its place.
/// Charset and transfer encoding stay where they can hold the new text.
///
/// None if nothing changes. A message that is signed or encrypted (DKIM, OpenPGP, S/MIME) is not touched, nor are attached
/// files and messages, nor a text whose charset is not the one that it claims.
#[must_use]
pub fn rewrite_html(
    message: &[u8],
    mut other: impl FnMut(&str) -> Option<String>,
) -> Option<Vec<u8>> {
    if parse_headers(message).has("DKIM-Signature") {
        return None;
    }
    let mut found = Search::default();
    found.look(message, 0..message.len(), 0)?;
    let mut out = Vec::with_capacity(message.len() + message.len() / 8);
    let mut copied = 0;
    for part in found.parts {
        let Some((header, body)) = part.rewritten(message, &mut other) else {
            continue;
        };
        out.extend_from_slice(message.get(copied..part.header.start)?);
        match header {
            Some(header) => out.extend_from_slice(&header),
            None => out.extend_from_slice(message.get(part.header.clone())?),
        }
        out.extend_from_slice(&body);
        copied = part.body.end;
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(message.get(copied..)?);
    Some(out)
}

/// The HTML parts of a message.
#[derive(Default)]
struct Search {
    parts: Vec<Part>,
    seen: usize,
}

struct Part {
    /// With its empty line.
    header: Range<usize>,
    body: Range<usize>,
    transfer: Transfer,
    charset: &'static Encoding,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Identity,
    QuotedPrintable,
    Base64,
}

impl Search {
    /// Adds the HTML of an entity; none if it is not to be touched.
    fn look(&mut self, message: &[u8], entity: Range<usize>, depth: usize) -> Option<()> {
        self.seen += 1;
        if self.seen > MAX_PARTS || depth > MAX_DEPTH {
            return None;
        }
        let bytes = message.get(entity.clone())?;
        let start = entity.start + pieces(bytes).body;
        let headers = parse_headers(bytes);
        let (kind, params) = split_params(headers.raw("Content-Type").unwrap_or_default());
        if let Some(kind) = kind.strip_prefix("multipart/") {
            if matches!(kind, "signed" | "encrypted") {
                return None;
            }
            let boundary =
                decode_param(&params, "boundary").filter(|boundary| !boundary.is_empty());
            let Some(boundary) = boundary else {
                return Some(());
            };
            for part in split(message, start..entity.end, boundary.as_bytes()) {
                self.look(message, part, depth + 1)?;
            }
            return Some(());
        }
        let (disposition, _) = split_params(headers.raw("Content-Disposition").unwrap_or_default());
        if kind != "text/html" || disposition == "attachment" {
            return Some(());
        }
        let transfer = headers
            .text("Content-Transfer-Encoding")
            .unwrap_or_default();
        let transfer = match transfer.trim().to_ascii_lowercase().as_str() {
            "" | "7bit" | "8bit" | "binary" => Transfer::Identity,
            "quoted-printable" => Transfer::QuotedPrintable,
            "base64" => Transfer::Base64,
            _ => return Some(()),
        };
        let charset = decode_param(&params, "charset").unwrap_or_default();
        let charset = match charset.trim() {
            "" => Some(UTF_8),
            label => Encoding::for_label(label.as_bytes()),
        };
        if let Some(charset) = charset {
            self.parts.push(Part {
                header: entity.start..start,
                body: start..entity.end,
                transfer,
                charset,
            });
        }
        Some(())
    }
}

impl Part {
    /// The new body, and a new header where one is needed.
    fn rewritten(
        &self,
        message: &[u8],
        other: &mut impl FnMut(&str) -> Option<String>,
    ) -> Option<(Option<Vec<u8>>, Vec<u8>)> {
        let written = message.get(self.body.clone())?;
        let bytes = match self.transfer {
            Transfer::Identity => written.to_vec(),
            Transfer::QuotedPrintable => decode::decode("quoted-printable", written),
            Transfer::Base64 => decode::base64(written),
        };
        let text = self
            .charset
            .decode_without_bom_handling_and_without_replacement(&bytes)?;
        // What does not come back as it was would be another text.
        if self.encoded(&text)? != bytes || text.contains("-----BEGIN PGP ") {
            return None;
        }
        let new = other(&text).filter(|new| *new != text)?;
        let quoted = || {
            let text = String::from_utf8(body::crlf(&new)).ok()?;
            Some(body::quoted_printable(&self.encoded(&text)?))
        };
        Some(match self.transfer {
            Transfer::Base64 => (
                None,
                base64_lines(&self.encoded(&new)?, written.ends_with(b"\n")),
            ),
            Transfer::QuotedPrintable => (None, quoted()?),
            Transfer::Identity => {
                let bytes = self.encoded(&new)?;
                if bytes
                    .split(|byte| *byte == b'\n')
                    .all(|line| line.len() <= MAX_LINE)
                {
                    (None, bytes)
                } else {
                    let header = message.get(self.header.clone())?;
                    (Some(as_quoted_printable(header)), quoted()?)
                }
            }
        })
    }

    /// The text in the charset of the part, if that has all of it.
    fn encoded(&self, text: &str) -> Option<Vec<u8>> {
        let (bytes, used, foreign) = self.charset.encode(text);
        (used == self.charset && !foreign).then(|| bytes.into_owned())
    }
}

/// The header with another transfer encoding; it ends with its empty line.
fn as_quoted_printable(header: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len() + 50);
    out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
    let mut at = 0;
    for piece in pieces(header).fields {
        at += piece.len();
        let name = split_field(piece).map(|(name, _)| name);
        if !name.is_some_and(|name| name.eq_ignore_ascii_case(b"Content-Transfer-Encoding")) {
            out.extend_from_slice(piece);
        }
    }
    out.extend_from_slice(header.get(at..).unwrap_or_default());
    out
}

fn base64_lines(bytes: &[u8], ended: bool) -> Vec<u8> {
    let mut out = String::with_capacity(bytes.len() / LINE * 78 + 80);
    for line in bytes.chunks(LINE) {
        if !out.is_empty() {
            out.push_str("\r\n");
        }
        base64::engine::general_purpose::STANDARD.encode_string(line, &mut out);
    }
    if ended {
        out.push_str("\r\n");
    }
    out.into_bytes()
}

/// The entities between the lines of a boundary, without the line end that belongs to the boundary.
fn split(message: &[u8], within: Range<usize>, boundary: &[u8]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = None;
    let mut at = within.start;
    let body = message.get(within.clone()).unwrap_or_default();
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let rest = line
            .strip_prefix(b"--")
            .and_then(|line| line.strip_prefix(boundary))
            .map(<[u8]>::trim_ascii_end)
            .filter(|rest| rest.is_empty() || *rest == b"--");
        if let Some(rest) = rest {
            if let Some(start) = start {
                let part: &[u8] = message.get(start..at).unwrap_or_default();
                let part = part.strip_suffix(b"\n").unwrap_or(part);
                let part = part.strip_suffix(b"\r").unwrap_or(part);
                out.push(start..start + part.len());
            }
            if !rest.is_empty() {
                return out;
            }
            start = Some(at + line.len());
        }
        at += line.len();
    }
    out.extend(start.map(|start| start..within.end));
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn shout(html: &str) -> Option<String> {
        Some(html.replace("link", "LINK"))
    }

    fn rewritten(message: &[u8]) -> Option<Vec<u8>> {
        rewrite_html(message, shout)
    }

    const MIXED: &str = "Subject: s\r\nContent-Type: multipart/mixed; boundary=\"m\"\r\n\r\npreamble link\r\n\
        --m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nplain link  \r\n\
        --a\r\nContent-Type: TEXT/HTML;\r\n charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        <p>gr=FC=DFe li=\r\nnk</p>\r\n--a--\r\n\
        --m\r\nContent-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n<p>link</p>\r\n\
        --m\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\nlink\r\n\
        --m--\r\nepilogue link";

    #[test]
    fn only_the_html_that_is_shown_changes() {
        let new = String::from_utf8(rewritten(MIXED.as_bytes()).unwrap()).unwrap();
        let expected = MIXED.replace("gr=FC=DFe li=\r\nnk", "gr=FC=DFe LINK");
        assert_eq!(new, expected);
    }

    #[test]
    fn encodings_stay() {
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let base64 = |text: &str| {
            format!(
                "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: BASE64\r\n\r\n{}\r\n",
                encode(text)
            )
        };
        let new = rewritten(base64("<p>✓ link</p>").as_bytes()).unwrap();
        assert_eq!(String::from_utf8(new).unwrap(), base64("<p>✓ LINK</p>"));
        // 7bit stays, with LF alone too; a line that is too long gets another encoding.
        let plain = b"Content-Type: text/html\nX: y\n\n<p>link</p>\n";
        assert_eq!(
            rewritten(plain).unwrap(),
            b"Content-Type: text/html\nX: y\n\n<p>LINK</p>\n"
        );
        let long = |_: &str| Some("x".repeat(2000));
        let new = rewrite_html(plain, long).unwrap();
        let text = String::from_utf8(new).unwrap();
        assert!(text.starts_with(
            "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/html\nX: y\n\nxxx"
        ));
        assert!(text.lines().all(|line| line.len() < 80));
    }

    #[test]
    fn what_is_signed_stays() {
        for message in [
            "DKIM-Signature: v=1\r\nContent-Type: text/html\r\n\r\nlink",
            "Content-Type: multipart/signed; boundary=a\r\n\r\n--a\r\nContent-Type: text/html\r\n\r\nlink\r\n--a--",
            "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/html\r\n\r\nlink\r\n--m\r\n\
             Content-Type: multipart/encrypted; boundary=a\r\n\r\n--a\r\n\r\n--a--\r\n--m--",
            "Content-Type: text/html\r\n\r\n<pre>-----BEGIN PGP SIGNED MESSAGE-----\r\nlink",
            "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nlink =FC",
            "Content-Type: text/html; charset=unheard-of\r\n\r\nlink",
            "Content-Type: text/plain\r\n\r\nlink",
            "link",
        ] {
            assert_eq!(rewritten(message.as_bytes()), None, "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in r"(Content-Type: |multipart/mixed|; boundary=a|text/html|--a|--|\r\n|\n|link|é|=3D){0,60}") {
            let new = rewritten(bytes.as_bytes());
            prop_assert_eq!(rewrite_html(bytes.as_bytes(), |_| None), None);
            if let Some(new) = new {
                prop_assert!(bytes.contains("link") && !new.is_empty());
            }
        }
    }
}
