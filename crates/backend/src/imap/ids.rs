//! Ids and cursors of IMAP mailboxes (behaviour 9): base64url without padding over fixed bytes.
//!
//! An id names a folder by its number within the account, so that a new UIDVALIDITY (a new number)
//! never lets an old id reach another message. An id that cannot be read is an unknown message.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rmpv::Value;
use serde::{Deserialize, Serialize};

use crate::BackendError;

/// What cursors of this backend begin with.
const CURSOR: &str = "imap_";

/// The most bytes an id may have when decoded: no message needs more.
const MAX_ID: usize = 64 * 1024;

/// A message: the number of its folder and its UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageId {
    /// Number of the folder within the account.
    pub folder: u32,
    /// UID within the folder.
    pub uid: u32,
}

impl MessageId {
    /// The text of the id: 11 characters.
    #[must_use]
    pub fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    /// Reads an id.
    ///
    /// # Errors
    /// `MessageNotFound` for whatever is not the id of a message.
    pub fn parse(text: &str) -> Result<Self, BackendError> {
        match Self::split(text)? {
            (id, rest) if rest.is_empty() => Ok(id),
            _ => Err(BackendError::message_not_found()),
        }
    }

    fn bytes(self) -> [u8; 8] {
        let both = (u64::from(self.folder) << 32) | u64::from(self.uid);
        both.to_be_bytes()
    }

    /// The message at the beginning of an id, and the rest of it.
    fn split(text: &str) -> Result<(Self, Vec<u8>), BackendError> {
        let missing = BackendError::message_not_found;
        if text.len() > MAX_ID {
            return Err(missing());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| missing())?;
        let (head, rest) = bytes.split_first_chunk::<8>().ok_or_else(missing)?;
        let [a, b, c, d, e, f, g, h] = *head;
        let id = Self {
            folder: u32::from_be_bytes([a, b, c, d]),
            uid: u32::from_be_bytes([e, f, g, h]),
        };
        // UIDs begin at 1 (RFC 9051 section 2.3.1.1).
        if id.uid == 0 {
            return Err(missing());
        }
        Ok((id, rest.to_vec()))
    }

    /// The id with something appended.
    fn extend(self, rest: &[u8]) -> String {
        let mut bytes = self.bytes().to_vec();
        bytes.extend_from_slice(rest);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// An attachment: a message and a MIME part number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentId {
    /// The message.
    pub message: MessageId,
    /// Part number, such as `2.1`.
    pub part: String,
}

impl AttachmentId {
    /// The text of the id.
    #[must_use]
    pub fn encode(&self) -> String {
        self.message.extend(self.part.as_bytes())
    }

    /// Reads an id.
    ///
    /// # Errors
    /// `MessageNotFound` for whatever is not the id of an attachment.
    pub fn parse(text: &str) -> Result<Self, BackendError> {
        let (message, rest) = MessageId::split(text)?;
        let part = String::from_utf8(rest).map_err(|_| BackendError::message_not_found())?;
        if !is_part_number(&part) {
            return Err(BackendError::message_not_found());
        }
        Ok(Self { message, part })
    }
}

/// The text of a message: the numbers of the parts that hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextId {
    /// The message.
    pub message: MessageId,
    /// Parts of plain text, in order.
    pub plain: Vec<String>,
    /// Parts of HTML, in order.
    pub html: Vec<String>,
    /// Parts of other text.
    pub other: Vec<String>,
}

impl TextId {
    /// The text of the id.
    #[must_use]
    pub fn encode(&self) -> String {
        let list = |parts: &[String]| {
            Value::Array(parts.iter().map(|part| part.as_str().into()).collect())
        };
        let value = Value::Array(vec![list(&self.plain), list(&self.html), list(&self.other)]);
        let mut bytes = Vec::new();
        // Writing to a vector cannot fail.
        let _ = rmpv::encode::write_value(&mut bytes, &value);
        self.message.extend(&bytes)
    }

    /// Reads an id.
    ///
    /// # Errors
    /// `MessageNotFound` for whatever is not the id of a text.
    pub fn parse(text: &str) -> Result<Self, BackendError> {
        let (message, rest) = MessageId::split(text)?;
        let lists = read_lists(&rest).ok_or_else(BackendError::message_not_found)?;
        let [plain, html, other] = lists;
        Ok(Self {
            message,
            plain,
            html,
            other,
        })
    }
}

fn read_lists(bytes: &[u8]) -> Option<[Vec<String>; 3]> {
    let mut rest = bytes;
    let value = rmpv::decode::read_value_with_max_depth(&mut rest, 16).ok()?;
    let lists = value.as_array()?;
    if !rest.is_empty() || lists.len() != 3 {
        return None;
    }
    let mut read = lists.iter().map(|list| {
        list.as_array()?
            .iter()
            .map(|part| {
                let part = part.as_str()?;
                // Or the body of a multipart that has no parts.
                (is_part_number(part) || part == "TEXT").then(|| part.to_owned())
            })
            .collect::<Option<Vec<_>>>()
    });
    Some([read.next()??, read.next()??, read.next()??])
}

/// Whether this is a part number (RFC 9051 section 6.4.5): it becomes part of a command, so nothing
/// else may pass.
fn is_part_number(text: &str) -> bool {
    text.len() <= 255
        && text.split('.').all(|number| {
            !number.is_empty() && number.len() <= 9 && number.bytes().all(|b| b.is_ascii_digit())
        })
}

#[derive(Serialize, Deserialize)]
struct Page {
    page: u64,
}

/// The cursor of a page.
#[must_use]
pub fn encode_cursor(page: u64) -> String {
    // A number always serialises.
    let json = serde_json::to_vec(&Page { page }).unwrap_or_default();
    format!("{CURSOR}{}", URL_SAFE_NO_PAD.encode(json))
}

/// The page of a cursor.
///
/// # Errors
/// 400 `InvalidCursorType` for a cursor of another backend, 400 `InvalidCursorValue` for one that
/// cannot be read.
pub fn parse_cursor(text: &str) -> Result<u64, BackendError> {
    let input = |message: &str, code| BackendError::Input {
        status: 400,
        message: message.to_owned(),
        code,
    };
    let Some(value) = text.strip_prefix(CURSOR) else {
        return Err(input(
            "The cursor was made for another kind of account",
            "InvalidCursorType",
        ));
    };
    URL_SAFE_NO_PAD
        .decode(value)
        .ok()
        .and_then(|json| serde_json::from_slice::<Page>(&json).ok())
        .map(|page| page.page)
        .ok_or_else(|| input("The cursor cannot be read", "InvalidCursorValue"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_ids() {
        let id = MessageId {
            folder: 1,
            uid: 2672,
        };
        assert_eq!(id.encode(), "AAAAAQAACnA");
        assert_eq!(MessageId::parse("AAAAAQAACnA").unwrap(), id);
        for wrong in [
            "",
            "z",
            "zz",
            "AAAAAQAACn",
            "AAAAAQAACnAA",
            "AAAAAQAAAAA",
            "ä",
            "AAAA AQAACnA",
        ] {
            assert_eq!(
                MessageId::parse(wrong),
                Err(BackendError::message_not_found()),
                "{wrong}"
            );
            assert!(AttachmentId::parse(wrong).is_err(), "{wrong}");
            assert!(TextId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn part_numbers_carry_no_command() {
        let message = MessageId { folder: 1, uid: 1 };
        for part in ["1]", "TEXT", "1..2", ".1", "1.", "1 2", "", "1.9999999999"] {
            let id = AttachmentId {
                message,
                part: part.to_owned(),
            };
            assert!(AttachmentId::parse(&id.encode()).is_err(), "{part}");
        }
    }

    #[test]
    fn cursors() {
        assert_eq!(parse_cursor(&encode_cursor(7)).unwrap(), 7);
        let code = |text| match parse_cursor(text) {
            Err(BackendError::Input {
                status: 400, code, ..
            }) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code("imap_zz"), "InvalidCursorValue");
        assert_eq!(code("imap_"), "InvalidCursorValue");
        assert_eq!(code("gmail_abc"), "InvalidCursorType");
        assert_eq!(code("nonsense"), "InvalidCursorType");
    }

    fn parts() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[1-9]{1,3}(\\.[1-9]{1,2}){0,4}", 0..4)
    }

    proptest! {
        #[test]
        fn round_trips(folder: u32, uid in 1u32.., plain in parts(), html in parts(), other in parts()) {
            let message = MessageId { folder, uid };
            prop_assert_eq!(MessageId::parse(&message.encode()).unwrap(), message);
            if let Some(part) = plain.first() {
                let id = AttachmentId { message, part: part.clone() };
                prop_assert_eq!(AttachmentId::parse(&id.encode()).unwrap(), id);
            }
            let id = TextId { message, plain, html, other };
            prop_assert_eq!(TextId::parse(&id.encode()).unwrap(), id);
        }

        #[test]
        fn garbage_is_an_unknown_message(bytes: Vec<u8>) {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            let _ = MessageId::parse(&text);
            let _ = AttachmentId::parse(&text);
            let _ = TextId::parse(&text);
        }
    }
}
