//! What goes into the core of following, and what comes out of it.

use std::ops::RangeInclusive;

use posthouse_imap::{Known, SequenceSet};
use posthouse_model::{Timestamp, index::MessageIndex, mailbox::SpecialUse, origin::Origin};

use crate::{
    Change, StateDelta, SyncTrouble,
    imap::sync::{Fact, FolderStatus, Offers},
};

/// What the account says about following.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Older messages are not announced.
    pub notify_from: Option<Timestamp>,
    /// Older messages are not indexed.
    pub sync_from: Option<Timestamp>,
    /// Paths and special uses to follow; none means all.
    pub paths: Option<Box<[String]>>,
    /// Only new messages are noticed, and no index is kept.
    pub fast: bool,
}

impl Settings {
    /// Whether a folder is to be followed.
    pub(super) fn admits(&self, folder: &Seen) -> bool {
        let Some(paths) = &self.paths else {
            return true;
        };
        paths.iter().any(|path| {
            path == "*"
                || *path == folder.path
                || folder.path == "INBOX" && path.eq_ignore_ascii_case("INBOX")
                || folder
                    .special_use
                    .is_some_and(|special| path.eq_ignore_ascii_case(special.as_str()))
        })
    }
}

/// A folder as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Path.
    pub path: String,
    /// It can be opened.
    pub selectable: bool,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// Its counters, where they came with the list.
    pub status: Option<FolderStatus>,
}

/// A message that may be new, with what decides about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrival {
    /// UID.
    pub uid: u32,
    /// Flags.
    pub flags: Vec<String>,
    /// Labels.
    pub labels: Vec<String>,
    /// INTERNALDATE.
    pub date: Option<Timestamp>,
    /// What names it.
    pub origin: Origin,
}

/// What the server said unasked of the open folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// How many messages the folder holds now.
    pub exists: u32,
    /// Some arrived.
    pub arrived: bool,
    /// The lowest sequence number of a message that went (EXPUNGE): those before it are still there.
    pub gone_from: Option<u32>,
    /// UIDs that went (VANISHED).
    pub vanished: SequenceSet,
    /// Flags and labels.
    pub facts: Vec<Fact>,
    /// Sequence numbers of messages whose flags changed, where the server did not tell their UIDs. Never together with
    /// `gone_from`: numbers shift when messages go.
    pub numbers: SequenceSet,
    /// Something happened of which it is not known to what message.
    pub blind: bool,
}

impl News {
    /// Whether there is any.
    #[must_use]
    pub fn any(&self) -> bool {
        self.arrived
            || self.blind
            || self.gone_from.is_some()
            || !self.vanished.is_empty()
            || !self.facts.is_empty()
            || !self.numbers.is_empty()
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Logged in on a fresh connection.
    Connected(Offers),
    /// It is time to compare everything: a timer, or somebody asked.
    Compare,
    /// Something happened in this folder, which is not open.
    Check(String),
    /// It is time to try again what was refused.
    Retry,
    /// Go on: the last output left something to do without the server.
    Continue,
    /// Answer to [`Request::List`].
    Listed {
        /// All folders.
        folders: Vec<Seen>,
        /// Folders are views of labels: only `\All`, `\Junk` and `\Trash` are followed.
        labels: bool,
    },
    /// Answer to [`Request::Status`].
    Status(FolderStatus),
    /// Answer to [`Request::Open`].
    Opened {
        /// Its counters.
        status: FolderStatus,
        /// Its number, for ids.
        number: u32,
        /// What changed since it was known, where that was asked for.
        facts: Vec<Fact>,
        /// What is gone since.
        vanished: SequenceSet,
    },
    /// Answer to [`Request::Index`]; none where it was lost.
    Index(Option<Box<MessageIndex>>),
    /// Answer to [`Request::Since`] and [`Request::Uids`]: UIDs.
    Found(SequenceSet),
    /// Answer to [`Request::Range`], [`Request::Changed`] and [`Request::Numbers`].
    Facts {
        /// Messages with their flags and labels, in any order.
        facts: Vec<Fact>,
        /// UIDs that are gone.
        vanished: SequenceSet,
    },
    /// Answer to [`Request::Arrivals`], in any order.
    Arrivals(Vec<Arrival>),
    /// What the server said of the open folder while nothing was asked.
    News(Box<News>),
    /// The server refused the last request: the folder is gone, or closed to us, or cannot be read.
    Refused {
        /// What it said.
        response: String,
        /// Its response code.
        code: Option<String>,
    },
}

/// What to ask the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Request {
    /// Nothing: wait for news of the open folder.
    #[default]
    Idle,
    /// Nothing: call again with [`Input::Continue`].
    Continue,
    /// All folders.
    List,
    /// The counters of a folder that is not open.
    Status(String),
    /// Open a folder.
    Open {
        /// Path.
        path: String,
        /// It is the one to idle in.
        main: bool,
        /// Tell what changed since then (QRESYNC).
        known: Option<Known>,
    },
    /// The index of the open folder, by its number.
    Index(u32),
    /// UIDs of the open folder with an INTERNALDATE on this day or later (milliseconds).
    Since(i64),
    /// UIDs of the open folder from this one on.
    Uids(u32),
    /// Flags and labels of all messages with UIDs of the range.
    Range(RangeInclusive<u32>),
    /// Flags and labels of messages that changed.
    Changed {
        /// From this UID on.
        from: u32,
        /// After this mod-sequence.
        since: u64,
        /// And which are gone.
        vanished: bool,
    },
    /// UIDs, flags and labels of messages by their sequence numbers.
    Numbers(SequenceSet),
    /// What decides about new messages: see [`Arrival`].
    Arrivals(SequenceSet),
}

/// What to record, and what to ask next.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// What happened, in order.
    pub changes: Vec<Change>,
    /// What to remember, in the same batch.
    pub deltas: Vec<StateDelta>,
    /// The folder that cannot be read, where that changed.
    pub trouble: Option<Option<SyncTrouble>>,
    /// What to ask next.
    pub request: Request,
}

/// How things stand when something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// Messages in the open folder.
    pub exists: u32,
    /// The server said nothing of the open folder that was not looked at yet.
    pub quiet: bool,
}
