//! Encoded words (RFC 2047) as they are met in the wild.

use crate::{charset, decode};

/// One encoded word, still encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    charset: &'a [u8],
    base64: bool,
    text: &'a [u8],
    /// Length of the whole word, from `=?` to `?=`.
    pub(crate) len: usize,
}

/// Longest charset name (with its RFC 2231 language) that is looked at.
const MAX_CHARSET: usize = 64;

/// Reads the encoded word that starts at the first byte of `input`, if there is one.
///
/// Looks no further than the next `=?`, so that a scan over many broken words stays linear.
pub(crate) fn scan(input: &[u8]) -> Option<Word<'_>> {
    let rest = input.strip_prefix(b"=?")?;
    let end = rest.iter().take(MAX_CHARSET).position(|&b| b == b'?')?;
    let (charset, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
    if charset.is_empty() || !charset.iter().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let base64 = match rest.first()? {
        b'b' | b'B' => true,
        b'q' | b'Q' => false,
        _ => return None,
    };
    let text = rest.get(1..)?.strip_prefix(b"?")?;
    let mut at = 0;
    while let Some(pair) = text.get(at..at + 2) {
        if pair == b"?=" {
            let len = input.len() - text.len() + at + 2;
            return Some(Word {
                charset,
                base64,
                text: text.get(..at)?,
                len,
            });
        }
        // `=?` opens the next word, except in `=?=`: a text that ends in `=`, then the end.
        if pair == b"=?" && text.get(at + 2) != Some(&b'=') {
            return None;
        }
        at += 1;
    }
    None
}

/// Words of one charset and encoding that follow each other: a character may be split between them.
struct Run<'a> {
    charset: &'a [u8],
    base64: bool,
    bytes: Vec<u8>,
    /// Characters of the base64 group that is not full yet.
    open: u8,
}

impl Run<'_> {
    /// Adds the text of a word. One that ends in a whole group without padding is closed, or the next word would be read from the
    /// middle of it; one that was cut in a group has bits left, and the next one goes on there.
    fn add(&mut self, word: &Word<'_>) {
        if !word.base64 {
            return q_decode(word.text, &mut self.bytes);
        }
        let mut last = 0;
        for &byte in word.text {
            if byte == b'=' {
                self.open = 0;
            } else if let Some(value) = decode::base64_value(byte) {
                self.open = (self.open + 1) % 4;
                last = value;
            } else {
                continue;
            }
            self.bytes.push(byte);
        }
        if self.open == 2 && last & 0x0f == 0 || self.open == 3 && last & 0x03 == 0 {
            self.open = 0;
            self.bytes.push(b'=');
        }
    }

    fn finish(self, out: &mut String) {
        let bytes = if self.base64 {
            decode::base64(&self.bytes)
        } else {
            self.bytes
        };
        let name = self
            .charset
            .split(|&b| b == b'*')
            .next()
            .unwrap_or_default();
        let text = charset::decode(&String::from_utf8_lossy(name), &bytes);
        out.push_str(&text);
    }
}

fn q_decode(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'_' => out.push(b' '),
            b'=' => match (text.get(at).and_then(hex), text.get(at + 1).and_then(hex)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    at += 2;
                }
                _ => out.push(b'='),
            },
            other => out.push(other),
        }
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: &u8) -> Option<u8> {
    char::from(*digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Decodes the text of an unstructured header: encoded words, raw UTF-8, raw 8-bit (as windows-1252).
///
/// Folding is undone, white space between adjacent words vanishes, a character split between two words
/// is joined, what is broken stays as it is. Control characters never come out: a line break inside an
/// encoded word becomes a space.
#[must_use]
pub fn decode_text(raw: &[u8]) -> String {
    let raw = unfold(raw);
    let mut out = String::with_capacity(raw.len());
    let mut run: Option<Run<'_>> = None;
    let mut plain = 0; // start of what is not part of a word yet
    let mut at = 0;
    while at < raw.len() {
        let word = match raw.get(at..) {
            Some(rest) if rest.starts_with(b"=?") => scan(rest),
            _ => None,
        };
        let Some(word) = word else {
            at += 1;
            continue;
        };
        let between = raw.get(plain..at).unwrap_or_default();
        let adjacent = run.is_some() && between.iter().all(u8::is_ascii_whitespace);
        let same = adjacent
            && run.as_ref().is_some_and(|run| {
                run.base64 == word.base64 && run.charset.eq_ignore_ascii_case(word.charset)
            });
        if !same {
            if let Some(run) = run.take() {
                run.finish(&mut out);
            }
            if !adjacent {
                out.push_str(&unlabelled(between));
            }
        }
        let current = run.get_or_insert(Run {
            charset: word.charset,
            base64: word.base64,
            bytes: Vec::new(),
            open: 0,
        });
        current.add(&word);
        at += word.len;
        plain = at;
    }
    if let Some(run) = run.take() {
        run.finish(&mut out);
    }
    out.push_str(&unlabelled(raw.get(plain..).unwrap_or_default()));
    clean(&out)
}

/// Text outside of encoded words. Old programs put ISO-2022-JP into headers as it is; its sequences mean nothing else.
fn unlabelled(raw: &[u8]) -> String {
    let is_japanese = raw
        .windows(3)
        .any(|three| matches!(three, b"\x1b$B" | b"\x1b$@" | b"\x1b(J" | b"\x1b(I"));
    charset::decode(if is_japanese { "iso-2022-jp" } else { "" }, raw)
}

/// Undoes folding: a line break and the white space after it become one space, as does any other
/// line break.
pub(crate) fn unfold(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        if byte != b'\r' && byte != b'\n' {
            out.push(byte);
            continue;
        }
        while raw.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        while out.last().is_some_and(|b| matches!(b, b' ' | b'\t')) {
            out.pop();
        }
        out.push(b' ');
    }
    out
}

/// Control characters out (line breaks and tabs to spaces), trimmed.
pub(crate) fn clean(text: &str) -> String {
    let text: String = text
        .chars()
        .filter_map(|c| match c {
            '\r' | '\n' | '\t' | '\u{b}' | '\u{c}' => Some(' '),
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect();
    text.trim().to_owned()
}
