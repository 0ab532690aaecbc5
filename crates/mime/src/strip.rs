//! HTML without its tags: what remains when a document cannot be laid out.

/// Takes the tags out, linear in the input: scripts, styles and comments vanish, blocks end lines.
#[must_use]
pub fn strip_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        let (text, tag) = rest.split_at(open);
        push_text(&mut out, text);
        rest = match tag_end(tag) {
            Some(1) => {
                out.push('<');
                tag.get(1..).unwrap_or_default()
            }
            Some(end) => {
                let (tag, after) = tag.split_at(end);
                let name: String = tag
                    .trim_start_matches(['<', '/'])
                    .chars()
                    .take(16)
                    .take_while(char::is_ascii_alphanumeric)
                    .collect::<String>()
                    .to_ascii_lowercase();
                match name.as_str() {
                    "script" | "style" | "title" | "head" if !tag.starts_with("</") => {
                        skip_element(after, &name)
                    }
                    "br" | "p" | "div" | "tr" | "li" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6"
                    | "table" | "blockquote" | "pre" | "hr" | "ul" | "ol" => {
                        end_line(&mut out);
                        after
                    }
                    "td" | "th" => {
                        push_text(&mut out, " ");
                        after
                    }
                    _ => after,
                }
            }
            None if tag.starts_with("<!--") => "",
            None => {
                // A sign that opens nothing, to the end.
                out.push_str(&unescape(tag));
                ""
            }
        };
    }
    push_text(&mut out, rest);
    let mut out = out.trim().to_owned();
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Length of the tag or comment at the start of `tag`.
fn tag_end(tag: &str) -> Option<usize> {
    if tag.starts_with("<!--") {
        return tag.find("-->").map(|end| end + 3);
    }
    if !tag.get(1..2).is_some_and(|c| {
        c.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
    }) {
        // Not a tag: the sign itself is text.
        return Some(1);
    }
    tag.find('>').map(|end| end + 1)
}

/// What follows the end tag of an element whose content is not text.
fn skip_element<'a>(after: &'a str, name: &str) -> &'a str {
    let mut at = 0;
    while let Some(found) = after.get(at..).and_then(|rest| rest.find("</")) {
        at += found + 2;
        let rest = after.get(at..).unwrap_or_default();
        if rest
            .get(..name.len())
            .is_some_and(|tag| tag.eq_ignore_ascii_case(name))
        {
            return rest
                .find('>')
                .and_then(|end| rest.get(end + 1..))
                .unwrap_or_default();
        }
    }
    ""
}

fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    if !out.is_empty() && !out.ends_with("\n\n") {
        out.push('\n');
    }
}

/// Appends text with its white space collapsed and its entities read.
fn push_text(out: &mut String, text: &str) {
    for c in unescape(text).chars() {
        if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with([' ', '\n']) {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
}

/// Reads the frequent entities; others stay as they are.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        let (before, entity) = rest.split_at(start);
        out.push_str(before);
        let end = entity.bytes().take(12).position(|b| b == b';');
        let read = end
            .and_then(|end| entity.get(1..end))
            .and_then(|name| match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                "nbsp" => Some(' '),
                name => {
                    let digits = name.strip_prefix('#')?;
                    let code = match digits.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => digits.parse().ok()?,
                    };
                    char::from_u32(code)
                }
            });
        match (read, end) {
            (Some(c), Some(end)) => {
                out.push(c);
                rest = entity.get(end + 1..).unwrap_or_default();
            }
            _ => {
                out.push('&');
                rest = entity.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}
