//! What stays of HTML: elements, attributes, links.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, atomic::AtomicUsize},
};

use ammonia::{Builder, UrlRelative};

use super::{Images, PREFIX, THREAD, TOGGLE, arrange::box_class};
use crate::style;

/// Elements that stay.
const TAGS: [&str; 76] = [
    "a",
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
];

/// Elements that go together with all that is inside.
const WITH_CONTENT: [&str; 26] = [
    "script",
    "title",
    "head",
    "noscript",
    "noembed",
    "noframes",
    "template",
    "iframe",
    "frame",
    "frameset",
    "object",
    "embed",
    "applet",
    "svg",
    "math",
    "textarea",
    "select",
    "option",
    "optgroup",
    "datalist",
    "xmp",
    "plaintext",
    "audio",
    "video",
    "portal",
    "fencedframe",
];

/// Attributes of any element.
const ATTRIBUTES: [&str; 11] = [
    "align", "bgcolor", "class", "dir", "height", "id", "lang", "style", "title", "valign", "width",
];

/// Attributes of single elements.
const OWN_ATTRIBUTES: [(&str, &[&str]); 11] = [
    ("a", &["href"]),
    ("img", &["src", "alt", "border", "hspace", "vspace"]),
    ("font", &["color", "face", "size"]),
    ("table", &["border", "cellpadding", "cellspacing", "rules"]),
    ("td", &["colspan", "rowspan", "nowrap"]),
    ("th", &["colspan", "rowspan", "nowrap", "scope"]),
    ("col", &["span"]),
    ("ol", &["start", "type", "reversed"]),
    ("ul", &["type"]),
    ("blockquote", &["type"]),
    ("details", &["open"]),
];

/// Most classes of an element.
const MAX_CLASSES: usize = 30;

/// What stays of HTML. Images of the message are put in.
pub(super) fn policy(images: Arc<Images>) -> Builder<'static> {
    static OWN: LazyLock<HashMap<&'static str, HashSet<&'static str>>> = LazyLock::new(|| {
        let lists = OWN_ATTRIBUTES.iter();
        lists
            .map(|(tag, list)| (*tag, list.iter().copied().collect()))
            .collect()
    });
    let used = AtomicUsize::new(0);
    let mut policy = Builder::empty();
    policy
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(WITH_CONTENT))
        .generic_attributes(HashSet::from(ATTRIBUTES))
        .tag_attributes(OWN.clone())
        .url_schemes(HashSet::from([
            "http", "https", "mailto", "tel", "cid", "data",
        ]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer"))
        .set_tag_attribute_value("a", "target", "_blank")
        .attribute_filter(move |tag, attribute, value| match (tag, attribute) {
            ("a", "href") => is_link(value).then_some(Cow::Borrowed(value)),
            ("img", "src") => match images.uri(value, &used) {
                Some(uri) => Some(Cow::Owned(uri.to_owned())),
                None => is_image(value).then_some(Cow::Borrowed(value)),
            },
            (_, "class") => classes(tag, value).map(Cow::Owned),
            (_, "id") => own_name(value).map(Cow::Owned),
            (_, "style") => {
                let kept = style::safe(value);
                (!kept.is_empty()).then_some(Cow::Owned(kept))
            }
            _ => Some(Cow::Borrowed(value)),
        });
    policy
}

/// Classes as the message's own; what was made safe before keeps those that were given to it.
fn classes(tag: &str, value: &str) -> Option<String> {
    let given = match tag {
        "details" => value == THREAD,
        "summary" => value == TOGGLE,
        "div" => box_class(value),
        _ => false,
    };
    if given {
        return Some(value.to_owned());
    }
    let names: Vec<_> = value
        .split_ascii_whitespace()
        .take(MAX_CLASSES)
        .filter_map(own_name)
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// A class or id with the prefix of the message's own names.
fn own_name(name: &str) -> Option<String> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let good = !name.is_empty() && name.len() < 200 && name.bytes().all(plain);
    good.then(|| format!("{PREFIX}{name}"))
}

/// A link as a browser reads it: without what is white at its ends, without tabs and line ends, its scheme in small
/// letters (URL standard, 4.4 basic URL parser).
fn split_scheme(url: &str) -> Option<(String, String)> {
    let url = url.trim_matches(|c: char| c <= ' ');
    let (scheme, rest) = url.split_once(':')?;
    let read = |part: &str| part.replace(['\t', '\n', '\r'], "");
    Some((read(scheme).to_ascii_lowercase(), read(rest)))
}

/// Whether what follows `http:` names a host. Without, a browser takes it for an address on the page's own server.
fn has_host(rest: &str) -> bool {
    let host = rest.strip_prefix("//").unwrap_or_default();
    !host.is_empty() && !host.starts_with(['/', '\\', '?', '#'])
}

fn is_link(url: &str) -> bool {
    split_scheme(url).is_some_and(|(scheme, rest)| match scheme.as_str() {
        "http" | "https" => has_host(&rest),
        "mailto" | "tel" => true,
        _ => false,
    })
}

fn is_image(url: &str) -> bool {
    if let Some(content) = url.get(..5)
        && content.eq_ignore_ascii_case("data:")
    {
        return is_raster(url);
    }
    split_scheme(url).is_some_and(|(scheme, rest)| match scheme.as_str() {
        "http" | "https" => has_host(&rest),
        "cid" => true,
        _ => false,
    })
}

/// Whether it is a `data:` URI of a raster image.
fn is_raster(url: &str) -> bool {
    let Some((kind, content)) = url.split_once(";base64,") else {
        return false;
    };
    ["png", "jpeg", "jpg", "gif", "webp", "bmp"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(&format!("data:image/{known}")))
        && content
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}
