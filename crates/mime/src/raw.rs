//! Changes to the header of a finished message; its body stays as it is, byte for byte.

use bytes::Bytes;
use posthouse_model::{Timestamp, message::Address};

use crate::{build::BuildError, date, encode, header};

/// What to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Take the place of all fields of the name, or be added if there is none.
    Replace,
    /// Be added only if there is none.
    IfMissing,
    /// Be added beside those that exist.
    Add,
}

/// A list of changes for [`edit_headers`].
#[derive(Debug, Clone, Default)]
pub struct HeaderEdits {
    lines: Vec<(Mode, String, Vec<u8>)>,
    removed: Vec<String>,
}

impl HeaderEdits {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A field with addresses. Replacing by none removes the field.
    ///
    /// # Errors
    /// An address or the name cannot be written.
    pub fn addresses(
        &mut self,
        mode: Mode,
        name: &str,
        list: &[Address],
    ) -> Result<&mut Self, BuildError> {
        let (value, _) = encode::addresses(list)?;
        if value.is_empty() {
            if mode == Mode::Replace {
                self.remove(name);
            }
            return Ok(self);
        }
        self.line(mode, name, &value)
    }

    /// A field with text; encoded words where needed.
    ///
    /// # Errors
    /// The name cannot be written, or the value has a line break.
    pub fn text(&mut self, mode: Mode, name: &str, value: &str) -> Result<&mut Self, BuildError> {
        if value.contains(['\r', '\n', '\0']) {
            return Err(BuildError::HeaderValue(encode::field_name(name)?));
        }
        self.line(mode, name, &encode::unstructured(value))
    }

    /// A field with message ids.
    ///
    /// # Errors
    /// The name or an id cannot be written.
    pub fn ids<S: AsRef<str>>(
        &mut self,
        mode: Mode,
        name: &str,
        ids: &[S],
    ) -> Result<&mut Self, BuildError> {
        let ids = ids
            .iter()
            .map(|id| encode::message_id(id.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        self.line(mode, name, &ids.join(" "))
    }

    /// A field with a date.
    ///
    /// # Errors
    /// The name cannot be written.
    pub fn date(
        &mut self,
        mode: Mode,
        name: &str,
        time: Timestamp,
    ) -> Result<&mut Self, BuildError> {
        self.line(mode, name, &date::format_date(time))
    }

    /// Whether a field of this name takes the place of those that are there.
    #[must_use]
    pub fn replaces(&self, name: &str) -> bool {
        let name = name.trim();
        let mut lines = self.lines.iter();
        lines.any(|(mode, own, _)| *mode == Mode::Replace && own.eq_ignore_ascii_case(name))
    }

    /// Takes back what was said of the fields of this name.
    pub fn forget(&mut self, name: &str) -> &mut Self {
        let name = name.trim();
        self.lines
            .retain(|(_, own, _)| !own.eq_ignore_ascii_case(name));
        self
    }

    /// Takes all fields of this name away.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.removed.push(name.trim().to_owned());
        self
    }

    fn line(&mut self, mode: Mode, name: &str, value: &str) -> Result<&mut Self, BuildError> {
        let name = encode::field_name(name)?;
        let mut line = Vec::new();
        encode::field(&mut line, &name, value);
        self.lines.push((mode, name, line));
        Ok(self)
    }
}

/// What a message said about its own sending in `X-EE-` fields. Values that cannot be read are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `X-EE-Send-At`: not before.
    pub send_at: Option<Timestamp>,
    /// `X-EE-Delivery-Attempts`.
    pub delivery_attempts: Option<u32>,
    /// `X-EE-Gateway`: id of the gateway.
    pub gateway: Option<String>,
    /// `X-EE-Tracking-Enabled`.
    pub tracking_enabled: Option<bool>,
}

/// A message with a new header.
#[derive(Debug, Clone)]
pub struct Edited {
    /// The new header, with its empty line.
    pub header: Bytes,
    /// Where the body starts in the original.
    pub body: usize,
    /// What the `X-EE-` fields said; they are gone from the header.
    pub wishes: Wishes,
    /// The Message-ID of the new header, with angle brackets.
    pub message_id: Option<String>,
}

impl Edited {
    /// The whole message in two pieces: header and body, the body shared with the original.
    #[must_use]
    pub fn chunks(&self, original: &Bytes) -> [Bytes; 2] {
        [
            self.header.clone(),
            original.slice(self.body.min(original.len())..),
        ]
    }

    /// Size of the message in bytes, given the original's.
    #[must_use]
    pub fn size(&self, original: u64) -> u64 {
        self.header.len() as u64 + original.saturating_sub(self.body as u64)
    }
}

/// Applies changes to the header of `raw`, which may be a whole message or its start with the header.
///
/// Fields that are not changed keep their bytes and their order. A replaced field stands where the first of
/// its name stood, a new one at the end. `X-EE-Send-At`, `-Delivery-Attempts`, `-Gateway` and
/// `-Tracking-Enabled` are consumed. Input that does not begin with a field is all body.
#[must_use]
pub fn edit_headers(raw: &[u8], edits: &HeaderEdits) -> Edited {
    let (fields, body) = fields(raw);
    let mut wishes = Wishes::default();
    let mut out = Vec::with_capacity(body + 256);
    let mut placed = vec![false; edits.lines.len()];
    for (name, value, piece) in &fields {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if wishes.take(name, value) || edits.removed.iter().any(|removed| is(removed)) {
            continue;
        }
        let mut replaced = false;
        for ((mode, line_name, line), placed) in edits.lines.iter().zip(&mut placed) {
            if *mode == Mode::Replace && is(line_name) {
                replaced = true;
                if !std::mem::replace(placed, true) {
                    out.extend_from_slice(line);
                }
            } else if *mode == Mode::IfMissing && is(line_name) {
                *placed = true;
            }
        }
        if !replaced {
            push_field(&mut out, piece);
        }
    }
    for ((_, _, line), placed) in edits.lines.iter().zip(placed) {
        if !placed {
            out.extend_from_slice(line);
        }
    }
    let message_id = header::parse_headers(&out)
        .ids("Message-ID")
        .into_iter()
        .next();
    out.extend_from_slice(b"\r\n");
    Edited {
        header: out.into(),
        body,
        wishes,
        message_id,
    }
}

/// The header (with its empty line) without `Bcc` and `Resent-Bcc`, for the wire.
#[must_use]
pub fn strip_bcc(header: &[u8]) -> Vec<u8> {
    let (fields, body) = fields(header);
    let mut out = Vec::with_capacity(header.len());
    for (name, _, piece) in fields {
        if !name.eq_ignore_ascii_case(b"Bcc") && !name.eq_ignore_ascii_case(b"Resent-Bcc") {
            push_field(&mut out, piece);
        }
    }
    out.extend_from_slice(b"\r\n");
    // Given a whole message, its body is kept too.
    out.extend_from_slice(header.get(body..).unwrap_or_default());
    out
}

/// Length of the header of a message with its empty line: where the body starts.
#[must_use]
pub fn body_offset(raw: &[u8]) -> usize {
    fields(raw).1
}

/// Who sends and who receives, as the header says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The sender's address, if there is one.
    pub from: Option<String>,
    /// The recipients' addresses, each once.
    pub to: Vec<String>,
}

/// The envelope of a message by its header: `Sender` else `From`; `To`, `Cc` and `Bcc`.
#[must_use]
pub fn envelope_of(raw: &[u8]) -> Envelope {
    let headers = header::parse_headers(raw);
    let address = |name: &str| {
        headers
            .addresses(name)
            .into_iter()
            .map(|a| a.address)
            .find(|a| a.contains('@'))
    };
    let mut seen = std::collections::HashSet::new();
    let to = ["To", "Cc", "Bcc"]
        .iter()
        .flat_map(|name| headers.addresses(name))
        .map(|entry| entry.address)
        .filter(|address| !address.is_empty() && seen.insert(address.to_lowercase()))
        .collect();
    Envelope {
        from: address("Sender").or_else(|| address("From")),
        to,
    }
}

/// Name, value and all bytes of a field.
type FieldBytes<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// The fields, and where the body starts.
fn fields(raw: &[u8]) -> (Vec<FieldBytes<'_>>, usize) {
    let pieces = header::pieces(raw);
    let mut out = Vec::with_capacity(pieces.fields.len());
    let mut at = 0;
    for piece in pieces.fields {
        match header::split_field(piece) {
            Some((name, value)) => out.push((name, value, piece)),
            // The separator line of an mbox file.
            None if at == 0 && piece.starts_with(b"From ") => {}
            // Somebody forgot the empty line.
            None => return (out, at),
        }
        at += piece.len();
    }
    (out, pieces.body)
}

/// Appends a field, its last line ended.
fn push_field(out: &mut Vec<u8>, piece: &[u8]) {
    out.extend_from_slice(piece);
    if !piece.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
}

impl Wishes {
    /// Takes a field if it is one of ours.
    fn take(&mut self, name: &[u8], value: &[u8]) -> bool {
        const PREFIX: &[u8] = b"x-ee-";
        let Some((prefix, rest)) = name.split_at_checked(PREFIX.len()) else {
            return false;
        };
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return false;
        }
        let text = crate::word::decode_text(value);
        match rest.to_ascii_lowercase().as_slice() {
            b"send-at" => {
                self.send_at = text
                    .parse::<i64>()
                    .ok()
                    .map(Timestamp)
                    .or_else(|| text.parse().ok())
                    .or_else(|| date::parse_date(&text));
            }
            b"delivery-attempts" => self.delivery_attempts = text.parse().ok(),
            b"gateway" => self.gateway = (!text.is_empty()).then_some(text),
            b"tracking-enabled" => {
                self.tracking_enabled = posthouse_model::units::parse_bool(&text).ok()
            }
            _ => return false,
        }
        true
    }
}
