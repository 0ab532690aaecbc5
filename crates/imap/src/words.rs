//! Small sets of words kept in one allocation: capabilities, permanent flags.

use std::fmt;

/// Words separated by spaces, in one string: some dozens of bytes where a list of strings would
/// take a kilobyte on every idle connection.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Words(Box<str>);

/// More than any server means to say; a longer list is cut.
const MAX_LEN: usize = 8 * 1024;

impl Words {
    /// Joins words; empty ones and repeated ones are left out, what is beyond 8 KiB is cut.
    pub fn new<I, S>(words: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let mut out = String::new();
        for word in words {
            let word = word.as_ref();
            if out.len() + word.len() > MAX_LEN {
                break;
            }
            if word.is_empty()
                || word.contains(' ')
                || out.split(' ').any(|w| w.eq_ignore_ascii_case(word))
            {
                continue;
            }
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
        Self(out.into_boxed_str())
    }

    /// Is this word in it, in any case?
    pub fn has(&self, word: &str) -> bool {
        self.iter().any(|w| w.eq_ignore_ascii_case(word))
    }

    /// The value of the first `NAME=value`, for instance of `APPENDLIMIT`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter()
            .filter_map(|w| w.split_once('='))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The values of every `NAME=value`, for instance of `AUTH`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter_map(move |w| {
            let (key, value) = w.split_once('=')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The words in the order of the server.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|w| !w.is_empty())
    }

    /// True without any word.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn words() {
        let w = Words::new(["IMAP4rev1", "AUTH=PLAIN", "", "auth=LOGIN", "idle", "IDLE"]);
        assert!(w.has("IDLE") && w.has("imap4REV1") && !w.has("AUTH"));
        assert_eq!(w.values("AUTH").collect::<Vec<_>>(), ["PLAIN", "LOGIN"]);
        assert_eq!(w.iter().count(), 4);
        assert!(Words::default().is_empty() && !Words::default().has(""));
    }
}
