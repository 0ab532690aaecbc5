//! Contents that are decoded while their request arrives, so that a large attachment is never held as JSON, as text and as
//! bytes at once.
//!
//! The body passes on unchanged, but for long base64 in the places that [`Places`] names: there a short text stands for the
//! decoded bytes, which travel beside it ([`Lifted`]). Whether JSON is well formed is for the parser behind to say, what a
//! value may be for the contract: nothing is lifted that either would refuse.

use posthouse_app::{Base64Decoder, Lifted};
use posthouse_contract::{Kind, Schema};

/// Texts up to this many bytes, as JSON writes them, stay where they are. No body of that size holds a longer one, so whether
/// a text is lifted depends on nothing but the text.
pub(crate) const UNLIFTED: usize = 64 << 10;

/// What stands, as often as needed, for the beginning of a text that turned out to be no content. It is no base64 either.
const FILLER: u8 = b'%';

/// Where a body holds base64, and the most characters that it may have there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// `$.raw`
    raw: Option<usize>,
    /// `$.attachments[*].content`
    content: Option<usize>,
}

impl Places {
    /// Those of a body with this schema.
    pub(crate) fn of(schema: &Schema) -> Self {
        let length = |schema: &Schema| match &schema.kind {
            Kind::String(rule) => rule.max_length,
            _ => None,
        };
        let content = || match &property(schema, "attachments")?.kind {
            Kind::Array(rule) => length(property(&rule.items, "content")?),
            _ => None,
        };
        Self {
            raw: property(schema, "raw").and_then(length),
            content: content(),
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

fn property<'a>(schema: &'a Schema, name: &str) -> Option<&'a Schema> {
    let Kind::Object(rule) = &schema.kind else {
        return None;
    };
    let mut properties = rule.properties.iter();
    let found = properties.find(|property| property.name == name)?;
    Some(&found.schema)
}

/// Takes a body piece by piece.
pub(crate) struct Lifter {
    places: Places,
    /// Bytes of the body that may still come.
    left: usize,
    /// The body, with short texts for contents.
    json: Vec<u8>,
    lifted: Lifted,
    state: State,
    /// Objects and arrays that are open.
    depth: usize,
    /// How many of them, from the outermost, are the body, its list of attachments, an attachment.
    matched: usize,
    /// The last character between texts that means something.
    last: u8,
    /// The key before the value, if we are where keys matter.
    key: Key,
}

enum State {
    /// Between texts.
    Between,
    /// In a text that stays.
    Text(Text),
    /// In a text that is lifted.
    Lift(Box<Lift>),
}

/// A text that stays, as far as it is known.
struct Text {
    /// Where in the JSON it begins, after its quote.
    start: usize,
    /// The next byte belongs to a backslash.
    escaped: bool,
    /// It is a key that matters.
    is_key: bool,
    /// The most characters of a content, if it is one.
    limit: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Attachments,
    Content,
    Raw,
    Other,
}

impl Lifter {
    /// For a body of at most so many bytes.
    pub(crate) fn new(places: Places, size: usize) -> Self {
        Self {
            places,
            left: size,
            json: Vec::new(),
            lifted: Lifted::default(),
            state: State::Between,
            depth: 0,
            matched: 0,
            last: 0,
            key: Key::Other,
        }
    }

    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.read(piece);
        self.left = self.left.saturating_sub(piece.len());
    }

    /// The body as it is to be parsed, and what was taken out of it.
    pub(crate) fn finish(self) -> (Vec<u8>, Lifted) {
        (self.json, self.lifted)
    }

    fn read(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.state {
                State::Between => self.between(rest),
                State::Text(_) => self.text(rest),
                State::Lift(_) => self.lift(rest),
            };
        }
    }

    /// One byte between texts.
    fn between<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some((&byte, rest)) = bytes.split_first() else {
            return bytes;
        };
        self.json.push(byte);
        match byte {
            b'"' => {
                self.state = State::Text(self.begin());
                return rest;
            }
            b'{' | b'[' => {
                let matches = match (self.matched, byte) {
                    (0 | 2, b'{') => true,
                    (1, b'[') => self.key == Key::Attachments,
                    _ => false,
                };
                if matches && self.matched == self.depth {
                    self.matched += 1;
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                if self.matched == self.depth {
                    self.matched = self.matched.saturating_sub(1);
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b',' | b':' => {}
            _ => return rest,
        }
        self.last = byte;
        if byte != b':' {
            self.key = Key::Other;
        }
        rest
    }

    /// A text begins: what it is.
    fn begin(&self) -> Text {
        let here = self.depth == self.matched && matches!(self.matched, 1 | 3);
        let is_value = self.last == b':';
        Text {
            start: self.json.len(),
            escaped: false,
            is_key: here && !is_value,
            limit: match (self.matched, self.key) {
                (1, Key::Raw) if here && is_value => self.places.raw,
                (3, Key::Content) if here && is_value => self.places.content,
                _ => None,
            },
        }
    }

    /// A run of a text that stays, or what ends the run.
    fn text<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let State::Text(text) = &mut self.state else {
            return bytes;
        };
        let mut room = bytes.len();
        if let Some(limit) = text.limit.filter(|_| !text.escaped) {
            let length = self.json.len() - text.start;
            if length > UNLIFTED {
                let start = text.start;
                self.begin_lift(start, limit);
                return bytes;
            }
            room = room.min(UNLIFTED + 1 - length);
        }
        let special = |byte: &u8| matches!(byte, b'"' | b'\\');
        let run = if text.escaped {
            1
        } else {
            bytes.iter().position(special).unwrap_or(room).min(room)
        };
        if run > 0 {
            text.escaped = false;
            let (run, rest) = bytes.split_at(run);
            self.json.extend_from_slice(run);
            return rest;
        }
        let Some((&byte, rest)) = bytes.split_first() else {
            return bytes;
        };
        if byte == b'\\' {
            text.escaped = true;
        } else {
            if text.is_key {
                // A key that is written with escapes is none of these: its value takes the ordinary way.
                self.key = match self.json.get(text.start..) {
                    Some(b"attachments") => Key::Attachments,
                    Some(b"content") => Key::Content,
                    Some(b"raw") => Key::Raw,
                    _ => Key::Other,
                };
            }
            self.state = State::Between;
        }
        self.json.push(byte);
        rest
    }

    /// The text that begins here is lifted from now on.
    fn begin_lift(&mut self, start: usize, limit: usize) {
        let known = self.json.split_off(start);
        let most = limit.min(known.len().saturating_add(self.left));
        self.state = State::Lift(Box::new(Lift {
            decoder: Base64Decoder::for_length(most),
            escape: Vec::new(),
            taken: 0,
            limit,
        }));
        // It is too short to hold another that is lifted.
        self.read(&known);
    }

    /// A run of a text that is lifted, or its end.
    fn lift<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let State::Lift(lift) = &mut self.state else {
            return bytes;
        };
        match lift.take(bytes) {
            Taken::Going(rest) => rest,
            Taken::Refused(rest) => {
                self.give_up();
                rest
            }
            Taken::Ended(rest) => {
                let decoder = std::mem::take(&mut lift.decoder);
                let Ok(content) = decoder.finish() else {
                    self.give_up();
                    // The quote is for the text that it has become.
                    return bytes;
                };
                let name = self.lifted.add(content);
                self.json.extend_from_slice(name.as_bytes());
                self.json.push(b'"');
                self.state = State::Between;
                rest
            }
        }
    }

    /// The text is no content, or too long for one. Its rest stays as it is, so that parser and contract say of it what they
    /// would say of the whole: its length is the same.
    fn give_up(&mut self) {
        let State::Lift(lift) = &self.state else {
            return;
        };
        self.json.resize(self.json.len() + lift.taken, FILLER);
        self.json.extend_from_slice(&lift.escape);
        self.state = State::Text(Text {
            start: self.json.len(),
            escaped: false,
            is_key: false,
            limit: None,
        });
    }
}

/// A text that is decoded as it comes.
struct Lift {
    decoder: Base64Decoder,
    /// An escape that is not whole yet: `\n`, `\u002b`.
    escape: Vec<u8>,
    /// Characters that were taken. They are ASCII, so these are UTF-16 units too.
    taken: usize,
    /// The most there may be.
    limit: usize,
}

/// What came of some bytes, with those that are left.
enum Taken<'a> {
    /// The text goes on.
    Going(&'a [u8]),
    /// Its quote came.
    Ended(&'a [u8]),
    /// It is no content.
    Refused(&'a [u8]),
}

impl Lift {
    fn take<'a>(&mut self, bytes: &'a [u8]) -> Taken<'a> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Taken::Going(bytes);
        };
        if !self.escape.is_empty() {
            if self.escape.len() > 1 && !first.is_ascii_hexdigit() {
                return Taken::Refused(bytes);
            }
            self.escape.push(first);
            return match self.escape.as_slice() {
                [_, b'u', digits @ ..] if digits.len() < 4 => Taken::Going(rest),
                whole => match unescaped(whole) {
                    Some(character) => {
                        self.escape.clear();
                        self.decode(&[character], rest)
                    }
                    None => Taken::Refused(rest),
                },
            };
        }
        let run = bytes.iter().position(|byte| !is_plain(*byte));
        let (run, rest) = bytes.split_at(run.unwrap_or(bytes.len()));
        if !run.is_empty() {
            return self.decode(run, rest);
        }
        match rest.split_first() {
            Some((b'"', rest)) => Taken::Ended(rest),
            Some((b'\\', rest)) => {
                self.escape.push(b'\\');
                Taken::Going(rest)
            }
            _ => Taken::Refused(rest),
        }
    }

    fn decode<'a>(&mut self, characters: &[u8], rest: &'a [u8]) -> Taken<'a> {
        self.taken += characters.len();
        if self.taken > self.limit || self.decoder.push(characters).is_err() {
            return Taken::Refused(rest);
        }
        Taken::Going(rest)
    }
}

/// Whether a byte may stand in base64, and in JSON without an escape.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b' ')
}

/// The character of an escape (RFC 8259, section 7), if it may stand in base64.
fn unescaped(escape: &[u8]) -> Option<u8> {
    match escape {
        [_, b'/'] => Some(b'/'),
        [_, b'n'] => Some(b'\n'),
        [_, b'r'] => Some(b'\r'),
        [_, b't'] => Some(b'\t'),
        [_, b'f'] => Some(b'\x0c'),
        [_, b'u', digits @ ..] => {
            let digits = std::str::from_utf8(digits).ok()?;
            let character = u8::try_from(u32::from_str_radix(digits, 16).ok()?).ok()?;
            (is_plain(character) || character.is_ascii_whitespace()).then_some(character)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
