//! Base64 that comes in pieces.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;

/// So many characters are decoded at once: whole groups of four.
const BLOCK: usize = 8 << 10;
/// A group of characters: three bytes.
const GROUP: usize = 4;

/// Nothing but whole groups: what others follow has no padding.
const INNER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone),
);
/// The end of a text.
const LAST: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The text is no base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no valid base64")]
pub struct NotBase64;

/// Decodes base64 (RFC 4648, section 4) as it comes; blanks and line breaks in it, and missing padding, are forgiven.
#[derive(Default)]
pub struct Base64Decoder {
    /// Characters that are not decoded yet; the last group always waits for what follows it.
    waiting: Vec<u8>,
    decoded: Vec<u8>,
}

impl Base64Decoder {
    /// For a text of at most so many characters; a longer one is decoded too, with a copy now and then.
    #[must_use]
    pub fn for_length(characters: usize) -> Self {
        // Nothing is zeroed: what is not written to takes no memory.
        let room = characters.div_ceil(GROUP).saturating_mul(3);
        Self {
            waiting: Vec::new(),
            decoded: Vec::with_capacity(room),
        }
    }

    /// Takes the next piece of the text.
    ///
    /// # Errors
    /// What came so far is the beginning of no base64. It may be told later than it could be.
    pub fn push(&mut self, text: &[u8]) -> Result<(), NotBase64> {
        for mut run in text.split(u8::is_ascii_whitespace) {
            while !run.is_empty() {
                if self.waiting.len() == BLOCK {
                    self.decode_block()?;
                }
                let room = BLOCK - self.waiting.len();
                let (now, later) = run.split_at(room.min(run.len()));
                self.waiting.extend_from_slice(now);
                run = later;
            }
        }
        Ok(())
    }

    /// The decoded bytes, without room to spare.
    ///
    /// # Errors
    /// The text is no base64.
    pub fn finish(mut self) -> Result<Bytes, NotBase64> {
        LAST.decode_vec(&self.waiting, &mut self.decoded)
            .map_err(|_| NotBase64)?;
        self.decoded.shrink_to_fit();
        Ok(Bytes::from(self.decoded))
    }

    /// Decodes what waits but for the last group.
    fn decode_block(&mut self) -> Result<(), NotBase64> {
        let whole = self.waiting.len().saturating_sub(GROUP);
        let (inner, _) = self.waiting.split_at(whole);
        INNER
            .decode_vec(inner, &mut self.decoded)
            .map_err(|_| NotBase64)?;
        self.waiting.drain(..whole);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The text in pieces of a size.
    fn decode(text: &str, size: usize) -> Result<Bytes, NotBase64> {
        let mut decoder = Base64Decoder::for_length(text.len());
        for piece in text.as_bytes().chunks(size) {
            decoder.push(piece)?;
        }
        decoder.finish()
    }

    #[test]
    fn pieces_are_decoded_as_the_whole() {
        let endings = [
            "", "QQ==", "QQ=", "QQ", "QR==", "QUI=", "QUI", "Q", "=", "==", "===", "====", "QQ===",
            "QQ==QQ==", "Q=QQ", "QUJD====", "QUJD=", "-_-_", "%",
        ];
        for filled in [0, BLOCK - GROUP, BLOCK, 2 * BLOCK - 2 * GROUP, 3 * BLOCK] {
            for ending in endings {
                let text = format!("{}{ending}", "QUJD".repeat(filled / GROUP));
                let expected = LAST.decode(&text).map(Bytes::from).ok();
                for size in [1, 3, 4, 77, BLOCK, BLOCK + 1, text.len() + 1] {
                    let found = decode(&text, size).ok();
                    assert_eq!(found, expected, "{filled} and {ending:?} by {size}");
                }
            }
        }
    }

    #[test]
    fn blanks_and_line_breaks_are_forgiven() {
        assert_eq!(decode(" Q U\r\nJ\tD\n", 2).unwrap(), "ABC");
        let lines = "QUJD\r\n".repeat(BLOCK);
        let content = decode(&lines, 1000).unwrap();
        assert_eq!(content, "ABC".repeat(BLOCK));
        assert_eq!(decode(" \r\n", 1).unwrap(), "");
        assert_eq!(decode("QUJD\u{b}", 9), Err(NotBase64));
    }
}
