//! Style sheets of strangers, made to hold inside one box (CSS Syntax Level 3, Selectors Level 4).
//!
//! What comes out is written anew from what was understood: selectors of names and a few pseudo-classes, each below the
//! class of the box, declarations as in a `style` attribute, media queries around them. Anything else is left out: all
//! other at-rules (they load, or name things for the whole page), attribute selectors, escapes.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use super::{BOX, PREFIX};
use crate::style;

/// Most rules that stay, and most bytes of them.
const MAX_RULES: usize = 4000;
const MAX_SIZE: usize = 256 << 10;
/// Longest selector, parts joined by combinators.
const MAX_PARTS: usize = 12;

/// Pseudo-classes and pseudo-elements that may stand in a selector.
const PSEUDO: [&str; 14] = [
    ":active",
    ":empty",
    ":first-child",
    ":first-letter",
    ":first-line",
    ":first-of-type",
    ":focus",
    ":hover",
    ":last-child",
    ":last-of-type",
    ":link",
    ":only-child",
    ":visited",
    "::first-line",
];

/// Rules for one kind of elements.
#[derive(Hash)]
struct Rule {
    /// The query they are under; empty for none.
    media: String,
    /// Below the class of the box; empty for the box itself.
    selectors: Vec<String>,
    declarations: String,
}

/// The class of the box, and the rules for what is in it; none if no rule is left.
///
/// The class is made of the rules: two messages on one page do not dress each other, and what was scoped before comes out
/// the same.
pub(super) fn scoped(css: &str) -> Option<(String, String)> {
    let css = style::without_comments(css);
    let mut rules = Vec::new();
    read(&css, "", &mut rules, &mut 0);
    if rules.is_empty() {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    rules.hash(&mut hasher);
    let class = format!("{BOX}-{:016x}", hasher.finish());
    let mut out = String::new();
    let mut media = String::new();
    for rule in &rules {
        if rule.media != media {
            if !media.is_empty() {
                out.push_str("}\n");
            }
            media.clone_from(&rule.media);
            if !media.is_empty() {
                out.push_str(&format!("@media {media}{{\n"));
            }
        }
        for (index, selector) in rule.selectors.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            out.push_str(&format!(".{class}{selector}"));
        }
        out.push_str(&format!("{{{}}}\n", rule.declarations));
    }
    if !media.is_empty() {
        out.push_str("}\n");
    }
    Some((class, out))
}

/// Reads rules; `media` is the query they are under, `size` what the rules take.
fn read(css: &str, media: &str, rules: &mut Vec<Rule>, size: &mut usize) {
    let mut rest = css;
    loop {
        rest = rest.trim_start();
        // What hid style sheets from browsers of the last century.
        if let Some(after) = ["<!--", "-->"]
            .iter()
            .find_map(|sign| rest.strip_prefix(sign))
        {
            rest = after;
            continue;
        }
        let at_rule = rest.starts_with('@');
        let stops: &[u8] = if at_rule { b"{;" } else { b"{" };
        let Some((prelude, after)) = split(rest, stops) else {
            return;
        };
        if rest.as_bytes().get(prelude.len()) == Some(&b';') {
            rest = after;
            continue;
        }
        // A block that is not closed ends with the sheet.
        let (block, after) = split(after, b"}").unwrap_or((after, ""));
        rest = after;
        if at_rule {
            let query = prelude
                .get(..6)
                .filter(|name| name.eq_ignore_ascii_case("@media"))
                .and_then(|_| query(prelude.get(6..).unwrap_or_default()));
            if let (Some(query), "") = (query, media) {
                read(block, &query, rules, size);
            }
            continue;
        }
        let read: Vec<_> = prelude.split(',').filter_map(selector).collect();
        let (own, inner): (Vec<_>, Vec<_>) = read.into_iter().partition(String::is_empty);
        for (selectors, declarations) in [
            (own, style::safe_for_box(block)),
            (inner, style::safe(block)),
        ] {
            if selectors.is_empty() || declarations.is_empty() {
                continue;
            }
            let prefix = media.len() + BOX.len() + 20;
            let parts = selectors.iter().map(|one| one.len() + prefix);
            *size += parts.sum::<usize>() + declarations.len();
            if rules.len() >= MAX_RULES || *size > MAX_SIZE {
                return;
            }
            rules.push(Rule {
                media: media.to_owned(),
                selectors,
                declarations,
            });
        }
    }
}

/// What is before and after the first of `stops` outside of quotes and brackets.
fn split<'a>(css: &'a str, stops: &[u8]) -> Option<(&'a str, &'a str)> {
    let (mut quote, mut closers) = (None, Vec::new());
    let mut escaped = false;
    for (at, byte) in css.bytes().enumerate() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match (byte, quote) {
            (b'\\', _) => escaped = true,
            (b'\n', _) => quote = None,
            (byte, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (byte, None) if closers.is_empty() && stops.contains(&byte) => {
                return Some((css.get(..at)?, css.get(at + 1..)?));
            }
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'(', None) => closers.push(b')'),
            (b'[', None) => closers.push(b']'),
            (b'{', None) => closers.push(b'}'),
            (byte, None) if closers.last() == Some(&byte) => {
                closers.pop();
            }
            _ => {}
        }
    }
    None
}

/// A media query of words, numbers and brackets.
fn query(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut depth = 0i32;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' | ',' | ':' | '-' | '.' => {}
            c if c.is_ascii_alphanumeric() => {}
            _ => return None,
        }
        if !(0..4).contains(&depth) {
            return None;
        }
    }
    (depth == 0 && !text.is_empty() && text.len() < 500).then(|| text.to_ascii_lowercase())
}

/// A selector as it stands below the class of the box; empty for the box itself.
fn selector(text: &str) -> Option<String> {
    let mut parts = parts(text)?;
    // The document of the message is the box; so is a box that it was put into before.
    let mut boxed = false;
    while parts.first().is_some_and(|(_, part)| is_box(part)) {
        parts.remove(0);
        boxed = true;
        // Beside the box is the page.
        if parts
            .first()
            .is_some_and(|(sign, _)| *sign == '+' || *sign == '~')
        {
            return None;
        }
    }
    if !boxed && parts.is_empty() {
        return None;
    }
    let mut out = String::new();
    for (sign, part) in parts {
        out.push(sign);
        out.push_str(&compound(part)?);
    }
    Some(out)
}

fn is_box(part: &str) -> bool {
    let before = part
        .strip_prefix('.')
        .and_then(|class| class.strip_prefix(BOX))
        .and_then(|class| class.strip_prefix('-'));
    part.eq_ignore_ascii_case("html")
        || part.eq_ignore_ascii_case("body")
        || before.is_some_and(is_hash)
}

/// Whether it is what is put behind the class of a box.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The parts of a selector, each with the combinator before it.
fn parts(text: &str) -> Option<Vec<(char, &str)>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    let mut sign = ' ';
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '>' | '+' | '~'))
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at_checked(end)?;
        if part.is_empty() || parts.len() >= MAX_PARTS {
            return None;
        }
        parts.push((sign, part));
        let after = after.trim_start();
        sign = after
            .chars()
            .next()
            .filter(|c| matches!(c, '>' | '+' | '~'))
            .unwrap_or(' ');
        rest = after.strip_prefix(sign).unwrap_or(after).trim_start();
        if rest.is_empty() && sign != ' ' {
            return None;
        }
    }
    Some(parts)
}

/// A part of a selector with the names of the message's own; none if there is something in it that is not known.
fn compound(part: &str) -> Option<String> {
    let mut out = String::new();
    let end = part.find(['.', '#', ':']).unwrap_or(part.len());
    let (element, mut rest) = part.split_at_checked(end)?;
    let known = element.is_empty() || element == "*" || is_name(element);
    let outside = ["html", "body"]
        .iter()
        .any(|name| element.eq_ignore_ascii_case(name));
    if !known || outside {
        return None;
    }
    out.push_str(&element.to_ascii_lowercase());
    while !rest.is_empty() {
        let sign = rest.get(..1)?;
        let from = if rest.starts_with("::") { 2 } else { 1 };
        let end = rest
            .get(from..)?
            .find(['.', '#', ':'])
            .map_or(rest.len(), |end| from + end);
        let (whole, after) = rest.split_at_checked(end)?;
        if sign == ":" {
            let pseudo = whole.to_ascii_lowercase();
            if !PSEUDO.contains(&pseudo.as_str()) && !is_nth(&pseudo) {
                return None;
            }
            out.push_str(&pseudo);
        } else {
            let name = whole.get(1..).filter(|name| is_name(name))?;
            out.push_str(sign);
            if !name.starts_with(PREFIX) {
                out.push_str(PREFIX);
            }
            out.push_str(name);
        }
        rest = after;
    }
    Some(out)
}

fn is_nth(pseudo: &str) -> bool {
    let inner = [":nth-child(", ":nth-of-type("]
        .iter()
        .find_map(|name| pseudo.strip_prefix(name))
        .and_then(|rest| rest.strip_suffix(')'));
    inner.is_some_and(|inner| {
        !inner.is_empty()
            && inner
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// A name without escapes.
fn is_name(name: &str) -> bool {
    let start = name.strip_prefix('-').unwrap_or(name);
    name.len() < 200
        && start.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What `scoped` makes, with `BOX` for the class.
    fn made(css: &str) -> String {
        scoped(css).map_or(String::new(), |(class, css)| {
            css.replace(&format!(".{class}"), "BOX")
        })
    }

    #[test]
    fn rules_hold_in_the_box() {
        for (css, expected) in [
            ("p{color:red}", "BOX p{color: red;}\n"),
            (
                "P.Big#x > a:hover{color:red}",
                "BOX p.ee-m-Big#ee-m-x>a:hover{color: red;}\n",
            ),
            (
                "body, html body, td{color:red;width:9px}",
                "BOX, BOX{color: red;}\nBOX td{color: red; width: 9px;}\n",
            ),
            ("body > p + q{color:red}", "BOX>p+q{color: red;}\n"),
            (
                "@media (max-width:600px){.a{width:100%!important}} b{color:red}",
                "@media (max-width:600px){\nBOX .ee-m-a{width: 100%!important;}\n}\nBOX b{color: red;}\n",
            ),
            ("<!-- p{color:red} -->", "BOX p{color: red;}\n"),
            ("p{color:red", "BOX p{color: red;}\n"),
            ("/* x { */ p{color:red}", "BOX p{color: red;}\n"),
            (
                "tr:nth-child(2n-1){color:red}",
                "BOX tr:nth-child(2n-1){color: red;}\n",
            ),
            ("a{color:red}}b{color:red}", "BOX a{color: red;}\n"),
        ] {
            assert_eq!(made(css), expected, "{css}");
        }
    }

    #[test]
    fn what_could_leave_it_goes() {
        for css in [
            "@import 'https://evil.test/x.css';",
            "@import url(//evil.test);",
            "@font-face{font-family:x;src:url(//evil.test)}",
            "@keyframes x{from{color:red}}",
            "@supports (color:red){p{color:red}}",
            "@media screen{@media print{p{color:red}}}",
            "@media screen{@import 'x';}",
            "@media \\73 creen{p{color:red}}",
            "@layer x{p{color:red}}",
            "@scope (html){p{color:red}}",
            "@namespace x 'y';",
            "@charset 'utf-7';",
            "body + p{color:red}",
            "html ~ p{color:red}",
            ".ee-message-0123456789abcdef + p{color:red}",
            "> p{color:red}",
            "+ p{color:red}",
            "p >{color:red}",
            "body.x{color:red}",
            "p body{color:red}",
            ":root{color:red}",
            ":host{color:red}",
            ":has(p){color:red}",
            ":not(p){color:red}",
            "p:is(body *){color:red}",
            "input[value^=a]{background:url(//evil.test)}",
            "[class]{color:red}",
            "\\70{color:red}",
            "p::before{content:'x'}",
            "p::after{color:red}",
            "p{position:fixed;z-index:9;top:0}",
            "p{background:url(//evil.test)}",
            "p{b{color:red}}",
            "x|p{color:red}",
            "p||q{color:red}",
            "&{color:red}",
            "body{position:fixed;width:9px;margin:9px;float:left;display:none;padding:9px}",
        ] {
            assert_eq!(made(css), "", "{css}");
        }
    }

    #[test]
    fn scoped_again_it_is_the_same() {
        let css = "body,p{color:red}@media print{body>p{width:1px} .x{color:red}} @media print{q{color:red}} #a:hover{color:red}";
        let (class, once) = scoped(css).unwrap();
        assert_eq!(scoped(&once), Some((class, once.clone())), "{once}");
    }
}
