//! Links of an HTML text, put in the place of others; everything else stays as it is written.

use std::ops::Range;

use crate::html::{escape, unescape};

/// Elements whose content is no markup.
const RAW: [&str; 7] = [
    "script", "style", "textarea", "title", "xmp", "noembed", "iframe",
];

/// Puts other addresses into the links (`<a href>`, `<area href>`) that lead to `http` and `https`. `other` gets an
/// address without its escapes, and gives the one to put in its place.
#[must_use]
pub fn rewrite_links(html: &str, mut other: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(html.len());
    let mut copied = 0;
    for range in hrefs(html) {
        let Some(written) = html.get(range.clone()) else {
            continue;
        };
        let address = unescape(written.trim());
        let scheme = address.split(':').next().unwrap_or_default();
        if !["http", "https"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            continue;
        }
        let Some(address) = other(&address) else {
            continue;
        };
        out.push_str(html.get(copied..range.start).unwrap_or_default());
        // The value may have stood there without quotes.
        let quoted = matches!(
            html.as_bytes().get(range.start.wrapping_sub(1)),
            Some(b'"' | b'\'')
        );
        let quote = if quoted { "" } else { "\"" };
        out.push_str(quote);
        out.push_str(&escape(&address));
        out.push_str(quote);
        copied = range.end;
    }
    out.push_str(html.get(copied..).unwrap_or_default());
    out
}

/// Puts a piece of HTML at the end of what is shown: before the last `</body>`, or at the very end.
#[must_use]
pub fn append_to_body(html: &str, piece: &str) -> String {
    let end = last_body_end(html).unwrap_or(html.len());
    let (before, after) = html.split_at(end);
    [before, piece, after].concat()
}

fn last_body_end(html: &str) -> Option<usize> {
    let mut end = html.len();
    while let Some(at) = html.get(..end).and_then(|before| before.rfind("</")) {
        let name = html.get(at + 2..at + 6);
        let closes = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
        if name.is_some_and(|name| name.eq_ignore_ascii_case("body"))
            && html.as_bytes().get(at + 6).is_none_or(closes)
        {
            return Some(at);
        }
        end = at;
    }
    None
}

/// Where the values of links stand, without their quotes.
fn hrefs(html: &str) -> Vec<Range<usize>> {
    let bytes = html.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = html.get(at..).and_then(|rest| rest.find('<')) {
        let open = at + open;
        let rest = html.get(open..).unwrap_or_default();
        if rest.starts_with("<!--") {
            let Some(end) = rest.get(4..).and_then(|rest| rest.find("-->")) else {
                break;
            };
            at = open + 4 + end + 3;
            continue;
        }
        let name_end = bytes
            .iter()
            .enumerate()
            .skip(open + 1)
            .find(|(_, byte)| !byte.is_ascii_alphanumeric())
            .map_or(bytes.len(), |(at, _)| at);
        let name = html.get(open + 1..name_end).unwrap_or_default();
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            at = open + 1;
            continue;
        }
        let link = name.eq_ignore_ascii_case("a") || name.eq_ignore_ascii_case("area");
        let (href, end) = attributes(html, name_end);
        found.extend(href.filter(|_| link));
        at = end;
        if let Some(raw) = RAW.iter().find(|raw| name.eq_ignore_ascii_case(raw)) {
            at = raw_end(html, at, raw);
        }
    }
    found
}

/// The value of the first `href` of a tag whose attributes begin at `at`, and where the tag ends.
fn attributes(html: &str, mut at: usize) -> (Option<Range<usize>>, usize) {
    let bytes = html.as_bytes();
    let mut href = None;
    let skip = |mut at: usize, also: fn(&u8) -> bool| {
        while bytes
            .get(at)
            .is_some_and(|byte| byte.is_ascii_whitespace() || also(byte))
        {
            at += 1;
        }
        at
    };
    loop {
        at = skip(at, |byte| *byte == b'/');
        match bytes.get(at) {
            None => return (href, at),
            Some(b'>') => return (href, at + 1),
            Some(_) => {}
        }
        let begin = at;
        at += 1;
        while bytes
            .get(at)
            .is_some_and(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'>' | b'/'))
        {
            at += 1;
        }
        let name = html.get(begin..at).unwrap_or_default();
        let after = skip(at, |_| false);
        if bytes.get(after) != Some(&b'=') {
            continue;
        }
        at = skip(after + 1, |_| false);
        let value = match bytes.get(at) {
            Some(quote @ (b'"' | b'\'')) => {
                let begin = at + 1;
                let length = bytes
                    .get(begin..)
                    .and_then(|rest| rest.iter().position(|byte| byte == quote));
                // A value without an end is the rest of the text, and no browser shows it.
                let Some(length) = length else {
                    return (href, bytes.len());
                };
                at = begin + length + 1;
                begin..begin + length
            }
            _ => {
                let begin = at;
                while bytes
                    .get(at)
                    .is_some_and(|byte| !byte.is_ascii_whitespace() && *byte != b'>')
                {
                    at += 1;
                }
                begin..at
            }
        };
        if href.is_none() && name.eq_ignore_ascii_case("href") {
            href = Some(value);
        }
    }
}

/// Where the content of an element that holds no markup ends.
fn raw_end(html: &str, mut at: usize, name: &str) -> usize {
    while let Some(found) = html.get(at..).and_then(|rest| rest.find("</")) {
        at += found + 2;
        let closes = html
            .get(at..at + name.len())
            .is_some_and(|tag| tag.eq_ignore_ascii_case(name));
        if closes {
            return at;
        }
    }
    html.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rewritten(html: &str) -> String {
        rewrite_links(html, |address| Some(format!("[{address}]")))
    }

    #[test]
    fn links_to_the_web_lead_elsewhere() {
        for (html, expected) in [
            (
                r#"<a href="http://a/?x=1&amp;y=2">t</a>"#,
                r#"<a href="[http://a/?x=1&amp;y=2]">t</a>"#,
            ),
            (
                "<A class='b'\n HREF = 'HTTPS://a/'\n>t</A>",
                "<A class='b'\n HREF = '[HTTPS://a/]'\n>t</A>",
            ),
            (
                "<a href=http://a/b>t</a>",
                r#"<a href="[http://a/b]">t</a>"#,
            ),
            (
                r#"<a href=" http://a/ " href="http://b/">"#,
                r#"<a href="[http://a/]" href="http://b/">"#,
            ),
            (
                r#"<map><area/href="http://a/"></map>"#,
                r#"<map><area/href="[http://a/]"></map>"#,
            ),
            (
                r#"<a title="x > y" href="http://a/">"#,
                r#"<a title="x > y" href="[http://a/]">"#,
            ),
        ] {
            assert_eq!(rewritten(html), expected);
        }
    }

    #[test]
    fn all_else_stays() {
        for html in [
            r#"<a href="mailto:a@b">t</a><a href="cid:x"></a><a href="/local"></a><a href="ftp://a"></a>"#,
            r##"<a href="#top">t</a><a name="http://a/">t</a><a data-href="http://a/">t</a>"##,
            r#"<img src="http://a/"><link href="http://a/"><abbr href="http://a/">"#,
            r#"<!-- <a href="http://a/"> --><style>a { b: '<a href="http://a/">' }</style>"#,
            r#"<script>"<a href='http://a/'>"</script>1 < 2 <a href="#,
            r#"<a href="http://never closed"#,
            "< a href='http://a/'>",
        ] {
            assert_eq!(rewritten(html), html);
        }
    }

    #[test]
    fn what_is_put_in_cannot_break_out() {
        let out = rewrite_links("<a href='http://a/'>", |_| {
            Some("http://x/'\"><script>&".to_owned())
        });
        assert_eq!(
            out,
            "<a href='http://x/&#39;&quot;&gt;&lt;script&gt;&amp;'>"
        );
    }

    #[test]
    fn the_end_of_what_is_shown() {
        for (html, expected) in [
            ("<body>x</body></html>", "<body>x*</body></html>"),
            ("<BODY>x</BODY >", "<BODY>x*</BODY >"),
            ("<p>x", "<p>x*"),
            ("</body>x</bodyx>y", "*</body>x</bodyx>y"),
            ("", "*"),
        ] {
            assert_eq!(append_to_body(html, "*"), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_but_links_changes(html in r#"([<>/a"'= ]|<a |href=|http://x|<!--|-->|script|é){0,40}"#) {
            prop_assert_eq!(rewrite_links(&html, |_| None), html.clone());
            let rewritten = rewrite_links(&html, |address| Some(address.to_owned()));
            // What was put in is what is found there.
            let again = rewrite_links(&rewritten, |address| Some(address.to_owned()));
            prop_assert_eq!(again, rewritten);
            let appended = append_to_body(&html, "\u{1}");
            prop_assert_eq!(appended.replacen('\u{1}', "", 1), html);
        }
    }
}
