//! A text part as a string: transfer encoding, charset, line ends, flowed lines.

use crate::{charset::CharsetDecoder, decode::TransferDecoder, probe};

/// How a text part is written, from its header or BODYSTRUCTURE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextFormat<'a> {
    /// Content-Transfer-Encoding; empty means none.
    pub transfer: &'a str,
    /// The `charset` parameter; empty means none was given.
    pub charset: &'a str,
    /// `format=flowed` (RFC 3676).
    pub flowed: bool,
    /// `delsp=yes` (RFC 3676).
    pub delsp: bool,
    /// It is HTML: without a label, what its head says of the charset counts.
    pub html: bool,
}

/// Reads a text part piece by piece, up to a number of bytes of UTF-8.
pub struct TextDecoder {
    transfer: Stage<TransferDecoder>,
    charset: Stage<CharsetDecoder>,
    flowed: bool,
    delsp: bool,
    max: usize,
    bytes: Vec<u8>,
    piece: String,
    text: String,
    /// The last character was a CR, already written as a line end.
    returned: bool,
    more: bool,
}

/// A decoder that may depend on how the text begins.
enum Stage<D> {
    /// Not chosen yet: what has come.
    Waits(Vec<u8>),
    Runs(D),
    Ended,
}

impl<D> Stage<D> {
    /// The next bytes for the decoder, which is made of the beginning once enough of it is there or the input has `ended`.
    fn next(
        &mut self,
        bytes: &[u8],
        ended: bool,
        make: impl FnOnce(&[u8]) -> D,
    ) -> Option<(&mut D, Vec<u8>)> {
        let mut input = bytes.to_vec();
        if let Self::Waits(start) = self {
            start.extend_from_slice(bytes);
            if start.len() < probe::LOOKED_AT && !ended {
                return None;
            }
            input = std::mem::take(start);
            let looked_at = input.get(..probe::LOOKED_AT).unwrap_or(&input);
            *self = Self::Runs(make(looked_at));
        }
        match self {
            Self::Runs(decoder) => Some((decoder, input)),
            _ => None,
        }
    }

    fn end(&mut self) -> Option<D> {
        match std::mem::replace(self, Self::Ended) {
            Self::Runs(decoder) => Some(decoder),
            _ => None,
        }
    }
}

impl TextDecoder {
    /// Reads a part of this format; `max_bytes` bounds the text (UTF-8), not the encoded input.
    #[must_use]
    pub fn new(format: &TextFormat<'_>, max_bytes: usize) -> Self {
        let transfer = TransferDecoder::new(format.transfer);
        let charset = CharsetDecoder::new(format.charset);
        // Some servers say US-ASCII where the message says nothing.
        let label = format.charset;
        let is_unsure = format.html && (label.is_empty() || label.eq_ignore_ascii_case("us-ascii"));
        Self {
            transfer: if transfer.is_base64() {
                Stage::Waits(Vec::new())
            } else {
                Stage::Runs(transfer)
            },
            charset: if is_unsure {
                Stage::Waits(Vec::new())
            } else {
                Stage::Runs(charset)
            },
            flowed: format.flowed,
            delsp: format.delsp,
            max: max_bytes,
            bytes: Vec::new(),
            piece: String::new(),
            text: String::new(),
            returned: false,
            more: false,
        }
    }

    /// Takes the next bytes of the part. False: the text is full, nothing more is needed.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        // In slices, so that a limit of some bytes never decodes a part of many megabytes.
        for slice in bytes.chunks(32 * 1024) {
            if self.more {
                return false;
            }
            self.decode(slice, false);
            self.take();
        }
        !self.more
    }

    /// The text and whether there was more of it.
    #[must_use]
    pub fn finish(mut self) -> (String, bool) {
        if !self.more {
            self.decode(&[], true);
            self.take();
        }
        let text = if self.flowed {
            unflow(&self.text, self.delsp)
        } else {
            self.text
        };
        (text, self.more)
    }

    /// Decodes bytes to the piece; `ended`: they are the last.
    fn decode(&mut self, bytes: &[u8], ended: bool) {
        self.bytes.clear();
        let choose = |start: &[u8]| {
            let is_other = probe::is_no_base64(start);
            TransferDecoder::new(if is_other { "" } else { "base64" })
        };
        if let Some((transfer, input)) = self.transfer.next(bytes, ended, choose) {
            transfer.push(&input, &mut self.bytes);
        }
        if ended && let Some(transfer) = self.transfer.end() {
            transfer.finish(&mut self.bytes);
        }
        let choose = |start: &[u8]| CharsetDecoder::new(&probe::html_charset(start));
        if let Some((charset, input)) = self.charset.next(&self.bytes, ended, choose) {
            charset.push(&input, &mut self.piece);
        }
        if ended && let Some(charset) = self.charset.end() {
            charset.finish(&mut self.piece);
        }
    }

    /// Moves the piece to the text, with line ends as LF and without NUL, which no text has and not every reader can hold.
    fn take(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        for c in piece.chars() {
            let c = match c {
                '\n' if std::mem::take(&mut self.returned) => continue,
                '\0' => continue,
                '\r' => {
                    self.returned = true;
                    '\n'
                }
                other => {
                    self.returned = false;
                    other
                }
            };
            if self.text.len() + c.len_utf8() > self.max {
                self.more = true;
                break;
            }
            self.text.push(c);
        }
        self.piece = piece;
        self.piece.clear();
    }
}

/// The text of a part whose bytes are at hand: at most `max_bytes` of UTF-8, and whether there is more.
#[must_use]
pub fn text_from(bytes: &[u8], format: &TextFormat<'_>, max_bytes: usize) -> (String, bool) {
    let mut decoder = TextDecoder::new(format, max_bytes);
    decoder.push(bytes);
    decoder.finish()
}

/// Joins the lines of `format=flowed` text (RFC 3676 section 4); line ends are LF.
#[must_use]
pub fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // Quote depth of the paragraph whose last line was flowed.
    let mut open: Option<usize> = None;
    for (index, line) in text.split('\n').enumerate() {
        let content = line.trim_start_matches('>');
        let depth = line.len() - content.len();
        let content = content.strip_prefix(' ').unwrap_or(content);
        let signature = content == "-- ";
        if open != Some(depth) || signature {
            if index > 0 {
                out.push('\n');
            }
            if depth > 0 {
                out.extend(std::iter::repeat_n('>', depth));
                if !content.is_empty() {
                    out.push(' ');
                }
            }
        }
        let flowed = !signature && content.ends_with(' ');
        if flowed && delsp {
            out.push_str(content.strip_suffix(' ').unwrap_or(content));
        } else {
            out.push_str(content);
        }
        open = flowed.then_some(depth);
    }
    out
}
