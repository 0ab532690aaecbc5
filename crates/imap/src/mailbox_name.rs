//! Mailbox names: modified UTF-7 (RFC 3501 section 5.1.3) or UTF-8 (RFC 6855, RFC 9051).

use std::fmt;

/// A mailbox name as people read it, plus the bytes the server used where these do not follow from
/// it. Only such a pair lets a client open a mailbox whose name breaks the encoding.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MailboxName {
    text: String,
    wire: Option<Box<[u8]>>,
}

impl MailboxName {
    /// A name in Unicode. Any case of `INBOX` becomes `INBOX`.
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.eq_ignore_ascii_case("INBOX") {
            text = "INBOX".into();
        }
        Self { text, wire: None }
    }

    /// A name as the server sent it; `utf8` after `ENABLE UTF8=ACCEPT` or IMAP4rev2.
    pub fn from_wire(wire: &[u8], utf8: bool) -> Self {
        if wire.eq_ignore_ascii_case(b"INBOX") {
            return Self::new("INBOX");
        }
        let (text, exact) = match std::str::from_utf8(wire) {
            Ok(text) if utf8 => (text.to_owned(), true),
            Ok(text) if wire.is_ascii() => {
                let decoded = decode_utf7(text);
                let exact = encode_utf7(&decoded).as_bytes() == wire;
                if exact {
                    (decoded, true)
                } else {
                    (text.to_owned(), false)
                }
            }
            // 8-bit names without UTF8=ACCEPT: plainly UTF-8 on servers that never encoded.
            Ok(text) => (text.to_owned(), false),
            // Latin-1 gives every byte sequence a text of its own.
            Err(_) => (wire.iter().map(|b| char::from(*b)).collect(), false),
        };
        Self {
            text,
            wire: (!exact).then(|| wire.into()),
        }
    }

    /// The name in Unicode.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name in Unicode, by value.
    pub fn into_string(self) -> String {
        self.text
    }

    /// The server's own bytes, where they do not follow from the text. Whoever stores the name must
    /// keep these as well and give them back with [`MailboxName::with_wire`].
    pub fn wire(&self) -> Option<&[u8]> {
        self.wire.as_deref()
    }

    /// A name with the server's own bytes, as they came from [`MailboxName::wire`].
    pub fn with_wire(text: impl Into<String>, wire: Option<&[u8]>) -> Self {
        let mut name = Self::new(text);
        name.wire = wire.map(Into::into);
        name
    }

    /// The bytes to send, before quoting.
    pub fn to_wire(&self, utf8: bool) -> Vec<u8> {
        match &self.wire {
            Some(wire) => wire.to_vec(),
            None if utf8 => self.text.clone().into_bytes(),
            None => encode_utf7(&self.text).into_bytes(),
        }
    }

    /// True for the inbox.
    pub fn is_inbox(&self) -> bool {
        self.text == "INBOX"
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<&str> for MailboxName {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for MailboxName {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&String> for MailboxName {
    fn from(text: &String) -> Self {
        Self::new(text.as_str())
    }
}

impl From<&MailboxName> for MailboxName {
    fn from(name: &MailboxName) -> Self {
        name.clone()
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Unicode to modified UTF-7.
pub fn encode_utf7(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pending: Vec<u16> = Vec::new();
    for c in text.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut out, &mut pending);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            pending.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
    }
    flush(&mut out, &mut pending);
    out
}

fn flush(out: &mut String, pending: &mut Vec<u16>) {
    if pending.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut count) = (0u32, 0u32);
    for unit in pending.drain(..) {
        bits = (bits << 16) | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            push_digit(out, bits >> count);
            bits &= (1 << count) - 1;
        }
    }
    if count > 0 {
        push_digit(out, bits << (6 - count));
    }
    out.push('-');
}

fn push_digit(out: &mut String, value: u32) {
    let digit = ALPHABET.get((value & 63) as usize).copied().unwrap_or(b'A');
    out.push(char::from(digit));
}

/// Modified UTF-7 to Unicode. Text that is not valid modified UTF-7 comes back unchanged.
pub fn decode_utf7(text: &str) -> String {
    try_decode(text).unwrap_or_else(|| text.to_owned())
}

fn try_decode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, shifted)) = rest.split_once('&') {
        out.push_str(plain);
        let (code, after) = shifted.split_once('-')?;
        rest = after;
        if code.is_empty() {
            out.push('&');
            continue;
        }
        let mut units: Vec<u16> = Vec::with_capacity(code.len() * 3 / 8);
        let (mut bits, mut count) = (0u32, 0u32);
        for b in code.bytes() {
            let value = ALPHABET.iter().position(|a| *a == b)?;
            bits = (bits << 6) | u32::try_from(value).ok()?;
            count += 6;
            if count >= 16 {
                count -= 16;
                units.push(u16::try_from((bits >> count) & 0xffff).ok()?);
                bits &= (1 << count) - 1;
            }
        }
        if count >= 6 || bits != 0 {
            return None;
        }
        out.push_str(&String::from_utf16(&units).ok()?);
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn known_names() {
        for (text, wire) in [
            ("INBOX", "INBOX"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("R&D", "R&-D"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀 x", "&2D3eAA- x"),
            ("a\tb", "a&AAk-b"),
        ] {
            assert_eq!(encode_utf7(text), wire);
            assert_eq!(decode_utf7(wire), text);
            let name = MailboxName::from_wire(wire.as_bytes(), false);
            assert_eq!(name.as_str(), text);
            assert_eq!(name.wire(), None);
        }
        assert_eq!(MailboxName::from("inBox").as_str(), "INBOX");
        assert_eq!(MailboxName::from_wire(b"inbox", false).as_str(), "INBOX");
    }

    #[test]
    fn bad_names_keep_their_bytes() {
        for wire in [
            &b"R&D"[..],
            b"&",
            b"&APw",
            b"&APx-",
            b"&2D0-",
            b"&AGE-",
            b"Gr\xf6\xdfe",
            "Größe".as_bytes(),
        ] {
            let name = MailboxName::from_wire(wire, false);
            assert_eq!(name.to_wire(false), wire);
            let again = MailboxName::with_wire(name.as_str(), name.wire());
            assert_eq!(again, name);
        }
        assert_eq!(
            MailboxName::from_wire("Größe".as_bytes(), true).wire(),
            None
        );
        assert_eq!(MailboxName::from_wire(b"R&D", true).as_str(), "R&D");
    }
}
