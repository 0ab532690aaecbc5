//! Content-Transfer-Encoding, decoded as a stream (RFC 2045).

/// Decodes the body of one part piece by piece. The output does not depend on where the input is cut.
#[derive(Debug)]
pub struct TransferDecoder(Kind);

#[derive(Debug)]
enum Kind {
    Identity,
    Base64(Base64),
    Quoted(Quoted),
    Uu(Uu),
}

impl TransferDecoder {
    /// A decoder for the encoding of this name (any case); `7bit`, `8bit`, `binary` and unknown names
    /// pass bytes through.
    #[must_use]
    pub fn new(encoding: &str) -> Self {
        let name = encoding
            .trim()
            .split(|c: char| c.is_whitespace() || c == ';')
            .next()
            .unwrap_or_default();
        Self(match name.to_ascii_lowercase().as_str() {
            "base64" => Kind::Base64(Base64::default()),
            "quoted-printable" => Kind::Quoted(Quoted::default()),
            "x-uuencode" | "x-uue" | "uuencode" | "uue" => Kind::Uu(Uu::default()),
            _ => Kind::Identity,
        })
    }

    pub(crate) fn is_base64(&self) -> bool {
        matches!(self.0, Kind::Base64(_))
    }

    /// Decodes the next bytes, appending to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Identity => out.extend_from_slice(bytes),
            Kind::Base64(state) => state.push(bytes, out),
            Kind::Quoted(state) => state.push(bytes, out),
            Kind::Uu(state) => state.push(bytes, out),
        }
    }

    /// Says that the input has ended and appends what was held back.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self.0 {
            Kind::Identity => {}
            Kind::Base64(mut state) => state.pad(out),
            Kind::Quoted(state) => state.finish(out),
            Kind::Uu(mut state) => state.line_end(out),
        }
    }
}

/// The whole of `bytes`, decoded.
#[must_use]
pub fn decode(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut decoder = TransferDecoder::new(encoding);
    decoder.push(bytes, &mut out);
    decoder.finish(&mut out);
    out
}

/// Tolerant base64: what is not of the alphabet is skipped, padding may lack or come in the middle.
pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    decode("base64", bytes)
}

const NONE: u8 = 0xff;
const TABLE: [u8; 256] = {
    let mut table = [NONE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        table[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    table
};

/// The six bits that a base64 character stands for.
pub(crate) fn base64_value(byte: u8) -> Option<u8> {
    match TABLE[usize::from(byte)] {
        NONE => None,
        value => Some(value),
    }
}

#[derive(Debug, Default)]
struct Base64 {
    bits: u32,
    count: u8,
}

impl Base64 {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len() / 4 * 3 + 3);
        for &byte in bytes {
            let value = TABLE[usize::from(byte)];
            if value == NONE {
                if byte == b'=' {
                    self.pad(out);
                }
                continue;
            }
            self.bits = self.bits << 6 | u32::from(value);
            self.count += 1;
            if self.count == 4 {
                let [_, a, b, c] = self.bits.to_be_bytes();
                out.extend_from_slice(&[a, b, c]);
                *self = Self::default();
            }
        }
    }

    /// The end of a group, full or not.
    fn pad(&mut self, out: &mut Vec<u8>) {
        match self.count {
            2 => out.push((self.bits >> 4 & 0xff) as u8),
            3 => out.extend_from_slice(&[
                (self.bits >> 10 & 0xff) as u8,
                (self.bits >> 2 & 0xff) as u8,
            ]),
            _ => {}
        }
        *self = Self::default();
    }
}

/// Where the quoted-printable reader stands. `held` keeps white space that may prove to be trailing.
#[derive(Debug, Default)]
struct Quoted {
    state: QuotedState,
    held: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum QuotedState {
    #[default]
    Text,
    /// After `=`.
    Equals,
    /// After `=` and one digit.
    Digit(u8),
    /// After `=` and white space (in `held`): a soft break with padding, or a stray sign.
    Padding,
    /// After `=`, perhaps white space, and CR.
    Return,
}

impl Quoted {
    /// Longest run of white space that is held back.
    const MAX_HELD: usize = 4096;

    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            self.byte(byte, out);
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            QuotedState::Text => self.text(byte, out),
            QuotedState::Equals => match byte {
                b'\n' => self.state = QuotedState::Text,
                b'\r' => self.state = QuotedState::Return,
                b' ' | b'\t' => {
                    self.held.push(byte);
                    self.state = QuotedState::Padding;
                }
                digit if digit.is_ascii_hexdigit() => self.state = QuotedState::Digit(digit),
                other => {
                    out.push(b'=');
                    self.restart(other, out);
                }
            },
            QuotedState::Digit(first) => {
                match (crate::word::hex(&first), crate::word::hex(&byte)) {
                    (Some(high), Some(low)) => {
                        out.push(high << 4 | low);
                        self.state = QuotedState::Text;
                    }
                    _ => {
                        out.extend_from_slice(&[b'=', first]);
                        self.restart(byte, out);
                    }
                }
            }
            QuotedState::Padding => match byte {
                b'\n' => {
                    self.held.clear();
                    self.state = QuotedState::Text;
                }
                b'\r' => {
                    self.held.clear();
                    self.state = QuotedState::Return;
                }
                b' ' | b'\t' if self.held.len() < Self::MAX_HELD => self.held.push(byte),
                other => {
                    out.push(b'=');
                    self.restart(other, out);
                }
            },
            QuotedState::Return => {
                self.state = QuotedState::Text;
                if byte != b'\n' {
                    self.text(byte, out);
                }
            }
        }
    }

    fn restart(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = QuotedState::Text;
        self.text(byte, out);
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b' ' | b'\t' if self.held.len() < Self::MAX_HELD => self.held.push(byte),
            b'\r' | b'\n' => {
                self.held.clear();
                out.push(byte);
            }
            b'=' => {
                out.append(&mut self.held);
                self.state = QuotedState::Equals;
            }
            other => {
                out.append(&mut self.held);
                out.push(other);
            }
        }
    }

    fn finish(self, out: &mut Vec<u8>) {
        if let QuotedState::Digit(first) = self.state {
            out.extend_from_slice(&[b'=', first]);
        }
    }
}

/// uuencode: lines between `begin MODE NAME` and `end`.
#[derive(Debug, Default)]
struct Uu {
    begun: bool,
    ended: bool,
    line: Vec<u8>,
}

impl Uu {
    /// No line of data is longer; what follows is ignored.
    const MAX_LINE: usize = 128;

    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == b'\n' {
                self.line_end(out);
            } else if self.line.len() < Self::MAX_LINE {
                self.line.push(byte);
            }
        }
    }

    fn line_end(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii_end();
        if self.ended {
            return;
        }
        if !self.begun {
            self.begun = line.starts_with(b"begin ");
            return;
        }
        let Some((&length, data)) = line.split_first() else {
            return;
        };
        if line == b"end" {
            self.ended = true;
            return;
        }
        let mut left = usize::from(length.wrapping_sub(b' ') & 0x3f);
        for group in data.chunks(4) {
            let mut bits = 0u32;
            for at in 0..4 {
                let value = group
                    .get(at)
                    .map_or(0, |byte| byte.wrapping_sub(b' ') & 0x3f);
                bits = bits << 6 | u32::from(value);
            }
            let [_, a, b, c] = bits.to_be_bytes();
            for byte in [a, b, c] {
                if left > 0 {
                    out.push(byte);
                    left -= 1;
                }
            }
        }
    }
}
