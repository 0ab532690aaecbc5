//! FETCH replies (RFC 9051 section 7.5.2, RFC 7162, 8474, 8514, 8970; Gmail's X-GM items).

use bytes::Bytes;

use crate::bodystructure::BodyPart;
use crate::date::parse_date_time;
use crate::envelope::Envelope;
use crate::mailbox_name::MailboxName;
use crate::token::Token;

/// What a FETCH reply says about one message. Absent items are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetch {
    /// Message sequence number.
    pub seq: u32,
    /// `UID`.
    pub uid: Option<u32>,
    /// `FLAGS`, system flags with their backslash.
    pub flags: Option<Vec<String>>,
    /// `INTERNALDATE` in milliseconds since 1970.
    pub internal_date: Option<i64>,
    /// `RFC822.SIZE` in bytes.
    pub size: Option<u64>,
    /// `ENVELOPE`.
    pub envelope: Option<Box<Envelope>>,
    /// `BODYSTRUCTURE`, or `BODY` without a section.
    pub body_structure: Option<Box<BodyPart>>,
    /// `MODSEQ`.
    pub mod_seq: Option<u64>,
    /// `BODY[...]`, `BINARY[...]`, `RFC822`, `RFC822.HEADER`, `RFC822.TEXT`.
    pub sections: Vec<Section>,
    /// `BINARY.SIZE[...]`: section and bytes.
    pub binary_sizes: Vec<(String, u64)>,
    /// `EMAILID`.
    pub email_id: Option<String>,
    /// `THREADID`.
    pub thread_id: Option<String>,
    /// `X-GM-MSGID`.
    pub gm_message_id: Option<u64>,
    /// `X-GM-THRID`.
    pub gm_thread_id: Option<u64>,
    /// `X-GM-LABELS`, decoded from modified UTF-7.
    pub gm_labels: Option<Vec<String>>,
    /// `SAVEDATE` in milliseconds since 1970.
    pub save_date: Option<i64>,
    /// `PREVIEW`.
    pub preview: Option<Vec<u8>>,
    /// Items this crate does not know, names in upper case.
    pub other: Vec<(String, Token)>,
}

/// A piece of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What stood between the brackets, in upper case: `""` for the whole message, `1.2`, `HEADER`.
    pub name: String,
    /// First byte of a partial fetch.
    pub origin: Option<u64>,
    /// True for `BINARY[...]`: transfer encoding already removed by the server.
    pub binary: bool,
    /// The bytes.
    pub data: SectionData,
}

/// The bytes of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionData {
    /// There is no such part.
    Nil,
    /// All of it.
    Bytes(Bytes),
    /// Streamed while it arrived, or too large to keep: only its length in bytes.
    Omitted(u64),
}

impl Fetch {
    /// The section with this name, ignoring case.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|s| s.name.eq_ignore_ascii_case(name))
    }

    /// Is the flag set? `false` also when the reply holds no flags.
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags
            .as_ref()
            .is_some_and(|f| f.iter().any(|f| f.eq_ignore_ascii_case(flag)))
    }

    /// Reads the tokens after `FETCH`.
    pub(crate) fn parse(seq: u32, tokens: Vec<Token>) -> Self {
        let mut out = Self {
            seq,
            ..Self::default()
        };
        // By the book one list; a server that forgot the parentheses is read all the same.
        let mut items = Vec::new();
        for token in tokens {
            match token {
                Token::List(list) if items.is_empty() => items = list,
                other => items.push(other),
            }
        }
        out.items(items);
        out
    }

    fn items(&mut self, items: Vec<Token>) {
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            match item {
                Token::Atom(name) => {
                    let value = items.next().unwrap_or(Token::Nil);
                    self.item(&name, value);
                }
                // An item in parentheses of its own.
                Token::List(list) => self.items(list),
                _ => {}
            }
        }
    }

    fn item(&mut self, name: &[u8], value: Token) {
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        if let Some((kind, section, origin)) = split_section(&name) {
            match kind {
                "BODY" | "BODY.PEEK" | "BINARY" | "BINARY.PEEK" => {
                    let binary = kind.starts_with("BINARY");
                    return self.add_section(section, origin, binary, value);
                }
                "BINARY.SIZE" => {
                    if let Some(size) = value.u64() {
                        self.binary_sizes.push((section.to_owned(), size));
                    }
                    return;
                }
                _ => {}
            }
        }
        match name.as_str() {
            "UID" => self.uid = value.u32().filter(|n| *n > 0),
            "FLAGS" => self.flags = Some(value.strings()),
            "INTERNALDATE" => self.internal_date = value.text().and_then(|t| parse_date_time(&t)),
            "SAVEDATE" => self.save_date = value.text().and_then(|t| parse_date_time(&t)),
            "RFC822.SIZE" => self.size = value.u64(),
            "ENVELOPE" => self.envelope = Envelope::parse(&value).map(Box::new),
            "BODYSTRUCTURE" | "BODY" => {
                if let Some(part) = BodyPart::parse(&value) {
                    self.body_structure = Some(Box::new(part));
                }
            }
            "MODSEQ" => self.mod_seq = first(&value).u64(),
            "EMAILID" => self.email_id = first(&value).string(),
            "THREADID" => self.thread_id = first(&value).string(),
            "X-GM-MSGID" => self.gm_message_id = value.u64(),
            "X-GM-THRID" => self.gm_thread_id = value.u64(),
            "X-GM-LABELS" => {
                let items = value.list().unwrap_or_default();
                let labels = items.iter().filter_map(Token::bytes);
                self.gm_labels = Some(
                    labels
                        .map(|b| MailboxName::from_wire(b, false).into_string())
                        .collect(),
                );
            }
            "PREVIEW" => self.preview = value.raw(),
            "RFC822" => self.add_section("", None, false, value),
            "RFC822.HEADER" => self.add_section("HEADER", None, false, value),
            "RFC822.TEXT" => self.add_section("TEXT", None, false, value),
            _ => self.other.push((name, value)),
        }
    }

    fn add_section(&mut self, name: &str, origin: Option<u64>, binary: bool, value: Token) {
        let data = match value {
            Token::Atom(b) | Token::Quoted(b) | Token::Literal(b) => SectionData::Bytes(b),
            Token::Omitted(size) => SectionData::Omitted(size),
            Token::Nil | Token::List(_) => SectionData::Nil,
        };
        self.sections.push(Section {
            // Some servers put header names in quotes, asked for without.
            name: name.replace('"', ""),
            origin,
            binary,
            data,
        });
    }
}

fn first(value: &Token) -> &Token {
    value.list().and_then(<[Token]>::first).unwrap_or(value)
}

/// `BODY[1.2]<0>` -> (`BODY`, `1.2`, 0).
fn split_section(name: &str) -> Option<(&str, &str, Option<u64>)> {
    let (kind, rest) = name.split_once('[')?;
    let (section, tail) = rest.rsplit_once(']')?;
    let origin = tail
        .strip_prefix('<')
        .and_then(|t| t.strip_suffix('>'))
        .and_then(|t| t.parse().ok());
    Some((kind, section, origin))
}
