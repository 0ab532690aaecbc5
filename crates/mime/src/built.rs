//! A message ready to be written: attachments are encoded on the way, never copied whole.

use std::io;

use base64::Engine as _;
use bytes::Bytes;

/// A piece of a built message.
#[derive(Debug, Clone)]
pub(crate) enum Segment {
    Plain(Bytes),
    /// To be written as base64 lines.
    Base64(Bytes),
}

/// A message ready to be written, any number of times.
#[derive(Debug, Clone)]
pub struct Built {
    /// The first is the header with its empty line.
    pub(crate) segments: Vec<Segment>,
    pub(crate) message_id: String,
    pub(crate) size: u64,
    pub(crate) smtputf8: bool,
}

/// Bytes that one base64 line carries, and how many lines make a chunk.
const LINE: usize = 57;
const CHUNK: usize = LINE * 1024;

impl Built {
    /// The Message-ID with its angle brackets.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// Size of the whole message in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// An address needs SMTPUTF8 (RFC 6531).
    #[must_use]
    pub const fn needs_smtputf8(&self) -> bool {
        self.smtputf8
    }

    /// The header with its empty line, `Bcc` included.
    #[must_use]
    pub fn header(&self) -> Bytes {
        match self.segments.first() {
            Some(Segment::Plain(bytes)) => bytes.clone(),
            _ => Bytes::new(),
        }
    }

    /// The message in pieces of at most some 80 KiB of encoded attachment; texts come whole.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.segments.iter().flat_map(Segment::chunks)
    }

    /// As [`Self::chunks`], without the header.
    pub fn body_chunks(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.segments.iter().skip(1).flat_map(Segment::chunks)
    }

    /// Writes the message.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        self.chunks().try_for_each(|chunk| out.write_all(&chunk))
    }

    /// The whole message in memory.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        for chunk in self.chunks() {
            out.extend_from_slice(&chunk);
        }
        out.into()
    }
}

impl Segment {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Plain(bytes) => bytes.len() as u64,
            Self::Base64(bytes) => {
                let encoded = (bytes.len() as u64).div_ceil(3) * 4;
                encoded + encoded.div_ceil(76) * 2
            }
        }
    }

    fn chunks(&self) -> Box<dyn Iterator<Item = Bytes> + Send + '_> {
        match self {
            Self::Plain(bytes) => Box::new(std::iter::once(bytes.clone())),
            Self::Base64(bytes) => Box::new(bytes.chunks(CHUNK).map(base64_lines)),
        }
    }
}

fn base64_lines(bytes: &[u8]) -> Bytes {
    let mut out = String::with_capacity(bytes.len() / LINE * 78 + 80);
    for line in bytes.chunks(LINE) {
        base64::engine::general_purpose::STANDARD.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    out.into()
}
