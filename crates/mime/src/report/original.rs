//! The header of the message that a report is about (RFC 3462, RFC 6522 section 2).

use crate::header::{Headers, parse_headers, pieces};

use super::parts::Tree;

/// Types that hold it, the likelier first.
const KINDS: [&[&str]; 3] = [
    &[
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global-headers",
    ],
    &["message/rfc822", "message/global"],
    &["text/rfc822"],
];

/// Lines before it in a text that are tried.
const MAX_BLOCKS: usize = 4;

/// The header as a part of its own; empty if there is none.
pub(super) fn header(tree: &Tree<'_>) -> Headers {
    let mut best = Headers::default();
    for kinds in KINDS {
        let parts = tree.parts.iter();
        for part in parts.filter(|part| kinds.contains(&part.kind.as_str())) {
            let headers = first_header(&part.bytes());
            if headers.has("Message-ID") {
                return headers;
            }
            if headers.len() > best.len() {
                best = headers;
            }
        }
    }
    best
}

/// The first header in these bytes that is one of a message: some put empty lines or a header of the part itself before it.
fn first_header(raw: &[u8]) -> Headers {
    let mut best = Headers::default();
    let mut rest = raw;
    for _ in 0..MAX_BLOCKS {
        let headers = parse_headers(rest);
        if headers.has("Message-ID") || headers.has("From") && headers.has("Date") {
            return headers;
        }
        if headers.len() > best.len() {
            best = headers;
        }
        rest = rest.get(pieces(rest).body..).unwrap_or_default();
    }
    best
}

/// The header of a message inside a text, and where it begins: lines around a `Message-ID:` up to the next empty ones.
pub(super) fn in_text(text: &str) -> Option<(Headers, usize)> {
    let mut start = 0; // of the paragraph
    let mut at = 0;
    let mut has_id = false;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            if has_id && let Some(found) = paragraph(text, start, at) {
                return Some(found);
            }
            has_id = false;
            start = at + line.len();
        }
        let line_name = line.trim_start().get(..11);
        has_id |= line_name.is_some_and(|name| name.eq_ignore_ascii_case("message-id:"));
        at += line.len();
    }
    has_id.then(|| paragraph(text, start, at)).flatten()
}

fn paragraph(text: &str, start: usize, end: usize) -> Option<(Headers, usize)> {
    let block = text.get(start..end)?;
    // Programs that indent the copy do so with each line.
    let is_indented = |line: &str| line.is_empty() || line.starts_with([' ', '\t']);
    let headers = if block.lines().all(is_indented) {
        let lines: Vec<&str> = block.lines().map(str::trim_start).collect();
        parse_headers(lines.join("\n").as_bytes())
    } else {
        parse_headers(block.as_bytes())
    };
    (!headers.ids("Message-ID").is_empty()).then_some((headers, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_after_other_blocks() {
        let headers =
            first_header(b"\n\nContent-Type: message/rfc822\n\nMessage-ID: <a@b>\nFrom: c\n\nbody");
        assert_eq!(headers.ids("Message-ID"), ["<a@b>"]);
    }

    #[test]
    fn a_header_in_a_text() {
        let text = "It failed.\n\n--- copy ---\n\nReceived: x\n\tby y\nMessage-ID: <a@b>\nSubject: s\n\nMessage-ID: <c@d>\n";
        let (headers, start) = in_text(text).unwrap_or_default();
        assert_eq!(headers.ids("Message-ID"), ["<a@b>"]);
        assert!(headers.has("Received"));
        assert!(
            text.get(start..)
                .is_some_and(|rest| rest.starts_with("Received"))
        );
        assert!(in_text("no id here").is_none());
    }
}
