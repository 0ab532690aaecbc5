//! BODY and BODYSTRUCTURE (RFC 9051 section 7.5.2): a tree of MIME parts.

use crate::envelope::Envelope;
use crate::token::Token;

/// One MIME part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodyPart {
    /// What goes between the brackets of `BODY[...]` to get this part's body: `1`, `2.1`. For a
    /// multipart at the top of a message it is `TEXT` (`2.TEXT` inside a message at `2`).
    pub part: String,
    /// Top-level media type in lower case, `multipart` included; empty when the server sent none.
    pub media_type: String,
    /// Media subtype in lower case.
    pub subtype: String,
    /// Parameters of Content-Type: names in lower case, values raw (RFC 2231 pieces not joined).
    pub params: Vec<(String, Vec<u8>)>,
    /// `Content-ID`.
    pub id: Option<Vec<u8>>,
    /// `Content-Description`.
    pub description: Option<Vec<u8>>,
    /// Content-Transfer-Encoding in lower case; absent on a multipart or when the server sent NIL.
    pub encoding: Option<String>,
    /// Size of the encoded body in bytes.
    pub size: Option<u64>,
    /// Lines of the encoded body, for text and nested messages.
    pub lines: Option<u64>,
    /// `Content-MD5`.
    pub md5: Option<Vec<u8>>,
    /// `Content-Disposition`.
    pub disposition: Option<Disposition>,
    /// `Content-Language`.
    pub language: Vec<String>,
    /// `Content-Location`.
    pub location: Option<Vec<u8>>,
    /// Envelope of a nested message.
    pub envelope: Option<Box<Envelope>>,
    /// Parts of a multipart; of a nested message exactly one, its body.
    pub children: Vec<BodyPart>,
}

/// `Content-Disposition`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disposition {
    /// `inline`, `attachment` and others, in lower case.
    pub kind: String,
    /// Parameters: names in lower case, values raw (RFC 2231 pieces not joined).
    pub params: Vec<(String, Vec<u8>)>,
}

impl BodyPart {
    /// Reads the list that follows `BODYSTRUCTURE` or `BODY`.
    pub fn parse(token: &Token) -> Option<Self> {
        Some(part(token.list()?, "", true))
    }

    /// True for `multipart/*`.
    pub fn is_multipart(&self) -> bool {
        self.media_type == "multipart"
    }

    /// This part and all below it, parents first.
    pub fn walk(&self) -> impl Iterator<Item = &BodyPart> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let part = stack.pop()?;
            stack.extend(part.children.iter().rev());
            Some(part)
        })
    }
}

fn lower(token: Option<&Token>) -> Option<String> {
    token
        .and_then(Token::text)
        .map(|t| t.trim().to_ascii_lowercase())
        .filter(|t| !t.is_empty())
}

/// The first word alone: what belongs to the parameters is sometimes left in the type.
fn word(token: Option<&Token>) -> Option<String> {
    let text = lower(token)?;
    let end = |c: char| c == ';' || c.is_whitespace();
    Some(text.split(end).next().unwrap_or_default().to_owned())
}

/// `prefix` is the number of the enclosing part, `top` says that this is the body of a message.
fn part(items: &[Token], prefix: &str, top: bool) -> BodyPart {
    let nested = items.iter().take_while(|t| t.list().is_some()).count();
    // An empty multipart starts with its subtype, which a parameter list (or NIL) follows; a single
    // part starts with two strings.
    let starts_as_one = items.first().is_some_and(|t| t.bytes().is_some())
        && items.get(1).is_none_or(|t| t.bytes().is_none());
    let empty_multipart = nested == 0 && starts_as_one;
    if nested > 0 || empty_multipart {
        multipart(items, nested, prefix, top)
    } else {
        single(items, prefix, top)
    }
}

fn join(prefix: &str, last: impl std::fmt::Display) -> String {
    if prefix.is_empty() {
        last.to_string()
    } else {
        format!("{prefix}.{last}")
    }
}

fn multipart(items: &[Token], nested: usize, prefix: &str, top: bool) -> BodyPart {
    let rest = items.get(nested..).unwrap_or_default();
    let children = items
        .iter()
        .take(nested)
        .filter_map(Token::list)
        .enumerate()
        .map(|(i, child)| part(child, &join(prefix, i + 1), false))
        .collect();
    let mut out = BodyPart {
        part: if top {
            join(prefix, "TEXT")
        } else {
            prefix.to_owned()
        },
        media_type: "multipart".into(),
        subtype: word(rest.first()).unwrap_or_default(),
        params: params(rest.get(1)),
        children,
        ..BodyPart::default()
    };
    extension(&mut out, rest.get(2..).unwrap_or_default());
    out
}

fn single(items: &[Token], prefix: &str, top: bool) -> BodyPart {
    let number = if top {
        join(prefix, 1)
    } else {
        prefix.to_owned()
    };
    let text = |i: usize| items.get(i).and_then(Token::raw);
    let mut out = BodyPart {
        media_type: word(items.first()).unwrap_or_default(),
        subtype: word(items.get(1)).unwrap_or_default(),
        params: params(items.get(2)),
        id: text(3),
        description: text(4),
        encoding: lower(items.get(5)),
        size: items.get(6).and_then(Token::u64),
        ..BodyPart::default()
    };
    let mut next = 7;
    let is_message =
        out.media_type == "message" && matches!(out.subtype.as_str(), "rfc822" | "global");
    // Some servers leave the nested structure out; then the extension data follows at once.
    if is_message && items.get(8).is_some_and(|t| t.list().is_some()) {
        out.envelope = items.get(7).and_then(Envelope::parse).map(Box::new);
        if let Some(body) = items.get(8).and_then(Token::list) {
            out.children.push(part(body, &number, true));
        }
        out.lines = items.get(9).and_then(Token::u64);
        next = 10;
    } else if out.media_type == "text" {
        out.lines = items.get(7).and_then(Token::u64);
        next = 8;
    }
    out.part = number;
    let rest = items.get(next..).unwrap_or_default();
    out.md5 = rest.first().and_then(Token::raw);
    extension(&mut out, rest.get(1..).unwrap_or_default());
    out
}

/// Disposition, language, location; what comes after them is not defined.
fn extension(out: &mut BodyPart, items: &[Token]) {
    out.disposition = items.first().and_then(|t| match t {
        Token::List(d) => Some(Disposition {
            kind: lower(d.first())?,
            params: params(d.get(1)),
        }),
        // Not by the book, but seen: the bare word.
        other => Some(Disposition {
            kind: lower(Some(other))?,
            params: Vec::new(),
        }),
    });
    out.language = match items.get(1) {
        Some(list @ Token::List(_)) => list.strings(),
        Some(one) => one.string().into_iter().collect(),
        None => Vec::new(),
    };
    out.location = items.get(2).and_then(Token::raw);
}

fn params(token: Option<&Token>) -> Vec<(String, Vec<u8>)> {
    token
        .and_then(Token::list)
        .unwrap_or_default()
        .chunks(2)
        .filter_map(|pair| {
            let name = lower(pair.first())?;
            Some((name, pair.get(1).and_then(Token::raw).unwrap_or_default()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use bytes::Bytes;

    fn read(text: &'static str) -> BodyPart {
        let tokens = crate::token::parse_text(&Bytes::from_static(text.as_bytes()));
        BodyPart::parse(&tokens[0]).unwrap()
    }

    fn numbers(part: &BodyPart) -> Vec<String> {
        part.walk()
            .map(|p| format!("{} {}/{}", p.part, p.media_type, p.subtype))
            .collect()
    }

    #[test]
    fn part_numbers() {
        let p = read(
            r#"(("TEXT" "PLAIN" ("CHARSET" "x") NIL NIL "7BIT" 1 1)(("TEXT" "HTML" NIL NIL NIL "7BIT" 1 1)("IMAGE" "PNG" NIL "<c>" NIL "BASE64" 5) "RELATED")("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 500 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1)("A" "B" NIL NIL NIL "7BIT" 1) "MIXED") 20)("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 500 (NIL "t" NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1) 20 NIL ("attachment" ("filename*0*" "utf-8''a" "FILENAME*1" "b"))) "MIXED")"#,
        );
        assert_eq!(
            numbers(&p),
            [
                "TEXT multipart/mixed",
                "1 text/plain",
                "2 multipart/related",
                "2.1 text/html",
                "2.2 image/png",
                "3 message/rfc822",
                "3.TEXT multipart/mixed",
                "3.1 text/plain",
                "3.2 a/b",
                "4 message/rfc822",
                "4.1 text/plain",
            ]
        );
        let last = &p.children[3];
        assert_eq!(last.lines, Some(20));
        let d = last.disposition.as_ref().unwrap();
        assert_eq!(d.kind, "attachment");
        assert_eq!(d.params[0], ("filename*0*".into(), b"utf-8''a".to_vec()));
        assert_eq!(d.params[1], ("filename*1".into(), b"b".to_vec()));
        assert_eq!(last.envelope.as_ref().unwrap().subject, Some(b"t".to_vec()));
    }

    #[test]
    fn broken_structures() {
        let p = read(r#"("MIXED" ("BOUNDARY" "x") NIL NIL)"#);
        assert_eq!(
            (p.is_multipart(), p.subtype.as_str(), p.params.len()),
            (true, "mixed", 1)
        );
        let p = read(r#"("TEXT" "PLAIN" NIL NIL NIL NIL -1 -1)"#);
        assert_eq!(
            (p.part.as_str(), p.encoding, p.size, p.lines),
            ("1", None, None, None)
        );
        let p = read(r#"("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 5 NIL ("attachment" NIL))"#);
        assert!(p.part == "1");
        for text in ["()", "(NIL)", "(NIL NIL NIL)", "((()))", "(\"x\")"] {
            let _ = read(text);
        }
    }
}
