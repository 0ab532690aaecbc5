//! The pure core of following over IMAP: what the server says goes in, what to ask next and what
//! to record comes out. No I/O, no clock.
//!
//! A folder's `uid_next` is the first UID that was not announced yet. It moves in the same output
//! as the messages below it, so whatever is committed is neither announced again nor left out.

use std::collections::VecDeque;

use posthouse_imap::SequenceSet;
use posthouse_model::{Timestamp, mailbox::SpecialUse};

use crate::{Change, ImapFolder, StateDelta, imap::ids::MessageId};

/// The most messages of one output, and of one FETCH where the server told how many there are.
pub const CHUNK: usize = 500;

/// One day, milliseconds: SEARCH knows only days, in the server's time zone.
const DAY: i64 = 86_400_000;

/// What the account says about following.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Older messages are not announced.
    pub notify_from: Option<Timestamp>,
    /// Paths and special uses to follow; none means all.
    pub paths: Option<Box<[String]>>,
}

impl Settings {
    fn admits(&self, folder: &Seen) -> bool {
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
    pub status: Option<Counters>,
}

/// What the server says of a folder's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UIDNEXT; 0 when the server does not tell.
    pub uid_next: u32,
    /// Messages.
    pub messages: u32,
    /// HIGHESTMODSEQ; 0 when the server has none.
    pub highest_modseq: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Logged in on a fresh connection.
    Connected,
    /// It is time to compare everything: a timer, or somebody asked.
    Compare,
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
    Status(Counters),
    /// Answer to [`Request::Open`].
    Opened {
        /// Its counters.
        counters: Counters,
        /// Its number, for ids.
        number: u32,
    },
    /// The server refused the last request: the folder is gone, or closed to us.
    Refused,
    /// Answer to [`Request::Since`] and [`Request::After`]: UIDs.
    Found(SequenceSet),
    /// Answer to [`Request::Fetch`]: UIDs with their INTERNALDATE, in any order.
    Fetched(Vec<(u32, Option<i64>)>),
    /// While idle: the open folder now holds so many messages.
    Messages {
        /// How many.
        exists: u32,
        /// Some arrived; otherwise some went.
        arrived: bool,
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
    /// Open a folder. The flag says that it is the one to idle in.
    Open(String, bool),
    /// UIDs of the open folder with an INTERNALDATE on this day or later (milliseconds).
    Since(i64),
    /// UIDs of the open folder from this one on.
    After(u32),
    /// UID and INTERNALDATE of these messages of the open folder.
    Fetch(SequenceSet),
}

/// What to record, and what to ask next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// What happened, in order.
    pub changes: Vec<Change>,
    /// What to remember, in the same batch.
    pub deltas: Vec<StateDelta>,
    /// What to ask next.
    pub request: Request,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Task {
    /// Compare the counters of a folder.
    Check(String),
    /// Record a folder of an account's first sync: what is old enough counts as announced.
    Seed(String),
    /// Announce what is new in a folder.
    Fetch(String),
}

impl Task {
    fn path(&self) -> &str {
        match self {
            Self::Check(path) | Self::Seed(path) | Self::Fetch(path) => path,
        }
    }
}

/// What the last request was for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Now {
    Nothing,
    Listing,
    /// Waiting for STATUS or for the folder to open.
    Task(Task),
    /// Waiting for the UIDs since a day.
    Seeding(Counters),
    /// Waiting for the UIDs to fetch.
    Searching(Counters),
    /// Waiting for messages; what is still to be fetched.
    Fetching {
        counters: Counters,
        rest: VecDeque<SequenceSet>,
        /// Fetched, not announced.
        backlog: VecDeque<(u32, Option<i64>)>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    path: String,
    number: u32,
    counters: Counters,
}

/// The state of following one mailbox.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    folders: Vec<ImapFolder>,
    /// The folder to idle in.
    main: Option<String>,
    /// The first sync of the account is not complete: [`Core::main`] is recorded last.
    initial: bool,
    tasks: VecDeque<Task>,
    now: Now,
    open: Option<Open>,
}

impl Core {
    /// Starts from what is recorded.
    #[must_use]
    pub fn new(settings: Settings, folders: Vec<ImapFolder>) -> Self {
        Self {
            settings,
            folders,
            main: None,
            initial: false,
            tasks: VecDeque::new(),
            now: Now::Nothing,
            open: None,
        }
    }

    /// Path of the open folder.
    #[must_use]
    pub fn open_path(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.path.as_str())
    }

    /// Takes what happened; says what to record and what to ask next.
    pub fn step(&mut self, input: Input) -> Output {
        let mut out = Output::default();
        match input {
            Input::Connected => {
                self.open = None;
                self.compare_all();
            }
            Input::Compare => self.compare_all(),
            Input::Continue => {}
            Input::Listed { folders, labels } => self.listed(&folders, labels, &mut out),
            Input::Status(counters) => {
                if let Now::Task(task) = std::mem::replace(&mut self.now, Now::Nothing) {
                    self.compare(task.path(), counters, &mut out);
                }
            }
            Input::Opened { counters, number } => self.opened(counters, number, &mut out),
            Input::Refused => self.refused(&mut out),
            Input::Found(uids) => self.found(&uids, &mut out),
            Input::Fetched(messages) => self.fetched(messages),
            Input::Messages { exists, arrived } => self.messages(exists, arrived, &mut out),
        }
        self.announce(&mut out);
        out.request = self.request(&mut out);
        out
    }

    fn compare_all(&mut self) {
        self.tasks.clear();
        self.now = Now::Listing;
    }

    /// The next request, as the state is now.
    fn request(&mut self, out: &mut Output) -> Request {
        loop {
            match &mut self.now {
                Now::Listing => return Request::List,
                Now::Seeding(_) => {
                    let from = self.settings.notify_from.unwrap_or_default().millis();
                    return Request::Since(from.saturating_sub(DAY));
                }
                Now::Searching(_) => {
                    return Request::After(self.open_folder().map_or(1, |known| known.uid_next));
                }
                Now::Fetching { rest, backlog, .. } => {
                    if !backlog.is_empty() {
                        return Request::Continue;
                    }
                    if let Some(set) = rest.front() {
                        return Request::Fetch(set.clone());
                    }
                    self.now = Now::Nothing;
                }
                Now::Task(Task::Check(path)) if Some(&*path) != self.main.as_ref() => {
                    return Request::Status(path.clone());
                }
                Now::Task(task) => {
                    let path = task.path().to_owned();
                    let main = self.main.as_ref() == Some(&path);
                    return Request::Open(path, main);
                }
                Now::Nothing => match self.tasks.pop_front() {
                    // A folder that is open already was compared when it was opened.
                    Some(Task::Fetch(path)) if self.open_path() == Some(&path) => {
                        self.fetch_open(out);
                    }
                    Some(task) => self.now = Now::Task(task),
                    None => {
                        self.initial = false;
                        self.tasks = VecDeque::new();
                        match &self.main {
                            Some(main) if self.open_path() != Some(main) => {
                                self.now = Now::Task(Task::Check(main.clone()));
                            }
                            _ => return Request::Idle,
                        }
                    }
                },
            }
        }
    }

    /// The folder is gone or closed since it was listed: the next comparison will tell.
    fn refused(&mut self, out: &mut Output) {
        match std::mem::replace(&mut self.now, Now::Nothing) {
            Now::Task(task) => {
                let main = self.main.as_deref() == Some(task.path());
                if main || !matches!(task, Task::Check(_)) {
                    // A folder that does not open leaves none open (RFC 9051 section 6.3.2).
                    self.open = None;
                }
                if main {
                    self.main = None;
                }
            }
            Now::Seeding(counters) => {
                if let Some(path) = self.open_path().map(str::to_owned) {
                    self.record_new(&path, counters, out);
                }
            }
            Now::Searching(counters) => {
                let from = self.open_folder().map_or(1, |known| known.uid_next);
                self.now = Now::Fetching {
                    counters,
                    rest: VecDeque::from([SequenceSet::from(from)]),
                    backlog: VecDeque::new(),
                };
            }
            Now::Nothing | Now::Listing | Now::Fetching { .. } => {}
        }
    }

    fn listed(&mut self, list: &[Seen], labels: bool, out: &mut Output) {
        self.now = Now::Nothing;
        let has_all = list
            .iter()
            .any(|seen| seen.selectable && seen.special_use == Some(SpecialUse::All));
        let labels = labels && has_all;
        let follows = |seen: &&Seen| {
            let counted = !labels
                || matches!(
                    seen.special_use,
                    Some(SpecialUse::All | SpecialUse::Junk | SpecialUse::Trash)
                );
            seen.selectable && counted && self.settings.admits(seen)
        };
        let mut followed: Vec<&Seen> = list.iter().filter(follows).collect();
        // The folder that most is heard of first.
        followed.sort_by_key(|seen| match seen.special_use {
            Some(SpecialUse::All) if labels => 0,
            Some(SpecialUse::Inbox) => 1,
            _ => 2,
        });
        self.main = followed.first().map(|seen| seen.path.clone());
        self.initial = match &self.main {
            Some(main) => self.find(main).is_none(),
            None => false,
        };
        // A list without any folder to open is a server in trouble, not an emptied account.
        if list.iter().any(|seen| seen.selectable) {
            self.forget_missing(list, &followed, out);
        }
        if self.initial && self.folders.is_empty() {
            self.folders.reserve_exact(followed.len());
        }
        let main = self.main.clone();
        let others = followed.iter().skip(1);
        let check_main = main.clone().map(Task::Check);
        if !self.initial {
            self.tasks.extend(check_main.clone());
        }
        for seen in others {
            match seen.status {
                Some(counters) => self.compare(&seen.path, counters, out),
                None => self.tasks.push_back(Task::Check(seen.path.clone())),
            }
        }
        if self.initial {
            self.tasks.extend(check_main);
        }
    }

    fn forget_missing(&mut self, list: &[Seen], followed: &[&Seen], out: &mut Output) {
        let mut gone = Vec::new();
        self.folders.retain(|known| {
            let kept = followed.iter().any(|seen| seen.path == known.path);
            if !kept {
                gone.push(known.path.clone());
            }
            kept
        });
        for path in gone {
            if self.open_path() == Some(&path) {
                self.open = None;
            }
            // A folder that is there but not followed any more was not deleted.
            if !list.iter().any(|seen| seen.path == path && seen.selectable) {
                out.changes
                    .push(Change::MailboxDeleted { path: path.clone() });
            }
            out.deltas.push(StateDelta::ImapFolderGone { path });
        }
    }

    /// Compares a folder that is not open.
    fn compare(&mut self, path: &str, counters: Counters, out: &mut Output) {
        match self.find(path) {
            None if self.initial
                && self.settings.notify_from.is_some()
                && counters.messages > 0 =>
            {
                // Before the main folder, whose record says that the first sync is complete.
                self.tasks.push_front(Task::Seed(path.to_owned()));
            }
            // Opened, a folder tells more.
            None if counters.uid_next == 0 => {
                self.tasks.push_front(Task::Fetch(path.to_owned()));
            }
            None => self.record_new(path, counters, out),
            Some(known) if known.uid_validity != counters.uid_validity => {
                let previous = known.uid_validity;
                self.reset(path, previous, counters, out);
            }
            Some(known) if counters.uid_next == 0 || counters.uid_next > known.uid_next => {
                self.tasks.push_back(Task::Fetch(path.to_owned()));
            }
            Some(known) => {
                let uid_next = known.uid_next;
                self.record(path, uid_next, counters, out);
            }
        }
    }

    fn opened(&mut self, counters: Counters, number: u32, out: &mut Output) {
        let Now::Task(task) = std::mem::replace(&mut self.now, Now::Nothing) else {
            return;
        };
        let path = task.path().to_owned();
        self.open = Some(Open {
            path: path.clone(),
            number,
            counters,
        });
        match self.find(&path) {
            None if matches!(task, Task::Seed(_)) => self.now = Now::Seeding(counters),
            None if self.initial
                && self.settings.notify_from.is_some()
                && counters.messages > 0 =>
            {
                self.now = Now::Seeding(counters);
            }
            None => self.record_new(&path, counters, out),
            Some(known) if known.uid_validity != counters.uid_validity => {
                let previous = known.uid_validity;
                self.reset(&path, previous, counters, out);
            }
            Some(_) => self.fetch_open(out),
        }
    }

    /// Begins to announce what is new in the open folder.
    fn fetch_open(&mut self, out: &mut Output) {
        let Some(open) = &self.open else { return };
        let (path, counters) = (open.path.clone(), open.counters);
        let Some((from, before)) = self
            .find(&path)
            .map(|known| (known.uid_next, known.messages))
        else {
            return;
        };
        let none = counters.messages == 0 || counters.uid_next != 0 && counters.uid_next <= from;
        if none {
            self.record(&path, from.max(counters.uid_next), counters, out);
            return;
        }
        let at_most = if counters.uid_next == 0 {
            counters.messages.saturating_sub(before)
        } else {
            (counters.uid_next - from).min(counters.messages)
        };
        self.now = if at_most as usize <= CHUNK {
            Now::Fetching {
                counters,
                rest: VecDeque::from([SequenceSet::from(from)]),
                backlog: VecDeque::new(),
            }
        } else {
            Now::Searching(counters)
        };
    }

    fn found(&mut self, uids: &SequenceSet, out: &mut Output) {
        let Some(path) = self.open_path().map(str::to_owned) else {
            return;
        };
        match std::mem::replace(&mut self.now, Now::Nothing) {
            Now::Seeding(counters) => {
                let first = uids.iter().next();
                let end = counters.uid_next;
                let uid_next = first.map_or(end, |uid| if end == 0 { uid } else { uid.min(end) });
                self.record_new(
                    &path,
                    Counters {
                        uid_next,
                        ..counters
                    },
                    out,
                );
                if first.is_some() && self.main.as_ref() == Some(&path) {
                    self.tasks.push_front(Task::Fetch(path));
                } else if first.is_some() {
                    self.tasks.push_back(Task::Fetch(path));
                }
            }
            Now::Searching(counters) => {
                let from = self.find(&path).map_or(1, |known| known.uid_next);
                // `n:*` always finds the last message, even below n.
                let mut set = SequenceSet::new();
                for (first, last) in uids.ranges() {
                    let last = last.unwrap_or(u32::MAX);
                    if last >= from {
                        set.add_range(first.max(from), last);
                    }
                }
                if set.is_empty() {
                    self.record(&path, from.max(counters.uid_next), counters, out);
                } else {
                    self.now = Now::Fetching {
                        counters,
                        rest: chunks(&set),
                        backlog: VecDeque::new(),
                    };
                }
            }
            other => self.now = other,
        }
    }

    fn fetched(&mut self, mut messages: Vec<(u32, Option<i64>)>) {
        let from = self.open_folder().map_or(0, |known| known.uid_next);
        if let Now::Fetching { rest, backlog, .. } = &mut self.now {
            // Servers mix in other messages: news of flags, and the last one for `n:*`.
            let asked = rest.pop_front().unwrap_or_default();
            messages.retain(|(uid, _)| *uid >= from && asked.contains(*uid));
            messages.sort_unstable_by_key(|(uid, _)| *uid);
            messages.dedup_by_key(|(uid, _)| *uid);
            backlog.extend(messages);
        }
    }

    /// Announces the next chunk of what was fetched.
    fn announce(&mut self, out: &mut Output) {
        let Some(open) = &self.open else { return };
        let (path, number) = (open.path.clone(), open.number);
        let Now::Fetching {
            counters,
            rest,
            backlog,
        } = &mut self.now
        else {
            return;
        };
        let counters = *counters;
        let chunk: Vec<_> = backlog.drain(..backlog.len().min(CHUNK)).collect();
        let finished = rest.is_empty() && backlog.is_empty();
        if chunk.is_empty() && !finished {
            return;
        }
        let Some(mut uid_next) = self.find(&path).map(|known| known.uid_next) else {
            return;
        };
        for (uid, date) in chunk {
            uid_next = uid.saturating_add(1);
            let date = date.map(Timestamp);
            if self.is_news(date) {
                out.changes.push(Change::MessageNew {
                    id: MessageId {
                        folder: number,
                        uid,
                    }
                    .encode(),
                    uid: Some(uid),
                    path: path.clone(),
                    date,
                });
            }
        }
        if finished {
            uid_next = uid_next.max(counters.uid_next);
            self.now = Now::Nothing;
        }
        self.record(&path, uid_next, counters, out);
    }

    fn is_news(&self, date: Option<Timestamp>) -> bool {
        // INTERNALDATE has no fractions of a second: what arrives now may seem older than a moment
        // ago. What was there before the first comparison must not pass for news by that.
        let second = |time: Timestamp| time.millis().div_euclid(1000);
        match (date, self.settings.notify_from) {
            (Some(date), Some(from)) if self.initial => date >= from,
            (Some(date), Some(from)) => second(date) >= second(from),
            _ => true,
        }
    }

    fn messages(&mut self, exists: u32, arrived: bool, out: &mut Output) {
        if self.now != Now::Nothing {
            return;
        }
        let Some(open) = &mut self.open else { return };
        open.counters.messages = exists;
        // What it was when the folder was opened is no news any more.
        open.counters.uid_next = 0;
        let (path, counters) = (open.path.clone(), open.counters);
        if arrived && exists > 0 {
            self.fetch_open(out);
        } else if let Some(uid_next) = self.find(&path).map(|known| known.uid_next) {
            self.record(&path, uid_next, counters, out);
        }
    }

    fn find(&self, path: &str) -> Option<&ImapFolder> {
        self.folders.iter().find(|known| known.path == path)
    }

    fn open_folder(&self) -> Option<&ImapFolder> {
        self.find(self.open_path()?)
    }

    fn record_new(&mut self, path: &str, counters: Counters, out: &mut Output) {
        out.changes.push(Change::MailboxNew {
            path: path.to_owned(),
            uid_validity: Some(counters.uid_validity),
        });
        self.record(path, counters.uid_next.max(1), counters, out);
    }

    fn reset(&mut self, path: &str, previous: u32, counters: Counters, out: &mut Output) {
        out.changes.push(Change::MailboxReset {
            path: path.to_owned(),
            uid_validity: Some(counters.uid_validity),
            previous: Some(previous),
            reason: "uidValidityChange",
        });
        self.record(path, counters.uid_next.max(1), counters, out);
    }

    /// Notes a folder; says so only when something differs.
    fn record(&mut self, path: &str, uid_next: u32, counters: Counters, out: &mut Output) {
        let folder = ImapFolder {
            path: path.to_owned(),
            uid_validity: counters.uid_validity,
            uid_next,
            highest_modseq: counters.highest_modseq,
            messages: counters.messages,
        };
        match self.folders.iter_mut().find(|known| known.path == path) {
            Some(known) if *known == folder => return,
            Some(known) => *known = folder.clone(),
            None => self.folders.push(folder.clone()),
        }
        out.deltas.push(StateDelta::ImapFolder(folder));
    }
}

/// Cuts a set into sets of at most [`CHUNK`] messages.
fn chunks(set: &SequenceSet) -> VecDeque<SequenceSet> {
    let mut out = VecDeque::new();
    let mut current = SequenceSet::new();
    let mut room = CHUNK as u32;
    for (first, last) in set.ranges() {
        let (mut first, last) = (first, last.unwrap_or(u32::MAX));
        while first <= last {
            let end = last.min(first.saturating_add(room - 1));
            current.add_range(first, end);
            room -= end - first + 1;
            if room == 0 {
                out.push_back(std::mem::take(&mut current));
                room = CHUNK as u32;
            }
            let Some(next) = end.checked_add(1) else {
                break;
            };
            first = next;
        }
    }
    if !current.is_empty() {
        out.push_back(current);
    }
    out
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
