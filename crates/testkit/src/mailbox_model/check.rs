//! Compares what was told with what was done, from checkpoint to checkpoint.

use std::collections::BTreeMap;

use super::fault::{Fault, FaultKind, Story};
use super::folder_walk::{FolderWalk, Numbers, Visit};
use super::history::{Incarnation, Mailbox, Message};
use super::message_walk::{Duty, MessageWalk};
use super::told::{Fact, Told};

/// What came and went may still be told for so long after the checkpoint, milliseconds: a message that cannot be read is tried some
/// times before it is told to be missing.
const LATE: u64 = 60_000;

/// Knows what was told up to the last checkpoint.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    numbers: Numbers,
    /// Path, UIDVALIDITY and UID of messages that had come and gone by a checkpoint and of which something may still be told.
    ghosts: BTreeMap<(String, u32, u32), Ghost>,
    moves: Moves,
}

/// What may still be told of a message that is gone.
#[derive(Clone, Copy, Debug)]
struct Ghost {
    come: bool,
    go: bool,
    /// Its folder is there: what is announced must be told to be gone.
    owes: bool,
    /// The checkpoint; none when it is yet to come.
    since: Option<u64>,
}

/// How many moves were claimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moves {
    claimed: usize,
    deleted: usize,
}

struct Outcome {
    faults: Vec<Fault>,
    numbers: Numbers,
    ghosts: BTreeMap<(String, u32, u32), Ghost>,
}

impl Checker {
    /// What is wrong with what was told since the last checkpoint, in order of arrival. While events may still come, a
    /// [`FaultKind::Lost`] only says what is outstanding.
    #[must_use]
    pub fn check(&self, mailbox: &Mailbox, told: &[Told]) -> Vec<Fault> {
        self.compare(mailbox, told).faults
    }

    /// Ends the period: all was told, and what is there now is known.
    pub fn settle(&mut self, mailbox: &mut Mailbox, told: &[Told], at: u64) {
        let outcome = self.compare(mailbox, told);
        self.numbers = outcome.numbers;
        self.ghosts = outcome.ghosts;
        for ghost in self.ghosts.values_mut() {
            ghost.since.get_or_insert(at);
        }
        self.ghosts
            .retain(|_, ghost| ghost.since.is_none_or(|since| since + LATE > at));
        for event in told {
            if let Fact::Deleted { moved, .. } = &event.fact {
                self.moves.deleted += 1;
                self.moves.claimed += usize::from(moved.is_some());
            }
        }
        mailbox.settle(at);
    }

    /// How many `messageDeleted` there were, and how many of them said where the message went.
    #[must_use]
    pub fn moves(&self) -> (usize, usize) {
        (self.moves.deleted, self.moves.claimed)
    }

    fn compare(&self, mailbox: &Mailbox, told: &[Told]) -> Outcome {
        let mut out = Outcome {
            faults: Vec::new(),
            numbers: self.numbers.clone(),
            ghosts: self.ghosts.clone(),
        };
        let mut by_path: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
        for path in mailbox.folders.keys() {
            by_path.entry(path).or_default();
        }
        for event in told {
            by_path.entry(&event.path).or_default().push(event);
        }
        for (path, told) in &by_path {
            let timeline = mailbox.folders.get(*path).map(Vec::as_slice);
            let timeline = timeline.unwrap_or_default();
            let walk = FolderWalk::new(path, timeline, told, &mut out.numbers);
            out.faults.extend(walk.faults);
            for visit in &walk.visits {
                if let Some(seat) = timeline.get(visit.index) {
                    visited(mailbox, path, seat, visit, &mut out);
                    let others = |uid: &&u32| !seat.messages.contains_key(*uid);
                    for uid in visit.events.keys().filter(others) {
                        self.gone(path, seat.uid_validity, *uid, &visit.events[uid], &mut out);
                    }
                }
            }
            for ((uid_validity, uid), told) in &walk.strays {
                self.gone(path, *uid_validity, *uid, told, &mut out);
            }
        }
        out
    }

    /// Told of a message that was gone by the last checkpoint, or never was.
    fn gone(&self, path: &str, uid_validity: u32, uid: u32, told: &[&Told], out: &mut Outcome) {
        let ghost = out.ghosts.get_mut(&(path.to_owned(), uid_validity, uid));
        let Some((kind, what)) = haunts(ghost, told) else {
            return;
        };
        let mut story = Story::default();
        told.iter().for_each(|told| story.told(told));
        out.faults.push(Fault {
            kind,
            path: path.to_owned(),
            uid: Some(uid),
            what,
            story: story.lines(),
        });
    }
}

/// What is wrong with what was told of a message that is gone.
fn haunts(ghost: Option<&mut Ghost>, events: &[&Told]) -> Option<(FaultKind, String)> {
    let Some(ghost) = ghost else {
        let first = events.first().map(|event| event.line()).unwrap_or_default();
        return Some((
            FaultKind::Invented,
            format!("{}: there is no such message", first.trim_start()),
        ));
    };
    let mut announced = false;
    for event in events {
        let may = match &event.fact {
            Fact::New { .. } | Fact::Missing { .. } => {
                announced = matches!(event.fact, Fact::New { .. });
                std::mem::replace(&mut ghost.come, false)
            }
            Fact::Deleted { .. } => std::mem::replace(&mut ghost.go, false),
            _ => false,
        };
        if !may {
            return Some((
                FaultKind::Repeated,
                format!("{}: it is gone", event.line().trim_start()),
            ));
        }
    }
    let lost = announced && ghost.go && ghost.owes;
    lost.then(|| (FaultKind::Lost, "messageDeleted".to_owned()))
}

/// Judges every message of a folder that the follower knew.
fn visited(
    mailbox: &Mailbox,
    path: &str,
    seat: &Incarnation,
    visit: &Visit<'_>,
    out: &mut Outcome,
) {
    let announced = |uid: &u32| {
        let told = visit.events.get(uid).map(Vec::as_slice).unwrap_or_default();
        told.iter()
            .any(|event| matches!(event.fact, Fact::New { .. } | Fact::Missing { .. }))
    };
    let late = |message: &Message| {
        visit
            .entered
            .is_some_and(|entered| message.arrived.span.from > entered)
    };
    // From this UID on, what is in a folder that was seen first is announced.
    let above = seat
        .messages
        .iter()
        .filter(|(uid, message)| message.announced && (late(message) || announced(uid)))
        .map(|(uid, _)| *uid)
        .min();
    let open = visit.open && seat.ended.is_none();
    let emptied = seat.ended.is_some_and(|ended| ended.hidden.is_none());
    for (uid, message) in &seat.messages {
        let duty = match visit.entered {
            None if message.known => Duty::Known,
            _ if !message.announced => Duty::Silent(None),
            None => Duty::Announce,
            Some(_) if above.is_some_and(|above| *uid >= above) => Duty::Announce,
            Some(entered) => Duty::Silent(Some(entered)),
        };
        let told = visit.events.get(uid).map(Vec::as_slice).unwrap_or_default();
        let verdict = MessageWalk {
            mailbox,
            path,
            uid: *uid,
            message,
            duty,
            open,
            emptied,
            told,
        }
        .judge();
        out.faults.extend(verdict.faults);
        let over = message.gone.is_some() || !open;
        if over && (verdict.may_come || verdict.may_go) {
            let ghost = Ghost {
                come: verdict.may_come,
                go: verdict.may_go,
                owes: open,
                since: None,
            };
            out.ghosts
                .insert((path.to_owned(), seat.uid_validity, *uid), ghost);
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
