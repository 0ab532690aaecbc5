//! Words of a template.
//!
//! Outside of tags everything is text; `\{{` writes `{{`, and `\\{{` a backslash before a tag.

use crate::{error::Fault, limits::MAX_PIECES};

/// A word with its line.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub kind: Kind,
    pub line: u32,
}

/// What a word is. `strip` says that the tag has `~` there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text(String),
    Comment {
        open: bool,
        close: bool,
    },
    /// `{{`, `{{&`
    Open {
        strip: bool,
        raw: bool,
    },
    /// `{{{`
    OpenRaw {
        strip: bool,
    },
    /// `{{#`
    OpenBlock {
        strip: bool,
    },
    /// `{{/`
    OpenEnd {
        strip: bool,
    },
    /// `{{^`
    OpenInverse {
        strip: bool,
    },
    /// `{{else name`
    OpenChain {
        strip: bool,
    },
    /// `{{else}}`, `{{^}}`
    Inverse {
        open: bool,
        close: bool,
    },
    /// `}}`
    Close {
        strip: bool,
    },
    /// `}}}`
    CloseRaw {
        strip: bool,
    },
    /// `{{{{`
    OpenVerbatim,
    /// `}}}}`
    CloseVerbatim,
    /// `{{{{/name}}}}`
    EndVerbatim(String),
    OpenCall,
    CloseCall,
    Equals,
    /// A name; `literal` when it stood in brackets.
    Name {
        name: String,
        literal: bool,
    },
    Separator(char),
    At,
    String(String),
    Number(f64),
    Bool(bool),
    Undefined,
    Null,
    /// `as |`
    OpenNames,
    /// `|`
    Bar,
    End,
}

/// Splits a template.
pub(super) fn words(source: &str) -> Result<Vec<Word>, Fault> {
    let mut lexer = Lexer {
        source,
        at: 0,
        words: Vec::new(),
        line: 1,
        lines_until: 0,
        tags: 0,
    };
    lexer.run()?;
    lexer.push(Kind::End);
    Ok(lexer.words)
}

fn breaks(text: &str) -> u32 {
    let breaks = text.bytes().filter(|&byte| byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    words: Vec<Word>,
    /// The line of byte `lines_until`.
    line: u32,
    lines_until: usize,
    tags: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind) {
        let passed = self.source.get(self.lines_until..self.at);
        self.line += breaks(passed.unwrap_or_default());
        self.lines_until = self.at;
        self.words.push(Word {
            kind,
            line: self.line,
        });
    }

    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.push(Kind::Text(text.to_owned()));
        }
    }

    /// The word ends `length` bytes from here.
    fn word(&mut self, length: usize, kind: Kind) {
        self.push(kind);
        self.at += length;
    }

    fn fault<T>(&mut self, reason: impl Into<String>) -> Result<T, Fault> {
        self.push(Kind::End);
        Err(Fault::new(self.line, reason))
    }

    fn run(&mut self) -> Result<(), Fault> {
        while self.at < self.source.len() {
            let rest = self.rest();
            let Some(open) = rest.find("{{") else {
                self.text(rest);
                self.at = self.source.len();
                break;
            };
            let before = &rest[..open];
            if let Some(text) = before.strip_suffix("\\\\") {
                self.text(&format!("{text}\\"));
            } else if let Some(text) = before.strip_suffix('\\') {
                self.text(text);
                self.at += open;
                self.escaped();
                continue;
            } else {
                self.text(before);
            }
            self.at += open;
            self.tags += 1;
            if self.tags > MAX_PIECES {
                return self.fault(format!("more than {MAX_PIECES} tags"));
            }
            self.tag()?;
        }
        Ok(())
    }

    /// A tag that is text: up to the next tag.
    fn escaped(&mut self) {
        let rest = self.rest();
        let after = rest.get(2..).unwrap_or_default();
        let next = after.find("{{").map_or(rest.len(), |next| 2 + next);
        let text = &rest[..next];
        // The backslashes before the next tag belong to it.
        let slashes = text.len() - text.trim_end_matches('\\').len();
        let text = if next < rest.len() {
            &text[..text.len() - slashes.min(2)]
        } else {
            text
        };
        self.text(text);
        self.at += text.len();
    }

    fn tag(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        if rest.starts_with("{{{{") {
            self.word(4, Kind::OpenVerbatim);
            return self.inside();
        }
        let strip = rest[2..].starts_with('~');
        let head = 2 + usize::from(strip);
        let after = &rest[head..];
        if after.starts_with('>') || after.starts_with("#>") {
            return self.fault("partials are not supported");
        }
        if after.starts_with('*') || after.starts_with("#*") {
            return self.fault("decorators are not supported");
        }
        if let Some((length, close)) = inverse(after) {
            self.word(head + length, Kind::Inverse { open: strip, close });
            return Ok(());
        }
        if after.starts_with('!') {
            return self.comment(strip, head);
        }
        let (length, kind) = match after.as_bytes().first() {
            Some(b'#') => (1, Kind::OpenBlock { strip }),
            Some(b'/') => (1, Kind::OpenEnd { strip }),
            Some(b'^') => (1, Kind::OpenInverse { strip }),
            Some(b'{') => (1, Kind::OpenRaw { strip }),
            Some(b'&') => (1, Kind::Open { strip, raw: true }),
            _ => match chain(after) {
                Some(length) => (length, Kind::OpenChain { strip }),
                None => (0, Kind::Open { strip, raw: false }),
            },
        };
        self.word(head + length, kind);
        self.inside()
    }

    /// `{{! }}` ends at the first braces, `{{!-- --}}` at the first after two dashes.
    fn comment(&mut self, open: bool, head: usize) -> Result<(), Fault> {
        let rest = self.rest();
        let end = if rest[head..].starts_with("!--") {
            let close = |from: usize| {
                rest[from..].match_indices("--").find_map(|(at, _)| {
                    let tail = &rest[from + at + 2..];
                    let strip = tail.starts_with('~');
                    tail[usize::from(strip)..]
                        .starts_with("}}")
                        .then_some((from + at + 4 + usize::from(strip), strip))
                })
            };
            close(head + 1)
        } else {
            rest.find("}}")
                .map(|at| (at + 2, rest[..at].ends_with('~') && at > head))
        };
        let Some((length, close)) = end else {
            return self.fault("a comment that does not end");
        };
        self.word(length, Kind::Comment { open, close });
        Ok(())
    }

    /// The words of a tag, up to its end.
    fn inside(&mut self) -> Result<(), Fault> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(space);
            self.at += rest.len() - trimmed.len();
            let rest = trimmed;
            if rest.is_empty() {
                return self.fault("a tag that does not end");
            }
            if rest.starts_with("}}}}") {
                self.word(4, Kind::CloseVerbatim);
                return self.verbatim();
            }
            for (text, kind) in [
                ("}}}", Kind::CloseRaw { strip: false }),
                ("}~}}", Kind::CloseRaw { strip: true }),
                ("~}}", Kind::Close { strip: true }),
                ("}}", Kind::Close { strip: false }),
            ] {
                if rest.starts_with(text) {
                    self.word(text.len(), kind);
                    return Ok(());
                }
            }
            let (length, kind) = match one(rest) {
                Some(found) => found,
                None if !rest.contains("}}") => return self.fault("a tag that does not end"),
                None => return self.fault("a character that has no place in a tag"),
            };
            self.word(length, kind);
        }
    }

    /// The content of `{{{{name}}}}`, which is text up to the tag that ends it; the same kind of block may lie in it.
    fn verbatim(&mut self) -> Result<(), Fault> {
        let (start, mut depth) = (self.at, 1usize);
        while let Some(found) = self.source[self.at..].find("{{{{") {
            let tag = self.at + found;
            let after = &self.source[tag + 4..];
            if let Some(name) = after.strip_prefix('/').and_then(end_name) {
                depth -= 1;
                if depth == 0 {
                    let text = &self.source[start..tag];
                    self.at = start;
                    self.text(text);
                    self.at = tag;
                    self.word(name.len() + 9, Kind::EndVerbatim(name.to_owned()));
                    return Ok(());
                }
            } else if !after.starts_with('/') && !after.is_empty() {
                depth += 1;
            }
            self.at = tag + 4;
        }
        self.fault("a block of text that does not end")
    }
}

/// `{{else}}` and `{{^}}`, from behind the braces: their length, and whether they strip what follows.
fn inverse(after: &str) -> Option<(usize, bool)> {
    let name = after
        .strip_prefix('^')
        .or_else(|| after.trim_start_matches(space).strip_prefix("else"))?;
    let name = name.trim_start_matches(space);
    let tail = name.strip_prefix('~').unwrap_or(name);
    let end = tail.strip_prefix("}}")?;
    Some((after.len() - end.len(), tail.len() < name.len()))
}

/// `else` before another name: its length.
fn chain(after: &str) -> Option<usize> {
    let tail = after.trim_start_matches(space).strip_prefix("else")?;
    let more = tail.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    (!more).then_some(after.len() - tail.len())
}

/// The name in `name}}}}`.
fn end_name(after: &str) -> Option<&str> {
    let name = &after[..name_length(after)];
    (!name.is_empty() && after[name.len()..].starts_with("}}}}")).then_some(name)
}

/// Whitespace of JavaScript.
fn space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// How long a name without brackets is.
fn name_length(text: &str) -> usize {
    text.find(|c: char| {
        space(c)
            || matches!(c, '!' | '"' | '#' | '%'..=',' | '.' | '/' | ';'..='>' | '@' | '['..='^' | '`' | '{'..='~')
    })
    .unwrap_or(text.len())
}

/// What ends a literal: `~`, `}`, `)`, whitespace.
fn ends_literal(rest: &str) -> bool {
    rest.starts_with(|c: char| space(c) || matches!(c, '~' | '}' | ')'))
}

/// What ends a name.
fn ends_name(rest: &str) -> bool {
    rest.starts_with(|c: char| {
        space(c) || matches!(c, '=' | '~' | '}' | '/' | '.' | ')' | ']' | '|')
    })
}

/// One word of a tag, none of its ends.
fn one(rest: &str) -> Option<(usize, Kind)> {
    let first = rest.chars().next()?;
    let name = |name: &str| Kind::Name {
        name: name.to_owned(),
        literal: false,
    };
    match first {
        '(' => return Some((1, Kind::OpenCall)),
        ')' => return Some((1, Kind::CloseCall)),
        '=' => return Some((1, Kind::Equals)),
        '@' => return Some((1, Kind::At)),
        '|' => return Some((1, Kind::Bar)),
        '"' | '\'' => return quoted(rest, first),
        '[' => return bracketed(rest),
        '.' if rest.starts_with("..") => return Some((2, name(".."))),
        '.' if ends_name(&rest[1..]) => return Some((1, name("."))),
        '.' | '/' => return Some((1, Kind::Separator(first))),
        _ => {}
    }
    for (word, kind) in [
        ("true", Kind::Bool(true)),
        ("false", Kind::Bool(false)),
        ("undefined", Kind::Undefined),
        ("null", Kind::Null),
    ] {
        if rest.strip_prefix(word).is_some_and(ends_literal) {
            return Some((word.len(), kind));
        }
    }
    if let Some(length) = number_length(rest) {
        let number = rest[..length].parse().ok()?;
        return Some((length, Kind::Number(number)));
    }
    if let Some(after) = rest.strip_prefix("as") {
        let bar = after.trim_start_matches(space);
        if bar.len() < after.len() && bar.starts_with('|') {
            return Some((rest.len() - bar.len() + 1, Kind::OpenNames));
        }
    }
    let length = name_length(rest);
    (length > 0 && ends_name(&rest[length..])).then(|| (length, name(&rest[..length])))
}

/// `-12.5`, if nothing else follows it.
fn number_length(rest: &str) -> Option<usize> {
    let digits = |from: usize| {
        let tail = &rest[from..];
        tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len()
    };
    let sign = usize::from(rest.starts_with('-'));
    let whole = digits(sign);
    if whole == 0 {
        return None;
    }
    let mut length = sign + whole;
    if rest[length..].starts_with('.') {
        match digits(length + 1) {
            0 => return None,
            fraction => length += 1 + fraction,
        }
    }
    ends_literal(&rest[length..]).then_some(length)
}

/// A string; only its own quote can be escaped in it. If it ends nowhere else, it ends with the last quote that looked escaped.
fn quoted(rest: &str, quote: char) -> Option<(usize, Kind)> {
    let (mut end, mut last, mut slash) = (None, None, false);
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !slash {
            end = Some(at);
            break;
        }
        if c == quote {
            last = Some(at);
        }
        slash = c == '\\';
    }
    let end = end.or(last)?;
    let text = rest[1..end].replace(&format!("\\{quote}"), &quote.to_string());
    Some((end + 1, Kind::String(text)))
}

/// `[any name]`; `\]` and `\\` in it are escaped.
fn bracketed(rest: &str) -> Option<(usize, Kind)> {
    let mut name = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.peek() {
                Some(&(_, next @ (']' | '\\'))) => {
                    chars.next();
                    name.push(next);
                }
                _ => name.push('\\'),
            },
            ']' => {
                let name = Kind::Name {
                    name,
                    literal: true,
                };
                return Some((at + 1, name));
            }
            c => name.push(c),
        }
    }
    None
}
