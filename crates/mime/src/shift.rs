//! Charsets that shift between tables by sequences in the text, made ready for the decoder of the table.

/// Rewrites the bytes of such a charset piece by piece; the output does not depend on where the input is cut.
pub(crate) enum Shift {
    /// ISO-2022-JP (RFC 1468): a sequence that another one follows at once is dropped. Joined texts are full of them, and the encoding
    /// standard takes each for an error.
    Japanese(Vec<u8>),
    /// ISO-2022-KR (RFC 1557) as EUC-KR.
    Korean {
        /// The designation, as far as it has come.
        held: Vec<u8>,
        /// After SO.
        shifted: bool,
    },
    /// HZ (RFC 1843) as GBK.
    Chinese {
        /// The last byte was a tilde.
        tilde: bool,
        /// After `~{`.
        shifted: bool,
    },
}

const ESC: u8 = 0x1b;
const KOREAN: &[u8] = b"\x1b$)C";

impl Shift {
    /// Rewrites the next bytes, appending to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            match self {
                Self::Japanese(held) => japanese(held, byte, out),
                Self::Korean { held, shifted } => korean(held, shifted, byte, out),
                Self::Chinese { tilde, shifted } => chinese(tilde, shifted, byte, out),
            }
        }
    }

    /// Appends what was held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Japanese(held) | Self::Korean { held, .. } => out.append(held),
            Self::Chinese { tilde, .. } => {
                if std::mem::take(tilde) {
                    out.push(b'~');
                }
            }
        }
    }
}

fn japanese(held: &mut Vec<u8>, byte: u8, out: &mut Vec<u8>) {
    if held.is_empty() && byte != ESC {
        return out.push(byte);
    }
    let whole = match held.as_slice() {
        [_, b'$', b'('] => false,
        [_, b'(' | b'$', _, ..] => true,
        _ => false,
    };
    match (byte, whole) {
        (ESC, true) => held.clear(),
        (ESC, false) => out.append(held),
        (_, true) => {
            out.append(held);
            return out.push(byte);
        }
        (_, false) => {}
    }
    held.push(byte);
    let may_be = matches!(
        held.as_slice(),
        [_] | [_, b'(' | b'$'] | [_, b'(' | b'$', _] | [_, b'$', b'(', _]
    );
    if !may_be {
        out.append(held);
    }
}

fn korean(held: &mut Vec<u8>, shifted: &mut bool, byte: u8, out: &mut Vec<u8>) {
    if KOREAN.get(held.len()) == Some(&byte) {
        held.push(byte);
        if held.len() == KOREAN.len() {
            held.clear();
        }
        return;
    }
    out.append(held);
    match byte {
        ESC => held.push(byte),
        0x0e => *shifted = true,
        0x0f => *shifted = false,
        b'\n' => {
            *shifted = false;
            out.push(byte);
        }
        0x21..=0x7e if *shifted => out.push(byte | 0x80),
        other => out.push(other),
    }
}

fn chinese(tilde: &mut bool, shifted: &mut bool, byte: u8, out: &mut Vec<u8>) {
    if std::mem::take(tilde) {
        match byte {
            b'{' if !*shifted => *shifted = true,
            b'}' if *shifted => *shifted = false,
            b'~' if !*shifted => out.push(b'~'),
            // A line that goes on.
            b'\n' => {}
            b'\r' => *tilde = true,
            other => {
                out.push(b'~');
                chinese(tilde, shifted, other, out);
            }
        }
        return;
    }
    match byte {
        b'~' => *tilde = true,
        b'\n' => {
            *shifted = false;
            out.push(byte);
        }
        0x21..=0x7e if *shifted => out.push(byte | 0x80),
        other => out.push(other),
    }
}
