//! Replies of mail servers (RFC 5321 section 4.2, RFC 2034) as they stand in texts.

use std::net::IpAddr;

/// Characters of a reply that are kept and looked at.
pub(super) const MAX_REPLY: usize = 2_000;

/// An enhanced status code (RFC 3463): `class.subject.detail`.
pub(super) fn is_enhanced(text: &str) -> bool {
    let mut numbers = text.split('.');
    let is_number = |number: Option<&str>| {
        number.is_some_and(|number| {
            (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
        })
    };
    matches!(numbers.next(), Some("2" | "4" | "5"))
        && is_number(numbers.next())
        && is_number(numbers.next())
        && numbers.next().is_none()
}

/// A code of a refusal: 4xx or 5xx.
fn code_of(text: &str) -> Option<u16> {
    let code: u16 = text.parse().ok()?;
    (text.len() == 3 && (400..600).contains(&code)).then_some(code)
}

/// A reply, taken apart for comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// The first code.
    pub(super) code: Option<u16>,
    /// The first enhanced status code.
    pub(super) status: Option<String>,
    /// Its words in lower case without these codes; addresses of mail are `@`, those of hosts `[ip]`.
    pub(super) words: String,
}

impl Reply {
    /// Takes a reply apart, of one line or more that were joined.
    pub(super) fn read(text: &str) -> Self {
        let mut reply = Self::default();
        // A code stands at the begin, after what tells who said it, and before each further line.
        let mut may_be_code = true;
        for token in text.split_whitespace() {
            let bare = token.trim_matches(|c: char| matches!(c, '(' | ')' | '#' | ',' | ';' | ':'));
            let (first, rest) = match bare.get(..3) {
                Some(first) if bare.get(3..4) == Some("-") => {
                    (first, bare.get(4..).unwrap_or_default())
                }
                _ => (bare, ""),
            };
            if let Some(code) = code_of(first)
                && (may_be_code || reply.code == Some(code))
            {
                reply.code.get_or_insert(code);
                // A further line is `550-5.1.1`, or `550-` and its first word.
                may_be_code = true;
                if rest.is_empty() || is_enhanced(rest) {
                    reply.see(rest);
                } else {
                    reply.push(rest);
                }
                continue;
            }
            if is_enhanced(bare) {
                reply.see(bare);
                continue;
            }
            may_be_code = token.ends_with([':', ';', '>']);
            reply.push(token);
        }
        reply
    }

    fn see(&mut self, status: &str) {
        if self.status.is_none() && !status.is_empty() {
            self.status = Some(status.to_owned());
        }
    }

    fn push(&mut self, token: &str) {
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        let is_around = |c: char| !c.is_ascii_alphanumeric() && c != ':';
        if token
            .trim_matches(is_around)
            .trim_end_matches(':')
            .parse::<IpAddr>()
            .is_ok()
        {
            self.words.push_str("[ip]");
        } else if token.contains('@') && !token.contains("://") {
            self.words.push('@');
        } else {
            let token = token.chars().flat_map(char::to_lowercase);
            self.words
                .extend(token.map(|c| if c == '’' { '\'' } else { c }));
        }
    }

    /// It is a refusal, by its codes.
    pub(super) fn is_refusal(&self) -> bool {
        self.code.is_some()
            || self
                .status
                .as_deref()
                .is_some_and(|status| !status.starts_with('2'))
    }

    /// A phrase stands in it: at the begin of a word, whatever follows. ` .. ` in the phrase stands for any words.
    pub(super) fn says(&self, phrase: &str) -> bool {
        let mut from = 0;
        for piece in phrase.split(" .. ") {
            match find_word(&self.words, piece, from) {
                Some(end) => from = end,
                None => return false,
            }
        }
        true
    }
}

/// Where a piece that begins at the begin of a word ends.
fn find_word(text: &str, piece: &str, mut from: usize) -> Option<usize> {
    loop {
        let at = from + text.get(from..)?.find(piece)?;
        let before = text.get(..at)?.chars().next_back();
        let first = piece.chars().next()?;
        let is_inside = first.is_ascii_alphanumeric() && before.is_some_and(char::is_alphanumeric);
        if !is_inside {
            return Some(at + piece.len());
        }
        from = at + first.len_utf8();
    }
}

/// A text with its white space as single spaces and without control characters, cut to the length of a reply.
pub(super) fn squeeze(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().filter(|c| !c.is_control()));
        if out.len() > 4 * MAX_REPLY {
            break;
        }
    }
    if let Some((end, _)) = out.char_indices().nth(MAX_REPLY) {
        out.truncate(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words() {
        let reply = Reply::read(
            "550-5.1.1 The account <a@b> does 550-5.1.1 NOT exist at 192.0.2.1. 550 5.1.1 x - gsmtp",
        );
        assert_eq!(reply.code, Some(550));
        assert_eq!(reply.status.as_deref(), Some("5.1.1"));
        assert_eq!(
            reply.words,
            "the account @ does not exist at [ip] x - gsmtp"
        );
        let reply = Reply::read("host mx.x[192.0.2.1] said: 452 4.2.2 full");
        assert_eq!(
            (reply.code, reply.status.as_deref()),
            (Some(452), Some("4.2.2"))
        );
        let reply = Reply::read("after 450 seconds");
        assert_eq!(reply.code, None);
    }

    #[test]
    fn phrases_begin_at_words() {
        let reply = Reply::read("The user is not known, unblocked");
        assert!(reply.says("user .. known") && reply.says("not known"));
        assert!(!reply.says("blocked") && !reply.says("known .. user"));
    }
}
