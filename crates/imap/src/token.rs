//! The generic token tree of a response. It never fails: what makes no sense stays as raw text.

use std::borrow::Cow;

use bytes::Bytes;

use crate::framer::Segment;

/// Deeper parentheses than this are kept as raw text.
const MAX_DEPTH: usize = 128;

/// A response with more tokens than this keeps its rest as raw text: no honest reply has so many, and
/// each costs memory.
const MAX_TOKENS: usize = 1 << 18;

/// One token of a response (RFC 9051 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// An atom, a number, a flag, or an item with its section such as `BODY[1.2]<0>`.
    Atom(Bytes),
    /// A quoted string, unescaped.
    Quoted(Bytes),
    /// A literal.
    Literal(Bytes),
    /// A literal whose bytes are not here (streamed or too large), with its length.
    Omitted(u64),
    /// A parenthesised list.
    List(Vec<Token>),
    /// `NIL`.
    Nil,
}

impl Token {
    /// The bytes of an atom or string; `None` for lists, NIL and omitted literals.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Atom(b) | Self::Quoted(b) | Self::Literal(b) => Some(b),
            Self::Omitted(_) | Self::List(_) | Self::Nil => None,
        }
    }

    /// Atom or string as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        self.bytes().map(|b| String::from_utf8_lossy(b))
    }

    /// Atom or string as owned text.
    pub fn string(&self) -> Option<String> {
        self.text().map(Cow::into_owned)
    }

    /// Atom or string as owned bytes.
    pub fn raw(&self) -> Option<Vec<u8>> {
        self.bytes().map(|b| b.to_vec())
    }

    /// A number; `None` when it is not one or does not fit.
    pub fn u64(&self) -> Option<u64> {
        self.bytes().and_then(|b| parse_u64(b))
    }

    /// A 32-bit number; `None` when it is not one or does not fit.
    pub fn u32(&self) -> Option<u32> {
        self.u64().and_then(|n| u32::try_from(n).ok())
    }

    /// The members of a list.
    pub fn list(&self) -> Option<&[Token]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// True for an atom or string equal to `word`, ignoring ASCII case.
    pub fn is(&self, word: &str) -> bool {
        self.bytes()
            .is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// A list of atoms or strings as text; anything else inside is left out.
    pub fn strings(&self) -> Vec<String> {
        self.list()
            .unwrap_or_default()
            .iter()
            .filter_map(Token::string)
            .collect()
    }
}

/// A non-negative decimal number that fits 64 bits.
pub fn parse_u64(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, b| {
        let d = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(d)
    })
}

/// Tokens of a response, `skip` bytes of its first text left out.
pub fn parse(segments: &[Segment], skip: usize) -> Vec<Token> {
    read(|tree| {
        let mut skip = skip;
        for segment in segments {
            match segment {
                Segment::Text(text) => {
                    let from = std::mem::take(&mut skip).min(text.len());
                    tree.text(&text.slice(from..));
                }
                Segment::Literal(data) => tree.push(Token::Literal(data.clone())),
                Segment::Omitted { size } => tree.push(Token::Omitted(*size)),
            }
        }
    })
}

/// Tokens of a piece of text that holds no literal.
pub fn parse_text(text: &Bytes) -> Vec<Token> {
    read(|tree| tree.text(text))
}

/// Reads by the book. Where quotes do not come out even that way, a server may have forgotten to
/// escape a backslash at the end of a string (`"C:\"` as `"C:"`): then that reading counts, if it
/// comes out even.
fn read(feed: impl Fn(&mut Tree)) -> Vec<Token> {
    let mut strict = Tree::default();
    feed(&mut strict);
    if strict.odd {
        let mut lenient = Tree {
            lenient: true,
            ..Tree::default()
        };
        feed(&mut lenient);
        if !lenient.odd {
            return lenient.finish();
        }
    }
    strict.finish()
}

#[derive(Default)]
struct Tree {
    count: usize,
    open: Vec<Vec<Token>>,
    current: Vec<Token>,
    /// A backslash before a quote that ends a word escapes nothing.
    lenient: bool,
    /// A string was not closed, or text stuck to its end.
    odd: bool,
}

impl Tree {
    fn push(&mut self, token: Token) {
        self.count += 1;
        self.current.push(token);
    }

    fn finish(mut self) -> Vec<Token> {
        while !self.open.is_empty() {
            self.close();
        }
        self.current
    }

    fn close(&mut self) {
        // A closing parenthesis too many closes nothing.
        if let Some(outer) = self.open.pop() {
            let inner = std::mem::replace(&mut self.current, outer);
            self.current.push(Token::List(inner));
        }
    }

    fn text(&mut self, text: &Bytes) {
        let mut at = 0;
        // Once no bracket closes, none further on does: looking again and again would take for ever.
        let mut sections = true;
        while let Some(&b) = text.get(at) {
            match b {
                b' ' | b'\t' | b'\r' => at += 1,
                b')' => {
                    self.close();
                    at += 1;
                }
                _ if self.count >= MAX_TOKENS || (b == b'(' && self.open.len() >= MAX_DEPTH) => {
                    self.push(Token::Atom(text.slice(at..)));
                    return;
                }
                b'(' => {
                    self.count += 1;
                    self.open.push(std::mem::take(&mut self.current));
                    at += 1;
                }
                b'"' => {
                    let (token, next, closed) = quoted(text, at + 1, self.lenient);
                    self.push(token);
                    at = next;
                    let stuck = |b: &u8| !matches!(b, b' ' | b'\t' | b')' | b'\r');
                    self.odd |= !closed || text.get(at).is_some_and(stuck);
                }
                _ => {
                    let end = atom_end(text, at, &mut sections);
                    let atom = text.slice(at..end);
                    self.push(if atom.eq_ignore_ascii_case(b"NIL") {
                        Token::Nil
                    } else {
                        Token::Atom(atom)
                    });
                    at = end;
                }
            }
        }
    }
}

/// A quoted string whose first byte is at `from`, where it ends, and whether it is closed; one that
/// never ends takes the rest.
fn quoted(text: &Bytes, from: usize, lenient: bool) -> (Token, usize, bool) {
    let rest = text.get(from..).unwrap_or_default();
    let mut unescaped: Option<Vec<u8>> = None;
    let mut at = 0;
    let mut closed = false;
    while let Some(&b) = rest.get(at) {
        match (b, rest.get(at + 1)) {
            (b'"', _) => {
                closed = true;
                break;
            }
            (b'\\', Some(b'"')) if lenient && ends_word(rest.get(at + 2)) => {
                if let Some(out) = &mut unescaped {
                    out.push(b);
                }
                at += 1;
            }
            (b'\\', Some(next @ (b'"' | b'\\'))) => {
                let out =
                    unescaped.get_or_insert_with(|| rest.get(..at).unwrap_or_default().to_vec());
                out.push(*next);
                at += 2;
            }
            _ => {
                if let Some(out) = &mut unescaped {
                    out.push(b);
                }
                at += 1;
            }
        }
    }
    let data = match unescaped {
        Some(v) => Bytes::from(v),
        None => text.slice(from..from + at),
    };
    let next = from + at + usize::from(closed);
    (Token::Quoted(data), next, closed)
}

fn ends_word(next: Option<&u8>) -> bool {
    matches!(next, None | Some(b' ' | b')' | b'\r'))
}

/// Where the atom that starts at `from` ends. An item with a section keeps all of its section.
fn atom_end(text: &[u8], from: usize, sections: &mut bool) -> usize {
    let mut at = from;
    while let Some(&b) = text.get(at) {
        match b {
            b' ' | b'\t' | b'(' | b')' | b'"' | b'\r' => break,
            b'[' if *sections && has_section(text.get(from..at).unwrap_or_default()) => {
                match section_end(text, at + 1) {
                    Some(end) => at = end,
                    None => {
                        *sections = false;
                        at += 1;
                    }
                }
            }
            _ => at += 1,
        }
    }
    // Whatever stopped us at once is a byte no branch of the caller takes: keep it, go on.
    at.max(from + 1)
}

fn has_section(name: &[u8]) -> bool {
    [
        &b"BODY"[..],
        b"BODY.PEEK",
        b"BINARY",
        b"BINARY.PEEK",
        b"BINARY.SIZE",
    ]
    .iter()
    .any(|k| name.eq_ignore_ascii_case(k))
}

/// The byte after the `]` that closes a section; header names in it may be quoted.
fn section_end(text: &[u8], from: usize) -> Option<usize> {
    let mut in_quotes = false;
    for (i, b) in text.iter().enumerate().skip(from) {
        match b {
            b'"' => in_quotes = !in_quotes,
            b']' if !in_quotes => return Some(i + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn show(tokens: &[Token]) -> String {
        tokens
            .iter()
            .map(|t| match t {
                Token::Atom(b) => String::from_utf8_lossy(b).into_owned(),
                Token::Quoted(b) => format!("{:?}", String::from_utf8_lossy(b)),
                Token::Literal(b) => format!("{{{}}}", String::from_utf8_lossy(b)),
                Token::Omitted(n) => format!("<{n}>"),
                Token::List(l) => format!("({})", show(l)),
                Token::Nil => "NIL".into(),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn tree(text: &str) -> String {
        show(&parse_text(&Bytes::copy_from_slice(text.as_bytes())))
    }

    #[test]
    fn trees() {
        assert_eq!(tree(r#"a  (b "c\"d" nil) 5"#), r#"a (b "c\"d" NIL) 5"#);
        assert_eq!(
            tree(r#"BODY[HEADER.FIELDS (FROM "a]b")]<0> x"#),
            r#"BODY[HEADER.FIELDS (FROM "a]b")]<0> x"#
        );
        assert_eq!(tree("(2)(3 6 (4 23)(44))"), "(2) (3 6 (4 23) (44))");
        assert_eq!(tree(r"(\Seen \ [foo] a]b)"), r"(\Seen \ [foo] a]b)");
    }

    #[test]
    fn backslashes_that_escape_nothing() {
        let expected = r#"(("a" NIL "me" "sina.com\\")) (("b" NIL "x" "y\\"))"#;
        assert_eq!(
            tree(r#"(("a" NIL "me" "sina.com\")) (("b" NIL "x" "y\"))"#),
            expected
        );
        assert_eq!(tree(r#""\" "a\b""#), r#""\\" "a\\b""#);
        // By the book wherever that makes sense.
        assert_eq!(
            tree(r#"("he said \"hi\" ok" "x")"#),
            r#"("he said \"hi\" ok" "x")"#
        );
        assert_eq!(tree(r#""a\\" "b""#), r#""a\\" "b""#);
    }

    #[test]
    fn broken_trees_keep_what_there_is() {
        assert_eq!(tree("(a (b"), "(a (b))");
        assert_eq!(tree("a) b"), "a b");
        assert_eq!(tree(r#"a "never closed \"x"#), r#"a "never closed \"x""#);
        assert_eq!(tree("BODY[1.2 x"), "BODY[1.2 x");
        let deep = "(".repeat(5000);
        assert!(!tree(&deep).is_empty());
    }
}
