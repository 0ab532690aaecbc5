//! Style declarations of strangers: those stay that change how a box looks and cannot leave it or load anything.

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
const FUNCTIONS: [&str; 4] = ["rgb", "rgba", "hsl", "hsla"];

/// The declarations of a `style` attribute that are safe, in their order.
pub(crate) fn safe(style: &str) -> String {
    let mut out = String::new();
    for declaration in declarations(style) {
        let Some((property, value)) = declaration.split_once(':') else {
            continue;
        };
        let property = property.trim().to_ascii_lowercase();
        let value = value.trim();
        if is_property(&property) && is_value(value) && stays_inside(&property, value) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&property);
            out.push_str(": ");
            out.push_str(value);
            out.push(';');
        }
    }
    out
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

/// A value of plain words, numbers, colours and quoted names: no escapes, no comments, no functions but for colours.
fn is_value(value: &str) -> bool {
    let plain = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                ' ' | '#' | '%' | '.' | ',' | '-' | '+' | '_' | '!' | '(' | ')' | '"' | '\''
            )
    };
    let quotes = |quote| value.matches(quote).count() % 2 == 0;
    let functions = value.match_indices('(').all(|(at, _)| {
        let before = value.get(..at).unwrap_or_default();
        let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let name = name.into_iter().next().unwrap_or_default();
        FUNCTIONS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    });
    !value.is_empty() && value.chars().all(plain) && quotes('"') && quotes('\'') && functions
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
            ("width: calc(100% + 1px); color: 'red", ""),
            ("@import 'x'; animation: x 1s", ""),
            ("borderx: 1px; font_: 1; text\u{e4}: 1", ""),
        ] {
            assert_eq!(safe(style), expected, "{style}");
        }
    }
}
