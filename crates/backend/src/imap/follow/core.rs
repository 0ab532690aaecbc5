//! The pure core of following over IMAP: what the server says goes in, what to ask next and what to record comes out.
//! No I/O, no clock.
//!
//! It goes through the folders one after the other. Counters that tell of no change are believed; else the folder is
//! opened, and a [`Run`] makes its index equal to it. A folder is recorded before its messages are taken in, so that
//! whatever is committed is neither announced again nor left out.

use std::collections::VecDeque;

use posthouse_imap::{Known, SequenceSet};
use posthouse_model::{Timestamp, index::MessageIndex, mailbox::SpecialUse};

use super::{
    folders::Folders,
    input::{Input, Moment, News, Output, Request, Seen, Settings},
    run::{DAY, Rule, Run},
    trouble::Troubles,
};
use crate::{
    ImapFolder, Reset, StateDelta, SyncTrouble,
    imap::sync::{Fact, FolderStatus, Offers, Plan, ResetReason, decide},
};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Task {
    /// Compare the counters of a folder.
    Check(String),
    /// Open a folder and make its index equal.
    Sync(String),
}

impl Task {
    fn path(&self) -> &str {
        match self {
            Self::Check(path) | Self::Sync(path) => path,
        }
    }
}

/// What a folder said when it was opened.
#[derive(Debug)]
struct Told {
    status: FolderStatus,
    /// What changed since it was known, where that was asked for.
    changed: Option<(Vec<Fact>, SequenceSet)>,
}

/// What the last request was for.
#[derive(Debug)]
enum Now {
    Nothing,
    Listing,
    /// Waiting for STATUS.
    Checking(String),
    /// Waiting for the folder to open; it was asked what changed.
    Opening(String, bool),
    /// Waiting for the UIDs since a day, to record the open folder.
    Dating(Told),
    /// Waiting for the index of the open folder.
    Loading(Loading),
    Running(Box<Run>),
}

#[derive(Debug)]
enum Loading {
    Plan(Plan, Told),
    News(Box<News>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    path: String,
    number: u32,
}

/// The state of following one mailbox.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    offers: Offers,
    folders: Folders,
    /// The folder to idle in.
    main: Option<String>,
    /// The first sync of the account is not complete: [`Core::main`] is recorded last.
    initial: bool,
    tasks: VecDeque<Task>,
    now: Now,
    open: Option<Open>,
    troubles: Troubles,
    /// Another session is wanted.
    renewal: bool,
}

impl Core {
    /// Starts from what is recorded.
    #[must_use]
    pub fn new(settings: Settings, folders: Vec<ImapFolder>) -> Self {
        Self {
            folders: Folders::new(folders, settings.fast),
            settings,
            offers: Offers::default(),
            main: None,
            initial: false,
            tasks: VecDeque::new(),
            now: Now::Nothing,
            open: None,
            troubles: Troubles::default(),
            renewal: false,
        }
    }

    /// Path of the open folder.
    #[must_use]
    pub fn open_path(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.path.as_str())
    }

    /// Path and number of the open folder.
    #[must_use]
    pub fn open(&self) -> Option<(&str, u32)> {
        let open = self.open.as_ref()?;
        Some((open.path.as_str(), open.number))
    }

    /// Whether to go on with a new session, told once: the one there is may be what is in the way.
    pub fn take_renewal(&mut self) -> bool {
        std::mem::take(&mut self.renewal)
    }

    /// When to try again what was refused.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.troubles.due()
    }

    /// Takes what happened; says what to record and what to ask next.
    pub fn step(&mut self, input: Input, moment: Moment) -> Output {
        let mut out = Output::default();
        match input {
            Input::Connected(offers) => {
                self.offers = offers;
                self.open = None;
                self.compare_all();
            }
            Input::Compare => self.compare_all(),
            Input::Check(path) => self.tasks.push_back(Task::Sync(path)),
            Input::Retry => {
                let due = self.troubles.take_due(moment.now);
                self.tasks.extend(due.into_iter().map(Task::Sync));
            }
            Input::Continue => {}
            Input::Listed { folders, labels } => {
                self.listed(&folders, labels, moment, &mut out);
            }
            Input::Status(status) => {
                if let Now::Checking(path) = std::mem::replace(&mut self.now, Now::Nothing) {
                    self.judge(&path, status, moment, &mut out);
                }
            }
            Input::Opened {
                status,
                number,
                facts,
                vanished,
            } => self.opened(status, number, (facts, vanished), moment, &mut out),
            Input::Index(index) => self.loaded(index, &mut out),
            Input::Found(uids) if matches!(self.now, Now::Dating(_)) => {
                self.dated(&uids, moment, &mut out);
            }
            Input::News(news) => self.heard(news),
            Input::Refused { response, code } => self.refused(response, code, moment, &mut out),
            answer @ (Input::Found(_) | Input::Facts { .. } | Input::Arrivals(_)) => {
                if let Now::Running(run) = &mut self.now {
                    run.take(answer, &mut out);
                }
            }
        }
        out.request = self.request(moment, &mut out);
        out
    }

    fn compare_all(&mut self) {
        self.tasks.clear();
        self.now = Now::Listing;
    }

    /// The next request, as the state is now.
    fn request(&mut self, moment: Moment, out: &mut Output) -> Request {
        loop {
            match &mut self.now {
                Now::Listing => return Request::List,
                Now::Checking(path) => return Request::Status(path.clone()),
                Now::Opening(..) => return self.ask_to_open(),
                Now::Dating(_) => {
                    let from = self.settings.notify_from.unwrap_or_default().millis();
                    return Request::Since(from.saturating_sub(DAY));
                }
                Now::Loading(_) => match &self.open {
                    Some(open) => return Request::Index(open.number),
                    None => self.now = Now::Nothing,
                },
                Now::Running(run) => match run.next(moment, out) {
                    Some(request) => return request,
                    None => self.finish(moment, out),
                },
                Now::Nothing => match self.tasks.pop_front() {
                    // Re-opening tells the counters of the folder to idle in, too.
                    Some(Task::Check(path)) if Some(&path) != self.main.as_ref() => {
                        self.now = Now::Checking(path);
                    }
                    Some(task) => self.now = Now::Opening(task.path().to_owned(), false),
                    None => {
                        self.initial = false;
                        self.tasks = VecDeque::new();
                        match &self.main {
                            Some(main) if self.open_path() != Some(main) => {
                                self.now = Now::Opening(main.clone(), false);
                            }
                            _ => return Request::Idle,
                        }
                    }
                },
            }
        }
    }

    /// Asks at once what changed, where the server can tell.
    fn ask_to_open(&mut self) -> Request {
        let Now::Opening(path, asked) = &mut self.now else {
            return Request::Continue;
        };
        let path = path.clone();
        let known = self
            .folders
            .find(&path)
            .filter(|known| known.indexed && !self.settings.fast)
            .filter(|known| self.offers.qresync && known.highest_modseq > 0)
            .map(|known| Known {
                uid_validity: known.uid_validity.into(),
                mod_seq: known.highest_modseq,
            });
        *asked = known.is_some();
        Request::Open {
            main: self.main.as_ref() == Some(&path),
            path,
            known,
        }
    }

    /// A request was refused.
    fn refused(
        &mut self,
        response: String,
        code: Option<String>,
        moment: Moment,
        out: &mut Output,
    ) {
        let mut trouble = |path: &str| {
            let trouble = SyncTrouble {
                path: path.to_owned(),
                response: response.clone(),
                code: code.clone(),
            };
            if self.troubles.note(trouble.clone(), moment.now) {
                out.trouble = Some(Some(trouble));
            }
        };
        match std::mem::replace(&mut self.now, Now::Nothing) {
            Now::Opening(path, _) => {
                // A folder that does not open leaves none open (RFC 9051 section 6.3.2).
                self.open = None;
                // One that never opened is a phantom: listed, and no more.
                if self.folders.find(&path).is_some_and(|known| known.indexed) {
                    trouble(&path);
                    self.renewal |= self.troubles.may_be_the_session(&path);
                }
                if self.main.as_ref() == Some(&path) {
                    self.main = None;
                }
            }
            Now::Dating(told) => {
                if let Some(path) = self.open_path().map(str::to_owned) {
                    self.folders.record_new(&path, told.status, None, None, out);
                    self.go_on(&path, told, moment, out);
                }
            }
            Now::Running(run) => trouble(run.path()),
            // Its counters are not told: what happened in it shows when it is opened.
            Now::Checking(path) => {
                if self.folders.find(&path).is_some_and(|known| known.indexed) {
                    trouble(&path);
                }
            }
            Now::Nothing | Now::Listing | Now::Loading(_) => {}
        }
    }

    fn listed(&mut self, list: &[Seen], labels: bool, moment: Moment, out: &mut Output) {
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
        self.initial = self
            .main
            .as_ref()
            .is_some_and(|main| self.folders.find(main).is_none());
        // A list without any folder to open is a server in trouble, not an emptied account.
        if list.iter().any(|seen| seen.selectable) {
            for path in self.folders.forget_missing(list, &followed, out) {
                if self.open_path() == Some(&path) {
                    self.open = None;
                }
                self.troubles.forget(&path);
            }
        }
        self.folders.expect(followed.len());
        let main = self.main.clone().map(Task::Check);
        if !self.initial {
            self.tasks.extend(main.clone());
        }
        for seen in followed.iter().skip(1) {
            match seen.status {
                Some(status) => self.judge(&seen.path, status, moment, out),
                None => self.tasks.push_back(Task::Check(seen.path.clone())),
            }
        }
        if self.initial {
            self.tasks.extend(main);
        }
    }

    /// What the counters of a folder that is not open say.
    fn judge(&mut self, path: &str, status: FolderStatus, moment: Moment, out: &mut Output) {
        let open = match self.folders.find(path) {
            None => {
                let dated = self.is_dated(path, status);
                // Opened, a folder tells more; but before the main folder, whose record says that the first sync is
                // complete.
                if dated || status.uid_next == 0 {
                    self.tasks.push_front(Task::Sync(path.to_owned()));
                    return;
                }
                self.folders.record_new(path, status, None, None, out);
                true
            }
            Some(known) if known.uid_validity != status.uid_validity => {
                let previous = Some(known.uid_validity);
                let reason = ResetReason::UidValidityChange;
                self.folders
                    .reset(path, Reset { reason, previous }, status, out);
                true
            }
            Some(_) => true,
        };
        if open && self.plan(path, &status, moment, out) != Plan::Nothing {
            self.tasks.push_back(Task::Sync(path.to_owned()));
        }
    }

    /// Whether messages of a folder that is seen for the first time may be announced by their dates: what is in the
    /// inbox when an account is made.
    fn is_dated(&self, path: &str, status: FolderStatus) -> bool {
        self.initial
            && self.settings.notify_from.is_some()
            && status.messages > 0
            && self.main.as_deref() == Some(path)
    }

    fn opened(
        &mut self,
        status: FolderStatus,
        number: u32,
        changed: (Vec<Fact>, SequenceSet),
        moment: Moment,
        out: &mut Output,
    ) {
        let Now::Opening(path, asked) = std::mem::replace(&mut self.now, Now::Nothing) else {
            return;
        };
        self.open = Some(Open {
            path: path.clone(),
            number,
        });
        let told = Told {
            status,
            changed: asked.then_some(changed),
        };
        match self.folders.find(&path) {
            None if self.is_dated(&path, status) => {
                self.now = Now::Dating(told);
                return;
            }
            None => self.folders.record_new(&path, status, None, None, out),
            Some(known) if known.uid_validity != status.uid_validity => {
                let previous = Some(known.uid_validity);
                let reason = ResetReason::UidValidityChange;
                self.folders
                    .reset(&path, Reset { reason, previous }, status, out);
            }
            Some(_) => {}
        }
        self.go_on(&path, told, moment, out);
    }

    /// Answer to [`Request::Since`]: the first of these is the first to announce.
    fn dated(&mut self, uids: &SequenceSet, moment: Moment, out: &mut Output) {
        let Now::Dating(told) = std::mem::replace(&mut self.now, Now::Nothing) else {
            return;
        };
        let Some(path) = self.open_path().map(str::to_owned) else {
            return;
        };
        let end = told.status.uid_next;
        let first = uids.iter().next();
        let uid_next = first.map_or(end, |uid| if end == 0 { uid } else { uid.min(end) });
        self.folders
            .record_new(&path, told.status, Some(uid_next), None, out);
        self.go_on(&path, told, moment, out);
    }

    /// Goes on with the open folder, which is recorded.
    fn go_on(&mut self, path: &str, told: Told, moment: Moment, out: &mut Output) {
        match self.plan(path, &told.status, moment, out) {
            Plan::Nothing => self.end_trouble(path, out),
            plan => self.now = Now::Loading(Loading::Plan(plan, told)),
        }
    }

    /// What a recorded folder needs; where that is nothing its counters are recorded.
    fn plan(
        &mut self,
        path: &str,
        status: &FolderStatus,
        moment: Moment,
        out: &mut Output,
    ) -> Plan {
        let Some(known) = self.folders.find(path) else {
            return Plan::Nothing;
        };
        let mut now = known.clone();
        let plan = if self.settings.fast {
            if known.indexed {
                out.deltas.push(StateDelta::ImapIndexGone {
                    path: path.to_owned(),
                });
                now.indexed = false;
            }
            if status.messages > 0 && (status.uid_next == 0 || status.uid_next > known.uid_next) {
                Plan::New {
                    from: known.uid_next,
                }
            } else {
                Plan::Nothing
            }
        } else if !known.indexed {
            if status.messages == 0 {
                now.indexed = true;
                now.last_full = Some(moment.now);
                Plan::Nothing
            } else {
                Plan::Seed
            }
        } else {
            decide(known, status, self.offers, moment.now)
        };
        if plan == Plan::Nothing {
            now.uid_next = now.uid_next.max(status.uid_next);
            now.messages = status.messages;
            now.highest_modseq = status.highest_modseq;
            now = Folders::tell(now, out);
        }
        self.folders.record(now, out);
        plan
    }

    fn loaded(&mut self, index: Option<Box<MessageIndex>>, out: &mut Output) {
        let Now::Loading(mut loading) = std::mem::replace(&mut self.now, Now::Nothing) else {
            return;
        };
        let Some(open) = self.open.clone() else {
            return;
        };
        let index = match index {
            Some(index) => *index,
            None => {
                let status = match &loading {
                    Loading::Plan(_, told) => told.status,
                    Loading::News(news) => self.status_of(&open.path, news.exists),
                };
                let reason = ResetReason::SyncStateLost;
                let previous = None;
                self.folders
                    .reset(&open.path, Reset { reason, previous }, status, out);
                loading = Loading::Plan(
                    Plan::Seed,
                    Told {
                        status,
                        changed: None,
                    },
                );
                MessageIndex::new()
            }
        };
        let Some(known) = self.folders.find(&open.path).cloned() else {
            return;
        };
        let rule = Rule {
            notify_from: self.settings.notify_from.max(self.settings.sync_from),
            initial: self.initial,
        };
        let fast = self.settings.fast;
        let mut run = Box::new(Run::new(open.number, known, index, fast, rule));
        match loading {
            Loading::Plan(plan, told) => {
                run.plan(plan, &told.status, self.settings.sync_from, told.changed);
            }
            Loading::News(news) => run.news(*news, self.offers.condstore),
        }
        self.now = Now::Running(run);
    }

    /// The counters of a folder that only told how many messages it has.
    fn status_of(&self, path: &str, messages: u32) -> FolderStatus {
        let known = self.folders.find(path);
        FolderStatus {
            uid_validity: known.map_or(0, |known| known.uid_validity),
            uid_next: known.map_or(0, |known| known.uid_next),
            messages,
            highest_modseq: known.map_or(0, |known| known.highest_modseq),
        }
    }

    fn finish(&mut self, moment: Moment, out: &mut Output) {
        if let Now::Running(run) = std::mem::replace(&mut self.now, Now::Nothing) {
            let path = run.path().to_owned();
            let folder = Folders::tell(run.outcome(moment.now), out);
            self.folders.record(folder, out);
            self.end_trouble(&path, out);
        }
    }

    fn end_trouble(&mut self, path: &str, out: &mut Output) {
        if self.troubles.forget(path) {
            out.trouble = Some(self.troubles.first().cloned());
        }
    }

    /// The server spoke by itself.
    fn heard(&mut self, news: Box<News>) {
        let open = self.open_path().map(str::to_owned);
        let Some(known) = open.as_deref().and_then(|open| self.folders.find(open)) else {
            return;
        };
        if matches!(self.now, Now::Nothing) && news.any() {
            // Without an index there is none to load.
            self.now = if self.settings.fast || known.indexed {
                Now::Loading(Loading::News(news))
            } else {
                Now::Nothing
            };
        }
    }
}
