//! Making the index of the open folder equal to the server, one question after the other.

use std::{collections::VecDeque, ops::RangeInclusive};

use posthouse_imap::SequenceSet;
use posthouse_model::{Timestamp, index::MessageIndex};

use super::input::{Arrival, Input, Moment, News, Output, Request};
use crate::{
    Change, ImapFolder, Place, StateDelta,
    imap::{
        ids::MessageId,
        sync::{Changes, Chunks, Fact, Facts, FolderStatus, Gone, NewMessage, Plan, compare, cut},
    },
};

/// The most changes of one output.
pub const CHUNK: usize = 500;

/// The most messages whose flags are read at once.
const RANGE: usize = 5_000;

/// One day, milliseconds: SEARCH knows only days, in the server's time zone.
pub(super) const DAY: i64 = 86_400_000;

/// A question, and what its answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ask {
    /// UIDs of messages that are young enough, then their flags.
    Since(i64),
    /// All UIDs, then their flags.
    All,
    /// UIDs from this one on: what is missing is gone, what is unknown is new.
    Existing(u32),
    /// UIDs from this one on, all of them new.
    New(u32),
    /// Flags of a range.
    Range(RangeInclusive<u32>),
    /// What changed.
    Changed { since: u64, vanished: bool },
    /// Flags by sequence numbers.
    Numbers(SequenceSet),
    /// What decides about these.
    Arrivals(SequenceSet),
}

/// Which messages are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Only those that are not older.
    pub notify_from: Option<Timestamp>,
    /// The first sync of the account is not complete.
    pub initial: bool,
}

impl Rule {
    fn is_news(self, date: Option<Timestamp>) -> bool {
        // INTERNALDATE has no fractions of a second: what arrives now may seem older than a moment ago. What was there
        // before the first comparison must not pass for news by that.
        let second = |time: Timestamp| time.millis().div_euclid(1000);
        match (date, self.notify_from) {
            (Some(date), Some(from)) if self.initial => date >= from,
            (Some(date), Some(from)) => second(date) >= second(from),
            _ => true,
        }
    }
}

/// The comparison of one folder.
#[derive(Debug)]
pub struct Run {
    number: u32,
    fast: bool,
    rule: Rule,
    /// What is older than this is not indexed: asked while the index is taken in.
    sync_from: Option<Timestamp>,
    /// The folder as recorded, and what is to be recorded at the end.
    known: ImapFolder,
    index: MessageIndex,
    todo: VecDeque<Ask>,
    asked: Option<Ask>,
    backlog: Option<Chunks>,
    /// UIDNEXT from before the first question, where the server told it: goes with the other counters.
    uid_next: Option<u32>,
    /// All messages were compared.
    complete: bool,
    doubted: bool,
}

impl Run {
    /// Of a recorded folder that is open, with its index (empty for one that is not indexed yet).
    pub fn new(
        number: u32,
        known: ImapFolder,
        index: MessageIndex,
        fast: bool,
        rule: Rule,
    ) -> Self {
        Self {
            number,
            fast,
            rule,
            sync_from: None,
            known,
            index,
            todo: VecDeque::new(),
            asked: None,
            backlog: None,
            uid_next: None,
            complete: false,
            doubted: false,
        }
    }

    /// Its path.
    pub fn path(&self) -> &str {
        &self.known.path
    }

    /// The index is still being taken in: messages that were there before are not announced.
    fn seeding(&self) -> bool {
        !self.known.indexed && !self.fast
    }

    /// Begins what a plan says; the counters are those from before.
    pub fn plan(
        &mut self,
        plan: Plan,
        status: &FolderStatus,
        sync_from: Option<Timestamp>,
        told: Option<(Vec<Fact>, SequenceSet)>,
    ) {
        self.sync_from = sync_from;
        match plan {
            Plan::Nothing => {}
            Plan::Seed | Plan::Full => self.compare_all(status.messages),
            Plan::Changed { since, gone } => {
                match told {
                    Some((facts, vanished)) => self.facts(facts, vanished, None),
                    None => self.todo.push_back(Ask::Changed {
                        since,
                        vanished: gone == Gone::Vanished,
                    }),
                }
                if gone == Gone::Search {
                    self.todo.push_back(Ask::Existing(self.known.floor.max(1)));
                }
            }
            Plan::New { from } => {
                let more = status.uid_next.saturating_sub(from);
                let more = if status.uid_next == 0 { u32::MAX } else { more };
                self.ask_new(from, more.min(status.messages));
            }
        }
        if plan == Plan::Nothing {
            return;
        }
        self.known.messages = status.messages;
        self.known.highest_modseq = status.highest_modseq;
        self.uid_next = (status.uid_next != 0).then_some(status.uid_next);
    }

    /// Begins with what the server said by itself.
    pub fn news(&mut self, news: News, condstore: bool) {
        self.known.messages = news.exists;
        if self.fast {
            if news.arrived {
                self.todo.push_back(Ask::New(self.known.uid_next));
            }
            return;
        }
        if let Some(from) = news.gone_from {
            // Those before it are still there, if the index holds what the server counts; whether it does is seen in
            // the end.
            let at = i64::from(from) - self.known.hidden;
            let from = u32::try_from(at).ok().and_then(|at| self.index.uid_at(at));
            self.todo
                .push_back(Ask::Existing(from.unwrap_or(self.known.floor).max(1)));
        }
        let more = i64::from(news.exists) - self.known.hidden - i64_of(self.index.len());
        self.facts(news.facts, news.vanished, None);
        if !news.numbers.is_empty() {
            self.todo.push_back(Ask::Numbers(news.numbers));
        }
        if news.blind {
            match self.known.highest_modseq {
                since if since > 0 && condstore => {
                    self.todo.push_back(Ask::Changed {
                        since,
                        vanished: false,
                    });
                    self.todo.push_back(Ask::Existing(self.known.floor.max(1)));
                }
                _ => self.compare_all(news.exists),
            }
        } else if news.arrived {
            let from = self.next_uid();
            self.ask_new(from, u32::try_from(more.max(0)).unwrap_or(u32::MAX));
        }
    }

    /// The first UID that a new message can have.
    fn next_uid(&self) -> u32 {
        let after = self
            .index
            .uids()
            .max()
            .map_or(1, |last| last.saturating_add(1));
        after.max(self.known.floor)
    }

    fn ask_new(&mut self, from: u32, at_most: u32) {
        self.todo.push_back(if at_most as usize <= CHUNK {
            Ask::Arrivals(SequenceSet::from(from))
        } else {
            Ask::New(from)
        });
    }

    fn compare_all(&mut self, messages: u32) {
        self.complete = true;
        self.todo.clear();
        self.todo.push_back(match self.sync_from {
            Some(from) if self.seeding() => Ask::Since(from.millis().saturating_sub(DAY)),
            _ if messages as usize <= RANGE => Ask::Range(self.known.floor.max(1)..=u32::MAX),
            _ => Ask::All,
        });
    }

    /// Takes the answer to the last question.
    pub fn take(&mut self, input: Input, out: &mut Output) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        match (asked, input) {
            (Ask::Since(_), Input::Found(uids)) => {
                let first = uids.iter().next();
                self.known.floor = first.unwrap_or(self.known.uid_next).max(1);
                self.ranges(&uids);
            }
            (Ask::All, Input::Found(uids)) => self.ranges(&from(&uids, self.known.floor)),
            (Ask::Existing(first), Input::Found(uids)) => {
                let uids = from(&uids, first);
                let mut compared = compare(&self.index, Facts::Existing(uids));
                compared.changes.deleted.remove_range(..first);
                self.queue(compared.changes);
                self.ask_arrivals(&compared.unknown);
            }
            (Ask::New(first), Input::Found(uids)) => self.ask_arrivals(&from(&uids, first)),
            (Ask::Range(range), Input::Facts { facts, vanished }) => {
                self.facts(facts, vanished, Some(range));
            }
            (Ask::Changed { .. } | Ask::Numbers(_), Input::Facts { facts, vanished }) => {
                self.facts(facts, vanished, None);
            }
            (Ask::Arrivals(set), Input::Arrivals(arrivals)) => self.arrived(&set, arrivals, out),
            _ => {}
        }
    }

    /// Asks for the flags of messages, so many at once.
    fn ranges(&mut self, uids: &SequenceSet) {
        let floor = self.known.floor.max(1);
        for range in cut(uids, RANGE) {
            if *range.end() >= floor {
                let range = (*range.start()).max(floor)..=*range.end();
                self.todo.push_back(Ask::Range(range));
            }
        }
    }

    fn ask_arrivals(&mut self, uids: &SequenceSet) {
        for set in chunks(uids).into_iter().rev() {
            self.todo.push_front(Ask::Arrivals(set));
        }
    }

    /// Holds what was told against the index.
    fn facts(
        &mut self,
        mut facts: Vec<Fact>,
        vanished: SequenceSet,
        range: Option<RangeInclusive<u32>>,
    ) {
        let floor = self.known.floor;
        facts.retain(|fact| fact.uid >= floor);
        let mut compared = match range {
            Some(range) => compare(
                &self.index,
                Facts::Range {
                    range,
                    messages: facts,
                },
            ),
            None => compare(&self.index, Facts::Changed(facts)),
        };
        if !vanished.is_empty() {
            compared.changes.deleted |= compare(&self.index, Facts::Vanished(vanished))
                .changes
                .deleted;
            let deleted = &compared.changes.deleted;
            let there = |uid: u32| !deleted.contains(uid);
            compared
                .changes
                .updated
                .retain(|updated| there(updated.uid));
        }
        // What is taken in silently needs no more than its flags.
        let silent = if self.seeding() {
            self.known.uid_next
        } else {
            0
        };
        let mut unknown = compared.unknown;
        compared.changes.new.retain(|new| {
            let keep = new.uid < silent;
            if !keep {
                unknown.add(new.uid);
            }
            keep
        });
        self.queue(compared.changes);
        self.ask_arrivals(&unknown);
    }

    /// To be recorded part by part. What was found is in the index at once, so that the next answer is held against it.
    fn queue(&mut self, changes: Changes) {
        if changes.is_empty() {
            return;
        }
        self.index.apply(&changes.delta());
        // While messages are taken in nothing is told of them, so a part may be as large as the question.
        let most = if self.seeding() { RANGE } else { CHUNK };
        self.backlog = Some(changes.chunks(most));
    }

    fn arrived(&mut self, asked: &SequenceSet, mut arrivals: Vec<Arrival>, out: &mut Output) {
        let first = if self.fast {
            self.known.uid_next
        } else {
            self.known.floor
        };
        // Servers mix in other messages: news of flags, and the last one for `n:*`.
        arrivals.retain(|arrival| {
            arrival.uid >= first.max(1)
                && asked.contains(arrival.uid)
                && !self.index.uids().contains(arrival.uid)
        });
        arrivals.sort_by_key(|arrival| arrival.uid);
        arrivals.dedup_by_key(|arrival| arrival.uid);
        let Some(last) = arrivals.last().map(|arrival| arrival.uid) else {
            return;
        };
        let mut new = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let place = self.place(arrival.uid);
            let origin = Box::new(arrival.origin);
            out.changes.push(if self.rule.is_news(arrival.date) {
                Change::MessageNew {
                    place,
                    origin: Some(origin),
                }
            } else {
                Change::MessageKnown { place, origin }
            });
            new.push(Fact {
                uid: arrival.uid,
                flags: Some(arrival.flags),
                labels: Some(arrival.labels),
            });
        }
        if self.fast {
            self.known.uid_next = last.saturating_add(1);
            out.deltas.push(StateDelta::ImapFolder(self.known.clone()));
            return;
        }
        // Through the comparison, as it knows one spelling for each flag.
        let found = compare(&self.index, Facts::Changed(new)).changes;
        let new: Vec<NewMessage> = found.new;
        let delta = Changes {
            new,
            ..Changes::default()
        }
        .delta();
        self.index.apply(&delta);
        out.deltas.push(StateDelta::ImapIndex {
            mailbox: self.number,
            delta,
        });
    }

    fn place(&self, uid: u32) -> Place {
        let id = MessageId {
            folder: self.number,
            uid,
        };
        Place {
            id: id.encode(),
            mailbox: self.number,
            uid: Some(uid),
            path: self.known.path.clone(),
        }
    }

    /// What to ask next, or what to record now; none at the end.
    pub fn next(&mut self, moment: Moment, out: &mut Output) -> Option<Request> {
        if let Some(part) = self.backlog.as_mut().and_then(Iterator::next) {
            self.emit(part, out);
            return Some(Request::Continue);
        }
        self.backlog = None;
        if self.todo.is_empty() {
            self.doubt(moment);
        }
        let ask = self.todo.pop_front()?;
        let request = match &ask {
            Ask::Since(from) => Request::Since(*from),
            Ask::All => Request::Uids(self.known.floor.max(1)),
            Ask::Existing(from) | Ask::New(from) => Request::Uids(*from),
            Ask::Range(range) => Request::Range(range.clone()),
            Ask::Changed { since, vanished } => Request::Changed {
                from: self.known.floor.max(1),
                since: *since,
                vanished: *vanished,
            },
            Ask::Numbers(set) => Request::Numbers(set.clone()),
            Ask::Arrivals(set) => Request::Arrivals(set.clone()),
        };
        self.asked = Some(ask);
        Some(request)
    }

    fn emit(&self, part: Changes, out: &mut Output) {
        let delta = part.delta();
        let loud = |uid: u32| !self.seeding() || uid >= self.known.uid_next;
        for uid in part.deleted.iter().filter(|uid| loud(*uid)) {
            let place = self.place(uid);
            out.changes.push(Change::MessageDeleted { place });
        }
        for updated in part.updated.into_iter().filter(|message| loud(message.uid)) {
            out.changes.push(Change::MessageUpdated {
                place: self.place(updated.uid),
                flags: updated.flags,
                labels: updated.labels,
            });
        }
        out.deltas.push(StateDelta::ImapIndex {
            mailbox: self.number,
            delta,
        });
    }

    /// Whether the folder holds another number of messages than it should after all that was told: then all are
    /// compared, once.
    fn doubt(&mut self, moment: Moment) {
        if self.fast || !moment.quiet {
            return;
        }
        let hidden = i64::from(moment.exists) - i64_of(self.index.len());
        if self.complete {
            self.known.hidden = hidden;
        } else if hidden != self.known.hidden && !self.doubted {
            self.doubted = true;
            self.compare_all(moment.exists);
        }
    }

    /// What to record of the folder in the end.
    pub fn outcome(mut self, now: Timestamp) -> ImapFolder {
        if self.fast {
            self.known.uid_next = self.known.uid_next.max(self.uid_next.unwrap_or(1));
        } else {
            self.known.uid_next = self.uid_next.unwrap_or_else(|| self.next_uid());
            self.known.indexed = true;
            if self.complete {
                self.known.last_full = Some(now);
            }
        }
        self.known
    }
}

fn i64_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The part of a set from a UID on: `n:*` always finds the last message, even below n.
fn from(uids: &SequenceSet, first: u32) -> SequenceSet {
    let mut part = SequenceSet::new();
    for (start, end) in uids.ranges() {
        let end = end.unwrap_or(u32::MAX);
        if end >= first {
            part.add_range(start.max(first), end);
        }
    }
    part
}

/// Cuts a set into sets of at most [`CHUNK`] messages.
fn chunks(set: &SequenceSet) -> Vec<SequenceSet> {
    let mut out = Vec::new();
    let mut current = SequenceSet::new();
    let mut room = CHUNK as u32;
    for (mut first, last) in set.ranges() {
        let last = last.unwrap_or(u32::MAX);
        while first <= last {
            let end = last.min(first.saturating_add(room - 1));
            current.add_range(first, end);
            room -= end - first + 1;
            if room == 0 {
                out.push(std::mem::take(&mut current));
                room = CHUNK as u32;
            }
            let Some(next) = end.checked_add(1) else {
                break;
            };
            first = next;
        }
    }
    if !current.is_empty() {
        out.push(current);
    }
    out
}
