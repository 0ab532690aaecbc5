//! From conditions to an IMAP search program (RFC 9051 section 6.4.4, RFC 7162, RFC 8474, X-GM-EXT-1).

use posthouse_imap::{SearchKey, SequenceSet};
use posthouse_model::{Timestamp, index::ThreadKey, search::Search};
use serde_json::Value;

use super::super::connect::Conn;
use crate::BackendError;

/// What of a server matters for its searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    /// X-GM-EXT-1.
    pub gmail: bool,
    /// OBJECTID.
    pub object_id: bool,
    /// CONDSTORE.
    pub mod_seq: bool,
}

impl Offers {
    /// Of the server of a session.
    pub fn of(session: &Conn) -> Self {
        Self {
            gmail: session.has("X-GM-EXT-1"),
            object_id: session.has("OBJECTID"),
            mod_seq: session.has("CONDSTORE") || session.has("QRESYNC"),
        }
    }
}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// Nothing can match.
    Nothing,
    /// This.
    Search(SearchKey),
    /// This, among the messages of a conversation that the server does not know.
    Thread {
        /// The conversation.
        thread: ThreadKey,
        /// All other conditions.
        rest: SearchKey,
    },
}

impl Program {
    /// The program for conditions, in a folder of `exists` messages.
    ///
    /// # Errors
    /// 422 `MissingServerExtension`, and 400 for sets of numbers and headers that cannot be read.
    pub fn compile(search: &Search, offers: Offers, exists: u32) -> Result<Self, BackendError> {
        let mut keys = Vec::new();
        flags(search, &mut keys);
        texts(search, &mut keys);
        if !numbers(search, offers, exists, &mut keys)? || !ids(search, offers, &mut keys)? {
            return Ok(Self::Nothing);
        }
        headers(search, &mut keys)?;
        gmail(search, offers, &mut keys)?;
        let thread = match search.thread_id.as_deref() {
            Some(id) if !offers.gmail && !offers.object_id => match own_thread(id) {
                Some(thread) => Some(thread),
                None => return Ok(Self::Nothing),
            },
            _ => None,
        };
        let key = match keys.len() {
            1 => keys.pop().unwrap_or(SearchKey::All),
            _ => SearchKey::And(keys),
        };
        Ok(match thread {
            Some(thread) => Self::Thread { thread, rest: key },
            None => Self::Search(key),
        })
    }
}

fn flags(search: &Search, keys: &mut Vec<SearchKey>) {
    for (wanted, flag) in [
        (search.answered, "\\Answered"),
        (search.deleted, "\\Deleted"),
        (search.draft, "\\Draft"),
        (search.flagged, "\\Flagged"),
        (search.seen, "\\Seen"),
        (search.unseen.map(|unseen| !unseen), "\\Seen"),
    ] {
        keys.extend(wanted.map(|set| {
            let flag = flag.to_owned();
            if set {
                SearchKey::Flag(flag)
            } else {
                SearchKey::NotFlag(flag)
            }
        }));
    }
}

/// Makes the key of a value.
type Key<T> = fn(T) -> SearchKey;

fn texts(search: &Search, keys: &mut Vec<SearchKey>) {
    let texts: [(&Option<String>, Key<String>); 6] = [
        (&search.from, SearchKey::From),
        (&search.to, SearchKey::To),
        (&search.cc, SearchKey::Cc),
        (&search.bcc, SearchKey::Bcc),
        (&search.subject, SearchKey::Subject),
        (&search.body, SearchKey::Body),
    ];
    for (text, key) in texts {
        // Every message contains the empty text.
        keys.extend(text.clone().filter(|text| !text.is_empty()).map(key));
    }
    let dates: [(Option<Timestamp>, Key<i64>); 4] = [
        (search.before, SearchKey::Before),
        (search.since, SearchKey::Since),
        (search.sent_before, SearchKey::SentBefore),
        (search.sent_since, SearchKey::SentSince),
    ];
    for (date, key) in dates {
        keys.extend(date.map(|date| key(date.millis())));
    }
    keys.extend(search.larger.map(SearchKey::Larger));
    keys.extend(search.smaller.map(SearchKey::Smaller));
}

/// False where no message can have such a number.
fn numbers(
    search: &Search,
    offers: Offers,
    exists: u32,
    keys: &mut Vec<SearchKey>,
) -> Result<bool, BackendError> {
    let read = |text: &str, key: &str| {
        SequenceSet::parse_strict(text.trim()).ok_or_else(|| {
            input(format!(
                "\"search.{key}\" must be a set of numbers such as 1:10,15,20:*"
            ))
        })
    };
    if let Some(text) = &search.seq {
        let set = read(text, "seq")?.resolve(exists);
        if set.is_empty() {
            return Ok(false);
        }
        keys.push(SearchKey::Seq(set));
    }
    if let Some(text) = &search.uid {
        keys.push(SearchKey::Uid(read(text, "uid")?));
    }
    if let Some(mod_seq) = search.modseq {
        if !offers.mod_seq {
            return Err(missing("modification sequences (CONDSTORE)"));
        }
        // Every message has a mod-sequence, and it is at least 1; some servers refuse 0 (RFC 7162 section 3.1.5).
        if mod_seq > 0 {
            keys.push(SearchKey::ModSeq(mod_seq));
        }
    }
    Ok(true)
}

/// False where no message can have such an id.
fn ids(search: &Search, offers: Offers, keys: &mut Vec<SearchKey>) -> Result<bool, BackendError> {
    if !offers.gmail && !offers.object_id {
        return match (&search.email_id, &search.email_ids) {
            (None, None) => Ok(true),
            _ => Err(missing("ids of messages (OBJECTID)")),
        };
    }
    // Ids of Gmail are numbers: what is none names no message.
    let number = |id: &str| id.parse::<u64>().ok();
    let email = |id: &str| {
        if offers.gmail {
            number(id).map(SearchKey::GmMessageId)
        } else {
            is_object_id(id).then(|| SearchKey::EmailId(id.to_owned()))
        }
    };
    if let Some(id) = &search.email_id {
        let Some(key) = email(id) else {
            return Ok(false);
        };
        keys.push(key);
    }
    if let Some(id) = &search.thread_id {
        let key = if offers.gmail {
            number(id).map(SearchKey::GmThreadId)
        } else {
            is_object_id(id).then(|| SearchKey::ThreadId(id.clone()))
        };
        let Some(key) = key else {
            return Ok(false);
        };
        keys.push(key);
    }
    if let Some(ids) = &search.email_ids {
        let Some(key) = any(ids.iter().filter_map(|id| email(id)).collect()) else {
            return Ok(false);
        };
        keys.push(key);
    }
    Ok(true)
}

/// `objectid` of RFC 8474 section 7.
fn is_object_id(id: &str) -> bool {
    (1..=255).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// One of many, as a balanced tree: servers bound how deep a program may be.
fn any(mut keys: Vec<SearchKey>) -> Option<SearchKey> {
    while keys.len() > 1 {
        let mut pairs = Vec::with_capacity(keys.len().div_ceil(2));
        let mut rest = keys.into_iter();
        while let Some(first) = rest.next() {
            pairs.push(match rest.next() {
                Some(second) => SearchKey::Or(Box::new(first), Box::new(second)),
                None => first,
            });
        }
        keys = pairs;
    }
    keys.pop()
}

/// A conversation as we name them: 16 hexadecimal digits.
fn own_thread(id: &str) -> Option<ThreadKey> {
    let hex = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = u64::from_str_radix(id, 16).ok().filter(|_| hex)?;
    Some(ThreadKey::from_bits(bits))
}

fn headers(search: &Search, keys: &mut Vec<SearchKey>) -> Result<(), BackendError> {
    for (name, value) in search.header.iter().flatten() {
        let valid = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if name.is_empty() || !name.bytes().all(valid) {
            return Err(input(format!(
                "\"search.header.{name}\" is not the name of a header field"
            )));
        }
        let key = |text: &str| SearchKey::Header(name.clone(), text.to_owned());
        let values = match value {
            Value::Array(values) => values.as_slice(),
            Value::Null => &[],
            single => std::slice::from_ref(single),
        };
        for value in values {
            keys.push(match value {
                Value::String(text) => key(text),
                Value::Number(number) => key(&number.to_string()),
                Value::Bool(true) => key(""),
                Value::Bool(false) => SearchKey::Not(Box::new(key(""))),
                _ => {
                    return Err(input(format!("\"search.header.{name}\" must be a string")));
                }
            });
        }
    }
    Ok(())
}

fn gmail(search: &Search, offers: Offers, keys: &mut Vec<SearchKey>) -> Result<(), BackendError> {
    let labels = search
        .labels
        .as_ref()
        .filter(|labels| !labels.has.is_empty() || !labels.not.is_empty());
    if labels.is_some() && !offers.gmail {
        return Err(missing("labels"));
    }
    if let Some(labels) = labels {
        keys.extend(labels.has.iter().cloned().map(SearchKey::GmLabel));
        let not = |label: &String| SearchKey::Not(Box::new(SearchKey::GmLabel(label.clone())));
        keys.extend(labels.not.iter().map(not));
    }
    if let Some(raw) = search.gmail_raw.as_ref().filter(|raw| !raw.is_empty()) {
        if !offers.gmail {
            return Err(missing("Gmail's search language"));
        }
        keys.push(SearchKey::GmRaw(raw.clone()));
    }
    Ok(())
}

fn missing(what: &str) -> BackendError {
    BackendError::Input {
        status: 422,
        message: format!("The mail server does not support {what}"),
        code: "MissingServerExtension",
    }
}

fn input(message: String) -> BackendError {
    BackendError::Input {
        status: 400,
        message,
        code: "InvalidInput",
    }
}

#[cfg(test)]
mod tests;
