//! Status responses and their codes (RFC 9051 section 7.1, RFC 4315, 5530, 7162, 8474).

use bytes::Bytes;

use crate::set::SequenceSet;
use crate::token::{self, Token};
use crate::words::Words;

/// The condition a status response states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Done, or information.
    Ok,
    /// Refused, or a warning.
    No,
    /// The server did not understand, or is in trouble.
    Bad,
    /// The server closes the connection.
    Bye,
    /// Greeting: already authenticated.
    Preauth,
}

impl Condition {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Bye => "BYE",
            Self::Preauth => "PREAUTH",
        }
    }

    pub(crate) fn parse(word: &[u8]) -> Option<Self> {
        [Self::Ok, Self::No, Self::Bad, Self::Bye, Self::Preauth]
            .into_iter()
            .find(|c| word.eq_ignore_ascii_case(c.as_str().as_bytes()))
    }
}

/// A status response, tagged or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// OK, NO, BAD, BYE or PREAUTH.
    pub condition: Condition,
    /// The response code in brackets.
    pub code: Option<Code>,
    /// The text for people; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A response code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// `CAPABILITY`.
    Capability(Words),
    /// `PERMANENTFLAGS`.
    PermanentFlags(Vec<String>),
    /// `UIDNEXT`; 0 from broken servers.
    UidNext(u32),
    /// `UIDVALIDITY`; wider than the 32 bits of the RFC, as some servers send more.
    UidValidity(u64),
    /// `UNSEEN`: the first unseen message.
    Unseen(u32),
    /// `HIGHESTMODSEQ`; 0 where the server keeps none.
    HighestModSeq(u64),
    /// `APPENDUID`.
    AppendUid {
        /// UIDVALIDITY of the destination.
        uid_validity: u64,
        /// UIDs of the new messages.
        uids: SequenceSet,
    },
    /// `COPYUID`; both lists in the order of the server, and empty on some.
    CopyUid(CopyUid),
    /// `MODIFIED`: what a conditional STORE left alone.
    Modified(SequenceSet),
    /// `MAILBOXID`.
    MailboxId(String),
    /// `MESSAGELIMIT` (RFC 9738): the command went from the highest UID down and stopped after so many.
    MessageLimit {
        /// Most messages of a command.
        limit: u32,
        /// The last one that was looked at; `None` where the server does not say.
        uid: Option<u32>,
    },
    /// Any other code: the name in upper case and what followed it.
    Other {
        /// For instance `ALERT`, `READ-ONLY`, `TRYCREATE`, `AUTHENTICATIONFAILED`.
        name: String,
        /// The rest up to the bracket.
        args: String,
    },
}

/// Where copied or moved messages went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyUid {
    /// UIDVALIDITY of the destination.
    pub uid_validity: u64,
    /// UIDs in the source mailbox.
    pub source: Vec<u32>,
    /// UIDs in the destination, each at the place of its source.
    pub destination: Vec<u32>,
}

impl CopyUid {
    /// Pairs of (source UID, destination UID).
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.source
            .iter()
            .copied()
            .zip(self.destination.iter().copied())
    }
}

impl Code {
    /// The name in upper case.
    pub fn name(&self) -> &str {
        match self {
            Self::Capability(_) => "CAPABILITY",
            Self::PermanentFlags(_) => "PERMANENTFLAGS",
            Self::UidNext(_) => "UIDNEXT",
            Self::UidValidity(_) => "UIDVALIDITY",
            Self::Unseen(_) => "UNSEEN",
            Self::HighestModSeq(_) => "HIGHESTMODSEQ",
            Self::AppendUid { .. } => "APPENDUID",
            Self::CopyUid(_) => "COPYUID",
            Self::Modified(_) => "MODIFIED",
            Self::MailboxId(_) => "MAILBOXID",
            Self::MessageLimit { .. } => "MESSAGELIMIT",
            Self::Other { name, .. } => name,
        }
    }
}

impl Status {
    /// True if the code has this name.
    pub fn has_code(&self, name: &str) -> bool {
        self.code.as_ref().is_some_and(|c| c.name() == name)
    }

    /// Reads what follows the condition word.
    pub(crate) fn parse(condition: Condition, rest: &Bytes) -> Self {
        let from = rest.len() - rest.trim_ascii_start().len();
        let rest = rest.slice(from..);
        let (code, text) = match code_end(&rest) {
            Some(end) => {
                let inner = rest.slice(1..end);
                let text = rest.get(end + 1..).unwrap_or_default();
                (parse_code(&inner), text)
            }
            None => (None, &rest[..]),
        };
        Self {
            condition,
            code,
            text: String::from_utf8_lossy(text.trim_ascii()).into_owned(),
        }
    }
}

/// Where the bracket closes: the first `]` outside quotes and parentheses, else the first at all.
fn code_end(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'[') {
        return None;
    }
    let (mut in_quotes, mut depth) = (false, 0i32);
    for (i, b) in text.iter().enumerate() {
        match b {
            b'"' => in_quotes = !in_quotes,
            b'(' if !in_quotes => depth += 1,
            b')' if !in_quotes => depth -= 1,
            b']' if !in_quotes && depth <= 0 => return Some(i),
            _ => {}
        }
    }
    text.iter().position(|b| *b == b']')
}

fn parse_code(inner: &Bytes) -> Option<Code> {
    let trimmed = inner.trim_ascii();
    let end = trimmed
        .iter()
        .position(|b| *b == b' ')
        .unwrap_or(trimmed.len());
    let (name, args) = trimmed.split_at_checked(end)?;
    if name.is_empty() {
        return None;
    }
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let args = Bytes::copy_from_slice(args.trim_ascii());
    let tokens = token::parse_text(&args);
    let number = || tokens.first().and_then(Token::u64);
    let number32 = || tokens.first().and_then(Token::u32);
    let set_at = |i: usize| -> SequenceSet {
        tokens
            .get(i)
            .and_then(Token::bytes)
            .map(|b| SequenceSet::parse(b))
            .unwrap_or_default()
    };
    let known = match name.as_str() {
        "CAPABILITY" => Some(Code::Capability(Words::new(
            tokens.iter().filter_map(Token::string),
        ))),
        "PERMANENTFLAGS" => Some(Code::PermanentFlags(
            tokens.first().map(Token::strings).unwrap_or_default(),
        )),
        "UIDNEXT" => number32().map(Code::UidNext),
        "UIDVALIDITY" => number().map(Code::UidValidity),
        "UNSEEN" => number32().map(Code::Unseen),
        "HIGHESTMODSEQ" => number().map(Code::HighestModSeq),
        "APPENDUID" => number().map(|uid_validity| Code::AppendUid {
            uid_validity,
            uids: set_at(1),
        }),
        "COPYUID" => number().map(|uid_validity| {
            let list = |i: usize| ordered(tokens.get(i));
            Code::CopyUid(CopyUid {
                uid_validity,
                source: list(1),
                destination: list(2),
            })
        }),
        "MESSAGELIMIT" => number32().map(|limit| Code::MessageLimit {
            limit,
            uid: tokens.get(1).and_then(Token::u32),
        }),
        "MODIFIED" => Some(Code::Modified(set_at(0))),
        "MAILBOXID" => tokens
            .first()
            .and_then(|t| t.list().map_or(Some(t), <[Token]>::first))
            .and_then(Token::string)
            .map(Code::MailboxId),
        _ => None,
    };
    Some(known.unwrap_or_else(|| Code::Other {
        name,
        args: String::from_utf8_lossy(&args).into_owned(),
    }))
}

/// Members of a set in the order they were written (`SequenceSet` would sort them, but COPYUID
/// pairs by place). More than a million are not believed.
fn ordered(token: Option<&Token>) -> Vec<u32> {
    let mut out = Vec::new();
    let text = token.and_then(Token::bytes);
    for piece in text.map_or(&[][..], |b| &b[..]).split(|b| *b == b',') {
        let mut ends = piece.splitn(2, |b| *b == b':').map(|n| {
            token::parse_u64(n)
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(0)
        });
        let first = ends.next().unwrap_or(0);
        let last = ends.next().unwrap_or(first);
        if first == 0 || last == 0 || u64::from(first.abs_diff(last)) + out.len() as u64 > 1_000_000
        {
            continue;
        }
        // RFC 4315: `4:2` and `2:4` are the same.
        out.extend(first.min(last)..=first.max(last));
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn read(text: &'static str) -> Status {
        Status::parse(Condition::Ok, &Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn codes() {
        let s = read("[PERMANENTFLAGS (\\Seen a]b \\*)] Flags");
        assert_eq!(
            s.code,
            Some(Code::PermanentFlags(vec![
                "\\Seen".into(),
                "a]b".into(),
                "\\*".into()
            ]))
        );
        assert_eq!(s.text, "Flags");
        let s = read("[ALERT] see https://x/y[1] (x)");
        assert!(s.has_code("ALERT"));
        assert_eq!(s.text, "see https://x/y[1] (x)");
        let s = read("[UNFINISHED \"] text");
        assert!(s.has_code("UNFINISHED"));
        let s = read("[no bracket at all");
        assert_eq!(s.code, None);
        let Some(Code::CopyUid(c)) = read("[COPYUID 1 3,1:2 9:7] x").code else {
            panic!()
        };
        assert_eq!(c.pairs().collect::<Vec<_>>(), [(3, 7), (1, 8), (2, 9)]);
    }
}
