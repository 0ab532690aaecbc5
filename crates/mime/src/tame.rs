//! A look at the tags of an HTML document before a parser builds a tree of it: a parser takes time by depth, and what
//! lays the tree out takes stack.
//!
//! It follows the tree construction of the HTML standard as far as that ends elements, and where it is in doubt it takes
//! an element for open.

/// Most elements that formatting left open may multiply to.
const MAX_REOPENED: usize = 400_000;

/// Most bytes that writing a document out may look at.
const MAX_WRITTEN: u64 = 4_000_000_000;

/// Elements that end a text wherever they begin, unless what they are in is dropped.
const SPLITTING: [&str; 17] = [
    "a",
    "b",
    "blockquote",
    "br",
    "center",
    "div",
    "em",
    "font",
    "hr",
    "i",
    "img",
    "li",
    "p",
    "span",
    "strong",
    "table",
    "u",
];

/// Elements that hold nothing, or that a parser closes by itself, wherever they stand.
const FLAT: [&str; 11] = [
    "br", "hr", "img", "meta", "embed", "p", "li", "dt", "dd", "head", "body",
];

/// The same, but inside SVG and MathML they nest.
const FLAT_HTML: [&str; 19] = [
    "area", "base", "col", "input", "link", "param", "source", "track", "wbr", "tr", "td", "th",
    "option", "tbody", "thead", "tfoot", "caption", "colgroup", "html",
];

/// Elements that a parser opens again in every block until they are closed. Closed, they leave open what is inside.
const FORMATTING: [&str; 14] = [
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
];

/// Elements whose end tag closes what is inside them.
const BLOCKS: [&str; 30] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "listing",
    "main",
    "menu",
    "nav",
    "ol",
    "pre",
    "section",
    "summary",
    "ul",
];

/// The same, and end tags inside them close nothing outside.
const BARRIERS: [&str; 19] = [
    "table",
    "template",
    "object",
    "marquee",
    "applet",
    "button",
    "select",
    "svg",
    "math",
    "foreignobject",
    "noscript",
    "script",
    "style",
    "title",
    "textarea",
    "xmp",
    "iframe",
    "noembed",
    "noframes",
];

/// Of these, those whose content is text whatever it looks like, unless they are inside SVG or MathML.
const RAW: [&str; 8] = [
    "script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Formatting,
    Form,
    Block,
    Barrier,
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "form" => Self::Form,
            name if FORMATTING.contains(&name) => Self::Formatting,
            name if BLOCKS.contains(&name) => Self::Block,
            name if BARRIERS.contains(&name) => Self::Barrier,
            _ => Self::Other,
        }
    }
}

/// Whether a document can be parsed within bounds: its elements nest no deeper than `max_depth`, and formatting that is
/// left open does not multiply. Linear in the document.
pub(crate) fn is_tame(html: &str, max_depth: usize) -> bool {
    let mut open: Vec<(String, Kind)> = Vec::new();
    let (mut most_formats, mut tags) = (0usize, 0usize);
    let mut foreign = false;
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = rest.get(start + 1..).unwrap_or_default();
        let closing = rest.starts_with('/');
        let tag = rest.strip_prefix('/').unwrap_or(rest);
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // Where a section of characters ends depends on where it stands.
            if foreign && rest.starts_with("![CDATA[") {
                return false;
            }
            rest = after_comment(rest);
            continue;
        }
        let end = tag
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
            .unwrap_or(tag.len());
        let (name, attributes) = tag.split_at_checked(end).unwrap_or((tag, ""));
        let name = name.to_ascii_lowercase();
        rest = after_attributes(attributes);
        tags += 1;
        if closing {
            close(&mut open, &name);
            continue;
        }
        foreign |= matches!(name.as_str(), "svg" | "math");
        let flat = |list: &[&str]| list.contains(&name.as_str());
        if flat(&FLAT) || (!foreign && flat(&FLAT_HTML)) {
            continue;
        }
        if !foreign && RAW.contains(&name.as_str()) {
            rest = after_raw(rest, &name);
            continue;
        }
        let kind = Kind::of(&name);
        open.push((name, kind));
        if open.len() > max_depth {
            return false;
        }
        if kind == Kind::Formatting {
            let formats = open.iter().filter(|(_, kind)| *kind == Kind::Formatting);
            most_formats = most_formats.max(formats.count());
        }
    }
    most_formats * tags <= MAX_REOPENED
}

/// Whether a document can be written out again quickly. The serialiser of html5ever 0.40 looks for the next angle in the
/// rest of a text at each `&` and each no-break space of it; a long text of them takes minutes. Linear in the document.
pub(crate) fn is_quickly_written(html: &str) -> bool {
    let mut work = 0u64;
    let (mut signs, mut length) = (0u64, 0u64);
    for piece in html.split('<') {
        // A tag that is not sure to become an element may leave one text where two were.
        let name = piece.split(|c: char| !c.is_ascii_alphanumeric()).next();
        if name.is_some_and(|name| SPLITTING.iter().any(|one| one.eq_ignore_ascii_case(name))) {
            work = work.saturating_add(signs.saturating_mul(length));
            (signs, length) = (0, 0);
        }
        // 0xc2 is the first byte of a no-break space.
        signs += piece
            .bytes()
            .filter(|byte| matches!(byte, b'&' | 0xc2))
            .count() as u64;
        length += piece.len() as u64 + 1;
    }
    work.saturating_add(signs.saturating_mul(length)) <= MAX_WRITTEN
}

/// What follows a sign that begins no tag, or a comment of any sort.
fn after_comment(rest: &str) -> &str {
    let after = |end: Option<usize>, length: usize| {
        end.and_then(|end| rest.get(end + length..))
            .unwrap_or_default()
    };
    let Some(comment) = rest.strip_prefix("!--") else {
        return if rest.starts_with(['!', '?', '/']) {
            after(rest.find('>'), 1)
        } else {
            rest
        };
    };
    for short in [">", "->"] {
        if let Some(rest) = comment.strip_prefix(short) {
            return rest;
        }
    }
    let mut at = 3;
    while let Some(dashes) = rest.get(at..).and_then(|rest| rest.find("--")) {
        let dashes = at + dashes;
        let end = rest.get(dashes + 2..).unwrap_or_default();
        for sign in [">", "!>"] {
            if let Some(rest) = end.strip_prefix(sign) {
                return rest;
            }
        }
        at = dashes + 1;
    }
    ""
}

/// What follows the attributes of a tag.
fn after_attributes(tag: &str) -> &str {
    enum At {
        BeforeName,
        Name,
        AfterName,
        BeforeValue,
        Quoted(u8),
        Unquoted,
    }
    let mut at = At::BeforeName;
    for (index, byte) in tag.bytes().enumerate() {
        let space = byte.is_ascii_whitespace();
        at = match (at, byte) {
            (At::Quoted(quote), byte) if byte == quote => At::BeforeName,
            (At::Quoted(quote), _) => At::Quoted(quote),
            (_, b'>') => return tag.get(index + 1..).unwrap_or_default(),
            (At::BeforeValue, b'"' | b'\'') => At::Quoted(byte),
            (At::BeforeValue, _) if space => At::BeforeValue,
            (At::BeforeValue, _) => At::Unquoted,
            (At::Unquoted, _) if space => At::BeforeName,
            (At::Unquoted, _) => At::Unquoted,
            (_, b'/') => At::BeforeName,
            (At::Name | At::AfterName, b'=') => At::BeforeValue,
            (At::Name | At::AfterName, _) if space => At::AfterName,
            (At::BeforeName, _) if space => At::BeforeName,
            (At::BeforeName | At::Name | At::AfterName, _) => At::Name,
        };
    }
    ""
}

/// The end tag of an element whose content is text, and what follows.
fn after_raw<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|rest| rest.find("</")) {
        at += found + 2;
        let tag = rest.get(at..).unwrap_or_default();
        let is_it = tag
            .get(..name.len())
            .is_some_and(|tag| tag.eq_ignore_ascii_case(name));
        if is_it {
            return rest.get(at - 2..).unwrap_or_default();
        }
    }
    ""
}

/// Closes the nearest element of that name, and what is inside it where a parser does so.
fn close(open: &mut Vec<(String, Kind)>, name: &str) {
    let own = Kind::of(name);
    for at in (0..open.len()).rev() {
        let Some((known, kind)) = open.get(at) else {
            return;
        };
        if known == name {
            if matches!(own, Kind::Formatting | Kind::Form) {
                open.remove(at);
            } else {
                // Formatting goes on after it.
                let inside = open.split_off(at);
                let inside = inside.into_iter().skip(1);
                open.extend(inside.filter(|(_, kind)| *kind == Kind::Formatting));
            }
            return;
        }
        let stops = match own {
            Kind::Other => matches!(kind, Kind::Block | Kind::Barrier | Kind::Form),
            _ => *kind == Kind::Barrier,
        };
        if stops {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_quickly_written, is_tame};

    #[test]
    fn signs_in_one_text_are_many() {
        for piece in ["&amp;", "\u{a0}", "&</x>", "&<td>", "<wbr title=\"&\">"] {
            assert!(!is_quickly_written(&piece.repeat(100_000)), "{piece}");
            assert!(is_quickly_written(&piece.repeat(1000)), "{piece}");
        }
        assert!(is_quickly_written(&"<p>&nbsp;&amp;".repeat(100_000)));
    }

    #[test]
    fn depth_that_is_hidden_is_found() {
        for piece in [
            "<div>",
            "<div></x>",
            "<div><!--</div>-->",
            "<div><!-- > </div> -->",
            "<div><!x </div>",
            "<div><?x </div>",
            "<div></ </div>",
            "<div title='</div>'>",
            "<div =\"><div><div \">",
            "<div><script></div></script>",
            "<div><noscript></div></noscript>",
            "<svg><foreignObject><div><style></div></style>",
            "<svg></svg><div/>",
            "<svg><g><![CDATA[></g>]]>",
            "<svg><td>",
            "<div><table><tr><td></div>",
            "<b><div></b>",
            "<form><div></form>",
            "<x><div></x>",
            "<x><b></x>",
            "<div></body></html>",
            "<tbody><div></tbody>",
            "<head><div></head>",
            "<!--><div>",
            "<!--->  <div>",
        ] {
            assert!(!is_tame(&piece.repeat(1000), 128), "{piece}");
        }
    }

    #[test]
    fn long_documents_are_tame() {
        for piece in [
            "<p>a<br>b",
            "<div><p>a</div>",
            "<table><tbody><tr><td><b>x</b><td>y</table>",
            "<!-- <div> --><div title=\"<div>\">x</div>",
            "<!--[if mso]><table><tr><td><![endif]-->",
            "<style>a > b { }</style><ul><li>x</ul>",
            "<a href='x'><img src=y></a> <span>x</span>",
            "1 < 2 and <3",
        ] {
            assert!(is_tame(&piece.repeat(1000), 128), "{piece}");
        }
    }
}
