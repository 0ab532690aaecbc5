//! HTML of strangers, made safe to stand inside another page.
//!
//! What is allowed is listed, everything else goes: elements that lay out text and tables, attributes that cannot act,
//! links to web, mail and telephone, images of the web and of the message itself, and style declarations that stay in
//! their box. `<style>` and classes go too: in another page they would meet its own.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use ammonia::{Builder, UrlRelative};
use base64::prelude::{BASE64_STANDARD, Engine};

use crate::{
    html::{strip_tags, text_to_html},
    param::percent_decode,
    style, tame,
};

/// The most that images put into a text may take altogether, bytes before encoding, each time they are shown.
pub const MAX_IMAGES: usize = 2 << 20;

/// Longest HTML that is parsed; of longer ones the text remains.
const MAX_PARSED: usize = 4 << 20;
/// Deepest nesting that is parsed; of deeper ones the text remains.
const MAX_DEPTH: usize = 256;

/// Longest link to an image that is looked at, bytes.
const MAX_LINK: usize = 1000;

/// Elements that stay.
const TAGS: [&str; 73] = [
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
    "sub",
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
const WITH_CONTENT: [&str; 22] = [
    "script", "style", "title", "head", "noscript", "noembed", "noframes", "template", "iframe",
    "frame", "frameset", "object", "embed", "applet", "svg", "math", "textarea", "select",
    "option", "xmp", "audio", "video",
];

/// Attributes of any element.
const ATTRIBUTES: [&str; 9] = [
    "align", "bgcolor", "dir", "height", "lang", "style", "title", "valign", "width",
];

/// Attributes of single elements.
const OWN_ATTRIBUTES: [(&str, &[&str]); 10] = [
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
];

/// Images of a message by their Content-ID, as `data:` URIs.
#[derive(Debug, Default)]
pub struct Images {
    by_id: HashMap<String, (usize, String)>,
}

impl Images {
    /// Takes an image in; false for content that is none of the raster formats browsers show (which is told by its
    /// first bytes, whatever it is called).
    pub fn add(&mut self, content_id: &str, content: &[u8]) -> bool {
        let Some(kind) = raster(content) else {
            return false;
        };
        let id = content_id.trim().trim_matches(['<', '>']).to_owned();
        let uri = format!("data:{kind};base64,{}", BASE64_STANDARD.encode(content));
        self.by_id.entry(id).or_insert((content.len(), uri));
        true
    }

    /// The `data:` URI for a `cid:` link, while `used` leaves room.
    fn uri(&self, link: &str, used: &AtomicUsize) -> Option<&str> {
        let (scheme, id) = link.split_once(':')?;
        if !scheme.trim().eq_ignore_ascii_case("cid") {
            return None;
        }
        let id = id.trim();
        let mut decoded = Vec::new();
        percent_decode(id.as_bytes(), &mut decoded);
        let decoded = String::from_utf8_lossy(&decoded);
        let found = self.by_id.get(id);
        let (size, uri) = found.or_else(|| self.by_id.get(decoded.as_ref()))?;
        let before = used.fetch_add(*size, Ordering::Relaxed);
        (before.saturating_add(*size) <= MAX_IMAGES).then_some(uri)
    }
}

/// The type of a raster image, by its first bytes.
fn raster(content: &[u8]) -> Option<&'static str> {
    match content {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        [b'B', b'M', ..] => Some("image/bmp"),
        _ => None,
    }
}

/// A fragment of HTML that shows what `html` shows and can do nothing. Images of the message stand in it as `data:` URIs;
/// those that are too large, or not there, keep their `cid:` link. Never fails: what cannot be parsed within bounds
/// becomes its text.
#[must_use]
pub fn web_safe(html: &str, images: Images) -> String {
    let as_text = || {
        let text = text_to_html(&strip_tags(html));
        text.replace(
            "<a href=",
            "<a rel=\"noopener noreferrer\" target=\"_blank\" href=",
        )
    };
    if html.len() > MAX_PARSED || !tame::is_tame(html, MAX_DEPTH) {
        return as_text();
    }
    let images = Arc::new(images);
    catch_unwind(AssertUnwindSafe(|| policy(images).clean(html).to_string()))
        .unwrap_or_else(|_| as_text())
}

/// Plain text as HTML that is safe to show.
#[must_use]
pub fn web_safe_text(text: &str) -> String {
    web_safe(&text_to_html(text), Images::default())
}

/// HTML as it is, but for `cid:` links to images of the message, which become `data:` URIs.
#[must_use]
pub fn embed_images(html: &str, images: &Images) -> String {
    let used = AtomicUsize::new(0);
    let mut out = String::with_capacity(html.len());
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = html.get(at..).and_then(|rest| rest.find(':')) {
        let colon = at + found;
        at = colon + 1;
        let Some(start) = colon.checked_sub(3) else {
            continue;
        };
        let is_cid = html
            .get(start..colon)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid"));
        let before = html.get(copied..start).unwrap_or_default().trim_end();
        if !is_cid || !before.ends_with(['"', '\'', '=', '(']) {
            continue;
        }
        let rest = html.get(start..).unwrap_or_default();
        let rest = rest
            .get(..rest.floor_char_boundary(MAX_LINK))
            .unwrap_or_default();
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>' | '<' | ')'))
            .unwrap_or(rest.len());
        let link = rest.get(..end).unwrap_or_default().replace("&amp;", "&");
        if let Some(uri) = images.uri(&link, &used) {
            out.push_str(html.get(copied..start).unwrap_or_default());
            out.push_str(uri);
            copied = start + end;
            at = copied;
        }
    }
    out.push_str(html.get(copied..).unwrap_or_default());
    out
}

fn policy(images: Arc<Images>) -> Builder<'static> {
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
            (_, "style") => {
                let kept = style::safe(value);
                (!kept.is_empty()).then_some(Cow::Owned(kept))
            }
            _ => Some(Cow::Borrowed(value)),
        });
    policy
}

/// The scheme as a browser reads it: it drops what is white.
fn scheme(url: &str) -> String {
    let scheme = url.split(':').next().unwrap_or_default();
    let seen = scheme
        .chars()
        .filter(|c| !c.is_ascii_control() && !c.is_whitespace());
    seen.collect::<String>().to_ascii_lowercase()
}

fn is_link(url: &str) -> bool {
    matches!(scheme(url).as_str(), "http" | "https" | "mailto" | "tel")
}

fn is_image(url: &str) -> bool {
    let is_raster = || {
        let Some((kind, content)) = url.split_once(";base64,") else {
            return false;
        };
        ["png", "jpeg", "jpg", "gif", "webp", "bmp"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(&format!("data:image/{known}")))
            && content
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
    };
    match scheme(url).as_str() {
        "http" | "https" | "cid" => true,
        "data" => is_raster(),
        _ => false,
    }
}
