//! Text from HTML, HTML from text, previews.

mod from_text;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::from_text::text_to_html;
pub use crate::strip::{strip_tags, unescape};
use crate::tame::is_tame;
use html2text::{
    config::{self, Config},
    render::{TextDecorator, TrivialDecorator},
};

/// Longest HTML that is laid out; longer ones only lose their tags.
const MAX_LAYOUT: usize = 1 << 20;
/// Deepest nesting that is laid out: the layout is recursive.
const MAX_DEPTH: usize = 128;
/// Columns of the text.
const WIDTH: usize = 78;

/// The text of an HTML document, wrapped at 78 columns, links numbered and listed at the end.
///
/// Never fails: what cannot be laid out (too long, too deep, or too odd) is stripped of its tags.
#[must_use]
pub fn html_to_text(html: &str) -> String {
    lay_out(
        html,
        || config::plain_no_decorate().link_footnotes(true),
        WIDTH,
    )
}

/// The words of an HTML document for a preview: no marks, no wrapping, no list of links.
#[must_use]
pub fn html_preview(html: &str, max_chars: usize) -> String {
    preview(
        &lay_out(
            html,
            || config::with_decorator(TrivialDecorator::new()),
            10_000,
        ),
        max_chars,
    )
}

fn lay_out<D: TextDecorator>(html: &str, config: impl Fn() -> Config<D>, width: usize) -> String {
    if html.len() > MAX_LAYOUT || !is_tame(html, MAX_DEPTH) {
        return strip_tags(html);
    }
    let render = || {
        config()
            // Tables are how mail is laid out: cells read one after the other, without frames.
            .raw_mode(true)
            .allow_width_overflow()
            .string_from_read(html.as_bytes(), width)
    };
    let text = match catch_unwind(AssertUnwindSafe(render)) {
        Ok(Ok(text)) => text,
        _ => return strip_tags(html),
    };
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut out = lines.join("\n");
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
    }
    out.trim_start_matches('\n').to_owned()
}

/// Text that is safe inside HTML, in elements and in quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The first words of a text: white space collapsed, invisible filling removed, at most `max_chars`
/// characters, cut between words where it can be and then ended by `…`.
#[must_use]
pub fn preview(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = !out.is_empty();
            continue;
        }
        // Joiners mean something inside words and emoji; between spaces they only fill the line.
        let filling = match c {
            '\u{200c}' | '\u{200d}' => space || out.is_empty(),
            '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2060}' | '\u{feff}' => true,
            c => c.is_control(),
        };
        if filling {
            continue;
        }
        if std::mem::take(&mut space) {
            out.push(' ');
            count += 1;
        }
        out.push(c);
        count += 1;
        if count > max_chars {
            return shortened(&out, max_chars);
        }
    }
    out
}

fn shortened(text: &str, max_chars: usize) -> String {
    if max_chars == 0 {
        return String::new();
    }
    let end = text
        .char_indices()
        .nth(max_chars - 1)
        .map_or(text.len(), |(end, _)| end);
    let (kept, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    // Between words, unless that would lose much.
    let kept = match kept.rfind(' ') {
        Some(cut) if !rest.starts_with(' ') && cut * 2 >= kept.len() => {
            kept.get(..cut).unwrap_or(kept)
        }
        _ => kept,
    };
    format!("{}…", kept.trim_end())
}

/// HTML with a hidden block of text at the start of its body.
pub(crate) fn with_preheader(html: &str, preview: &str) -> String {
    let block = format!(
        "<div style=\"display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;\
         overflow:hidden;mso-hide:all\">{}</div>",
        escape(&crate::encode::one_line(preview))
    );
    let at = after_body_tag(html);
    let (before, after) = html.split_at_checked(at).unwrap_or(("", html));
    format!("{before}{block}{after}")
}

/// Where the content of `<body>` starts; the start if there is no such tag.
fn after_body_tag(html: &str) -> usize {
    let mut at = 0;
    while let Some(found) = html.get(at..).and_then(|rest| rest.find('<')) {
        let open = at + found;
        at = open + 1;
        let is_body = html
            .get(open + 1..open + 5)
            .is_some_and(|name| name.eq_ignore_ascii_case("body"))
            && html
                .get(open + 5..open + 6)
                .is_some_and(|c| c.starts_with(|c: char| c.is_whitespace() || c == '>'));
        if !is_body {
            continue;
        }
        let mut quote = None;
        for (index, byte) in html.bytes().enumerate().skip(open) {
            match (byte, quote) {
                (b'>', None) => return index + 1,
                (b'"' | b'\'', None) => quote = Some(byte),
                (byte, Some(open)) if byte == open => quote = None,
                _ => {}
            }
        }
        return 0;
    }
    0
}
