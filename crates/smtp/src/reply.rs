//! What the server answered.

use bytes::{Buf, BytesMut};

/// The longest reply that is read, in bytes. EHLO answers of real servers are below 1 KiB.
const MAX_REPLY: usize = 64 * 1024;

/// An enhanced status code (RFC 3463): class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnhancedCode(pub u8, pub u16, pub u16);

impl std::fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A complete reply (RFC 5321 section 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The text of each line, without code and line end.
    pub lines: Vec<String>,
}

/// Bytes that are no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A line does not start with a code.
    #[error("the server sent {0:?} instead of a reply")]
    Line(String),
    /// No end within the limit.
    #[error("the server's reply is too long")]
    TooLong,
}

impl Reply {
    /// Takes one complete reply off the front of `input`, or nothing while it is incomplete. Lines may end in a bare LF, the
    /// text may be missing, and the code of the last line counts, as real servers are not exact.
    pub(crate) fn take(input: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        let mut lines = Vec::new();
        let mut used = 0;
        while let Some(length) = input
            .get(used..)
            .and_then(|rest| rest.iter().position(|&byte| byte == b'\n'))
        {
            let line = input.get(used..used + length).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            used += length + 1;
            let (code, more, text) = parse_line(line)?;
            lines.push(text);
            if !more {
                input.advance(used);
                return Ok(Some(Self { code, lines }));
            }
            if used > MAX_REPLY {
                return Err(Malformed::TooLong);
            }
        }
        if input.len() > MAX_REPLY {
            return Err(Malformed::TooLong);
        }
        Ok(None)
    }

    /// The enhanced status code in front of the text, where it fits the reply's class.
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        let word = self.lines.first()?.split_ascii_whitespace().next()?;
        let mut parts = word.split('.');
        let class: u8 = parts.next()?.parse().ok()?;
        let subject: u16 = parts.next()?.parse().ok()?;
        let detail: u16 = parts.next()?.parse().ok()?;
        let fits = parts.next().is_none() && u16::from(class) == self.code / 100;
        fits.then_some(EnhancedCode(class, subject, detail))
    }

    /// The lines joined by a space, without the code.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3xx: the server waits for more.
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4xx: the same may succeed later.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 421: the server closes the connection, whatever was asked (RFC 5321 section 3.8).
    pub fn is_closing(&self) -> bool {
        self.code == 421
    }
}

/// The reply as the reference shows it: every line with its code, joined by a line feed.
impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            if index == last {
                write!(f, "{} {line}", self.code)?;
            } else {
                writeln!(f, "{}-{line}", self.code)?;
            }
        }
        Ok(())
    }
}

fn parse_line(line: &[u8]) -> Result<(u16, bool, String), Malformed> {
    let wrong = || {
        let shown = line.get(..80).unwrap_or(line);
        Malformed::Line(String::from_utf8_lossy(shown).into_owned())
    };
    let (digits, rest) = line.split_at_checked(3).ok_or_else(wrong)?;
    let code = digits.iter().try_fold(0u16, |code, digit| {
        digit
            .is_ascii_digit()
            .then(|| code * 10 + u16::from(digit - b'0'))
    });
    let code = code
        .filter(|code| (200..600).contains(code))
        .ok_or_else(wrong)?;
    let (more, text) = match rest.split_first() {
        None => (false, rest),
        Some((b'-', text)) => (true, text),
        Some((b' ', text)) => (false, text),
        Some(_) => return Err(wrong()),
    };
    let text = String::from_utf8_lossy(text).trim_end().to_owned();
    Ok((code, more, text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn take(input: &str) -> Result<Option<Reply>, Malformed> {
        Reply::take(&mut BytesMut::from(input))
    }

    #[test]
    fn a_reply_is_taken_whole_and_leaves_the_next() {
        let mut input = BytesMut::from("250-one\r\n250 two\r\n354 go\r\n");
        let reply = Reply::take(&mut input).unwrap().unwrap();
        assert_eq!(reply.code, 250);
        assert_eq!(reply.lines, ["one", "two"]);
        assert_eq!(reply.to_string(), "250-one\n250 two");
        let reply = Reply::take(&mut input).unwrap().unwrap();
        assert_eq!((reply.code, reply.text().as_str()), (354, "go"));
        assert!(input.is_empty());
        assert_eq!(take("250-one\r\n250 tw"), Ok(None));
        assert_eq!(take(""), Ok(None));
    }

    #[test]
    fn inexact_servers_are_understood() {
        assert_eq!(take("250\r\n").unwrap().unwrap().lines, [""]);
        assert_eq!(take("250 ok\n").unwrap().unwrap().lines, ["ok"]);
        assert_eq!(take("250-a\r\n220 b\r\n").unwrap().unwrap().code, 220);
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for input in ["* OK hi\r\n", "25\r\n", "999 x\r\n", "2500 x\r\n", "\r\n"] {
            assert!(matches!(take(input), Err(Malformed::Line(_))), "{input:?}");
        }
        let long = "250-x\r\n".repeat(20_000);
        assert_eq!(take(&long), Err(Malformed::TooLong));
        assert_eq!(take(&"2".repeat(70_000)), Err(Malformed::TooLong));
    }

    #[test]
    fn enhanced_codes_are_read_where_they_fit() {
        let enhanced = |text: &str| take(text).unwrap().unwrap().enhanced();
        assert_eq!(enhanced("550 5.7.1 no\r\n"), Some(EnhancedCode(5, 7, 1)));
        assert_eq!(enhanced("250 2.0.0\r\n"), Some(EnhancedCode(2, 0, 0)));
        assert_eq!(enhanced("250 5.7.1 no\r\n"), None);
        assert_eq!(enhanced("550 1.2.3.4 blocked\r\n"), None);
        assert_eq!(enhanced("550 no\r\n"), None);
    }
}
