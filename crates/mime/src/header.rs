//! The header of a message: its fields in order, unfolded, decoded when asked.

use std::collections::HashMap;

use posthouse_model::{Timestamp, message::Address};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::word;
pub use crate::{
    address::parse_addresses, date::parse_date, param::decode_param, word::decode_text,
};

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// As written.
    pub name: String,
    /// Unfolded, not decoded.
    pub raw: Vec<u8>,
}

impl Field {
    /// The value as text: encoded words and raw 8-bit decoded.
    #[must_use]
    pub fn text(&self) -> String {
        decode_text(&self.raw)
    }
}

/// The fields of a header in their order.
///
/// Serialises as the API shows headers: lower-case names, each with its values in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<Field>,
}

impl Headers {
    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// There is no field at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields of this name (any case), in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Field> + use<'a, 'n> {
        self.fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
    }

    /// There is a field of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The first field of this name, as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.all(name).next().map(Field::text)
    }

    /// The first field of this name, unfolded but not decoded.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next().map(|field| field.raw.as_slice())
    }

    /// The addresses of all fields of this name.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Vec<Address> {
        self.all(name)
            .flat_map(|field| parse_addresses(&field.raw))
            .collect()
    }

    /// The date in the first field of this name.
    #[must_use]
    pub fn date(&self, name: &str) -> Option<Timestamp> {
        parse_date(&self.text(name)?)
    }

    /// The message ids in the first field of this name, with their angle brackets.
    #[must_use]
    pub fn ids(&self, name: &str) -> Vec<String> {
        self.raw(name).map(parse_ids).unwrap_or_default()
    }

    /// Lower-case name -> values in order; names in the order of their first field.
    #[must_use]
    pub fn view(&self) -> Vec<(String, Vec<String>)> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut out: Vec<(String, Vec<String>)> = Vec::new();
        for field in &self.fields {
            let name = field.name.to_ascii_lowercase();
            let place = *places.entry(name.clone()).or_insert(out.len());
            match out.get_mut(place) {
                Some((_, values)) => values.push(field.text()),
                None => out.push((name, vec![field.text()])),
            }
        }
        out
    }
}

impl Extend<Field> for Headers {
    fn extend<I: IntoIterator<Item = Field>>(&mut self, fields: I) {
        self.fields.extend(fields);
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = self.view();
        let mut map = serializer.serialize_map(Some(view.len()))?;
        for (name, values) in view {
            map.serialize_entry(&name, &values)?;
        }
        map.end()
    }
}

/// Reads a header up to its empty line or the end of `raw`. What is not a field (an mbox `From ` line,
/// garbage) is left out together with its continuation lines.
#[must_use]
pub fn parse_headers(raw: &[u8]) -> Headers {
    let mut fields = Vec::new();
    for piece in pieces(raw).fields {
        if let Some((name, value)) = split_field(piece) {
            let name = String::from_utf8_lossy(name).into_owned();
            fields.push(Field {
                name,
                raw: word::unfold(value).trim_ascii().to_vec(),
            });
        }
    }
    Headers { fields }
}

/// Message ids in a header value, with angle brackets; words without brackets are taken as ids if there
/// is no bracket at all and they have an `@`.
#[must_use]
pub fn parse_ids(raw: &[u8]) -> Vec<String> {
    let text = word::unfold(raw);
    let text = String::from_utf8_lossy(&text);
    // Blanks within an id come from folding, control characters from nowhere good.
    let id = |piece: &str| -> Option<String> {
        let kept = |c: &char| !c.is_whitespace() && !c.is_control();
        let id: String = piece.chars().filter(kept).collect();
        (!id.is_empty()).then(|| format!("<{id}>"))
    };
    if !text.contains('<') {
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '>'));
        return words
            .filter(|word| word.contains('@'))
            .filter_map(id)
            .collect();
    }
    let pieces = text.split('<').skip(1);
    pieces
        .filter_map(|piece| id(piece.split_once('>')?.0))
        .collect()
}

/// A header cut into its fields.
pub(crate) struct Pieces<'a> {
    /// Each field with its continuation lines and line ends, as written.
    pub(crate) fields: Vec<&'a [u8]>,
    /// Where the body starts, after the empty line; the length of the input if there is none.
    pub(crate) body: usize,
}

/// Cuts a header into fields; the empty line itself belongs to none.
pub(crate) fn pieces(raw: &[u8]) -> Pieces<'_> {
    let mut fields = Vec::new();
    let mut start = 0; // of the field being read
    let mut at = 0;
    while at < raw.len() {
        let rest = raw.get(at..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|&b| b == b'\n')
            .map_or(rest.len(), |end| end + 1);
        let line = rest.get(..len).unwrap_or_default();
        let empty = matches!(line, b"\n" | b"\r\n");
        let continues = line.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
        if (empty || !continues) && start < at {
            fields.push(raw.get(start..at).unwrap_or_default());
            start = at;
        }
        at += len;
        if empty {
            return Pieces { fields, body: at };
        }
    }
    if start < raw.len() {
        fields.push(raw.get(start..).unwrap_or_default());
    }
    Pieces {
        fields,
        body: raw.len(),
    }
}

/// Name and value of a field; `None` if it is none.
pub(crate) fn split_field(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = piece.iter().position(|&b| b == b':')?;
    let name = piece.get(..colon)?.trim_ascii_end();
    let valid = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    valid.then_some((name, piece.get(colon + 1..)?))
}
