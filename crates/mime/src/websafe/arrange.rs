//! The message as it is handed out: in a box, its style sheets made to hold in there, its history folded.

use super::{
    BOX, BOX_STYLE, THREAD, TOGGLE, fold, sheet,
    tokens::{Kind, Token, scan},
};

/// Elements of a letter without layout, which needs no box, and their attributes.
const PLAIN: [&str; 24] = [
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "details",
    "div",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "hr",
    "i",
    "li",
    "ol",
    "p",
    "s",
    "span",
    "strong",
    "summary",
    "sub",
    "u",
    "ul",
];
const PLAIN_ATTRIBUTES: [&str; 9] = [
    "class", "dir", "href", "id", "lang", "rel", "target", "title", "type",
];

/// What the sanitiser wrote, arranged; none if it is not well formed.
pub(super) fn arranged(clean: &str, folds: bool) -> Option<String> {
    // Out of the box that it may stand in already.
    let whole = clean.trim();
    let tokens = scan(whole)?;
    let first = tokens
        .first()
        .filter(|token| is_box(token) && token.mate + 1 == tokens.len());
    let inside = first
        .and_then(|first| whole.strip_prefix(first.text))
        .and_then(|rest| rest.strip_suffix("</div>"));
    match inside {
        Some(inside) => written(&scan(inside)?, folds),
        None => written(&tokens, folds),
    }
}

fn written(tokens: &[Token<'_>], folds: bool) -> Option<String> {
    let history = fold::history(tokens).filter(|_| folds);
    let mut rules = String::new();
    let mut out = String::new();
    let mut plain = true;
    for (at, token) in tokens.iter().enumerate() {
        let owner = token.parent.and_then(|parent| tokens.get(parent));
        let is_rules = owner.is_some_and(|owner| owner.name == "style");
        if history.as_ref().is_some_and(|range| *range.start() == at) {
            out.push_str(&format!(
                "<details class=\"{THREAD}\"><summary class=\"{TOGGLE}\">…</summary>"
            ));
        }
        if is_rules {
            rules.push_str(token.text);
            rules.push('\n');
        } else if is_box(token) {
            // One that somebody made up.
            out.push_str("<div>");
        } else if token.name != "style" {
            plain &= is_plain(token);
            out.push_str(token.text);
        }
        if history.as_ref().is_some_and(|range| *range.end() == at) {
            out.push_str("</details>");
        }
    }
    Some(match sheet::scoped(&rules) {
        Some((class, rules)) => format!(
            "<div class=\"{BOX} {class}\" style=\"{BOX_STYLE}\"><style>{rules}</style>{out}</div>"
        ),
        None if plain => out,
        None => format!("<div class=\"{BOX}\" style=\"{BOX_STYLE}\">{out}</div>"),
    })
}

/// Whether it cannot be larger than its place.
fn is_plain(token: &Token<'_>) -> bool {
    let known = |(name, _): (&str, &str)| PLAIN_ATTRIBUTES.contains(&name);
    token.kind == Kind::Text || (PLAIN.contains(&token.name) && token.attributes().all(known))
}

fn is_box(token: &Token<'_>) -> bool {
    token.begins("div") && token.attribute("class").is_some_and(box_class)
}

/// Whether these are the classes of a box.
pub(super) fn box_class(value: &str) -> bool {
    let Some(rest) = value.strip_prefix(BOX) else {
        return false;
    };
    let hash = rest
        .strip_prefix(' ')
        .and_then(|class| class.strip_prefix(BOX));
    let hash = hash.and_then(|rest| rest.strip_prefix('-'));
    rest.is_empty() || hash.is_some_and(sheet::is_hash)
}
