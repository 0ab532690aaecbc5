//! Search programs (RFC 9051 section 6.4.4, RFC 7162, 8474, X-GM-EXT-1).

use crate::command::Command;
use crate::date::format_date;
use crate::set::SequenceSet;

/// One search key. Dates are milliseconds since 1970; the protocol sees only their day (UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchKey {
    /// Every message.
    All,
    /// Has this flag: `\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`, `\Recent` or a keyword.
    Flag(String),
    /// Lacks this flag.
    NotFlag(String),
    /// UID in the set.
    Uid(SequenceSet),
    /// Sequence number in the set.
    Seq(SequenceSet),
    /// `From` contains.
    From(String),
    /// `To` contains.
    To(String),
    /// `Cc` contains.
    Cc(String),
    /// `Bcc` contains.
    Bcc(String),
    /// `Subject` contains.
    Subject(String),
    /// Body contains.
    Body(String),
    /// Header or body contains.
    Text(String),
    /// Header field contains; an empty value asks for its presence.
    Header(String, String),
    /// INTERNALDATE before the day.
    Before(i64),
    /// INTERNALDATE on the day.
    On(i64),
    /// INTERNALDATE on the day or later.
    Since(i64),
    /// `Date` before the day.
    SentBefore(i64),
    /// `Date` on the day.
    SentOn(i64),
    /// `Date` on the day or later.
    SentSince(i64),
    /// More bytes than.
    Larger(u64),
    /// Fewer bytes than.
    Smaller(u64),
    /// Mod-sequence at least (CONDSTORE).
    ModSeq(u64),
    /// EMAILID (OBJECTID).
    EmailId(String),
    /// THREADID (OBJECTID).
    ThreadId(String),
    /// Gmail's own search language.
    GmRaw(String),
    /// X-GM-MSGID.
    GmMessageId(u64),
    /// X-GM-THRID.
    GmThreadId(u64),
    /// Has this Gmail label.
    GmLabel(String),
    /// All of these; an empty list is every message.
    And(Vec<SearchKey>),
    /// One or both.
    Or(Box<SearchKey>, Box<SearchKey>),
    /// The opposite.
    Not(Box<SearchKey>),
}

impl SearchKey {
    /// Must the command say CHARSET UTF-8?
    pub fn needs_charset(&self) -> bool {
        match self {
            Self::From(s)
            | Self::To(s)
            | Self::Cc(s)
            | Self::Bcc(s)
            | Self::Subject(s)
            | Self::Body(s)
            | Self::Text(s)
            | Self::Header(_, s)
            | Self::GmRaw(s) => !s.is_ascii(),
            Self::And(keys) => keys.iter().any(Self::needs_charset),
            Self::Or(a, b) => a.needs_charset() || b.needs_charset(),
            Self::Not(key) => key.needs_charset(),
            _ => false,
        }
    }

    /// Appends the key to a SEARCH command, a space before it.
    pub fn write(&self, command: Command) -> Command {
        let text = |command: Command, name: &str, value: &str| command.word(name).string(value);
        let date = |command: Command, name: &str, ms: i64| command.word(name).word(format_date(ms));
        match self {
            Self::All => command.word("ALL"),
            Self::Flag(flag) => flag_key(command, flag, true),
            Self::NotFlag(flag) => flag_key(command, flag, false),
            // An empty set finds nothing, but has no form of its own.
            Self::Uid(set) | Self::Seq(set) if set.is_empty() => command.word("NOT ALL"),
            Self::Uid(set) => command.word("UID").word(set),
            Self::Seq(set) => command.word(set),
            Self::From(s) => text(command, "FROM", s),
            Self::To(s) => text(command, "TO", s),
            Self::Cc(s) => text(command, "CC", s),
            Self::Bcc(s) => text(command, "BCC", s),
            Self::Subject(s) => text(command, "SUBJECT", s),
            Self::Body(s) => text(command, "BODY", s),
            Self::Text(s) => text(command, "TEXT", s),
            Self::Header(name, s) => command
                .word("HEADER")
                .astring(name.as_str())
                .string(s.as_str()),
            Self::Before(ms) => date(command, "BEFORE", *ms),
            Self::On(ms) => date(command, "ON", *ms),
            Self::Since(ms) => date(command, "SINCE", *ms),
            Self::SentBefore(ms) => date(command, "SENTBEFORE", *ms),
            Self::SentOn(ms) => date(command, "SENTON", *ms),
            Self::SentSince(ms) => date(command, "SENTSINCE", *ms),
            Self::Larger(n) => command.word("LARGER").word(n),
            Self::Smaller(n) => command.word("SMALLER").word(n),
            Self::ModSeq(n) => command.word("MODSEQ").word(n),
            Self::EmailId(id) => command.word("EMAILID").astring(id.as_str()),
            Self::ThreadId(id) => command.word("THREADID").astring(id.as_str()),
            Self::GmRaw(s) => text(command, "X-GM-RAW", s),
            Self::GmMessageId(id) => command.word("X-GM-MSGID").word(id),
            Self::GmThreadId(id) => command.word("X-GM-THRID").word(id),
            Self::GmLabel(label) => command.word("X-GM-LABELS").mailbox(label.as_str()),
            Self::And(keys) if keys.is_empty() => command.word("ALL"),
            Self::And(keys) => keys.iter().fold(command, |c, key| key.write(c)),
            Self::Or(a, b) => b.operand(a.operand(command.word("OR"))),
            Self::Not(key) => key.operand(command.word("NOT")),
        }
    }

    /// As the operand of OR or NOT: several keys need parentheses.
    fn operand(&self, command: Command) -> Command {
        match self {
            Self::And(keys) if keys.len() > 1 => {
                let inner = keys.iter().fold(Command::new(""), |c, key| key.write(c));
                command.group(inner)
            }
            _ => self.write(command),
        }
    }
}

fn flag_key(command: Command, flag: &str, set: bool) -> Command {
    let system = ["Seen", "Answered", "Flagged", "Deleted", "Draft", "Recent"]
        .into_iter()
        .find(|s| {
            flag.strip_prefix('\\')
                .is_some_and(|f| f.eq_ignore_ascii_case(s))
        });
    match (system, set) {
        (Some("Recent"), false) => command.word("OLD"),
        (Some(name), true) => command.word(name.to_ascii_uppercase()),
        (Some(name), false) => command.word(format!("UN{}", name.to_ascii_uppercase())),
        (None, true) => command.word("KEYWORD").flag(flag),
        (None, false) => command.word("UNKEYWORD").flag(flag),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::command::{Dialect, Piece};

    fn show(key: &SearchKey) -> String {
        let command = key.write(Command::new("SEARCH"));
        assert_eq!(command.invalid(), None);
        command
            .render("a", Dialect::default())
            .iter()
            .map(|p| match p {
                Piece::Bytes(b) => String::from_utf8_lossy(b).into_owned(),
                _ => String::new(),
            })
            .collect()
    }

    #[test]
    fn programs() {
        use SearchKey as K;
        let key = K::And(vec![
            K::NotFlag("\\Seen".into()),
            K::Flag("$Forwarded".into()),
            K::Or(
                Box::new(K::From("a \"b\"".into())),
                Box::new(K::And(vec![K::Larger(5), K::Since(1_720_320_265_000)])),
            ),
            K::Not(Box::new(K::Uid(SequenceSet::range(1, 9)))),
        ]);
        assert_eq!(
            show(&key),
            "a SEARCH UNSEEN KEYWORD $Forwarded OR FROM \"a \\\"b\\\"\" (LARGER 5 SINCE 7-Jul-2024) NOT UID 1:9\r\n"
        );
        assert!(!key.needs_charset());
        let key = K::Not(Box::new(K::Subject("héllo".into())));
        assert!(key.needs_charset());
        assert_eq!(show(&key), "a SEARCH NOT SUBJECT {6}\r\nhéllo\r\n");
        assert_eq!(show(&K::And(vec![])), "a SEARCH ALL\r\n");
    }
}
