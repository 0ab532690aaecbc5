//! Follows what was told of one path through what was at it.

use std::collections::BTreeMap;

use super::fault::{Fault, FaultKind, Story};
use super::history::{Incarnation, absence_after};
use super::told::{Fact, Told};

/// Mailbox numbers, as message ids carry them: each stands for a path with one UIDVALIDITY.
pub(super) type Numbers = BTreeMap<u32, (String, u32)>;

/// The follower knew an incarnation of a folder for a while.
pub(super) struct Visit<'a> {
    /// Which, in the timeline.
    pub(super) index: usize,
    /// When it told that it saw it first; none when it knew it at the last checkpoint.
    pub(super) entered: Option<u64>,
    /// It is what the follower knew at last.
    pub(super) open: bool,
    by_reset: bool,
    doubled: bool,
    /// What was told of its messages, by UID, in order.
    pub(super) events: BTreeMap<u32, Vec<&'a Told>>,
}

/// What became of one path.
pub(super) struct FolderWalk<'a> {
    path: &'a str,
    timeline: &'a [Incarnation],
    told: &'a [&'a Told],
    pub(super) visits: Vec<Visit<'a>>,
    /// Told of messages that belong to no visit, by UIDVALIDITY and UID.
    pub(super) strays: BTreeMap<(u32, u32), Vec<&'a Told>>,
    pub(super) faults: Vec<Fault>,
    /// The first incarnation that may still be entered.
    next: usize,
}

impl<'a> FolderWalk<'a> {
    /// Reads what was told of this path, in order. Learns the numbers of mailboxes on the way.
    pub(super) fn new(
        path: &'a str,
        timeline: &'a [Incarnation],
        told: &'a [&'a Told],
        numbers: &mut Numbers,
    ) -> Self {
        let mut walk = Self {
            path,
            timeline,
            told,
            visits: Vec::new(),
            strays: BTreeMap::new(),
            faults: Vec::new(),
            next: 0,
        };
        if timeline.first().is_some_and(|first| first.known) {
            walk.enter(0, None);
        }
        for event in told {
            match &event.fact {
                Fact::FolderNew { uid_validity } => walk.folder_new(*uid_validity, event),
                Fact::FolderDeleted => walk.folder_deleted(event),
                Fact::FolderReset {
                    uid_validity,
                    previous,
                    reason,
                } => walk.folder_reset(*uid_validity, *previous, reason, event),
                _ => walk.message(event, numbers),
            }
        }
        walk.end();
        walk
    }

    fn enter(&mut self, index: usize, entered: Option<u64>) {
        self.visits.push(Visit {
            index,
            entered,
            open: true,
            by_reset: false,
            doubled: false,
            events: BTreeMap::new(),
        });
        self.next = index + 1;
    }

    fn current(&mut self) -> Option<&mut Visit<'a>> {
        self.visits.last_mut().filter(|visit| visit.open)
    }

    fn validity(&self, index: usize) -> u32 {
        self.timeline[index].uid_validity
    }

    fn folder_new(&mut self, uid_validity: u32, event: &Told) {
        let known = self.current().map(|visit| visit.index);
        match known {
            Some(index) if self.validity(index) == uid_validity => {
                let line = event.line();
                if let Some(visit) = self
                    .current()
                    .filter(|visit| visit.by_reset && !visit.doubled)
                {
                    // A reset folder is told as new too (behaviour 8.4).
                    visit.doubled = true;
                } else {
                    self.fault(FaultKind::Repeated, line);
                }
            }
            Some(_) => self.fault(FaultKind::Wrong, event.line()),
            None => match self.find(uid_validity) {
                Some(index) => self.enter(index, Some(event.at)),
                None => self.fault(FaultKind::Invented, event.line()),
            },
        }
    }

    fn find(&self, uid_validity: u32) -> Option<usize> {
        (self.next..self.timeline.len()).find(|index| self.validity(*index) == uid_validity)
    }

    fn folder_deleted(&mut self, event: &Told) {
        let Some(from) = self.current().map(|visit| visit.index) else {
            let again = self.visits.last().is_some();
            let kind = if again {
                FaultKind::Repeated
            } else {
                FaultKind::Invented
            };
            return self.fault(kind, event.line());
        };
        let absent = (from..self.timeline.len()).find(|index| absence_after(self.timeline, *index));
        let Some(absent) = absent else {
            return self.fault(FaultKind::Invented, event.line());
        };
        self.leave();
        self.next = absent + 1;
    }

    fn folder_reset(&mut self, uid_validity: u32, previous: u32, reason: &str, event: &Told) {
        let from = self.current().map(|visit| visit.index);
        let to = self.find(uid_validity);
        match (from, to) {
            (Some(from), Some(to))
                if self.validity(from) == previous && reason == "uidValidityChange" =>
            {
                self.leave();
                self.enter(to, Some(event.at));
                if let Some(visit) = self.current() {
                    visit.by_reset = true;
                }
            }
            (Some(from), None) if self.validity(from) == uid_validity => {
                self.fault(FaultKind::Repeated, event.line());
            }
            _ => self.fault(FaultKind::Invented, event.line()),
        }
    }

    fn leave(&mut self) {
        if let Some(visit) = self.current() {
            visit.open = false;
        }
    }

    fn message(&mut self, event: &'a Told, numbers: &mut Numbers) {
        let Some((number, uid)) = event.message() else {
            return;
        };
        let uid_validity = match numbers.get(&number) {
            Some((path, uid_validity)) if path == self.path => *uid_validity,
            Some((path, _)) => {
                let what = format!("{}: its id is of {path}", event.line());
                return self.fault(FaultKind::Wrong, what);
            }
            None => {
                // The newest incarnation that it knows and that has no number yet.
                let numbered = |uid_validity| {
                    numbers
                        .values()
                        .any(|known| *known == (self.path.to_owned(), uid_validity))
                };
                let free = self
                    .visits
                    .iter()
                    .rev()
                    .map(|visit| self.validity(visit.index));
                let Some(free) = free.into_iter().find(|free| !numbered(*free)) else {
                    let what = format!("{}: of no mailbox that is known", event.line());
                    return self.fault(FaultKind::Invented, what);
                };
                numbers.insert(number, (self.path.to_owned(), free));
                free
            }
        };
        let timeline = self.timeline;
        let of = |visit: &&mut Visit<'_>| timeline[visit.index].uid_validity == uid_validity;
        match self.visits.iter_mut().rev().find(of) {
            Some(visit) => visit.events.entry(uid).or_default().push(event),
            None => self
                .strays
                .entry((uid_validity, uid))
                .or_default()
                .push(event),
        }
    }

    fn end(&mut self) {
        let known = self.current().map(|visit| visit.index);
        let last = self.timeline.len().checked_sub(1);
        let there = last.filter(|last| self.timeline[*last].ended.is_none());
        let what = match (known, there) {
            (known, there) if known == there => return,
            (None, Some(there)) => format!("mailboxNew {}", self.validity(there)),
            (Some(_), None) => "mailboxDeleted".to_owned(),
            (Some(known), Some(there)) => format!(
                "mailboxReset {} -> {}",
                self.validity(known),
                self.validity(there)
            ),
            (None, None) => return,
        };
        self.leave();
        self.fault(FaultKind::Lost, what);
    }

    fn fault(&mut self, kind: FaultKind, what: String) {
        let mut story = Story::default();
        self.timeline.iter().for_each(|seat| story.seat(seat));
        let folders = self.told.iter().filter(|told| told.message().is_none());
        folders.for_each(|told| story.told(told));
        self.faults.push(Fault {
            kind,
            path: self.path.to_owned(),
            uid: None,
            what: what.trim_start().to_owned(),
            story: story.lines(),
        });
    }
}
