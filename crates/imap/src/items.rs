//! Data items of FETCH and STATUS.

use std::fmt;

/// An item of FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// `UID`.
    Uid,
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822.SIZE`.
    Size,
    /// `ENVELOPE`.
    Envelope,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `MODSEQ` (CONDSTORE).
    ModSeq,
    /// `EMAILID` (OBJECTID).
    EmailId,
    /// `THREADID` (OBJECTID).
    ThreadId,
    /// `X-GM-MSGID` (X-GM-EXT-1).
    GmMessageId,
    /// `X-GM-THRID` (X-GM-EXT-1).
    GmThreadId,
    /// `X-GM-LABELS` (X-GM-EXT-1).
    GmLabels,
    /// `SAVEDATE`.
    SaveDate,
    /// `PREVIEW`.
    Preview,
    /// `BODY.PEEK[section]<origin.count>`; the section as in RFC 9051: empty, `1.2`, `HEADER`,
    /// `HEADER.FIELDS (FROM TO)`, `1.MIME`.
    Body {
        /// What stands between the brackets.
        section: String,
        /// First byte and most bytes wanted.
        partial: Option<(u64, u32)>,
    },
    /// `BINARY.PEEK[section]<origin.count>` (BINARY): decoded by the server.
    Binary {
        /// Part number.
        section: String,
        /// First byte and most bytes wanted.
        partial: Option<(u64, u32)>,
    },
    /// `BINARY.SIZE[section]`.
    BinarySize(String),
}

impl FetchItem {
    /// The whole of a section.
    pub fn body(section: impl Into<String>) -> Self {
        Self::Body {
            section: section.into(),
            partial: None,
        }
    }

    /// The header fields of these names.
    pub fn header_fields<S: AsRef<str>>(names: &[S]) -> Self {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        Self::body(format!("HEADER.FIELDS ({})", names.join(" ")))
    }
}

impl fmt::Display for FetchItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, section, partial) = match self {
            Self::Uid => return f.write_str("UID"),
            Self::Flags => return f.write_str("FLAGS"),
            Self::InternalDate => return f.write_str("INTERNALDATE"),
            Self::Size => return f.write_str("RFC822.SIZE"),
            Self::Envelope => return f.write_str("ENVELOPE"),
            Self::BodyStructure => return f.write_str("BODYSTRUCTURE"),
            Self::ModSeq => return f.write_str("MODSEQ"),
            Self::EmailId => return f.write_str("EMAILID"),
            Self::ThreadId => return f.write_str("THREADID"),
            Self::GmMessageId => return f.write_str("X-GM-MSGID"),
            Self::GmThreadId => return f.write_str("X-GM-THRID"),
            Self::GmLabels => return f.write_str("X-GM-LABELS"),
            Self::SaveDate => return f.write_str("SAVEDATE"),
            Self::Preview => return f.write_str("PREVIEW"),
            Self::BinarySize(section) => ("BINARY.SIZE", section, &None),
            Self::Body { section, partial } => ("BODY.PEEK", section, partial),
            Self::Binary { section, partial } => ("BINARY.PEEK", section, partial),
        };
        write!(f, "{kind}[{section}]")?;
        match partial {
            Some((origin, count)) => write!(f, "<{origin}.{count}>"),
            None => Ok(()),
        }
    }
}

/// Items in parentheses, as FETCH takes them.
pub(crate) fn list<T: fmt::Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("({})", items.join(" "))
}

/// An item of STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    /// Number of messages.
    Messages,
    /// The UID the next message will get, at least.
    UidNext,
    /// UIDVALIDITY.
    UidValidity,
    /// Number of messages without `\Seen`.
    Unseen,
    /// Number of recent messages.
    Recent,
    /// Number of messages with `\Deleted` (IMAP4rev2).
    Deleted,
    /// Total size (STATUS=SIZE, IMAP4rev2).
    Size,
    /// HIGHESTMODSEQ (CONDSTORE).
    HighestModSeq,
    /// MAILBOXID (OBJECTID).
    MailboxId,
    /// APPENDLIMIT.
    AppendLimit,
}

impl fmt::Display for StatusItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Messages => "MESSAGES",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Recent => "RECENT",
            Self::Deleted => "DELETED",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::MailboxId => "MAILBOXID",
            Self::AppendLimit => "APPENDLIMIT",
        })
    }
}
