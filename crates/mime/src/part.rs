//! The tree of MIME parts (RFC 2046, RFC 2387) and how it is written.

use crate::{
    body,
    build::{BuildError, Disposition, Outgoing, OutgoingAttachment},
    built::Segment,
    encode, html, images, media,
};

/// A part of the message's tree.
pub(crate) enum Part {
    Leaf {
        header: Vec<u8>,
        body: Segment,
    },
    Multi {
        subtype: &'static str,
        extra: &'static str,
        boundary: String,
        parts: Vec<Part>,
    },
}

/// Makes the tree, numbering its boundaries.
pub(crate) struct Tree<'a> {
    pub(crate) seed: &'a str,
    pub(crate) boundaries: usize,
}

impl Tree<'_> {
    pub(crate) fn root(&mut self, message: &Outgoing) -> Result<Part, BuildError> {
        let mut related = Vec::new();
        let mut mixed = Vec::new();
        let mut html_text = None;
        if let Some(html) = &message.html {
            let (html, found) = images::extract(html, self.seed);
            for image in &found {
                related.push(attachment(image, 0)?);
            }
            html_text = Some(html);
        }
        for (index, file) in message.attachments.iter().enumerate() {
            let part = attachment(file, index + 1)?;
            let embedded = html_text.is_some()
                && file.cid.is_some()
                && file.disposition != Some(Disposition::Attachment);
            if embedded {
                related.push(part)
            } else {
                mixed.push(part)
            }
        }
        let text = match (&message.text, &html_text) {
            (Some(text), _) => Some(text.clone()),
            (None, Some(html)) => Some(html::html_to_text(html)),
            (None, None) => None,
        };
        let mut alternatives = Vec::new();
        // A message of attachments alone has no empty text part in front.
        if text.is_some() || mixed.is_empty() {
            alternatives.push(text_part("plain", &text.unwrap_or_default()));
        }
        if let Some(html) = html_text {
            let html = match message.preview_text.as_deref().map(str::trim) {
                Some(preview) if !preview.is_empty() => html::with_preheader(&html, preview),
                _ => html,
            };
            let part = text_part("html", &html);
            alternatives.push(if related.is_empty() {
                part
            } else {
                related.insert(0, part);
                // RFC 2387: the type of the root is a required parameter.
                self.multi("related", "; type=\"text/html\"", related)
            });
        }
        if alternatives.len() > 1 {
            let part = self.multi("alternative", "", alternatives);
            alternatives = vec![part];
        }
        if mixed.is_empty()
            && let Some(only) = alternatives.pop()
        {
            return Ok(only);
        }
        alternatives.append(&mut mixed);
        Ok(self.multi("mixed", "", alternatives))
    }

    fn multi(&mut self, subtype: &'static str, extra: &'static str, parts: Vec<Part>) -> Part {
        self.boundaries += 1;
        let boundary = format!("----=_Part_{}_{}", self.boundaries, self.seed);
        Part::Multi {
            subtype,
            extra,
            boundary,
            parts,
        }
    }
}

fn text_part(subtype: &str, text: &str) -> Part {
    let text = body::crlf(text);
    let mut header = Vec::new();
    encode::field(
        &mut header,
        "Content-Type",
        &format!("text/{subtype}; charset=utf-8"),
    );
    let foreign = text.iter().filter(|b| !b.is_ascii()).count();
    let (encoding, body) = if body::is_seven_bit(&text) {
        ("7bit", Segment::Plain(text.into()))
    } else if foreign * 4 <= text.len() {
        (
            "quoted-printable",
            Segment::Plain(body::quoted_printable(&text).into()),
        )
    } else {
        ("base64", Segment::Base64(text.into()))
    };
    encode::field(&mut header, "Content-Transfer-Encoding", encoding);
    Part::Leaf { header, body }
}

/// The part of a file; `number` names it if it has no name (0: it has one).
fn attachment(file: &OutgoingAttachment, number: usize) -> Result<Part, BuildError> {
    let given = file
        .content_type
        .as_deref()
        .map(str::trim)
        .filter(|kind| is_media_type(kind));
    let name = file
        .filename
        .as_deref()
        .map(encode::one_line)
        .filter(|name| !name.is_empty());
    let kind = given
        .or_else(|| name.as_deref().and_then(|name| media::by_name(name)))
        .unwrap_or("application/octet-stream");
    let name = name.or_else(|| {
        file.cid
            .is_none()
            .then(|| format!("attachment-{number}.{}", media::extension(kind)))
    });
    let mut content_type = kind.to_owned();
    if let Some(name) = &name
        && !kind.to_ascii_lowercase().contains("name=")
    {
        content_type.push_str(&name_param(name));
    }
    let mut header = Vec::new();
    encode::field(&mut header, "Content-Type", &content_type);
    if let Some(cid) = &file.cid {
        encode::field(&mut header, "Content-ID", &encode::message_id(cid)?);
    }
    // A message inside must not be encoded (RFC 2046 section 5.2.1); where it is not 7-bit there is no way
    // to keep both rules, and readers do understand base64.
    let as_is = kind.to_ascii_lowercase().starts_with("message/")
        && body::is_seven_bit(&file.content)
        && !body::has_bare_lf(&file.content);
    let (encoding, body) = if as_is {
        ("7bit", Segment::Plain(file.content.clone()))
    } else {
        ("base64", Segment::Base64(file.content.clone()))
    };
    encode::field(&mut header, "Content-Transfer-Encoding", encoding);
    let disposition = match file.disposition {
        Some(Disposition::Inline) => "inline",
        Some(Disposition::Attachment) => "attachment",
        None if file.cid.is_some() => "inline",
        None => "attachment",
    };
    let filename = name
        .map(|name| encode::param("filename", &name))
        .unwrap_or_default();
    encode::field(
        &mut header,
        "Content-Disposition",
        &format!("{disposition}{filename}"),
    );
    Ok(Part::Leaf { header, body })
}

/// The file name for readers that look at Content-Type: as encoded words, which is what such old readers
/// know; the standard form is in Content-Disposition.
fn name_param(name: &str) -> String {
    if name.is_ascii() && name.len() <= 60 {
        encode::param("name", name)
    } else {
        format!("; name=\"{}\"", encode::encoded_words(name))
    }
}

/// Whether a type given by a caller can be written as it is. Multiparts cannot: a file has no parts.
fn is_media_type(kind: &str) -> bool {
    let bare = kind.split(';').next().unwrap_or_default().trim();
    let token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    kind.len() < 500
        && kind.bytes().all(|b| (b' '..0x7f).contains(&b))
        && bare
            .split_once('/')
            .is_some_and(|(a, b)| token(a) && token(b) && !a.eq_ignore_ascii_case("multipart"))
}

/// Collects segments; small texts are gathered in one.
pub(crate) struct Output {
    pub(crate) segments: Vec<Segment>,
    pub(crate) text: Vec<u8>,
}

impl Output {
    pub(crate) fn flush(&mut self) {
        if !self.text.is_empty() {
            self.segments
                .push(Segment::Plain(std::mem::take(&mut self.text).into()));
        }
    }

    pub(crate) fn part(&mut self, part: &Part, top: bool) {
        match part {
            Part::Leaf { header, body } => {
                self.text.extend_from_slice(header);
                self.text.extend_from_slice(b"\r\n");
                if top {
                    self.flush();
                }
                let ended = match body {
                    Segment::Plain(bytes) => {
                        self.flush();
                        self.segments.push(body.clone());
                        top && bytes.ends_with(b"\r\n")
                    }
                    Segment::Base64(bytes) => {
                        self.flush();
                        self.segments.push(body.clone());
                        !bytes.is_empty()
                    }
                };
                // Before a boundary this line end belongs to the boundary, not to the part.
                if !ended {
                    self.text.extend_from_slice(b"\r\n");
                }
            }
            Part::Multi {
                subtype,
                extra,
                boundary,
                parts,
            } => {
                let value = format!("multipart/{subtype}{extra}; boundary=\"{boundary}\"");
                encode::field(&mut self.text, "Content-Type", &value);
                self.text.extend_from_slice(b"\r\n");
                if top {
                    self.flush();
                }
                for part in parts {
                    self.text
                        .extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                    self.part(part, false);
                }
                self.text
                    .extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
            }
        }
    }
}
