//! Where the history of a conversation begins in a message: what mail programs put around the letter that is answered.
//!
//! The marks are what the programs are seen to write: classes and ids of Gmail, Yahoo, Proton and others, Outlook's block
//! of header fields, `<blockquote type="cite">` of Apple Mail and Thunderbird, lines like "On ... wrote:".

use std::ops::RangeInclusive;

use super::{
    PREFIX, THREAD,
    tokens::{Kind, Token},
};

/// Beginnings of classes and ids that mark an element that is a quote.
const QUOTES: [&str; 13] = [
    "gmail_quote",
    "gmail_extra",
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",
    "freemail_quote",
    "mail_android_quote",
    "hcl_quote",
    "quoted_reply",
    "OutlookMessageHeader",
    "mailbird-quote",
    "spark_quote",
];

/// Ids of an element that a quote begins with, in the same parent.
const BEGINNINGS: [&str; 4] = [
    "divRplyFwdMsg",
    "appendonsend",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-reference-message",
];

/// The first field of the header block that Outlook puts before a quote, without its colon.
const FROM: [&str; 24] = [
    "from",
    "von",
    "de",
    "da",
    "van",
    "från",
    "fra",
    "od",
    "feladó",
    "lähettäjä",
    "от",
    "від",
    "kimden",
    "gönderen",
    "από",
    "saatja",
    "nuo",
    "no",
    "发件人",
    "寄件者",
    "差出人",
    "보낸 사람",
    "مِن",
    "מאת",
];

/// Verbs of lines that introduce a quote.
const WROTE: [&str; 31] = [
    "wrote",
    "writes",
    "schrieb",
    "a écrit",
    "escribió",
    "va escriure",
    "escreveu",
    "ha scritto",
    "schreef",
    "skrev",
    "skreiv",
    "kirjoitti",
    "napisał",
    "napísal",
    "napsal",
    "napisao",
    "je napisal",
    "написа",
    "пише",
    "пишет",
    "írta",
    "a scris",
    "yazdı",
    "写道",
    "寫道",
    "書きました",
    "작성",
    "έγραψε",
    "kirjutas",
    "rašė",
    "rakstīja",
];

/// Longest line that introduces a quote, bytes of text.
const MAX_LINE: usize = 400;

/// Parents in which what folds may stand.
const PARENTS: [&str; 11] = [
    "div",
    "td",
    "th",
    "section",
    "article",
    "main",
    "center",
    "blockquote",
    "li",
    "dd",
    "span",
];

/// The pieces that are quoted history: whole elements and texts beside each other. None if there is no quote, if nothing
/// stands above it, if it is what somebody forwards, or if it is folded already.
pub(super) fn history(tokens: &[Token<'_>]) -> Option<RangeInclusive<usize>> {
    let folded = |token: &Token<'_>| token.attribute("class") == Some(THREAD);
    if tokens.iter().any(folded) {
        return None;
    }
    // Answers between the lines: the quotes are part of what is said.
    let one_cited = cited(tokens) == 1;
    let mut above = false;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.begins("style") {
            at = token.mate + 1;
            continue;
        }
        if let Some((start, end)) = quote(tokens, at, one_cited)
            && may_stand(tokens, token)
        {
            // An answer below, or between the lines: the quote is part of what is said.
            let start = introduced(tokens, start);
            return (above && seen(tokens.get(..start)?)).then_some(start..=end);
        }
        above |= shows(token);
        at += 1;
    }
    None
}

/// How many quotes of the kind of Apple Mail and Thunderbird stand beside each other.
fn cited(tokens: &[Token<'_>]) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some(token) = tokens.get(at) {
        if token.begins("blockquote") && token.attribute("type") == Some("cite") {
            count += 1;
            at = token.mate;
        }
        at += 1;
    }
    count
}

/// The first and the last piece of the quote that begins at a place, if one does.
fn quote(tokens: &[Token<'_>], at: usize, one_cited: bool) -> Option<(usize, usize)> {
    let token = tokens.get(at)?;
    if token.kind != Kind::Open || token.name == "span" {
        return None;
    }
    let marked = |marks: &[&str]| {
        let names = [token.attribute("class"), token.attribute("id")];
        let mut names = names
            .into_iter()
            .flatten()
            .flat_map(|value| value.split(' '));
        names.any(|name| {
            let name = name.strip_prefix(PREFIX).unwrap_or(name);
            let name = name.strip_prefix("x_").unwrap_or(name);
            marks.iter().any(|mark| name.starts_with(mark))
        })
    };
    if marked(&QUOTES) {
        let text = start_of(tokens, at, MAX_LINE);
        // What somebody forwards is the message.
        return (!text.starts_with("----------")).then_some((at, token.mate));
    }
    if token.name == "blockquote" && token.attribute("type") == Some("cite") {
        return one_cited.then_some((at, token.mate));
    }
    let begins = marked(&BEGINNINGS)
        || (token.name == "div" && has_line(token) && is_header(&start_of(tokens, at, MAX_LINE)))
        || (matches!(token.name, "p" | "div") && is_separator(&start_of(tokens, at, 120)));
    if !begins {
        return None;
    }
    // To the end of what it is in; out of what holds nothing before it.
    let (mut start, mut parent) = (at, token.parent);
    while let Some(place) = parent
        && let Some(around) = tokens.get(place).filter(|around| around.name == "div")
        && !seen(tokens.get(place..start)?)
    {
        (start, parent) = (place, around.parent);
    }
    let end = match parent {
        Some(parent) => tokens.get(parent)?.mate,
        None => tokens.len(),
    };
    Some((start, end.checked_sub(1)?))
}

/// Whether the element has a line above it, and no other, as Outlook draws it.
fn has_line(token: &Token<'_>) -> bool {
    token.attribute("style").is_some_and(|style| {
        style.contains("border-top: ") || style.contains("border-width: 1pt medium medium")
    })
}

/// Whether a text is a block of header fields.
fn is_header(text: &str) -> bool {
    let Some((name, rest)) = text.split_once([':', '：']) else {
        return false;
    };
    let name = name.trim().to_lowercase();
    FROM.contains(&name.as_str()) && rest.contains([':', '：'])
}

/// Whether a text begins with the line that Outlook puts before a quote in plain text.
fn is_separator(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix("-----") {
        let name = rest.split("-----").next().unwrap_or_default();
        return !rest.starts_with('-') && name.len() < rest.len() && name.trim().len() > 3;
    }
    let rest = text.trim_start_matches('_');
    text.len() - rest.len() >= 20 && is_header(rest)
}

/// Whether a folded part may stand where this piece stands: it is a block.
fn may_stand(tokens: &[Token<'_>], token: &Token<'_>) -> bool {
    let mut parent = token.parent;
    while let Some(at) = parent {
        let Some(token) = tokens.get(at) else {
            return false;
        };
        match token.name {
            name if !PARENTS.contains(&name)
                && !matches!(
                    name,
                    "table" | "tbody" | "tr" | "ul" | "ol" | "dl" | "font" | "b" | "i" | "u"
                ) =>
            {
                return false;
            }
            _ => parent = token.parent,
        }
    }
    token
        .parent
        .and_then(|at| tokens.get(at))
        .is_none_or(|parent| PARENTS.contains(&parent.name))
}

/// Where a quote begins together with the line that introduces it, and the rule above that.
fn introduced(tokens: &[Token<'_>], quote: usize) -> usize {
    let mut start = quote;
    let mut lines = 0;
    let mut before = quote;
    while let Some(at) = before.checked_sub(1)
        && let Some(token) = tokens.get(at)
    {
        let first = match token.kind {
            Kind::Open => break,
            Kind::Close => token.mate,
            Kind::Void | Kind::Text => at,
        };
        let pieces = tokens.get(first..=at).unwrap_or_default();
        before = first;
        if token.name == "hr" {
            start = first;
        } else if seen(pieces) {
            let text = text_of(pieces, MAX_LINE + 1);
            if lines > 0 || !introduces(&text) || token.name == "blockquote" {
                break;
            }
            lines += 1;
            start = first;
        } else if matches!(token.name, "div" | "p") && lines == 0 {
            start = first;
        }
    }
    start
}

/// Whether a text is a line as "On ... wrote:".
fn introduces(text: &str) -> bool {
    let text = text.trim();
    let Some(line) = text.strip_suffix([':', '：']) else {
        return false;
    };
    let lower = line.to_lowercase();
    text.len() <= MAX_LINE && WROTE.iter().any(|verb| lower.contains(verb))
}

/// Whether there is something to see.
fn seen(tokens: &[Token<'_>]) -> bool {
    let mut style = false;
    tokens.iter().any(|token| {
        if token.name == "style" {
            style = token.kind == Kind::Open;
        }
        !style && shows(token)
    })
}

fn shows(token: &Token<'_>) -> bool {
    let filled = || {
        let text = token.text.replace("&nbsp;", " ");
        text.contains(|c: char| {
            !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{ad}' | '\u{feff}')
        })
    };
    token.name == "img" || (token.kind == Kind::Text && filled())
}

/// The first text inside of an element.
fn start_of(tokens: &[Token<'_>], at: usize, most: usize) -> String {
    let end = tokens.get(at).map_or(at, |token| token.mate);
    let inside = tokens.get(at..end).unwrap_or_default();
    text_of(inside, most).trim_start().to_owned()
}

/// The text of pieces, as it is written, up to a number of bytes.
fn text_of(tokens: &[Token<'_>], most: usize) -> String {
    let mut text = String::new();
    // Pieces without text are few before a line of it: what follows many of them is none.
    for token in tokens.iter().take(200) {
        if text.len() >= most {
            break;
        }
        if token.kind == Kind::Text {
            let end = token.text.floor_char_boundary(most);
            text.push_str(token.text.get(..end).unwrap_or_default());
        } else if !text.is_empty() && matches!(token.name, "br" | "p" | "div") {
            text.push('\n');
        }
    }
    text.replace("&nbsp;", " ")
}
