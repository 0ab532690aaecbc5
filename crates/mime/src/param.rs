//! Parameters of Content-Type and Content-Disposition: RFC 2231, and what senders write instead.

use std::borrow::Cow;

use crate::{charset, word};

/// One parameter as it stands in a header or a BODYSTRUCTURE: name and raw value, quotes removed.
pub type Param<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// One numbered section of a value.
struct Section<'a> {
    number: u32,
    extended: bool,
    value: &'a [u8],
}

/// The decoded value of the parameter of this name.
///
/// Understands continuations (`name*0`, `name*1*`), charsets (`name*=utf-8''...`), encoded words inside
/// the value, raw 8-bit, and an extended value under the plain name. The extended form wins over the plain
/// one. `None` if there is no such parameter.
pub fn decode_param<N, V>(pairs: &[(N, V)], name: &str) -> Option<String>
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let mut plain: Option<&[u8]> = None;
    let mut sections: Vec<Section<'_>> = Vec::new();
    for (key, value) in pairs {
        let key = key.as_ref().trim_ascii();
        let Some((head, tail)) = key.split_at_checked(name.len()) else {
            continue;
        };
        if !head.eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        let value = value.as_ref();
        if tail.is_empty() {
            plain = plain.or(Some(value));
            continue;
        }
        let Some(tail) = tail.strip_prefix(b"*") else {
            continue;
        };
        let (digits, extended) = match tail.strip_suffix(b"*") {
            Some(digits) => (digits, true),
            None => (tail, tail.is_empty()),
        };
        let number = if digits.is_empty() {
            Some(0)
        } else {
            std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok())
        };
        if let Some(number) = number {
            sections.push(Section {
                number,
                extended,
                value,
            });
        }
    }
    if sections.is_empty() {
        let value = plain?;
        return Some(match extended_value(value) {
            Some(text) => word::clean(&text),
            None => word::decode_text(value),
        });
    }
    // The sort is stable: of two sections with one number the first is kept.
    sections.sort_by_key(|section| section.number);
    sections.dedup_by_key(|section| section.number);
    Some(join(&sections))
}

fn join(sections: &[Section<'_>]) -> String {
    let mut label = None;
    let mut bytes = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let mut value = section.value;
        if index == 0
            && section.extended
            && let Some((charset, rest)) = split_charset(value)
        {
            label = Some(charset);
            value = rest;
        }
        if section.extended {
            percent_decode(value, &mut bytes);
        } else {
            bytes.extend_from_slice(value);
        }
    }
    match label {
        Some(label) => word::clean(&charset::decode(&label, &bytes)),
        None => word::decode_text(&bytes),
    }
}

/// `charset'language'rest`.
fn split_charset(value: &[u8]) -> Option<(String, &[u8])> {
    let first = value.iter().take(64).position(|&b| b == b'\'')?;
    let rest = value.get(first + 1..)?;
    let second = rest.iter().take(64).position(|&b| b == b'\'')?;
    let label = String::from_utf8_lossy(value.get(..first)?).into_owned();
    Some((label, rest.get(second + 1..)?))
}

/// An extended value under a plain name (`filename=utf-8''na%C3%AFve.txt`), as some senders write.
fn extended_value(value: &[u8]) -> Option<String> {
    let (label, rest) = split_charset(value)?;
    let lower = label.to_ascii_lowercase();
    if !(lower.starts_with("utf-8")
        || lower.starts_with("iso-8859-")
        || lower.starts_with("windows-125"))
    {
        return None;
    }
    let mut bytes = Vec::new();
    percent_decode(rest, &mut bytes);
    Some(charset::decode(&label, &bytes))
}

/// Appends what percent-encoded bytes stand for; a sign that encodes nothing stays.
pub(crate) fn percent_decode(value: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        at += 1;
        if byte == b'%'
            && let (Some(high), Some(low)) = (
                value.get(at).and_then(word::hex),
                value.get(at + 1).and_then(word::hex),
            )
        {
            out.push(high << 4 | low);
            at += 2;
        } else {
            out.push(byte);
        }
    }
}

/// The name of a file: `filename` of the disposition, else `name` of the type. Empty names are none.
pub fn filename<N, V>(disposition: &[(N, V)], content_type: &[(N, V)]) -> Option<String>
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    decode_param(disposition, "filename")
        .filter(|name| !name.is_empty())
        .or_else(|| decode_param(content_type, "name"))
        .filter(|name| !name.is_empty())
}

/// Splits `type/subtype; a=b; c="d"` into the lower-case type and its parameters, values unquoted.
///
/// Serves Content-Disposition too. Comments are skipped.
#[must_use]
pub fn split_params(raw: &[u8]) -> (String, Vec<Param<'static>>) {
    let raw = word::unfold(raw);
    let mut pieces: Vec<Vec<u8>> = vec![Vec::new()];
    let mut params = Vec::new();
    // The piece being read is a parameter's value from this byte on.
    let mut value_from: Option<usize> = None;
    let mut depth = 0usize;
    let mut quoted = false;
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        let is_param = pieces.len() > 1;
        let Some(piece) = pieces.last_mut() else {
            break;
        };
        match byte {
            b'\\' if quoted || depth > 0 => {
                if let Some(&next) = raw.get(at)
                    && quoted
                {
                    // Windows paths come with single backslashes: only quotes and backslashes are escaped.
                    if !matches!(next, b'"' | b'\\') {
                        piece.push(byte);
                    }
                    piece.push(next);
                }
                at += 1;
            }
            b'"' if depth == 0 => quoted = !quoted,
            _ if quoted => piece.push(byte),
            b'(' if value_from.is_none() || depth > 0 => depth += 1,
            b')' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            b';' => {
                finish_param(&mut pieces, &mut value_from, &mut params);
                pieces.push(Vec::new());
            }
            b'=' if value_from.is_none() && is_param => value_from = Some(piece.len()),
            other => piece.push(other),
        }
    }
    finish_param(&mut pieces, &mut value_from, &mut params);
    let kind = pieces
        .first()
        .map(|kind| String::from_utf8_lossy(kind.trim_ascii()).to_ascii_lowercase());
    (kind.unwrap_or_default(), params)
}

fn finish_param(
    pieces: &mut Vec<Vec<u8>>,
    from: &mut Option<usize>,
    params: &mut Vec<Param<'static>>,
) {
    let Some(from) = from.take() else {
        // A parameter without a value says nothing; the type itself stays.
        if pieces.len() > 1 {
            pieces.pop();
        }
        return;
    };
    let Some(piece) = pieces.pop() else { return };
    let (name, value) = piece.split_at_checked(from).unwrap_or((&piece, &[]));
    let name = name.trim_ascii().to_ascii_lowercase();
    params.push((Cow::Owned(name), Cow::Owned(value.trim_ascii().to_vec())));
}
