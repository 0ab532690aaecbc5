//! Messages made from a seed, together with what they mean: a reader that is given the bytes must find the meaning, byte for byte.
//!
//! The make covers what senders do within the standards and a little beyond: encoded words split anywhere, parameters in the five ways in
//! use, charsets, transfer encodings, flowed text, nested multiparts and messages, images by `cid:`, groups of addresses.

mod body;
mod field;
mod param;
mod tree;

use crate::random::Random;

/// A generated message and its meaning.
#[derive(Clone, Debug)]
pub struct ModelMail {
    /// The whole message, CRLF line ends.
    pub raw: Vec<u8>,
    /// Message-ID with its angle brackets, of its own for each seed.
    pub message_id: String,
    /// Subject, decoded.
    pub subject: String,
    /// From.
    pub from: ModelAddress,
    /// Reply-To, if it has one.
    pub reply_to: Option<ModelAddress>,
    /// To, groups as entries without an address.
    pub to: Vec<ModelAddress>,
    /// Cc.
    pub cc: Vec<ModelAddress>,
    /// Bcc.
    pub bcc: Vec<ModelAddress>,
    /// Other fields: names in lower case, each with its values in order.
    pub headers: Vec<(String, Vec<String>)>,
    /// Its plain texts, one after the other, LF line ends.
    pub plain: Vec<String>,
    /// Its HTML texts.
    pub html: Vec<String>,
    /// All other parts in order, those of attached messages after the message.
    pub files: Vec<ModelFile>,
}

/// An entry of an address list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelAddress {
    /// Display name.
    pub name: Option<String>,
    /// Address; empty for a group.
    pub address: String,
}

/// A part that is no text of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFile {
    /// `type/subtype`.
    pub content_type: String,
    /// Name, decoded.
    pub name: Option<String>,
    /// Decoded bytes.
    pub content: Vec<u8>,
    /// `Content-Disposition: inline`.
    pub inline: bool,
    /// In a `multipart/related`.
    pub embedded: bool,
    /// In an attached message.
    pub in_message: bool,
    /// Content-ID with its angle brackets.
    pub content_id: Option<String>,
    /// `method` of a calendar.
    pub method: Option<String>,
}

impl ModelMail {
    /// The message of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let message_id = format!("<{seed}@model.example>");
        let mut raw = Vec::new();
        let mut put = |name: &str, value: &[u8]| {
            raw.extend_from_slice(name.as_bytes());
            raw.extend_from_slice(b": ");
            raw.extend_from_slice(value);
            raw.extend_from_slice(b"\r\n");
        };
        let (value, subject) = field::text(random);
        put("Subject", &value);
        let (value, from) = field::mailbox(random);
        put("From", &value);
        let mut reply_to = None;
        if random.chance(30) {
            let (value, address) = field::mailbox(random);
            put("Reply-To", &value);
            reply_to = Some(address);
        }
        let (value, to) = field::list(random);
        put("To", &value);
        let mut optional = |name: &str, percent: usize| {
            if !random.chance(percent) {
                return Vec::new();
            }
            let (value, list) = field::list(random);
            put(name, &value);
            list
        };
        let (cc, bcc) = (optional("Cc", 40), optional("Bcc", 10));
        put("Message-ID", message_id.as_bytes());
        put("Date", b"Mon, 2 Mar 2026 09:30:00 +0100");
        let mut headers: Vec<(String, Vec<String>)> = Vec::new();
        for _ in 0..random.below(5) {
            let name = ["X-One", "x-one", "X-Two", "Keywords", "List-Id"][random.below(5)];
            let (value, text) = field::text(random);
            put(name, &value);
            let name = name.to_ascii_lowercase();
            match headers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(text),
                None => headers.push((name, vec![text])),
            }
        }
        put("MIME-Version", b"1.0");
        let mut tree = tree::Tree::new(seed);
        let body = tree.message(random);
        raw.extend_from_slice(&body);
        Self {
            raw,
            message_id,
            subject,
            from,
            reply_to,
            to,
            cc,
            bcc,
            headers,
            plain: tree.plain,
            html: tree.html,
            files: tree.files,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ModelMail;

    #[test]
    fn the_same_seed_makes_the_same_message() {
        let (mut files, mut texts) = (0, 0);
        for seed in 0..500 {
            let mail = ModelMail::new(seed);
            assert_eq!(mail.raw, ModelMail::new(seed).raw);
            files += mail.files.len();
            texts += mail.plain.len() + mail.html.len();
            // No line is broken otherwise than by CRLF.
            let lone = mail
                .raw
                .windows(2)
                .filter(|two| two[1] == b'\n' && two[0] != b'\r');
            assert_eq!(lone.count(), 0, "seed {seed}");
        }
        assert!(files > 500 && texts > 500, "{files} files, {texts} texts");
    }
}
