//! Links without brackets: `https://example.com`, `www.example.com`, `ann@example.com` (GitHub Flavored Markdown, section 6.9).

use std::ops::Range;

use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

/// A longer name is no domain (RFC 1035, section 2.3.4).
const LONGEST_DOMAIN: usize = 255;

/// A longer part before `@` is no address (RFC 5321, section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// Makes links of what looks like one, outside of code and of other links.
pub(super) fn link<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    let (mut depth, mut anchor) = (0usize, false);
    events.flat_map(move |event| {
        match &event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_)) => depth += 1,
            Event::End(TagEnd::Link | TagEnd::Image | TagEnd::CodeBlock) => {
                depth = depth.saturating_sub(1);
            }
            // A link that the author wrote in HTML.
            Event::InlineHtml(html) => {
                let html = html.to_ascii_lowercase();
                anchor = (anchor || html.starts_with("<a ")) && !html.starts_with("</a");
            }
            Event::Text(text) if depth == 0 && !anchor => return split(text),
            _ => {}
        }
        vec![event]
    })
}

/// A link in a text.
struct Found {
    at: Range<usize>,
    kind: LinkType,
    target: String,
}

fn split<'a>(text: &str) -> Vec<Event<'a>> {
    let plain = |text: &str| Event::Text(CowStr::from(text.to_owned()));
    let (mut events, mut done) = (Vec::new(), 0);
    for found in find(text) {
        let before = &text[done..found.at.start];
        if !before.is_empty() {
            events.push(plain(before));
        }
        done = found.at.end;
        events.push(Event::Start(Tag::Link {
            link_type: found.kind,
            dest_url: found.target.into(),
            title: CowStr::from(""),
            id: CowStr::from(""),
        }));
        events.push(plain(&text[found.at]));
        events.push(Event::End(TagEnd::Link));
    }
    if done < text.len() {
        events.push(plain(&text[done..]));
    }
    events
}

fn find(text: &str) -> Vec<Found> {
    let (mut found, mut done, mut before) = (Vec::<Found>::new(), 0, None);
    for (at, c) in text.char_indices() {
        if at >= done {
            let begins = before.is_none_or(|c: char| c.is_whitespace() || "*_~(".contains(c));
            let link = match c {
                'h' | 'H' | 'w' | 'W' if begins => url(text, at),
                '@' => address(text, done, at),
                _ => None,
            };
            if let Some(link) = link {
                done = link.at.end;
                found.push(link);
            }
        }
        before = Some(c);
    }
    found
}

fn url(text: &str, start: usize) -> Option<Found> {
    let rest = &text[start..];
    let begins = |prefix: &str| {
        let head = rest.get(..prefix.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    let (scheme, domain) = if begins("http://") {
        ("", 7)
    } else if begins("https://") {
        ("", 8)
    } else if begins("www.") {
        ("http://", 0)
    } else {
        return None;
    };
    let domain = domain + self::domain(&rest[domain..])?;
    let end = rest[domain..]
        .find(|c: char| c.is_whitespace() || c == '<')
        .map_or(rest.len(), |end| domain + end);
    let url = trimmed(&rest[..end]);
    (url.len() >= domain).then(|| Found {
        at: start..start + url.len(),
        kind: LinkType::Autolink,
        target: format!("{scheme}{url}"),
    })
}

/// How long the domain is that a text begins with; the last two of its names have no underscores.
fn domain(text: &str) -> Option<usize> {
    // No further than a domain can reach: each `www.` of a long text looks again.
    let end = text
        .char_indices()
        .take(LONGEST_DOMAIN + 1)
        .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .last()
        .map_or(0, |(at, c)| at + c.len_utf8());
    let name = text[..end].trim_end_matches(['.', '_', '-']);
    let valid = !name.is_empty()
        && name.len() <= LONGEST_DOMAIN
        && name.split('.').all(|name| !name.is_empty())
        && !name.rsplit('.').take(2).any(|name| name.contains('_'));
    valid.then_some(name.len())
}

/// A URL without the punctuation of the sentence around it.
fn trimmed(url: &str) -> &str {
    let count = |c: char| url.matches(c).count();
    let (opened, mut closed) = (count('('), count(')'));
    let mut url = url;
    loop {
        let shorter = match url.chars().next_back() {
            Some('?' | '!' | '.' | ',' | ':' | '*' | '_' | '~' | '\'' | '"') => {
                &url[..url.len() - 1]
            }
            Some(')') if closed > opened => {
                closed -= 1;
                &url[..url.len() - 1]
            }
            Some(';') => match url[..url.len() - 1].rfind('&') {
                // What looks like an entity.
                Some(at)
                    if url[at + 1..url.len() - 1]
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric()) =>
                {
                    &url[..at]
                }
                _ => return url,
            },
            _ => return url,
        };
        url = shorter;
    }
}

/// The address around an `@`, not before `from`.
fn address(text: &str, from: usize, at: usize) -> Option<Found> {
    let local = text[from..at]
        .bytes()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(byte))
        .take(LONGEST_LOCAL + 1)
        .count();
    let rest = &text[at + 1..];
    let end = rest
        .bytes()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b".-_".contains(&byte)))
        .unwrap_or(rest.len());
    let domain = rest[..end].trim_end_matches('.');
    let valid = (1..=LONGEST_LOCAL).contains(&local)
        && domain.len() <= LONGEST_DOMAIN
        && domain.contains('.')
        && domain.split('.').all(|name| !name.is_empty())
        && !domain.ends_with(['-', '_']);
    valid.then(|| {
        let at = at - local..at + 1 + domain.len();
        Found {
            target: text[at.clone()].to_owned(),
            at,
            kind: LinkType::Email,
        }
    })
}
