//! A message as it stands below the answer to it, or in what it is forwarded with.
//!
//! The text is quoted as RFC 3676 has it, so that readers know whose words are whose. The HTML is made safe first: it is
//! well formed, so nothing of it can end the quotation, and nothing in it acts.

mod date;
mod words;

use std::{collections::HashSet, fmt::Write as _};

use posthouse_model::{Timestamp, message::Address};

use self::words::Words;
use crate::{
    encode::one_line,
    html::{escape, html_to_text, text_to_html},
    links::append_to_body,
    websafe::{content_ids, quotable},
};

/// How a quotation looks in mail programs: a line beside it.
const BAR: &str = "margin:0 0 0 0.8ex;border-left:1px solid #ccc;padding-left:1ex";
/// Stands where the rest of a long message is left out.
const CUT: &str = "[…]";

/// The message that is quoted.
#[derive(Debug, Clone, Default)]
pub struct Original<'a> {
    /// Author.
    pub from: Option<&'a Address>,
    /// Recipients.
    pub to: &'a [Address],
    /// Copy recipients.
    pub cc: &'a [Address],
    /// Subject.
    pub subject: Option<&'a str>,
    /// When it was written.
    pub date: Option<Timestamp>,
    /// Its plain text.
    pub plain: Option<&'a str>,
    /// Its HTML, as it came.
    pub html: Option<&'a str>,
    /// Only its beginning is here.
    pub cut: bool,
}

/// Why a message is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is answered: one line tells who wrote it and when, marks stand before its text.
    Reply,
    /// It is forwarded: its header stands before it, its text as it is.
    Forward,
}

/// A quotation.
#[derive(Debug, Clone, Default)]
pub struct Quote {
    text: String,
    html: String,
    /// The message has HTML of its own, which plain text could not show.
    rich: bool,
    content_ids: HashSet<String>,
}

impl Quote {
    /// Quotes a message. Date and words are in the language of `locale` (RFC 5646), in English where it is not known; the
    /// date is that of the time zone `tz`, of UTC where it is not known.
    #[must_use]
    pub fn of(original: &Original<'_>, purpose: Purpose, locale: &str, tz: &str) -> Self {
        let words = Words::of(locale);
        let date = original.date.map(|date| words.date(date, tz));
        let given = |text: Option<&str>| text.is_some_and(|text| !text.trim().is_empty());
        let rich = given(original.html);
        let html = original.html.filter(|_| rich);
        let mut plain = match (original.plain.filter(|plain| given(Some(plain))), html) {
            (Some(plain), _) => plain.to_owned(),
            (None, Some(html)) => html_to_text(html),
            (None, None) => String::new(),
        };
        let mut shown = html.map_or_else(|| text_to_html(&plain), quotable);
        let content_ids = html.map(|_| content_ids(&shown)).unwrap_or_default();
        if original.cut {
            plain = format!("{}\n{CUT}\n", plain.trim_end());
            shown = format!("{shown}<p>{CUT}</p>");
        }
        let (text, html) = match purpose {
            Purpose::Reply => reply(original, words, date, &plain, &shown),
            Purpose::Forward => forward(original, words, date, &plain, &shown),
        };
        Self {
            text,
            html,
            rich,
            content_ids,
        }
    }

    /// Text and HTML of a message with the quotation below its own. There is HTML if one of both has any.
    #[must_use]
    pub fn below(&self, text: Option<&str>, html: Option<&str>) -> (String, Option<String>) {
        let own = match (text, html) {
            (Some(text), _) => text.to_owned(),
            (None, Some(html)) => html_to_text(html),
            (None, None) => String::new(),
        };
        let html = match html {
            Some(html) => Some(append_to_body(html, &self.html)),
            None => self.rich.then(|| text_to_html(&own) + &self.html),
        };
        let own = own.trim_end();
        let gap = if own.is_empty() { "" } else { "\n\n" };
        (format!("{own}{gap}{}", self.text), html)
    }

    /// Whether the HTML of the quotation shows the part with this Content-ID.
    #[must_use]
    pub fn shows(&self, content_id: &str) -> bool {
        self.content_ids
            .contains(content_id.trim().trim_matches(['<', '>']))
    }
}

fn reply(
    original: &Original<'_>,
    words: &Words,
    date: Option<String>,
    plain: &str,
    shown: &str,
) -> (String, String) {
    let author = original.from.map(written).unwrap_or_default();
    let line = words.attribution(&author, date.as_deref().unwrap_or_default());
    let mut text = format!("{line}\n\n");
    for line in plain.lines() {
        // A space at the end would bind it to the next line (RFC 3676 section 4.1), but for the mark of a signature.
        let line = if line == "-- " { line } else { line.trim_end() };
        text.push('>');
        if !line.is_empty() && !line.starts_with('>') {
            text.push(' ');
        }
        text.push_str(line);
        text.push('\n');
    }
    let html = format!(
        "<div><p>{}</p>\n<blockquote type=\"cite\" style=\"{BAR}\">{shown}</blockquote></div>",
        escape(&line)
    );
    (text, html)
}

fn forward(
    original: &Original<'_>,
    words: &Words,
    date: Option<String>,
    plain: &str,
    shown: &str,
) -> (String, String) {
    let subject = original.subject.map(one_line);
    let mut text = format!("---------- {} ----------\n", words.forwarded);
    let mut html = format!(
        "<div><p>---------- {} ----------<br>\n",
        escape(words.forwarded)
    );
    for (name, value) in [
        (words.from, original.from.map(written)),
        (words.sent, date),
        (words.subject, subject),
        (words.to, list(original.to)),
        (words.cc, list(original.cc)),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name}: {value}");
            let _ = writeln!(html, "{}: {}<br>", escape(name), escape(&value));
        }
    }
    text.push('\n');
    text.push_str(plain.trim_end());
    text.push('\n');
    let _ = write!(html, "</p>\n{shown}</div>");
    (text, html)
}

fn list(addresses: &[Address]) -> Option<String> {
    let list: Vec<String> = addresses.iter().map(written).collect();
    (!list.is_empty()).then(|| list.join(", "))
}

/// An address for people to read.
fn written(address: &Address) -> String {
    let words = address
        .name
        .as_deref()
        .unwrap_or_default()
        .split_whitespace();
    let name = words.collect::<Vec<_>>().join(" ");
    let address = one_line(&address.address);
    match (name.is_empty(), address.is_empty()) {
        (false, false) => format!("{name} <{address}>"),
        (false, true) => name,
        (true, _) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bob() -> Address {
        Address {
            name: Some("Bob\r\nX".to_owned()),
            address: "bob@example.net".to_owned(),
        }
    }

    fn original<'a>(
        from: &'a Address,
        plain: Option<&'a str>,
        html: Option<&'a str>,
    ) -> Original<'a> {
        Original {
            from: Some(from),
            to: std::slice::from_ref(from),
            subject: Some("Plan <b>"),
            date: Some(Timestamp(1_700_000_000_000)),
            plain,
            html,
            ..Original::default()
        }
    }

    #[test]
    fn a_text_is_quoted_line_by_line() {
        let bob = bob();
        let quote = Quote::of(
            &original(&bob, Some("One  \n\n> two\n-- \nBob"), None),
            Purpose::Reply,
            "en-GB",
            "Europe/Tallinn",
        );
        let (text, html) = quote.below(Some("Yes.\n\n"), None);
        assert_eq!(
            text,
            "Yes.\n\nOn November 15, 2023 at 00:13 UTC+2, Bob X <bob@example.net> wrote:\n\n\
             > One\n>\n>> two\n> -- \n> Bob\n"
        );
        assert_eq!(html, None, "two texts make no HTML");
        let (_, html) = quote.below(None, Some("<html><body><p>Yes.</p></body></html>"));
        let html = html.unwrap_or_default();
        assert!(html.starts_with("<html><body><p>Yes.</p><div>"), "{html}");
        assert!(
            html.ends_with("</blockquote></div></body></html>"),
            "{html}"
        );
        assert!(
            html.contains("Bob X &lt;bob@example.net&gt; wrote:"),
            "{html}"
        );
    }

    #[test]
    fn html_cannot_leave_its_quotation() {
        let bob = bob();
        let evil = "</div></blockquote></body><script>alert(1)</script><!-- <img src=cid:pic%201>\
                    --><p>x<img src='cid:pic%201' onerror=alert(1)><a href='javascript:x'>y</a></blockquote>";
        let quote = Quote::of(
            &original(&bob, None, Some(evil)),
            Purpose::Reply,
            "xx",
            "nowhere",
        );
        let (text, html) = quote.below(Some("Me"), None);
        let html = html.unwrap_or_default();
        assert_eq!(
            html.matches("<blockquote").count(),
            html.matches("</blockquote").count()
        );
        assert!(html.ends_with("</blockquote></div>"), "{html}");
        for gone in ["script", "onerror", "javascript"] {
            assert!(!html.contains(gone), "{gone}: {html}");
        }
        assert!(text.contains("\n> x"), "{text}");
        assert!(quote.shows("<pic 1>") && quote.shows("pic%201") && !quote.shows("other"));
    }

    #[test]
    fn a_forward_has_the_header_before_it() {
        let bob = bob();
        let mut message = original(&bob, Some("Hello \n"), Some("<p>Hello</p>"));
        message.cut = true;
        let quote = Quote::of(&message, Purpose::Forward, "de", "UTC");
        let (text, html) = quote.below(None, None);
        assert_eq!(
            text,
            "---------- Weitergeleitete Nachricht ----------\nVon: Bob X <bob@example.net>\n\
             Datum: 14. November 2023 um 22:13 UTC\nBetreff: Plan <b>\nAn: Bob X <bob@example.net>\n\n\
             Hello\n[…]\n"
        );
        let html = html.unwrap_or_default();
        assert!(html.contains("Betreff: Plan &lt;b&gt;<br>"), "{html}");
        assert!(html.ends_with("<p>Hello</p><p>[…]</p></div>"), "{html}");
    }
}
