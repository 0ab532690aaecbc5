//! Character sets to UTF-8, streaming.
//!
//! Labels are those of the WHATWG encoding standard plus the names found in mail. US-ASCII, UTF-8, an
//! unknown name and no name at all are read alike: as UTF-8 as long as that holds, else as windows-1252.

use encoding_rs::{Decoder, Encoding};

use crate::shift::Shift;

/// Decodes one text piece by piece.
pub struct CharsetDecoder(Kind);

enum Kind {
    Auto(Auto),
    Table(Box<Decoder>),
    Shifted(Box<(Shift, Decoder)>),
    Utf7(Utf7),
}

impl CharsetDecoder {
    /// A decoder for the charset of this name; see the module for names that are not known.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let label =
            label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';'));
        let lower = label.to_ascii_lowercase();
        let name = match lower.as_str() {
            "utf-7" | "utf7" | "unicode-1-1-utf-7" | "x-unicode-2-0-utf-7" => {
                return Self(Kind::Utf7(Utf7::default()));
            }
            "iso-2022-kr" | "csiso2022kr" => {
                let (held, shifted) = (Vec::new(), false);
                return shifted_table(Shift::Korean { held, shifted }, encoding_rs::EUC_KR);
            }
            "hz-gb-2312" | "hz" => {
                let (tilde, shifted) = (false, false);
                return shifted_table(Shift::Chinese { tilde, shifted }, encoding_rs::GBK);
            }
            "utf-8" | "utf8" | "us-ascii" | "ascii" | "ansi_x3.4-1968" | "646" | "" => {
                return Self(Kind::Auto(Auto::default()));
            }
            "cp932" | "ms932" | "windows-932" | "cp943" => "shift_jis",
            "cp936" | "ms936" | "windows-936" | "gb2312-80" | "x-gbk" => "gbk",
            "cp949" | "ms949" | "uhc" | "x-windows-949" | "ksc5601" | "ks_c_5601" => "euc-kr",
            "cp950" | "ms950" | "big-5" | "x-x-big5" => "big5",
            "cp50220" | "cp50221" | "iso-2022-jp-1" | "iso-2022-jp-2" | "iso-2022-jp-3" => {
                "iso-2022-jp"
            }
            "cp51932" | "eucjp" => "euc-jp",
            "latin-1" | "latin_1" | "8859-1" | "iso8859_1" | "iso-latin-1" => "iso-8859-1",
            "latin-2" => "iso-8859-2",
            "latin-9" | "latin9" => "iso-8859-15",
            "iso-8859-8-e" => "iso-8859-8",
            "tis-620" | "iso-8859-11" => "windows-874",
            "cp-850" | "cp850" | "ibm850" | "cp437" | "ibm437" => "windows-1252",
            other => other
                .strip_prefix("cp")
                .or_else(|| other.strip_prefix("win-"))
                .or_else(|| other.strip_prefix("ms-"))
                .map_or(other, |digits| windows(digits.trim_start_matches('-'))),
        };
        match Encoding::for_label_no_replacement(name.as_bytes()) {
            Some(encoding) if encoding == encoding_rs::UTF_8 => Self(Kind::Auto(Auto::default())),
            Some(encoding) if encoding == encoding_rs::ISO_2022_JP => {
                shifted_table(Shift::Japanese(Vec::new()), encoding)
            }
            Some(encoding) if encoding.name().starts_with("UTF-16") => {
                Self(Kind::Table(Box::new(encoding.new_decoder())))
            }
            Some(encoding) => Self(Kind::Table(Box::new(
                encoding.new_decoder_without_bom_handling(),
            ))),
            None => Self(Kind::Auto(Auto::default())),
        }
    }

    /// Decodes the next bytes; a character that is cut stays inside until its rest comes.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        match &mut self.0 {
            Kind::Auto(auto) => auto.push(bytes, out),
            Kind::Table(decoder) => table(decoder, bytes, out, false),
            Kind::Shifted(both) => {
                let (shift, decoder) = both.as_mut();
                let mut rewritten = Vec::with_capacity(bytes.len());
                shift.push(bytes, &mut rewritten);
                table(decoder, &rewritten, out, false);
            }
            Kind::Utf7(utf7) => utf7.push(bytes, out),
        }
    }

    /// Says that the input has ended; a character that was cut there shows as a replacement.
    pub fn finish(self, out: &mut String) {
        match self.0 {
            Kind::Auto(auto) => auto.finish(out),
            Kind::Table(mut decoder) => table(&mut decoder, &[], out, true),
            Kind::Shifted(both) => {
                let (mut shift, mut decoder) = *both;
                let mut rest = Vec::new();
                shift.finish(&mut rest);
                table(&mut decoder, &rest, out, true);
            }
            Kind::Utf7(utf7) => utf7.finish(out),
        }
    }
}

/// The whole of `bytes` as text.
#[must_use]
pub fn decode(label: &str, bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut decoder = CharsetDecoder::new(label);
    decoder.push(bytes, &mut out);
    decoder.finish(&mut out);
    out
}

fn shifted_table(shift: Shift, encoding: &'static Encoding) -> CharsetDecoder {
    let decoder = encoding.new_decoder_without_bom_handling();
    CharsetDecoder(Kind::Shifted(Box::new((shift, decoder))))
}

fn windows(digits: &str) -> &'static str {
    match digits {
        "874" => "windows-874",
        "1250" => "windows-1250",
        "1251" => "windows-1251",
        "1253" => "windows-1253",
        "1254" => "windows-1254",
        "1255" => "windows-1255",
        "1256" => "windows-1256",
        "1257" => "windows-1257",
        "1258" => "windows-1258",
        "1252" => "windows-1252",
        "866" => "ibm866",
        _ => "unknown",
    }
}

fn table(decoder: &mut Decoder, mut bytes: &[u8], out: &mut String, last: bool) {
    loop {
        // At least a few bytes of room, or the decoder could not move on.
        out.reserve(
            decoder
                .max_utf8_buffer_length(bytes.len())
                .unwrap_or(bytes.len())
                .clamp(16, 1 << 20),
        );
        let (result, read, _) = decoder.decode_to_string(bytes, out, last);
        bytes = bytes.get(read..).unwrap_or_default();
        if result == encoding_rs::CoderResult::InputEmpty {
            return;
        }
    }
}

/// UTF-8 while it holds. The first byte that does not fit decides: after nothing but ASCII the rest is
/// windows-1252, after real UTF-8 it is one damaged character.
#[derive(Default)]
struct Auto {
    carry: Vec<u8>,
    seen_multibyte: bool,
    legacy: bool,
    started: bool,
}

impl Auto {
    fn push(&mut self, bytes: &[u8], out: &mut String) {
        if self.legacy {
            latin(bytes, out);
            return;
        }
        let joined;
        let mut rest = bytes;
        if !self.carry.is_empty() {
            joined = [std::mem::take(&mut self.carry).as_slice(), bytes].concat();
            rest = &joined;
        }
        loop {
            let (valid, error) = match std::str::from_utf8(rest) {
                Ok(text) => (text, None),
                Err(error) => {
                    let valid = rest.get(..error.valid_up_to()).unwrap_or_default();
                    (std::str::from_utf8(valid).unwrap_or_default(), Some(error))
                }
            };
            self.emit(valid, out);
            let Some(error) = error else { return };
            rest = rest.get(valid.len()..).unwrap_or_default();
            match surrogates(rest) {
                Surrogates::Pair(c, after) => {
                    self.started = true;
                    self.seen_multibyte = true;
                    out.push(c);
                    rest = after;
                    continue;
                }
                Surrogates::Cut => {
                    self.carry = rest.to_vec();
                    return;
                }
                Surrogates::None => {}
            }
            match error.error_len() {
                None => {
                    self.carry = rest.to_vec();
                    return;
                }
                Some(_) if !self.seen_multibyte => {
                    self.legacy = true;
                    latin(rest, out);
                    return;
                }
                Some(len) => {
                    out.push('\u{fffd}');
                    rest = rest.get(len..).unwrap_or_default();
                }
            }
        }
    }

    fn emit(&mut self, text: &str, out: &mut String) {
        if text.is_empty() {
            return;
        }
        let text = if self.started {
            text
        } else {
            text.strip_prefix('\u{feff}').unwrap_or(text)
        };
        self.started = true;
        self.seen_multibyte |= !text.is_ascii();
        out.push_str(text);
    }

    fn finish(self, out: &mut String) {
        if self.carry.is_empty() {
        } else if self.seen_multibyte {
            out.push('\u{fffd}');
        } else {
            latin(&self.carry, out);
        }
    }
}

/// A character of two surrogates, each in UTF-8 (CESU-8): what some Java and database programs write for UTF-8.
enum Surrogates<'a> {
    Pair(char, &'a [u8]),
    /// It may become one.
    Cut,
    None,
}

fn surrogates(bytes: &[u8]) -> Surrogates<'_> {
    let fits =
        |at: usize, low: u8, high: u8| bytes.get(at).is_none_or(|byte| (low..=high).contains(byte));
    let pair = fits(0, 0xed, 0xed)
        && fits(1, 0xa0, 0xaf)
        && fits(2, 0x80, 0xbf)
        && fits(3, 0xed, 0xed)
        && fits(4, 0xb0, 0xbf)
        && fits(5, 0x80, 0xbf);
    match bytes {
        _ if !pair => Surrogates::None,
        [_, a, b, _, c, d, after @ ..] => {
            let bits = |byte: &u8, mask: u8| u32::from(byte & mask);
            let high = bits(a, 0x0f) << 6 | bits(b, 0x3f);
            let low = bits(c, 0x0f) << 6 | bits(d, 0x3f);
            let code = 0x1_0000 + (high << 10) + low;
            Surrogates::Pair(char::from_u32(code).unwrap_or('\u{fffd}'), after)
        }
        _ => Surrogates::Cut,
    }
}

fn latin(bytes: &[u8], out: &mut String) {
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
    out.push_str(&text);
}

/// RFC 2152.
#[derive(Default)]
struct Utf7 {
    shifted: bool,
    /// Nothing came since the `+`.
    fresh: bool,
    bits: u32,
    count: u32,
    high: Option<u16>,
}

impl Utf7 {
    fn push(&mut self, bytes: &[u8], out: &mut String) {
        for &byte in bytes {
            if !self.shifted {
                if byte == b'+' {
                    *self = Self {
                        shifted: true,
                        fresh: true,
                        ..Self::default()
                    };
                } else if byte.is_ascii() {
                    out.push(char::from(byte));
                } else {
                    latin(&[byte], out);
                }
                continue;
            }
            if let Some(value) = crate::decode::base64_value(byte) {
                self.fresh = false;
                self.bits = (self.bits << 6) | u32::from(value);
                self.count += 6;
                if self.count >= 16 {
                    self.count -= 16;
                    let unit = (self.bits >> self.count) & 0xffff;
                    self.bits &= (1 << self.count) - 1;
                    self.unit(u16::try_from(unit).unwrap_or_default(), out);
                }
                continue;
            }
            self.flush(out);
            match byte {
                b'-' if self.fresh => out.push('+'),
                b'-' => {}
                other => {
                    if self.fresh {
                        out.push('+');
                    }
                    if other.is_ascii() {
                        out.push(char::from(other));
                    } else {
                        latin(&[other], out);
                    }
                }
            }
            *self = Self::default();
        }
    }

    fn unit(&mut self, unit: u16, out: &mut String) {
        match (self.high.take(), unit) {
            (None, 0xd800..=0xdbff) => self.high = Some(unit),
            (Some(high), 0xdc00..=0xdfff) => {
                let code = 0x1_0000 + ((u32::from(high) & 0x3ff) << 10) + (u32::from(unit) & 0x3ff);
                out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            (high, unit) => {
                if high.is_some() {
                    out.push('\u{fffd}');
                }
                if matches!(unit, 0xd800..=0xdbff) {
                    self.high = Some(unit);
                } else {
                    out.push(char::from_u32(u32::from(unit)).unwrap_or('\u{fffd}'));
                }
            }
        }
    }

    fn flush(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            out.push('\u{fffd}');
        }
    }

    fn finish(mut self, out: &mut String) {
        self.flush(out);
        if self.shifted && self.fresh {
            out.push('+');
        }
    }
}
