//! Style declarations of strangers: those stay that change how a box looks and cannot leave it or load anything.

use std::borrow::Cow;

/// Properties that stay, and the beginnings of groups of them.
const PROPERTIES: [&str; 31] = [
    "background",
    "background-color",
    "border-collapse",
    "border-spacing",
    "box-sizing",
    "caption-side",
    "clear",
    "color",
    "direction",
    "display",
    "empty-cells",
    "float",
    "height",
    "letter-spacing",
    "line-height",
    "max-height",
    "max-width",
    "min-height",
    "min-width",
    "opacity",
    "overflow",
    "overflow-wrap",
    "table-layout",
    "unicode-bidi",
    "vertical-align",
    "visibility",
    "white-space",
    "width",
    "word-break",
    "word-spacing",
    "word-wrap",
];
const GROUPS: [&str; 7] = [
    "border",
    "font",
    "list-style",
    "margin",
    "padding",
    "text",
    "quotes",
];

/// Functions that may stand in a value.
const FUNCTIONS: [&str; 10] = [
    "rgb",
    "rgba",
    "hsl",
    "hsla",
    "calc",
    "min",
    "max",
    "clamp",
    "linear-gradient",
    "radial-gradient",
];

/// Properties that the box around a message may have: those that it hands on, and its background. Any other would act on
/// what is beside it.
const OF_THE_BOX: [&str; 8] = [
    "background",
    "background-color",
    "color",
    "direction",
    "letter-spacing",
    "line-height",
    "word-break",
    "word-spacing",
];

/// The declarations of a `style` attribute that are safe, in their order.
pub(crate) fn safe(style: &str) -> String {
    kept(style, |_| true)
}

/// Those of them that the box around a message may have.
pub(crate) fn safe_for_box(style: &str) -> String {
    kept(style, |property| {
        OF_THE_BOX.contains(&property)
            || property.starts_with("font")
            || (property.starts_with("text-") && property != "text-indent")
    })
}

fn kept(style: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    for declaration in declarations(&without_comments(style)) {
        let Some((property, value)) = declaration.split_once(':') else {
            continue;
        };
        let property = property.trim().to_ascii_lowercase();
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if is_property(&property)
            && wanted(&property)
            && is_value(&value)
            && stays_inside(&property, &value)
        {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&property);
            out.push_str(": ");
            out.push_str(&value);
            out.push(';');
        }
    }
    out
}

/// CSS with a space for each comment outside of quotes.
pub(crate) fn without_comments(css: &str) -> Cow<'_, str> {
    if !css.contains("/*") {
        return Cow::Borrowed(css);
    }
    let mut out = String::with_capacity(css.len());
    let (mut quote, mut copied, mut at) = (None, 0, 0);
    let bytes = css.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match (byte, quote) {
            (b'\\', _) => at += 1,
            // A quote that is not closed ends with its line.
            (b'\n', _) => quote = None,
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (b'/', None) if bytes.get(at) == Some(&b'*') => {
                out.push_str(css.get(copied..at - 1).unwrap_or_default());
                out.push(' ');
                let rest = css.get(at + 1..).unwrap_or_default();
                copied = rest.find("*/").map_or(css.len(), |end| at + 1 + end + 2);
                at = copied;
            }
            _ => {}
        }
    }
    out.push_str(css.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// The declarations, split where a semicolon is outside of quotes.
fn declarations(style: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    style.split(move |c: char| {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        c == ';' && quote.is_none()
    })
}

fn is_property(name: &str) -> bool {
    let in_group = |group: &&str| {
        let rest = name.strip_prefix(*group);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    PROPERTIES.contains(&name) || (GROUPS.iter().any(in_group) && is_word(name))
}

fn is_word(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    // These load something.
    letters && !name.ends_with("-image") && !name.ends_with("-image-source")
}

/// A value of plain words, numbers, colours and quoted names: no escapes, no comments, no functions that load or look up
/// something, all that is opened is closed.
fn is_value(value: &str) -> bool {
    let (mut quote, mut depth, mut word) = (None, 0usize, 0);
    for (at, c) in value.char_indices() {
        let plain = c.is_alphanumeric()
            || matches!(
                c,
                ' ' | '#' | '%' | '.' | ',' | '-' | '+' | '_' | '!' | '/' | '*' | '(' | ')'
            );
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (_, _) if !plain => return false,
            ('(', None) => {
                let name = value.get(word..at).unwrap_or_default();
                let known = |known: &&str| known.eq_ignore_ascii_case(name);
                if !FUNCTIONS.iter().any(known) {
                    return false;
                }
                depth += 1;
            }
            (')', None) => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            _ => {}
        }
        if !c.is_alphanumeric() && c != '-' && c != '_' {
            word = at + c.len_utf8();
        }
    }
    let comments = value.contains("/*") || value.contains("*/");
    !value.is_empty() && quote.is_none() && depth == 0 && !comments
}

/// No value that moves a box over what is beside it.
fn stays_inside(property: &str, value: &str) -> bool {
    let negative = value
        .split([' ', ',', '('])
        .any(|part| part.starts_with('-'));
    match property {
        "text-indent" => !negative,
        "display" => !value.to_ascii_lowercase().contains("contents"),
        _ => !(negative && property.starts_with("margin")),
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn safe_declarations() {
        for (style, expected) in [
            ("color:red", "color: red;"),
            (
                "COLOR : #FFF ; font-weight:bold!important",
                "color: #FFF; font-weight: bold!important;",
            ),
            (
                "font-family: 'Segoe UI', Arial; x",
                "font-family: 'Segoe UI', Arial;",
            ),
            (
                "font-family: \"a;b\"; color: rgba(1, 2, 3, .5)",
                "color: rgba(1, 2, 3, .5);",
            ),
            (
                "margin: 0 auto; margin-top: 1.5em",
                "margin: 0 auto; margin-top: 1.5em;",
            ),
            ("margin: 0 -10px; text-indent:-9999px", ""),
            (
                "position:fixed; top:0; z-index: 9; inset: 0; transform: none",
                "",
            ),
            ("background: url(http://x/y)", ""),
            ("background: URL( 'http://x/y' )", ""),
            ("background-color: u\\72l(x)", ""),
            ("width: expression(alert(1))", ""),
            ("width: exp/**/ression(alert(1))", ""),
            ("behavior: url(x.htc); -moz-binding: url(x)", ""),
            (
                "list-style-image: none; border-image: none; border-image-source: none",
                "",
            ),
            ("color: var(--x); --x: red; content: 'x'; cursor: none", ""),
            (
                "color: env(x); width: -webkit-calc(1px); height: attr(x)",
                "",
            ),
            (
                "width: calc(100% - 2 * 1px); color: 'red",
                "width: calc(100% - 2 * 1px);",
            ),
            // What is left open would swallow what follows.
            ("font-family: \"a'b\" 'c; color: red", ""),
            ("color: rgb(1; width: 1px)", ""),
            ("color: rgb(1", ""),
            ("width: 1px)", ""),
            ("width: ((1px))", ""),
            (
                "color: red; /* x: y; z */ width: 1px",
                "color: red; width: 1px;",
            ),
            (
                "font: 12px/1.5\n\tArial ; color: red /*",
                "font: 12px/1.5 Arial; color: red;",
            ),
            (
                "background: linear-gradient(red, #fff)",
                "background: linear-gradient(red, #fff);",
            ),
            ("@import 'x'; animation: x 1s", ""),
            ("borderx: 1px; font_: 1; text\u{e4}: 1", ""),
        ] {
            assert_eq!(safe(style), expected, "{style}");
        }
    }
}
