//! Address lists (RFC 5322 section 3.4), as tolerant as a mail reader has to be.

use posthouse_model::message::Address;

use crate::word;

/// A piece of an address list.
#[derive(Debug)]
enum Token {
    /// Outside quotes.
    Plain(Vec<u8>),
    /// A quoted string, unescaped.
    Quoted(Vec<u8>),
    /// An encoded word, as written.
    Encoded(Vec<u8>),
}

impl Token {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) | Self::Quoted(bytes) | Self::Encoded(bytes) => bytes,
        }
    }
}

/// The mailbox being read.
#[derive(Debug, Default)]
struct Draft {
    /// Tokens of the phrase, each with whether white space stands before it.
    tokens: Vec<(bool, Token)>,
    angle: Option<Vec<u8>>,
    /// The brackets, or a word outside quotes, have an `@`.
    has_at: bool,
    /// After `[`, before `]`.
    in_square: bool,
    comment: Vec<u8>,
}

/// Reads the addresses of a header value, encoded words decoded.
///
/// A group gives an entry with its name and an empty address, then its members. Understood besides the
/// standard: `;` between addresses, commas inside encoded words, missing brackets, unclosed quotes and
/// comments, a display name in a trailing comment. Linear in the input.
#[must_use]
pub fn parse_addresses(raw: &[u8]) -> Vec<Address> {
    let raw = word::unfold(raw);
    let mut out = Vec::new();
    let mut draft = Draft::default();
    let mut space = false;
    // Set once a search for a closing character failed: there is none further on either.
    let (mut no_quote, mut no_comment) = (false, false);
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let rest = raw.get(at..).unwrap_or_default();
        match byte {
            b',' | b';' => {
                draft.finish(&mut out);
                at += 1;
            }
            b'"' if !no_quote => match quoted(rest) {
                Some((text, len)) => {
                    draft.tokens.push((space, Token::Quoted(text)));
                    at += len;
                }
                None => {
                    no_quote = true;
                    continue;
                }
            },
            b'(' if !no_comment => match comment(rest) {
                Some((text, len)) => {
                    if !draft.comment.is_empty() {
                        draft.comment.push(b' ');
                    }
                    draft.comment.extend_from_slice(text);
                    at += len;
                }
                None => {
                    no_comment = true;
                    continue;
                }
            },
            b'<' => {
                let (address, len) = angle(rest);
                // A later pair wins only over one that is no address.
                if draft.angle.is_none() || !draft.has_at {
                    draft.has_at = address.contains(&b'@');
                    draft.angle = Some(address);
                }
                at += len;
            }
            b':' if draft.is_group_name() => {
                let name = draft.phrase();
                out.push(Address {
                    name: some(name),
                    address: String::new(),
                });
                draft = Draft::default();
                at += 1;
            }
            b'=' if word::scan(rest).is_some() => {
                let len = word::scan(rest).map_or(1, |word| word.len);
                let text = rest.get(..len).unwrap_or_default().to_vec();
                draft.tokens.push((space, Token::Encoded(text)));
                at += len;
            }
            // Without its partner, like `Bob bob@example.com>`.
            b'>' => at += 1,
            b' ' | b'\t' => {
                at += 1;
                space = true;
                continue;
            }
            other => {
                draft.has_at |= other == b'@' && draft.angle.is_none();
                draft.in_square = other == b'[' || draft.in_square && other != b']';
                match draft.tokens.last_mut() {
                    Some((_, Token::Plain(text))) if !space => text.push(other),
                    _ => draft.tokens.push((space, Token::Plain(vec![other]))),
                }
                at += 1;
            }
        }
        space = false;
    }
    draft.finish(&mut out);
    out
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A quoted string at the start of `input`: its text and its length.
fn quoted(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut text = Vec::new();
    let mut at = 1;
    loop {
        match *input.get(at)? {
            b'"' => return Some((text, at + 1)),
            b'\\' => {
                text.push(*input.get(at + 1)?);
                at += 2;
            }
            other => {
                text.push(other);
                at += 1;
            }
        }
    }
}

/// A comment at the start of `input` (nested ones inside): its text and its length.
fn comment(input: &[u8]) -> Option<(&[u8], usize)> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        match byte {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some((input.get(1..at)?, at + 1));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// `<address>` at the start of `input`: the address without white space, comments and route, and its length.
/// Unclosed, it ends at the next comma or the end.
fn angle(input: &[u8]) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut in_quotes = false;
    // Of `<<address>>` the inner ones.
    let mut at = input.iter().take_while(|b| **b == b'<').count();
    let mut depth = 0usize;
    let mut end = input.len();
    while let Some(&byte) = input.get(at) {
        at += 1;
        match byte {
            b'\\' if in_quotes => {
                text.push(byte);
                if let Some(&next) = input.get(at) {
                    text.push(next);
                    at += 1;
                }
                continue;
            }
            b'(' if !in_quotes => {
                depth += 1;
                continue;
            }
            b')' if depth > 0 => {
                depth -= 1;
                continue;
            }
            b'"' if depth == 0 => in_quotes = !in_quotes,
            b'>' if !in_quotes => {
                end = at;
                break;
            }
            // A route (`<@a,@b:user@c>`) has commas too.
            b',' if !in_quotes && text.first() != Some(&b'@') => {
                end = at - 1;
                break;
            }
            b' ' | b'\t' if !in_quotes => continue,
            _ if depth > 0 => continue,
            _ => {}
        }
        text.push(byte);
    }
    if text
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"mailto:"))
    {
        text.drain(..7);
    }
    if text.first() == Some(&b'@')
        && let Some(colon) = text.iter().position(|&b| b == b':')
    {
        text.drain(..=colon);
    }
    (text, end)
}

impl Draft {
    fn is_group_name(&self) -> bool {
        // `Bob [mailto:bob@example.com]` is none.
        self.angle.is_none() && !self.has_at && !self.tokens.is_empty() && !self.in_square
    }

    /// The tokens as a display name.
    fn phrase(&self) -> String {
        phrase(&self.tokens)
    }

    fn finish(&mut self, out: &mut Vec<Address>) {
        let draft = std::mem::take(self);
        let comment = || some(word::decode_text(&draft.comment));
        if let Some(angle) = &draft.angle {
            let name = some(draft.phrase()).or_else(comment);
            out.push(Address {
                name,
                address: word::decode_text(angle),
            });
            return;
        }
        if draft.tokens.is_empty() {
            return;
        }
        // No brackets: words with an @ are addresses, the others a name.
        let mut addresses: Vec<Vec<u8>> = Vec::new();
        let mut names: Vec<(bool, Token)> = Vec::new();
        // The last address is not whole; the last word was part of an address.
        let (mut glue, mut touches) = (false, false);
        for group in words(draft.tokens) {
            let at = group
                .iter()
                .any(|token| matches!(token, Token::Plain(text) if text.contains(&b'@')));
            let ends_open = matches!(group.last(), Some(Token::Plain(text)) if text.ends_with(b"@") || text.ends_with(b"."));
            let starts_open =
                matches!(group.first(), Some(Token::Plain(text)) if text.starts_with(b"@"));
            let goes_on =
                matches!(group.first(), Some(Token::Plain(text)) if text.starts_with(b"."));
            let glue_now = glue || goes_on && !addresses.is_empty() && touches;
            touches = at || glue_now;
            if at || glue_now {
                let mut address = Vec::new();
                // `user @ host . com` is one address in five words.
                if glue_now && let Some(open) = addresses.pop() {
                    address = open;
                } else if starts_open && let Some((_, name)) = names.pop() {
                    address = raw(&name);
                }
                for token in &group {
                    address.extend_from_slice(&raw(token));
                }
                addresses.push(without_mailto(address));
                glue = ends_open;
            } else {
                names.extend(
                    group
                        .into_iter()
                        .enumerate()
                        .map(|(index, token)| (index == 0, token)),
                );
            }
        }
        let name = some(phrase(&names)).or_else(comment);
        match addresses.as_slice() {
            // Without any @: one word is a local part, several are a name.
            [] => match names.as_slice() {
                [(_, Token::Plain(only))] => {
                    out.push(Address {
                        name: comment(),
                        address: word::decode_text(only),
                    });
                }
                _ => out.push(whole_in_name(name.unwrap_or_default())),
            },
            [only] => out.push(Address {
                name,
                address: word::decode_text(only),
            }),
            many => {
                out.extend(many.iter().map(|a| Address {
                    name: None,
                    address: word::decode_text(a),
                }));
            }
        }
    }
}

/// A name without an address. Some programs encode the whole mailbox, brackets and all.
fn whole_in_name(name: String) -> Address {
    let whole = name
        .strip_suffix('>')
        .and_then(|start| start.rsplit_once('<'))
        .filter(|(_, address)| address.contains('@') && !address.contains(char::is_whitespace));
    match whole {
        Some((name, address)) => Address {
            name: some(name.trim().to_owned()),
            address: address.to_owned(),
        },
        None => Address {
            name: some(name),
            address: String::new(),
        },
    }
}

/// `[mailto:bob@example.com]`, as some programs write what they show.
fn without_mailto(address: Vec<u8>) -> Vec<u8> {
    address
        .strip_prefix(b"[mailto:")
        .and_then(|rest| rest.strip_suffix(b"]"))
        .map(<[u8]>::to_vec)
        .unwrap_or(address)
}

/// Tokens that touch each other, together.
fn words(tokens: Vec<(bool, Token)>) -> Vec<Vec<Token>> {
    let mut out: Vec<Vec<Token>> = Vec::new();
    for (space, token) in tokens {
        match out.last_mut() {
            Some(word) if !space => word.push(token),
            _ => out.push(vec![token]),
        }
    }
    out
}

/// The token as it stands in an address.
fn raw(token: &Token) -> Vec<u8> {
    match token {
        Token::Quoted(text) => {
            let mut out = vec![b'"'];
            for &byte in text {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
            out
        }
        other => other.bytes().to_vec(),
    }
}

fn phrase(tokens: &[(bool, Token)]) -> String {
    let mut joined = Vec::new();
    for (space, token) in tokens {
        if *space && !joined.is_empty() {
            joined.push(b' ');
        }
        joined.extend_from_slice(token.bytes());
    }
    let text = word::decode_text(&joined);
    // Quotes inside an encoded word are a common mistake.
    match text
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'))
    {
        Some(inner) => inner.trim().to_owned(),
        None => text,
    }
}
