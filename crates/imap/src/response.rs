//! Typed views over responses. What is not known stays as tokens; nothing here fails.

use bytes::Bytes;

use crate::fetch::Fetch;
use crate::framer::{RawResponse, Segment};
use crate::mailbox_name::MailboxName;
use crate::set::SequenceSet;
use crate::status::{Condition, Status};
use crate::token::{self, Token};
use crate::words::Words;

/// One response of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The end of a command.
    Tagged {
        /// The command's tag as the server wrote it.
        tag: String,
        /// OK, NO or BAD.
        status: Status,
    },
    /// `+`: the server waits for more of the command.
    Continuation(Bytes),
    /// Everything else.
    Untagged(Untagged),
}

/// An untagged response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untagged {
    /// OK, NO, BAD, BYE or PREAUTH.
    Status(Status),
    /// `CAPABILITY`.
    Capability(Words),
    /// `LIST`.
    List(Box<ListEntry>),
    /// `LSUB`.
    Lsub(Box<ListEntry>),
    /// `STATUS`.
    MailboxStatus(Box<MailboxStatus>),
    /// `FLAGS` of the selected mailbox.
    Flags(Vec<String>),
    /// `SEARCH`.
    Search {
        /// Matching messages, in the order of the server.
        numbers: Vec<u32>,
        /// Highest mod-sequence among them (RFC 7162).
        mod_seq: Option<u64>,
    },
    /// `SORT`, in the order of the server.
    Sort(Vec<u32>),
    /// `ESEARCH`.
    Esearch(Box<Esearch>),
    /// The mailbox now holds this many messages.
    Exists(u32),
    /// This many messages are recent.
    Recent(u32),
    /// The message with this sequence number is gone.
    Expunge(u32),
    /// `FETCH`.
    Fetch(Box<Fetch>),
    /// `VANISHED` (RFC 7162).
    Vanished {
        /// `(EARLIER)`: answers a question about the past, the mailbox's count is not touched.
        earlier: bool,
        /// UIDs that are gone; some may never have existed.
        uids: SequenceSet,
    },
    /// `NAMESPACE`.
    Namespace(Box<Namespaces>),
    /// `ID`.
    Id(Vec<(String, Option<String>)>),
    /// `ENABLED`.
    Enabled(Vec<String>),
    /// `QUOTA`.
    Quota(Quota),
    /// `QUOTAROOT`.
    QuotaRoot {
        /// The mailbox.
        mailbox: MailboxName,
        /// Its quota roots.
        roots: Vec<String>,
    },
    /// Anything else, all its tokens kept; empty for a blank line.
    Unknown(Vec<Token>),
}

/// A line of LIST or LSUB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Attributes with their backslash: `\HasNoChildren`, `\Sent`.
    pub attributes: Vec<String>,
    /// Hierarchy delimiter; `None` for a flat namespace.
    pub delimiter: Option<char>,
    /// The mailbox.
    pub name: MailboxName,
    /// `OLDNAME` (RFC 9051): what the mailbox was called before.
    pub old_name: Option<MailboxName>,
    /// `CHILDINFO` (RFC 5258).
    pub child_info: Vec<String>,
    /// Its STATUS where one was asked for with the list (RFC 5819); filled by the driver.
    pub status: Option<MailboxStatus>,
}

impl ListEntry {
    /// Has it this attribute, in any case?
    pub fn has_attribute(&self, attribute: &str) -> bool {
        self.attributes
            .iter()
            .any(|a| a.eq_ignore_ascii_case(attribute))
    }
}

/// What STATUS says about a mailbox. Items not asked for or not understood are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxStatus {
    /// The mailbox.
    pub mailbox: MailboxName,
    /// `MESSAGES`.
    pub messages: Option<u32>,
    /// `RECENT`.
    pub recent: Option<u32>,
    /// `UIDNEXT`.
    pub uid_next: Option<u32>,
    /// `UIDVALIDITY`.
    pub uid_validity: Option<u64>,
    /// `UNSEEN`: how many.
    pub unseen: Option<u32>,
    /// `DELETED`: how many.
    pub deleted: Option<u32>,
    /// `SIZE` in bytes.
    pub size: Option<u64>,
    /// `HIGHESTMODSEQ`; `None` also for 0, which says that the server keeps none.
    pub highest_mod_seq: Option<u64>,
    /// `MAILBOXID`.
    pub mailbox_id: Option<String>,
    /// `APPENDLIMIT` in bytes.
    pub append_limit: Option<u64>,
}

/// An ESEARCH result (RFC 4731, 9394, 7377).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Esearch {
    /// Tag of the command it answers.
    pub tag: Option<String>,
    /// True if the numbers are UIDs.
    pub uid: bool,
    /// `ALL`: every match.
    pub all: Option<SequenceSet>,
    /// `COUNT`.
    pub count: Option<u64>,
    /// `MIN`.
    pub min: Option<u32>,
    /// `MAX`.
    pub max: Option<u32>,
    /// `MODSEQ`.
    pub mod_seq: Option<u64>,
    /// `PARTIAL`: the asked range as written, and the matches in it.
    pub partial: Option<(String, SequenceSet)>,
    /// Other result items, names in upper case.
    pub other: Vec<(String, Token)>,
}

/// The three namespaces (RFC 2342): prefix and delimiter of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// The user's own.
    pub personal: Vec<Namespace>,
    /// Of other users.
    pub other_users: Vec<Namespace>,
    /// Shared.
    pub shared: Vec<Namespace>,
}

/// One namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Prefix of the names in it, in Unicode.
    pub prefix: String,
    /// Hierarchy delimiter; `None` for a flat one.
    pub delimiter: Option<char>,
}

/// A quota root (RFC 9208).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quota {
    /// Name of the root, often empty.
    pub root: String,
    /// Its resources.
    pub resources: Vec<QuotaResource>,
}

/// One resource of a quota root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaResource {
    /// `STORAGE` (units of 1,024 bytes), `MESSAGE` and others, in upper case.
    pub name: String,
    /// Used.
    pub usage: u64,
    /// Allowed.
    pub limit: u64,
}

impl Response {
    /// Reads a framed response; `utf8` says how mailbox names are written (RFC 6855).
    pub fn parse(raw: &RawResponse, utf8: bool) -> Self {
        let Some(Segment::Text(line)) = raw.segments.first() else {
            return Self::Untagged(Untagged::Unknown(token::parse(&raw.segments, 0)));
        };
        if line.first() == Some(&b'+') {
            let text = line.slice(1..);
            let from = usize::from(text.first() == Some(&b' '));
            return Self::Continuation(text.slice(from..));
        }
        if line.first() == Some(&b'[') {
            // A code that lost the words before it.
            let status = Status::parse(Condition::Ok, &status_rest(raw, 0));
            return Self::Untagged(Untagged::Status(status));
        }
        let mut words = Cursor { line, at: 0 };
        let tag = words.next();
        let tagged = tag != b"*";
        let word = words.next();
        if let Some(condition) = Condition::parse(word) {
            let status = Status::parse(condition, &status_rest(raw, words.at));
            return if tagged {
                Self::Tagged {
                    tag: String::from_utf8_lossy(tag).into_owned(),
                    status,
                }
            } else {
                Self::Untagged(Untagged::Status(status))
            };
        }
        if tagged {
            return Self::Untagged(Untagged::Unknown(token::parse(&raw.segments, 0)));
        }
        Self::Untagged(untagged(raw, word, &mut words, utf8))
    }
}

/// Text after the condition, literals (rare, inside codes) put back in place.
fn status_rest(raw: &RawResponse, skip: usize) -> Bytes {
    match raw.segments.as_slice() {
        [Segment::Text(line)] => line.slice(skip.min(line.len())..),
        segments => {
            let mut all = Vec::new();
            for segment in segments {
                match segment {
                    Segment::Text(b) | Segment::Literal(b) => all.extend_from_slice(b),
                    Segment::Omitted { .. } => {}
                }
            }
            all.drain(..skip.min(all.len()));
            all.into()
        }
    }
}

struct Cursor<'a> {
    line: &'a Bytes,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next word; spaces before it are skipped.
    fn next(&mut self) -> &'a [u8] {
        let rest = self.line.get(self.at..).unwrap_or_default();
        let start = rest.iter().position(|b| *b != b' ').unwrap_or(rest.len());
        let rest = rest.get(start..).unwrap_or_default();
        let len = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
        self.at += start + len;
        rest.get(..len).unwrap_or_default()
    }
}

fn untagged(raw: &RawResponse, word: &[u8], words: &mut Cursor<'_>, utf8: bool) -> Untagged {
    let unknown = || Untagged::Unknown(token::parse(&raw.segments, 1));
    if let Some(number) = token::parse_u64(word).and_then(|n| u32::try_from(n).ok()) {
        let kind = words.next();
        return match kind.to_ascii_uppercase().as_slice() {
            b"EXISTS" => Untagged::Exists(number),
            b"RECENT" => Untagged::Recent(number),
            b"EXPUNGE" => Untagged::Expunge(number),
            b"FETCH" => {
                let tokens = token::parse(&raw.segments, words.at);
                Untagged::Fetch(Box::new(Fetch::parse(number, tokens)))
            }
            _ => unknown(),
        };
    }
    let skip = words.at;
    let tokens = || token::parse(&raw.segments, skip);
    match word.to_ascii_uppercase().as_slice() {
        b"CAPABILITY" => {
            Untagged::Capability(Words::new(tokens().iter().filter_map(Token::string)))
        }
        b"LIST" => list(&tokens(), utf8).map_or_else(unknown, |e| Untagged::List(Box::new(e))),
        b"LSUB" => list(&tokens(), utf8).map_or_else(unknown, |e| Untagged::Lsub(Box::new(e))),
        b"STATUS" => mailbox_status(&tokens(), utf8)
            .map_or_else(unknown, |s| Untagged::MailboxStatus(Box::new(s))),
        b"FLAGS" => Untagged::Flags(tokens().first().map(Token::strings).unwrap_or_default()),
        b"SEARCH" => {
            let rest = raw.segments.first();
            let (numbers, mod_seq) = numbers(rest, skip);
            Untagged::Search { numbers, mod_seq }
        }
        b"SORT" => Untagged::Sort(numbers(raw.segments.first(), skip).0),
        b"ESEARCH" => Untagged::Esearch(Box::new(esearch(tokens()))),
        b"VANISHED" => {
            let tokens = tokens();
            let earlier = tokens
                .first()
                .and_then(Token::list)
                .is_some_and(|l| l.iter().any(|t| t.is("EARLIER")));
            let uids = tokens.iter().rev().find_map(Token::bytes);
            Untagged::Vanished {
                earlier,
                uids: uids.map(|b| SequenceSet::parse(b)).unwrap_or_default(),
            }
        }
        b"NAMESPACE" => Untagged::Namespace(Box::new(namespaces(&tokens(), utf8))),
        b"ID" => Untagged::Id(
            tokens()
                .first()
                .and_then(Token::list)
                .unwrap_or_default()
                .chunks(2)
                .filter_map(|p| Some((p.first()?.string()?, p.get(1).and_then(Token::string))))
                .collect(),
        ),
        b"ENABLED" => Untagged::Enabled(tokens().iter().filter_map(Token::string).collect()),
        b"QUOTA" => Untagged::Quota(quota(&tokens())),
        b"QUOTAROOT" => {
            let tokens = tokens();
            match tokens
                .split_first()
                .and_then(|(t, rest)| Some((t.bytes()?, rest)))
            {
                Some((name, rest)) => Untagged::QuotaRoot {
                    mailbox: MailboxName::from_wire(name, utf8),
                    roots: rest.iter().filter_map(Token::string).collect(),
                },
                None => unknown(),
            }
        }
        _ if raw.segments.len() == 1 && words.line.is_empty() => Untagged::Unknown(Vec::new()),
        _ => unknown(),
    }
}

/// Numbers up to the first thing that is none, without building tokens: the line may hold millions.
fn numbers(segment: Option<&Segment>, skip: usize) -> (Vec<u32>, Option<u64>) {
    let Some(Segment::Text(line)) = segment else {
        return (Vec::new(), None);
    };
    let text = line.get(skip..).unwrap_or_default();
    let (list, tail) = match text.iter().position(|b| *b == b'(') {
        Some(open) => text.split_at_checked(open).unwrap_or((text, b"")),
        None => (text, &b""[..]),
    };
    let numbers = list
        .split(|b| *b == b' ')
        .filter_map(|w| token::parse_u64(w).and_then(|n| u32::try_from(n).ok()))
        .collect();
    let mod_seq = tail
        .get(1..)
        .and_then(|t| t.strip_suffix(b")").or(Some(t)))
        .and_then(|t| t.trim_ascii().rsplit(|b| *b == b' ').next())
        .and_then(token::parse_u64);
    (numbers, mod_seq)
}

fn delimiter(token: Option<&Token>) -> Option<char> {
    token.and_then(Token::text).and_then(|t| t.chars().next())
}

fn list(tokens: &[Token], utf8: bool) -> Option<ListEntry> {
    let attributes = tokens.first()?.strings();
    let name = match tokens.get(2)? {
        // Unquoted NIL can only be a mailbox of that name.
        Token::Nil => MailboxName::new("NIL"),
        // A name with spaces whose quotes were forgotten.
        Token::Atom(first) => {
            let more = tokens.iter().skip(3).map_while(|token| match token {
                Token::Atom(word) => Some(word),
                _ => None,
            });
            let words: Vec<&[u8]> = std::iter::once(first).chain(more).map(|w| &w[..]).collect();
            MailboxName::from_wire(&words.join(&b' '), utf8)
        }
        other => MailboxName::from_wire(other.bytes()?, utf8),
    };
    let mut entry = ListEntry {
        attributes,
        delimiter: delimiter(tokens.get(1)),
        name,
        old_name: None,
        child_info: Vec::new(),
        status: None,
    };
    for pair in tokens
        .get(3)
        .and_then(Token::list)
        .unwrap_or_default()
        .chunks(2)
    {
        let [key, value] = pair else { continue };
        if key.is("OLDNAME") {
            let old = value
                .list()
                .and_then(<[Token]>::first)
                .and_then(Token::bytes);
            entry.old_name = old.map(|b| MailboxName::from_wire(b, utf8));
        } else if key.is("CHILDINFO") {
            entry.child_info = value.strings();
        }
    }
    Some(entry)
}

fn mailbox_status(tokens: &[Token], utf8: bool) -> Option<MailboxStatus> {
    let mut out = MailboxStatus {
        mailbox: MailboxName::from_wire(tokens.first()?.bytes()?, utf8),
        messages: None,
        recent: None,
        uid_next: None,
        uid_validity: None,
        unseen: None,
        deleted: None,
        size: None,
        highest_mod_seq: None,
        mailbox_id: None,
        append_limit: None,
    };
    for pair in tokens
        .get(1)
        .and_then(Token::list)
        .unwrap_or_default()
        .chunks(2)
    {
        let [key, value] = pair else { continue };
        let Some(name) = key.text() else { continue };
        match name.to_ascii_uppercase().as_str() {
            "MESSAGES" => out.messages = value.u32(),
            "RECENT" => out.recent = value.u32(),
            "UIDNEXT" => out.uid_next = value.u32().filter(|n| *n > 0),
            "UIDVALIDITY" => out.uid_validity = value.u64(),
            "UNSEEN" => out.unseen = value.u32(),
            "DELETED" => out.deleted = value.u32(),
            "SIZE" => out.size = value.u64(),
            "HIGHESTMODSEQ" => out.highest_mod_seq = value.u64().filter(|n| *n > 0),
            "MAILBOXID" => {
                let id = value.list().and_then(<[Token]>::first).unwrap_or(value);
                out.mailbox_id = id.string();
            }
            "APPENDLIMIT" => out.append_limit = value.u64(),
            _ => {}
        }
    }
    Some(out)
}

fn esearch(tokens: Vec<Token>) -> Esearch {
    let mut out = Esearch::default();
    let set = |t: &Token| t.bytes().map(|b| SequenceSet::parse(b));
    let mut tokens = tokens.into_iter().peekable();
    if let Some(Token::List(correlator)) = tokens.peek() {
        if correlator.first().is_some_and(|t| t.is("TAG")) {
            out.tag = correlator.get(1).and_then(Token::string);
        }
        tokens.next();
    }
    while let Some(token) = tokens.next() {
        let Some(name) = token.text().map(|t| t.to_ascii_uppercase()) else {
            continue;
        };
        if name == "UID" {
            out.uid = true;
            continue;
        }
        let Some(value) = tokens.next() else { break };
        match name.as_str() {
            "ALL" => out.all = set(&value),
            "COUNT" => out.count = value.u64(),
            "MIN" => out.min = value.u32(),
            "MAX" => out.max = value.u32(),
            "MODSEQ" => out.mod_seq = value.u64(),
            "PARTIAL" => {
                let parts = value.list().unwrap_or_default();
                if let Some(range) = parts.first().and_then(Token::string) {
                    let found = parts.get(1).and_then(set).unwrap_or_default();
                    out.partial = Some((range, found));
                }
            }
            _ => out.other.push((name, value)),
        }
    }
    out
}

fn namespaces(tokens: &[Token], utf8: bool) -> Namespaces {
    let read = |i: usize| -> Vec<Namespace> {
        tokens
            .get(i)
            .and_then(Token::list)
            .unwrap_or_default()
            .iter()
            .filter_map(|t| {
                let parts = t.list()?;
                let prefix = MailboxName::from_wire(parts.first()?.bytes()?, utf8).into_string();
                Some(Namespace {
                    prefix,
                    delimiter: delimiter(parts.get(1)),
                })
            })
            .collect()
    };
    Namespaces {
        personal: read(0),
        other_users: read(1),
        shared: read(2),
    }
}

fn quota(tokens: &[Token]) -> Quota {
    Quota {
        root: tokens.first().and_then(Token::string).unwrap_or_default(),
        resources: tokens
            .get(1)
            .and_then(Token::list)
            .unwrap_or_default()
            .chunks(3)
            .filter_map(|r| {
                Some(QuotaResource {
                    name: r.first()?.text()?.to_ascii_uppercase(),
                    usage: r.get(1)?.u64()?,
                    limit: r.get(2)?.u64()?,
                })
            })
            .collect(),
    }
}
