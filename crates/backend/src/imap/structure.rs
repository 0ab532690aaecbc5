//! What BODYSTRUCTURE says: which parts are the text, which are attachments (behaviour 10.2).

use posthouse_imap::BodyPart;
use posthouse_mime::{decode_param, param::filename, text::TextFormat};
use posthouse_model::message::{Attachment, Text, TextSize};

use super::{
    ids::{AttachmentId, MessageId, TextId},
    names,
};

/// Nesting that is looked into.
const MAX_DEPTH: usize = 64;

/// A part, and how its content is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaf {
    /// Part number.
    pub part: String,
    /// Transfer size, bytes.
    pub size: u64,
    /// Transfer encoding.
    pub encoding: String,
    /// Charset, empty when none is given.
    pub charset: String,
    /// `format=flowed`.
    pub flowed: bool,
    /// `delsp=yes`.
    pub delsp: bool,
    /// It is HTML.
    pub html: bool,
    /// It is the whole of a multipart in which the server found nothing; its boundary.
    pub undivided: Option<String>,
}

impl Leaf {
    fn new(part: &BodyPart) -> Self {
        let param = |name| decode_param(&part.params, name).unwrap_or_default();
        Self {
            part: part.part.clone(),
            size: part.size.unwrap_or(0),
            encoding: part.encoding.clone().unwrap_or_default(),
            charset: param("charset"),
            flowed: param("format").eq_ignore_ascii_case("flowed"),
            delsp: param("delsp").eq_ignore_ascii_case("yes"),
            html: type_of(part) == ("text", "html"),
            undivided: None,
        }
    }

    /// How it is read.
    pub fn format(&self) -> TextFormat<'_> {
        TextFormat {
            transfer: &self.encoding,
            charset: &self.charset,
            flowed: self.flowed,
            delsp: self.delsp,
            html: self.html,
        }
    }
}

/// The parts of a message by what they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Plain text, in order.
    pub plain: Vec<Leaf>,
    /// HTML, in order.
    pub html: Vec<Leaf>,
    /// Everything else.
    pub attachments: Vec<Attachment>,
    /// How the attachments are read, in the same order.
    pub files: Vec<Leaf>,
    /// Attachments, by their place, whose name may be told whole only by the section with their header.
    pub doubtful: Vec<(usize, String)>,
}

impl Parts {
    /// Sorts out the parts of a message.
    pub fn new(id: MessageId, root: &BodyPart) -> Self {
        let mut parts = Self::default();
        parts.add(id, root, Place::default(), 0);
        let mut texts = parts.plain.iter().chain(&parts.html);
        if root.is_multipart() && parts.attachments.is_empty() && texts.all(|text| text.size == 0) {
            // Perhaps the boundary is missing or never used: then all there is to read stands before the first part.
            parts.html.clear();
            parts.plain = vec![Leaf {
                part: root.part.clone(),
                undivided: Some(decode_param(&root.params, "boundary").unwrap_or_default()),
                ..Leaf::default()
            }];
        }
        parts
    }

    /// The text without its content.
    pub fn text(&self, id: MessageId) -> Text {
        let size =
            |parts: &[Leaf]| (!parts.is_empty()).then(|| parts.iter().map(|part| part.size).sum());
        let numbers = |parts: &[Leaf]| parts.iter().map(|part| part.part.clone()).collect();
        let id = TextId {
            message: id,
            plain: numbers(&self.plain),
            html: numbers(&self.html),
            other: Vec::new(),
        };
        Text {
            id: Some(id.encode()),
            encoded_size: Some(TextSize {
                plain: size(&self.plain),
                html: size(&self.html),
            }),
            ..Text::default()
        }
    }

    fn add(&mut self, id: MessageId, part: &BodyPart, place: Place, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        if part.is_multipart() {
            let place = Place {
                embedded: part.subtype == "related",
                in_multipart: true,
                ..place
            };
            for child in &part.children {
                self.add(id, child, place, depth + 1);
            }
            return;
        }
        let kind = part.disposition.as_ref().map(|d| d.kind.as_str());
        let (media, subtype) = type_of(part);
        let is_text = media == "text" && kind != Some("attachment");
        match subtype {
            "plain" | "html" if is_text && place.in_message => return,
            "plain" if is_text => return self.plain.push(Leaf::new(part)),
            "html" if is_text => return self.html.push(Leaf::new(part)),
            _ => {}
        }
        let attachment = attachment(id, part, place);
        if names::is_doubtful(part, attachment.filename.as_deref()) {
            let section = names::header_section(&part.part, place.in_multipart, place.in_message);
            let place = self.attachments.len();
            self.doubtful
                .extend(section.map(|section| (place, section)));
        }
        self.attachments.push(attachment);
        self.files.push(Leaf::new(part));
        // The parts of an attached message.
        for child in &part.children {
            let place = Place {
                in_message: true,
                ..Place::default()
            };
            self.add(id, child, place, depth + 1);
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    embedded: bool,
    in_message: bool,
    in_multipart: bool,
}

fn attachment(message: MessageId, part: &BodyPart, place: Place) -> Attachment {
    let none: &[(String, Vec<u8>)] = &[];
    let disposition = part.disposition.as_ref();
    let id = AttachmentId {
        message,
        part: part.part.clone(),
    };
    Attachment {
        id: id.encode(),
        content_type: content_type(part),
        encoded_size: part.size.unwrap_or(0),
        embedded: place.embedded,
        inline: disposition.is_some_and(|d| d.kind == "inline"),
        encoded_in_message: place.in_message,
        content_id: part
            .id
            .as_ref()
            .map(|id| String::from_utf8_lossy(id).trim().to_owned())
            .filter(|id| !id.is_empty()),
        filename: filename_of(part, disposition.map_or(none, |d| &d.params)),
        method: (part.subtype == "calendar")
            .then(|| decode_param(&part.params, "method"))
            .flatten(),
        content: None,
    }
}

/// `type/subtype` of a part.
pub fn content_type(part: &BodyPart) -> String {
    let (media, subtype) = type_of(part);
    format!("{media}/{subtype}")
}

/// Type and subtype of a part. What lacks one of them is no type: the words that stand alone in old or careless mail are read as meant,
/// all else as bytes (RFC 2045 section 5.2).
fn type_of(part: &BodyPart) -> (&str, &str) {
    match (part.media_type.as_str(), part.subtype.as_str()) {
        ("text" | "plain", "") => ("text", "plain"),
        ("html", "") => ("text", "html"),
        ("", _) | (_, "") => ("application", "octet-stream"),
        both => both,
    }
}

/// The decoded name of a part.
pub fn filename_of(part: &BodyPart, disposition: &[(String, Vec<u8>)]) -> Option<String> {
    filename(disposition, &part.params).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use posthouse_imap::{bodystructure, token};

    fn parts(text: &'static str) -> Parts {
        let tokens = token::parse_text(&bytes::Bytes::from_static(text.as_bytes()));
        let root = bodystructure::BodyPart::parse(&tokens[0]).unwrap();
        Parts::new(MessageId { folder: 1, uid: 2 }, &root)
    }

    #[test]
    fn a_message_with_everything() {
        let parts = parts(concat!(
            r#"((("TEXT" "PLAIN" ("CHARSET" "utf-8" "FORMAT" "flowed") NIL NIL "7BIT" 10 1)"#,
            r#"(("TEXT" "HTML" ("CHARSET" "utf-8") NIL NIL "QUOTED-PRINTABLE" 20 1)"#,
            r#"("IMAGE" "PNG" NIL "<logo@x>" NIL "BASE64" 30 NIL ("inline" ("filename" "l.png"))) "RELATED")"#,
            r#" "ALTERNATIVE")"#,
            r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" 40 1 NIL ("attachment" ("filename*" "utf-8''n%C3%A4.txt")))"#,
            r#"("TEXT" "CALENDAR" ("METHOD" "REQUEST") NIL NIL "7BIT" 50 1)"#,
            r#"("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 500 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL)"#,
            r#" (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1)("APPLICATION" "PDF" ("NAME" "d.pdf") NIL NIL "BASE64" 60) "MIXED") 20)"#,
            r#" "MIXED")"#,
        ));
        let numbers = |parts: &[Leaf]| parts.iter().map(|p| p.part.clone()).collect::<Vec<_>>();
        assert_eq!(numbers(&parts.plain), ["1.1"]);
        assert!(parts.plain[0].flowed);
        assert_eq!(numbers(&parts.html), ["1.2.1"]);
        let got: Vec<_> = parts
            .attachments
            .iter()
            .map(|a| {
                let part = AttachmentId::parse(&a.id).unwrap().part;
                format!(
                    "{part} {} {} {}{}{}",
                    a.content_type,
                    a.filename.as_deref().unwrap_or("-"),
                    if a.embedded { "e" } else { "" },
                    if a.inline { "i" } else { "" },
                    if a.encoded_in_message { "m" } else { "" }
                )
            })
            .collect();
        assert_eq!(
            got,
            [
                "1.2.2 image/png l.png ei",
                "2 text/plain nä.txt ",
                "3 text/calendar - ",
                "4 message/rfc822 - ",
                "4.2 application/pdf d.pdf m",
            ]
        );
        assert_eq!(parts.attachments[0].content_id.as_deref(), Some("<logo@x>"));
        assert_eq!(parts.attachments[2].method.as_deref(), Some("REQUEST"));
        let text = parts.text(MessageId { folder: 1, uid: 2 });
        assert_eq!(text.encoded_size.unwrap().html, Some(20));
    }

    #[test]
    fn a_message_that_is_one_part() {
        let text = parts(r#"("TEXT" "PLAIN" NIL NIL NIL NIL 5 1)"#);
        assert_eq!(text.plain[0].part, "1");
        assert!(text.attachments.is_empty());
        let pdf = parts(r#"("APPLICATION" "PDF" NIL NIL NIL "BASE64" 5)"#);
        assert_eq!(pdf.attachments.len(), 1);
    }
}
