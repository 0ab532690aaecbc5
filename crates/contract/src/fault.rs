//! What is wrong with a request, one entry per offending field.

use serde::Serialize;

/// The part of the request a fault is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The JSON body.
    Body,
    /// The query string.
    Query,
    /// The path.
    Path,
    /// A declared header.
    Header,
}

impl Place {
    /// The word of OpenAPI's `in`, or `body`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Query => "query",
            Self::Path => "path",
            Self::Header => "header",
        }
    }
}

/// One fault; serializes as an entry of the envelope's `fields`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A sentence for people. Never holds the value of a field whose name looks secret.
    pub message: String,
    /// The last part of the field's path; of an element of a list, the list's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where the field is.
    #[serde(skip)]
    pub place: Place,
}

const SECRET_WORDS: [&str; 7] = [
    "pass",
    "secret",
    "token",
    "key",
    "seed",
    "credential",
    "signature",
];

/// Whether a field of this name may hold a secret.
pub(crate) fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// At most this many characters of foreign text go into a message.
const QUOTED: usize = 100;

/// Foreign text for a message: shortened, without control characters.
pub(crate) fn quote(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(QUOTED)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(QUOTED).is_some() {
        out.push('\u{2026}');
    }
    out
}
