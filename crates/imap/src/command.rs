//! Commands of the client: built from typed pieces, so that no argument can break out of its place.

use std::fmt;

use crate::mailbox_name::MailboxName;
use crate::set::SequenceSet;

/// In-memory strings up to this size go out without waiting where the server has LITERAL-
/// (RFC 7888).
const LITERAL_MINUS_MAX: u64 = 4096;
/// Streamed bodies larger than this wait for the server's consent even where it has LITERAL+: a
/// refusal then costs one round trip, not the whole message.
const STREAM_UNASKED_MAX: u64 = 64 * 1024;

/// What the session must know about a command beyond its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// LOGIN or AUTHENTICATE.
    Auth,
    /// SELECT or EXAMINE.
    Select(MailboxName),
    /// CLOSE or UNSELECT.
    Unselect,
    Idle,
    StartTls,
    Logout,
    /// FETCH whose body literals are wanted as a stream.
    StreamBody,
}

#[derive(Clone)]
enum Part {
    Raw(String),
    /// A string of the grammar: rendered as atom, quoted or literal.
    Text {
        data: Vec<u8>,
        secret: bool,
        atom: bool,
    },
    Mailbox(MailboxName),
    /// `CHARSET UTF-8`, which must not be said in UTF-8 mode (RFC 6855).
    Charset,
    /// Bytes of the initial SASL response or the like.
    Secret(String),
    /// A literal whose bytes the driver copies from a source.
    Stream(u64),
}

/// A command without its tag. Debug output hides secrets.
#[derive(Clone)]
pub struct Command {
    name: &'static str,
    pub(crate) kind: Kind,
    parts: Vec<Part>,
    invalid: Option<&'static str>,
}

/// How strings may be written on this connection now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialect {
    /// UTF8=ACCEPT or IMAP4rev2 is enabled.
    pub utf8: bool,
    /// LITERAL+ is offered.
    pub literal_plus: bool,
    /// LITERAL- is offered (IMAP4rev2 includes it).
    pub literal_minus: bool,
}

/// A piece of a rendered command.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes to write.
    Bytes(Vec<u8>),
    /// Wait for the server's continuation.
    Wait,
    /// Copy this many bytes from the source.
    Stream(u64),
}

impl Command {
    /// A command by its name, for instance `UID FETCH`.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Plain,
            parts: Vec::new(),
            invalid: None,
        }
    }

    pub(crate) fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The name it was made with.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Why it may not be sent: an argument holds what the protocol cannot carry.
    pub fn invalid(&self) -> Option<&'static str> {
        self.invalid
    }

    /// Text as it stands, without a space before it. A line break in it makes the command invalid.
    pub fn raw(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
            self.invalid = Some("line break in an argument");
        }
        match self.parts.last_mut() {
            Some(Part::Raw(last)) => last.push_str(&text),
            _ => self.parts.push(Part::Raw(text)),
        }
        self
    }

    /// A space, then text as it stands.
    pub fn word(self, text: impl fmt::Display) -> Self {
        self.raw(format!(" {text}"))
    }

    /// A space, then an `astring`.
    pub fn astring(self, data: impl Into<Vec<u8>>) -> Self {
        self.text(data.into(), false, true)
    }

    /// A space, then a `string` (never an atom).
    pub fn string(self, data: impl Into<Vec<u8>>) -> Self {
        self.text(data.into(), false, false)
    }

    /// A space, then an `astring` that no log may show.
    pub fn secret(self, data: impl Into<Vec<u8>>) -> Self {
        self.text(data.into(), true, true)
    }

    fn text(mut self, data: Vec<u8>, secret: bool, atom: bool) -> Self {
        if data.contains(&0) {
            self.invalid = Some("NUL in a string");
        }
        self = self.raw(" ");
        self.parts.push(Part::Text { data, secret, atom });
        self
    }

    /// A space, then the initial response of SASL (base64) that no log may show.
    pub fn secret_word(mut self, text: String) -> Self {
        self = self.raw(" ");
        self.parts.push(Part::Secret(text));
        self
    }

    /// A space, then a mailbox name or a LIST pattern.
    pub fn mailbox(mut self, name: impl Into<MailboxName>) -> Self {
        let name = name.into();
        if name.to_wire(true).contains(&0) {
            self.invalid = Some("NUL in a mailbox name");
        }
        self = self.raw(" ");
        self.parts.push(Part::Mailbox(name));
        self
    }

    /// Puts names in the place of those of its mailboxes.
    pub(crate) fn map_mailboxes(&mut self, other: impl Fn(MailboxName) -> MailboxName) {
        for part in &mut self.parts {
            if let Part::Mailbox(name) = part {
                *name = other(name.clone());
            }
        }
    }

    /// A space, then a set of messages. An empty one makes the command invalid.
    pub fn set(mut self, set: &SequenceSet) -> Self {
        if set.is_empty() {
            self.invalid = Some("empty message set");
        }
        self.word(set)
    }

    /// A space, then a list of flags. A flag that is no atom makes the command invalid.
    pub fn flags<S: AsRef<str>>(mut self, flags: &[S]) -> Self {
        let mut text = String::from(" (");
        for (i, flag) in flags.iter().enumerate() {
            let flag = flag.as_ref();
            let name = flag.strip_prefix('\\').unwrap_or(flag);
            if !is_atom(name.as_bytes()) {
                self.invalid = Some("flag with characters that flags cannot have");
            }
            if i > 0 {
                text.push(' ');
            }
            text.push_str(flag);
        }
        text.push(')');
        self.raw(text)
    }

    /// A space, then one flag.
    pub fn flag(mut self, flag: &str) -> Self {
        if !is_atom(flag.strip_prefix('\\').unwrap_or(flag).as_bytes()) {
            self.invalid = Some("flag with characters that flags cannot have");
        }
        self.word(flag)
    }

    /// A space, then the arguments of another command in parentheses.
    pub fn group(mut self, inner: Command) -> Self {
        self.invalid = self.invalid.or(inner.invalid);
        self = self.raw(" (");
        for (i, part) in inner.parts.into_iter().enumerate() {
            match part {
                // The first argument's own space.
                Part::Raw(text) if i == 0 => self = self.raw(text.trim_start()),
                Part::Raw(text) => self = self.raw(text),
                other => self.parts.push(other),
            }
        }
        self.raw(")")
    }

    /// `CHARSET UTF-8` with a space before it, unless the connection speaks UTF-8 anyway.
    pub fn charset_utf8(mut self) -> Self {
        self.parts.push(Part::Charset);
        self
    }

    /// A space, then a literal of `size` bytes that the driver copies from a source.
    pub fn stream(mut self, size: u64) -> Self {
        self = self.raw(" ");
        self.parts.push(Part::Stream(size));
        self
    }

    /// The bytes to write, in pieces.
    pub fn render(&self, tag: &str, dialect: Dialect) -> Vec<Piece> {
        let mut out = Renderer {
            dialect,
            pieces: Vec::new(),
            bytes: format!("{tag} {}", self.name).into_bytes(),
        };
        for part in &self.parts {
            match part {
                Part::Raw(text) | Part::Secret(text) => {
                    out.bytes.extend_from_slice(text.as_bytes())
                }
                Part::Text { data, atom, .. } => out.text(data, *atom),
                Part::Mailbox(name) => out.text(&name.to_wire(dialect.utf8), false),
                Part::Charset if dialect.utf8 => {}
                Part::Charset => out.bytes.extend_from_slice(b" CHARSET UTF-8"),
                Part::Stream(size) => {
                    let unasked = if dialect.literal_plus {
                        STREAM_UNASKED_MAX
                    } else if dialect.literal_minus {
                        LITERAL_MINUS_MAX
                    } else {
                        0
                    };
                    out.literal_head(*size, *size <= unasked && unasked > 0);
                    out.cut();
                    out.pieces.push(Piece::Stream(*size));
                }
            }
        }
        out.bytes.extend_from_slice(b"\r\n");
        out.cut();
        out.pieces
    }

    /// One line for the protocol log, secrets hidden.
    pub fn masked(&self, tag: &str) -> String {
        let mut out = format!("{tag} {}", self.name);
        for part in &self.parts {
            match part {
                Part::Raw(text) => out.push_str(text),
                Part::Secret(_) | Part::Text { secret: true, .. } => out.push_str("***"),
                Part::Text { data, .. } if data.len() <= 200 => {
                    out.push_str(&format!("{:?}", String::from_utf8_lossy(data)));
                }
                Part::Text { data, .. } => out.push_str(&format!("{{{}}}", data.len())),
                Part::Mailbox(name) => out.push_str(&format!("{:?}", name.as_str())),
                Part::Charset => out.push_str(" CHARSET UTF-8"),
                Part::Stream(size) => out.push_str(&format!("{{{size}}}")),
            }
        }
        out
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked("Command:"))
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // May hold a password.
            Self::Bytes(data) => write!(f, "Bytes({})", data.len()),
            Self::Wait => f.write_str("Wait"),
            Self::Stream(size) => write!(f, "Stream({size})"),
        }
    }
}

struct Renderer {
    dialect: Dialect,
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
}

impl Renderer {
    fn cut(&mut self) {
        if !self.bytes.is_empty() {
            self.pieces
                .push(Piece::Bytes(std::mem::take(&mut self.bytes)));
        }
    }

    fn text(&mut self, data: &[u8], atom: bool) {
        if atom && is_atom(data) && !data.eq_ignore_ascii_case(b"NIL") {
            self.bytes.extend_from_slice(data);
        } else if self.quotable(data) {
            quote(&mut self.bytes, data);
        } else {
            let size = data.len() as u64;
            let unasked = self.dialect.literal_plus
                || (self.dialect.literal_minus && size <= LITERAL_MINUS_MAX);
            self.literal_head(size, unasked);
            self.bytes.extend_from_slice(data);
        }
    }

    fn quotable(&self, data: &[u8]) -> bool {
        let clean = |b: &u8| !b.is_ascii_control();
        data.len() <= 4096
            && data.iter().all(clean)
            && (data.is_ascii() || (self.dialect.utf8 && std::str::from_utf8(data).is_ok()))
    }

    fn literal_head(&mut self, size: u64, unasked: bool) {
        let plus = if unasked { "+" } else { "" };
        self.bytes
            .extend_from_slice(format!("{{{size}{plus}}}\r\n").as_bytes());
        if !unasked {
            self.cut();
            self.pieces.push(Piece::Wait);
        }
    }
}

fn quote(out: &mut Vec<u8>, data: &[u8]) {
    out.push(b'"');
    for b in data {
        if matches!(b, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*b);
    }
    out.push(b'"');
}

/// May these bytes stand as an atom (RFC 9051 `ATOM-CHAR`)?
fn is_atom(data: &[u8]) -> bool {
    !data.is_empty()
        && data
            .iter()
            .all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn show(command: &Command, dialect: Dialect) -> String {
        command
            .render("a", dialect)
            .iter()
            .map(|p| match p {
                Piece::Bytes(b) => String::from_utf8_lossy(b).into_owned(),
                Piece::Wait => "<wait>".into(),
                Piece::Stream(n) => format!("<{n}>"),
            })
            .collect()
    }

    #[test]
    fn strings_take_the_form_the_server_can_read() {
        let c = Command::new("LOGIN").astring("me").secret("p\"a ss\\");
        assert_eq!(
            show(&c, Dialect::default()),
            "a LOGIN me \"p\\\"a ss\\\\\"\r\n"
        );
        let c = Command::new("LOGIN").astring("mé").secret("x");
        assert_eq!(
            show(&c, Dialect::default()),
            "a LOGIN {3}\r\n<wait>mé x\r\n"
        );
        let plus = Dialect {
            literal_plus: true,
            ..Dialect::default()
        };
        assert_eq!(show(&c, plus), "a LOGIN {3+}\r\nmé x\r\n");
        let utf8 = Dialect {
            utf8: true,
            ..Dialect::default()
        };
        assert_eq!(show(&c, utf8), "a LOGIN \"mé\" x\r\n");
        let c = Command::new("SELECT").mailbox("Entwürfe");
        assert_eq!(
            show(&c, Dialect::default()),
            "a SELECT \"Entw&APw-rfe\"\r\n"
        );
        assert_eq!(show(&c, utf8), "a SELECT \"Entwürfe\"\r\n");
        let c = Command::new("X")
            .astring("")
            .astring("nil")
            .astring("a\r\nb");
        assert_eq!(show(&c, plus), "a X \"\" \"nil\" {4+}\r\na\r\nb\r\n");
    }

    #[test]
    fn large_streams_wait_for_consent() {
        let c = Command::new("APPEND").mailbox("x").stream(100_000);
        let plus = Dialect {
            literal_plus: true,
            ..Dialect::default()
        };
        assert_eq!(
            show(&c, plus),
            "a APPEND \"x\" {100000}\r\n<wait><100000>\r\n"
        );
        let c = Command::new("APPEND").mailbox("x").stream(10);
        assert_eq!(show(&c, plus), "a APPEND \"x\" {10+}\r\n<10>\r\n");
    }

    #[test]
    fn nothing_can_be_injected() {
        assert!(Command::new("X").word("a\r\nb LOGOUT").invalid().is_some());
        assert!(Command::new("X").flags(&["a b"]).invalid().is_some());
        assert!(Command::new("X").flags(&["a\r\n"]).invalid().is_some());
        assert!(
            Command::new("X")
                .flags(&["\\Seen", "$Forwarded", "x[y"])
                .invalid()
                .is_none()
        );
        assert!(Command::new("X").astring("a\0").invalid().is_some());
        assert!(
            Command::new("X")
                .set(&SequenceSet::new())
                .invalid()
                .is_some()
        );
    }

    #[test]
    fn secrets_are_hidden() {
        let c = Command::new("LOGIN").astring("me").secret("hunter2");
        assert!(!format!("{c:?}").contains("hunter2"));
        assert!(!format!("{:?}", c.render("a", Dialect::default())).contains("hunter2"));
        assert_eq!(c.masked("a"), "a LOGIN \"me\" ***");
    }
}
