//! What must hold for the HTML of any message, and a reader of HTML of its own that says what could act. Used by the tests,
//! by `examples/fuzz_html.rs` and by the targets for cargo-fuzz.

use posthouse_mime::{
    html::{html_preview, html_to_text, text_to_html},
    websafe::{Images, web_safe, web_safe_text},
};

/// Output above this is not parsed, so that it may come out different the second time.
const PARSED: usize = 4 << 20;

/// Elements that may stand in HTML that is handed out.
const NAMES: &str = "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col \
    colgroup dd del details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li \
    main mark nav ol p pre q rp rt ruby s samp section small span strike strong style sub summary sup table tbody td \
    tfoot th thead time tr tt u ul var";

/// Attributes that may stand in it.
const ATTRIBUTES: &str = "align bgcolor class dir height id lang style title valign width href rel target src alt border \
    hspace vspace color face size cellpadding cellspacing rules colspan rowspan nowrap scope span start type reversed \
    open";

/// A text as a document, HTML first.
///
/// # Panics
/// If something can act in what is made of it, or if that changes when it is made safe again.
pub fn policy(html: &str) {
    let safe = web_safe(html, Images::default());
    let found = dangers(&safe);
    assert!(found.is_empty(), "{found:?} in {safe}");
    if safe.len() <= PARSED {
        assert_eq!(
            web_safe(&safe, Images::default()),
            safe,
            "not the same again"
        );
    }
}

/// A text as plain text, and the text of it as HTML.
///
/// # Panics
/// As `policy`.
pub fn texts(text: &str) {
    let _ = (html_to_text(text), text_to_html(text));
    assert!(html_preview(text, 100).chars().count() <= 100);
    let safe = web_safe_text(text);
    let found = dangers(&safe);
    assert!(found.is_empty(), "{found:?} in {safe}");
    if safe.len() <= PARSED {
        assert_eq!(
            web_safe(&safe, Images::default()),
            safe,
            "not the same again"
        );
    }
}

/// Reads HTML by rules of its own, stricter than any browser, and says what in it could act.
pub fn dangers(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    let mut sheets = 0;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let closing = rest.starts_with('/');
        rest = rest.trim_start_matches('/');
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
        let (name, mut tag) = rest.split_at(end.unwrap_or(rest.len()));
        if !NAMES.split_whitespace().any(|known| known == name) {
            found.push(format!("element {name:?}"));
        }
        // Attributes are always name="value" with no quote inside.
        while let Some(attribute) = tag.strip_prefix(' ') {
            let Some((attribute, value)) = attribute.split_once("=\"") else {
                found.push(format!("attribute {attribute:?}"));
                break;
            };
            let (value, after) = value.split_once('"').unwrap_or((value, ""));
            if !is_safe(name, attribute, value) {
                found.push(format!("{attribute} {value:?} of {name}"));
            }
            tag = after;
        }
        if !tag.starts_with('>') {
            found.push(format!(
                "tag {:?}",
                tag.chars().take(50).collect::<String>()
            ));
        }
        rest = tag;
        if name == "style" && !closing {
            sheets += 1;
            let (sheet, after) = rest.split_once("</style>").unwrap_or((rest, ""));
            found.extend(loose_rules(sheet.trim_start_matches('>')));
            rest = after;
        }
    }
    if sheets > 1 {
        found.push(format!("{sheets} style sheets"));
    }
    found
}

fn is_safe(element: &str, attribute: &str, value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let begins = |list: &[&str]| list.iter().any(|start| lower.trim().starts_with(start));
    let own = |name: &str| {
        let name = name.strip_prefix("ee-m-").unwrap_or(" ");
        name.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    match attribute {
        "href" => {
            element == "a" && begins(&["http://", "https://", "mailto:", "tel:"])
                || has_white_scheme(&lower)
        }
        "src" => {
            element == "img"
                && (begins(&["http://", "https://", "cid:"])
                    || has_white_scheme(&lower)
                    || begins(&["data:image/"]))
                && !(lower.contains("svg") && lower.trim().starts_with("data:"))
        }
        "style" => harmless_declarations(&lower) || lower == "contain: content; overflow: auto;",
        "target" => value == "_blank",
        "rel" => value == "noopener noreferrer",
        "id" => own(value),
        "class" => {
            value.split(' ').all(own)
                || (element == "details" && value == "ee-collapsed-thread")
                || (element == "summary" && value == "ee-collapsed-thread-toggle")
                || (element == "div" && value.starts_with("ee-message"))
        }
        name => ATTRIBUTES.split_whitespace().any(|known| known == name),
    }
}

/// A web link with tabs and line ends in it, which a browser takes out.
fn has_white_scheme(link: &str) -> bool {
    let link: String = link
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .collect();
    let link = link.trim_matches(|c: char| c <= ' ');
    ["http://", "https://", "mailto:", "tel:", "cid:"]
        .iter()
        .any(|start| link.starts_with(start))
}

fn harmless_declarations(style: &str) -> bool {
    let signs = ["url(", "@", "\\", "/*", "<", "{", "}", "var(", "attr("];
    let properties = [
        "position",
        "contain",
        "z-index",
        "behavior",
        "binding",
        "content",
        "cursor",
        "transform",
        "animation",
        "filter",
    ];
    // Without their brackets they are words like any other, and mean nothing.
    let functions = ["expression(", "image-set("];
    let tight = style.replace(char::is_whitespace, "");
    let acts = style.split(';').any(|declaration| {
        let (name, _) = declaration.split_once(':').unwrap_or((declaration, ""));
        properties.iter().any(|word| name.contains(word))
    });
    let called = functions.iter().any(|function| tight.contains(function));
    !acts && !called && !signs.iter().any(|sign| style.contains(sign)) && is_closed(style)
}

/// Whether quotes and brackets are closed.
fn is_closed(css: &str) -> bool {
    let (mut quote, mut depth) = (None, 0i32);
    for c in css.replace("&quot;", "\"").chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('(', None) => depth += 1,
            (')', None) => depth -= 1,
            _ => {}
        }
    }
    quote.is_none() && depth == 0
}

/// Rules of a style sheet that hold elsewhere than below the class of the box, or do more than dress.
fn loose_rules(sheet: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = sheet.trim_start();
    let mut media = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('}').filter(|_| media) {
            media = false;
            rest = after.trim_start();
            continue;
        }
        let (prelude, after) = rest.split_once('{').unwrap_or((rest, ""));
        if let Some(query) = prelude.strip_prefix("@media ").filter(|_| !media) {
            media = true;
            rest = after.trim_start();
            if query.contains(['@', '\\', '<', '"', '\'', '/']) {
                found.push(format!("query {query:?}"));
            }
            continue;
        }
        let (block, after) = after.split_once('}').unwrap_or((after, " "));
        rest = after.trim_start();
        for selector in prelude.split(',') {
            let below = selector
                .trim()
                .strip_prefix(".ee-message-")
                .unwrap_or_default();
            let (hash, below) = below.split_at_checked(16).unwrap_or((below, "+"));
            let hashed = hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit());
            let inside = below.is_empty() || below.starts_with([' ', '>']);
            let odd = below.contains(['@', '\\', '<', '&', '[', '"', '\'', '|', '/']);
            // Beside the box.
            let odd = odd || below.trim_start().starts_with(['+', '~']);
            if !hashed || !inside || odd {
                found.push(format!("selector {selector:?}"));
            }
        }
        if !harmless_declarations(&block.to_ascii_lowercase()) {
            found.push(format!("rule {block:?}"));
        }
    }
    found
}
