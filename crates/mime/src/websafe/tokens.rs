//! HTML that the sanitiser wrote, piece by piece. It is well formed (HTML standard, 13.3 Serialising HTML fragments):
//! each element but the void ones has its end tag, attributes are quoted, `<` in a text is written `&lt;`.

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A start tag.
    Open,
    /// An end tag.
    Close,
    /// An element that holds nothing.
    Void,
    /// Characters; of a `style`, its rules.
    Text,
}

/// A piece of HTML.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// Of the element; empty for a text.
    pub(super) name: &'a str,
    /// All of it, as it is written.
    pub(super) text: &'a str,
    /// Place of the other tag of a pair, else its own.
    pub(super) mate: usize,
    /// Place of the start tag it is in.
    pub(super) parent: Option<usize>,
}

impl<'a> Token<'a> {
    /// The value of an attribute, as it is written.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Names and values of the attributes.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = match self.kind {
            Kind::Open | Kind::Void => self.text,
            _ => "",
        };
        std::iter::from_fn(move || {
            let (before, value) = rest.split_once("=\"")?;
            let (value, after) = value.split_once('"')?;
            rest = after;
            Some((before.rsplit(' ').next().unwrap_or_default(), value))
        })
    }

    /// Whether it begins that element.
    pub(super) fn begins(&self, name: &str) -> bool {
        self.kind == Kind::Open && self.name == name
    }
}

const VOID: [&str; 5] = ["br", "col", "hr", "img", "wbr"];

/// The pieces; none if it is not well formed.
pub(super) fn scan(html: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let own = tokens.len();
        let raw = open
            .last()
            .and_then(|at| tokens.get(*at))
            .is_some_and(|token| token.name == "style");
        let length = match (raw, rest.starts_with('<')) {
            (true, _) if !rest.starts_with("</style>") => rest.find("</style>")?,
            (_, true) => tag_length(rest)?,
            _ => rest.find('<').unwrap_or(rest.len()),
        };
        let (text, after) = rest.split_at_checked(length)?;
        rest = after;
        let mut token = Token {
            kind: Kind::Text,
            name: "",
            text,
            mate: own,
            parent: open.last().copied(),
        };
        if let Some(tag) = text.strip_prefix("</") {
            token.kind = Kind::Close;
            token.name = tag.strip_suffix('>')?;
            let start = open.pop()?;
            let opened = tokens.get_mut(start)?;
            if opened.name != token.name {
                return None;
            }
            opened.mate = own;
            token.mate = start;
            token.parent = opened.parent;
        } else if let Some(tag) = text.strip_prefix('<').filter(|_| !raw) {
            token.name = tag.split([' ', '>']).next()?;
            token.kind = if VOID.contains(&token.name) {
                Kind::Void
            } else {
                open.push(own);
                Kind::Open
            };
        }
        tokens.push(token);
    }
    open.is_empty().then_some(tokens)
}

/// Length of the tag at the start.
fn tag_length(tag: &str) -> Option<usize> {
    let mut quoted = false;
    let end = tag.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })?;
    Some(end + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pieces_know_their_place() {
        let html = "a<p title=\"x>y\" class=\"b c\">t<br><b>u</b></p><style>a>b{}</style>";
        let tokens = scan(html).unwrap();
        let text: String = tokens.iter().map(|token| token.text).collect();
        assert_eq!(text, html);
        assert_eq!(tokens[1].attribute("class"), Some("b c"));
        assert_eq!(tokens[1].attribute("title"), Some("x>y"));
        assert_eq!(tokens[1].attribute("style"), None);
        assert_eq!((tokens[1].mate, tokens[7].mate), (7, 1));
        assert_eq!((tokens[3].kind, tokens[3].parent), (Kind::Void, Some(1)));
        assert_eq!((tokens[9].text, tokens[9].kind), ("a>b{}", Kind::Text));
        for broken in ["<p>", "</p>", "<p></b>", "<p", "<style>"] {
            assert!(scan(broken).is_none(), "{broken}");
        }
    }
}
