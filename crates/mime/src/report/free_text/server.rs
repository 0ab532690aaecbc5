//! What a server said, and which one.

use crate::report::reply::{is_enhanced, squeeze};

/// Where a reply begins in a line, if one does: a code of a refusal at the begin, after what announces it, or before an enhanced code.
pub(super) fn reply_at(text: &str) -> Option<String> {
    let mut announced = true;
    let mut words = Words { text, at: 0 }.peekable();
    while let Some((at, word)) = words.next() {
        let bare = word.trim_start_matches(['#', '(', '<', '"', '\'', '[', ':', '-']);
        let typed = bare
            .get(..5)
            .filter(|kind| kind.eq_ignore_ascii_case("smtp;"));
        let bare = typed.and(bare.get(5..)).unwrap_or(bare);
        let digits = bare.get(..3).unwrap_or_default();
        let is_code = digits
            .parse::<u16>()
            .is_ok_and(|code| (400..600).contains(&code));
        let rest = bare.get(3..).unwrap_or_default();
        let continues = rest
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let next = words
            .peek()
            .map(|(_, word)| word.trim_start_matches(['#', '(']));
        let is_whole = matches!(rest, "" | ":" | "," | "]" | ")") || rest.starts_with('-');
        if is_code
            && is_whole
            && (announced
                || typed.is_some()
                || continues
                || next.is_some_and(|next| is_enhanced(next.trim_end_matches([':', ')']))))
        {
            let start = at + (word.len() - bare.len());
            return text.get(start..).map(squeeze);
        }
        let lower = word.to_lowercase();
        announced = word.ends_with([':', ';', '>', '='])
            || matches!(
                lower.as_str(),
                "<<<"
                    | "said"
                    | "error"
                    | "code"
                    | "smtp"
                    | "response"
                    | "reply"
                    | "returned"
                    | "status"
                    | "with"
                    | "-"
            );
    }
    None
}

/// Words before the name of a server.
const BEFORE: [&str; 14] = [
    "host ",
    "talking to ",
    "generating server: ",
    "remote server ",
    "remote system: dns;",
    "remote system: ",
    "remote mta: ",
    "mail server ",
    "connect to ",
    "server for the recipient domain ",
    "remote-mta: dns; ",
    "connection with ",
    "gateway ",
    "server at ",
];

/// The server that refused the message: a name with a dot after words that announce one.
pub(super) fn mta(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    for before in BEFORE {
        let Some(at) = lower.find(before) else {
            continue;
        };
        let mut words = text.get(at + before.len()..)?.split_whitespace();
        let mut word = words.next()?;
        // `for the recipient domain d.example by mx.d.example. [192.0.2.1]`
        if before.ends_with("domain ") {
            words.find(|word| *word == "by")?;
            word = words.next()?;
        }
        let name = word.split(['[', '(', ':', ';', ',']).next().unwrap_or(word);
        let name = name.trim_matches(|c: char| !c.is_alphanumeric());
        let is_name = name.contains('.')
            && !name.contains('@')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if is_name {
            return Some(name.to_owned());
        }
    }
    None
}

/// Words with where they begin.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..)?;
        let skipped = rest.len() - rest.trim_start().len();
        let start = self.at + skipped;
        let word = rest.get(skipped..)?.split(char::is_whitespace).next()?;
        self.at = start + word.len();
        (!word.is_empty()).then_some((start, word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        for (text, expected) in [
            ("550 No such user", Some("550 No such user")),
            (
                "host m[192.0.2.1] said: 550 5.1.1 x (in reply to RCPT)",
                Some("550 5.1.1 x (in reply to RCPT)"),
            ),
            (
                "#550 5.1.1 RESOLVER; not found ##",
                Some("550 5.1.1 RESOLVER; not found ##"),
            ),
            ("<<< 554 no", Some("554 no")),
            ("<m #5.1.1 smtp;550 5.1.1 no>", Some("550 5.1.1 no>")),
            ("it took 450 seconds", None),
            ("ERROR CODE :550 - 5.1.1 no", Some("550 - 5.1.1 no")),
        ] {
            assert_eq!(reply_at(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn servers() {
        for (text, expected) in [
            (
                "host mx.x.example[192.0.2.1] said: 550",
                Some("mx.x.example"),
            ),
            ("... while talking to mx.x.example.:", Some("mx.x.example")),
            (
                "by the server for the recipient domain x.example by mx1.x.example. [192.0.2.1].",
                Some("mx1.x.example"),
            ),
            ("the host is down", None),
        ] {
            assert_eq!(mta(text).as_deref(), expected, "{text}");
        }
    }
}
