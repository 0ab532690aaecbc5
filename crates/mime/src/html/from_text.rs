//! HTML from plain text: paragraphs, quotes, links.

use super::escape;

/// Deepest quote that is shown as one.
const MAX_QUOTES: usize = 12;

/// Longest link, bytes.
const MAX_LINK: usize = 2000;

/// A plain text as HTML: paragraphs at empty lines, `<br/>` at line ends, lines that begin with `>` as quotes, links and
/// mail addresses made clickable.
#[must_use]
pub fn text_to_html(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let (mut depth, mut open) = (0, false);
    for line in text.split('\n').chain(std::iter::once("")) {
        let (quotes, line) = unquoted(line);
        let blank = line.trim().is_empty();
        // An empty line does not end a quote by itself.
        let quotes = if blank && quotes == 0 { depth } else { quotes };
        if open && (blank || quotes != depth) {
            out.push_str("</p>\n");
            open = false;
        }
        if blank {
            continue;
        }
        while depth > quotes {
            out.push_str("</blockquote>\n");
            depth -= 1;
        }
        while depth < quotes {
            out.push_str("<blockquote type=\"cite\">");
            depth += 1;
        }
        out.push_str(if open { "<br/>\n" } else { "<p>" });
        open = true;
        linked(&mut out, line);
    }
    for _ in 0..depth {
        out.push_str("</blockquote>\n");
    }
    out
}

/// How deep a line is quoted, and what is quoted (RFC 3676 section 4.5, with spaces between the signs).
fn unquoted(line: &str) -> (usize, &str) {
    let (mut depth, mut rest) = (0, line);
    while let Some(after) = rest.strip_prefix('>').filter(|_| depth < MAX_QUOTES) {
        depth += 1;
        rest = after
            .strip_prefix(' ')
            .filter(|inner| inner.starts_with('>'))
            .unwrap_or(after);
    }
    match depth {
        0 => (0, line),
        _ => (depth, rest.strip_prefix(' ').unwrap_or(rest)),
    }
}

/// Appends a line, escaped, with its links and mail addresses as anchors.
fn linked(out: &mut String, line: &str) {
    // Words: a link has no white space, and no angle or quote.
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(is_end).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        word_linked(out, word);
        let next = after.find(|c| !is_end(c)).unwrap_or(after.len());
        let (between, after) = after.split_at_checked(next).unwrap_or((after, ""));
        out.push_str(&escape(between));
        rest = after;
    }
}

fn is_end(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '“' | '”' | '«' | '»')
}

fn word_linked(out: &mut String, word: &str) {
    let found = if word.len() > MAX_LINK {
        None
    } else {
        link(word)
    };
    let Some((start, length, href)) = found else {
        out.push_str(&escape(word));
        return;
    };
    let (before, link) = word.split_at_checked(start).unwrap_or((word, ""));
    let (link, after) = link.split_at_checked(length).unwrap_or((link, ""));
    out.push_str(&escape(before));
    out.push_str(&format!(
        "<a href=\"{}\">{}</a>",
        escape(&href),
        escape(link)
    ));
    out.push_str(&escape(after));
}

/// Where in a word a link is, how long it is, and where it leads.
fn link(word: &str) -> Option<(usize, usize, String)> {
    // Small letters of ASCII leave each byte in its place.
    let lower = word.to_ascii_lowercase();
    for (mark, scheme) in [
        ("https://", ""),
        ("http://", ""),
        ("mailto:", ""),
        ("www.", "http://"),
    ] {
        for (start, _) in lower.match_indices(mark) {
            let before = word.get(..start)?;
            if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | '@' | '-'))
            {
                continue;
            }
            let link = without_end(word.get(start..)?, before);
            let host = link.get(mark.len()..)?;
            if !host.starts_with(char::is_alphanumeric) && !host.starts_with('[') {
                continue;
            }
            if mark == "www." && !host.contains('.') {
                continue;
            }
            return Some((start, link.len(), format!("{scheme}{link}")));
        }
    }
    address(word)
}

/// A mail address in a word.
fn address(word: &str) -> Option<(usize, usize, String)> {
    let at = word.find('@')?;
    let (local, domain) = word.split_at_checked(at)?;
    let domain = domain.get(1..)?;
    let local_char =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '=' | '~');
    let start = local
        .rfind(|c| !local_char(c))
        .and_then(|last| {
            local
                .get(last..)?
                .chars()
                .next()
                .map(|c| last + c.len_utf8())
        })
        .unwrap_or(0);
    let domain_char = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let end = domain.find(|c| !domain_char(c)).unwrap_or(domain.len());
    let local = local.get(start..)?;
    let domain = domain.get(..end)?.trim_end_matches(['.', '-']);
    let good = !local.is_empty()
        && !local.starts_with('.')
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty());
    let link = format!("{local}@{domain}");
    good.then(|| (start, link.len(), format!("mailto:{link}")))
}

/// A link without what ends the sentence, and without a bracket that was opened before it.
fn without_end<'a>(link: &'a str, before: &str) -> &'a str {
    let mut link = link;
    // Each round takes a sign away.
    loop {
        let shorter =
            link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '…', '’']);
        let bracket = [('(', ')'), ('[', ']'), ('{', '}')]
            .into_iter()
            .find(|(open, close)| {
                shorter.ends_with(*close)
                    && (shorter.matches(*close).count() > shorter.matches(*open).count()
                        || (before.ends_with(*open) && !shorter.contains(*open)))
            });
        let shorter = match bracket {
            Some((_, close)) => shorter.strip_suffix(close).unwrap_or(shorter),
            None => shorter,
        };
        if shorter.len() == link.len() {
            return link;
        }
        link = shorter;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::text_to_html;

    /// `[link](where it leads)` in place of anchors.
    fn marked(text: &str) -> String {
        let html = text_to_html(text).trim_end().to_owned();
        let html = html.trim_start_matches("<p>").trim_end_matches("</p>");
        let mut out = String::new();
        for (index, piece) in html.split("<a href=\"").enumerate() {
            match piece.split_once("\">") {
                Some((href, rest)) if index > 0 => {
                    let (link, rest) = rest.split_once("</a>").unwrap();
                    out.push_str(&format!("[{link}]({href}){rest}"));
                }
                _ => out.push_str(piece),
            }
        }
        out
    }

    #[test]
    fn links_are_found() {
        for (text, expected) in [
            ("https://x.org", "[https://x.org](https://x.org)"),
            ("see https://x.org.", "see [https://x.org](https://x.org)."),
            ("(https://x.org/a)", "([https://x.org/a](https://x.org/a))"),
            (
                "https://x.org/a_(b)",
                "[https://x.org/a_(b)](https://x.org/a_(b))",
            ),
            (
                "(https://x.org/a_(b)).",
                "([https://x.org/a_(b)](https://x.org/a_(b))).",
            ),
            (
                "HTTP://X.org/?a=1&b=2",
                "[HTTP://X.org/?a=1&amp;b=2](HTTP://X.org/?a=1&amp;b=2)",
            ),
            ("<https://x.org>", "&lt;[https://x.org](https://x.org)&gt;"),
            ("www.x.org, or", "[www.x.org](http://www.x.org), or"),
            (
                "http://bücher.example/ä",
                "[http://bücher.example/ä](http://bücher.example/ä)",
            ),
            ("a.b+c@x.org!", "[a.b+c@x.org](mailto:a.b+c@x.org)!"),
            ("mailto:a@x.org", "[mailto:a@x.org](mailto:a@x.org)"),
            (
                "me@bücher.example",
                "[me@bücher.example](mailto:me@bücher.example)",
            ),
            (
                "Bob <bob@x.org>",
                "Bob &lt;[bob@x.org](mailto:bob@x.org)&gt;",
            ),
            (
                "https://u:p@x.org/",
                "[https://u:p@x.org/](https://u:p@x.org/)",
            ),
            (
                "http://[::1]:80/x",
                "[http://[::1]:80/x](http://[::1]:80/x)",
            ),
        ] {
            assert_eq!(marked(text), expected, "{text}");
        }
        for text in [
            "xhttps://x.org",
            "http://",
            "www.x",
            "javascript:hit()",
            "a@b",
            "@x.org",
            "a@",
            "a@.org",
            "1.2",
            "file.txt",
            "ftp://x.org/",
        ] {
            assert!(!marked(text).contains('['), "{text}");
        }
    }

    #[test]
    fn quotes_nest() {
        assert_eq!(
            text_to_html("a\n> b\n>> c\n> d\n\ne"),
            "<p>a</p>\n<blockquote type=\"cite\"><p>b</p>\n<blockquote type=\"cite\"><p>c</p>\n</blockquote>\n<p>d</p>\n</blockquote>\n<p>e</p>\n"
        );
        assert_eq!(
            text_to_html("> a\n>\n> b\n"),
            "<blockquote type=\"cite\"><p>a</p>\n<p>b</p>\n</blockquote>\n"
        );
        let deep = text_to_html(&format!("{} x", ">".repeat(100_000)));
        assert!(deep.matches("<blockquote").count() < 20);
    }
}
