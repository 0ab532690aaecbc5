//! Builds a message from its parts (RFC 5322, RFC 2045-2049, RFC 2231, RFC 2387).
//!
//! The output is 7-bit safe (unless an address needs SMTPUTF8), its lines are short, its line ends CRLF.
//! Attachments are not copied: they are encoded while the message is written.

use bytes::Bytes;
use posthouse_model::{Timestamp, message::Address};

pub use crate::built::Built;
use crate::{
    address::parse_addresses,
    built::Segment,
    date, encode,
    part::{Output, Tree},
};

/// A message to be built.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    /// Author.
    pub from: Option<Address>,
    /// Who sends, if not the author.
    pub sender: Option<Address>,
    /// Where answers go.
    pub reply_to: Vec<Address>,
    /// Recipients.
    pub to: Vec<Address>,
    /// Copy recipients.
    pub cc: Vec<Address>,
    /// Hidden recipients: written as `Bcc`, which [`crate::raw::strip_bcc`] removes for the wire.
    pub bcc: Vec<Address>,
    /// Subject; line breaks become spaces.
    pub subject: Option<String>,
    /// Plain text. Made from `html` if absent.
    pub text: Option<String>,
    /// HTML text. `data:` images in it become inline attachments.
    pub html: Option<String>,
    /// Hidden text at the start of the HTML, shown by mail readers in their lists.
    pub preview_text: Option<String>,
    /// Attached files.
    pub attachments: Vec<OutgoingAttachment>,
    /// Message-ID, with or without angle brackets; generated if absent.
    pub message_id: Option<String>,
    /// Message-ID of the message that this answers.
    pub in_reply_to: Option<String>,
    /// Message-IDs of the thread, oldest first.
    pub references: Vec<String>,
    /// Further fields, in order; a name may come more than once. `From`, `To` and the like stand in for the
    /// typed fields above where those are empty; the MIME fields cannot be overridden.
    pub headers: Vec<(String, String)>,
    /// Date; now if absent.
    pub date: Option<Timestamp>,
    /// Makes boundaries and generated ids repeatable; random if absent. Letters and digits.
    pub seed: Option<String>,
}

/// A file attached to an [`Outgoing`] message.
#[derive(Debug, Clone, Default)]
pub struct OutgoingAttachment {
    /// File name; `attachment-N.ext` if absent and there is no `cid` either.
    pub filename: Option<String>,
    /// `type/subtype`, parameters allowed; by the file name's extension if absent.
    pub content_type: Option<String>,
    /// Absent: inline if there is a `cid`, else attachment.
    pub disposition: Option<Disposition>,
    /// Content-ID, with or without angle brackets: the part goes beside the HTML in `multipart/related`.
    pub cid: Option<String>,
    /// The file.
    pub content: Bytes,
}

/// Content-Disposition (RFC 2183).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Shown as part of the message.
    Inline,
    /// Offered for download.
    Attachment,
}

/// What cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// An address with characters that it may not have.
    #[error("invalid address: {0}")]
    Address(String),
    /// A field name with characters that it may not have.
    #[error("invalid header name: {0}")]
    HeaderName(String),
    /// The value of this field has a line break or a NUL.
    #[error("invalid value of header {0}")]
    HeaderValue(String),
    /// A Message-ID with characters that it may not have.
    #[error("invalid message id: {0}")]
    MessageId(String),
}

/// Builds the message.
///
/// # Errors
/// An address, a field or an id that cannot be written; see [`BuildError`].
pub fn build(message: &Outgoing) -> Result<Built, BuildError> {
    let seed = match &message.seed {
        Some(seed) => seed.chars().filter(char::is_ascii_alphanumeric).collect(),
        None => uuid::Uuid::new_v4().simple().to_string(),
    };
    let mut header = Header::default();
    let message_id = header.write(message)?;
    let root = Tree {
        seed: &seed,
        boundaries: 0,
    }
    .root(message)?;
    let mut out = Output {
        segments: Vec::new(),
        text: header.out,
    };
    out.text.extend_from_slice(b"MIME-Version: 1.0\r\n");
    out.part(&root, true);
    out.flush();
    let size = out.segments.iter().map(Segment::size).sum();
    Ok(Built {
        segments: out.segments,
        message_id,
        size,
        smtputf8: header.smtputf8,
    })
}

/// The fields above the MIME ones.
#[derive(Default)]
struct Header {
    out: Vec<u8>,
    smtputf8: bool,
}

impl Header {
    /// Writes all fields; gives the Message-ID.
    fn write(&mut self, message: &Outgoing) -> Result<String, BuildError> {
        let mut custom = Vec::new();
        for (name, value) in &message.headers {
            let name = encode::field_name(name)?;
            if value.contains(['\r', '\n', '\0']) {
                return Err(BuildError::HeaderValue(name));
            }
            custom.push((name, value.trim()));
        }
        // The first custom field of a name that has a typed place.
        let stand_in = |name: &str| {
            custom
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| *value)
        };
        let list = |typed: &[Address], name: &str| -> Vec<Address> {
            if typed.is_empty() {
                stand_in(name)
                    .map(|value| parse_addresses(value.as_bytes()))
                    .unwrap_or_default()
            } else {
                typed.to_vec()
            }
        };
        let from = list(message.from.as_slice(), "From");
        self.addresses("From", &from)?;
        self.addresses("Sender", &list(message.sender.as_slice(), "Sender"))?;
        self.addresses("Reply-To", &list(&message.reply_to, "Reply-To"))?;
        self.addresses("To", &list(&message.to, "To"))?;
        self.addresses("Cc", &list(&message.cc, "Cc"))?;
        self.addresses("Bcc", &list(&message.bcc, "Bcc"))?;
        if let Some(subject) = message.subject.as_deref().or_else(|| stand_in("Subject")) {
            encode::field(&mut self.out, "Subject", &encode::unstructured(subject));
        }
        let message_id = match message
            .message_id
            .as_deref()
            .or_else(|| stand_in("Message-ID"))
        {
            Some(id) => encode::message_id(id)?,
            None => generate_id(&from, message.seed.as_deref()),
        };
        encode::field(&mut self.out, "Message-ID", &message_id);
        if let Some(id) = message
            .in_reply_to
            .as_deref()
            .or_else(|| stand_in("In-Reply-To"))
        {
            encode::field(&mut self.out, "In-Reply-To", &encode::message_id(id)?);
        }
        let references: Vec<String> = if message.references.is_empty() {
            stand_in("References")
                .map(|value| crate::header::parse_ids(value.as_bytes()))
                .unwrap_or_default()
        } else {
            message
                .references
                .iter()
                .map(|id| encode::message_id(id))
                .collect::<Result<_, _>>()?
        };
        if !references.is_empty() {
            encode::field(&mut self.out, "References", &references.join(" "));
        }
        let date = message
            .date
            .or_else(|| stand_in("Date").and_then(date::parse_date));
        encode::field(
            &mut self.out,
            "Date",
            &date::format_date(date.unwrap_or_else(Timestamp::now)),
        );
        for (name, value) in &custom {
            if !TYPED.contains(&name.as_str()) {
                encode::field(&mut self.out, name, &encode::unstructured(value));
            }
        }
        Ok(message_id)
    }

    fn addresses(&mut self, name: &str, list: &[Address]) -> Result<(), BuildError> {
        let (value, utf8) = encode::addresses(list)?;
        self.smtputf8 |= utf8;
        if !value.is_empty() {
            encode::field(&mut self.out, name, &value);
        }
        Ok(())
    }
}

/// Fields that are written from typed values, never copied from the custom ones.
const TYPED: [&str; 15] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Date",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
];

/// A new Message-ID in the author's domain; with a seed always the same one.
pub(crate) fn generate_id(from: &[Address], seed: Option<&str>) -> String {
    let domain = from
        .iter()
        .find_map(|from| from.address.rsplit_once('@'))
        .and_then(|(_, domain)| idna::domain_to_ascii(domain.trim()).ok())
        .filter(|domain| {
            !domain.is_empty()
                && domain
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))
        })
        .unwrap_or_else(|| "localhost".to_owned());
    match seed {
        Some(seed) => {
            let seed: String = seed.chars().filter(char::is_ascii_alphanumeric).collect();
            format!("<{seed}@{domain}>")
        }
        None => format!("<{}@{domain}>", uuid::Uuid::new_v4()),
    }
}
