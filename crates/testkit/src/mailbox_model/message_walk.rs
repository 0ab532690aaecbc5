//! Follows what was told of one message through what was done to it.

use std::collections::BTreeSet;

use super::fault::{Fault, FaultKind, Story};
use super::history::{Flags, Mailbox, Message};
use super::told::{Fact, Told};

/// What a follower has to say of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// It was known at the last checkpoint.
    Known,
    /// It is to be announced.
    Announce,
    /// It is taken in without a word: too old, or in the folder when that was seen first, which was told then.
    Silent(Option<u64>),
}

/// A message in a folder that the follower knew.
pub(super) struct MessageWalk<'a> {
    pub(super) mailbox: &'a Mailbox,
    pub(super) path: &'a str,
    pub(super) uid: u32,
    pub(super) message: &'a Message,
    pub(super) duty: Duty,
    /// The follower still knows the folder, and it is there.
    pub(super) open: bool,
    /// The folder was taken away while the follower looked: it may have seemed emptied first.
    pub(super) emptied: bool,
    pub(super) told: &'a [&'a Told],
}

/// What was told so far.
#[derive(Default)]
struct Said {
    new: bool,
    missing: bool,
    deleted: bool,
    /// Which of the message's states the follower may have in mind.
    mind: BTreeSet<usize>,
}

/// What is wrong, and what may still be told though nothing is owed.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) faults: Vec<Fault>,
    /// May still be announced.
    pub(super) may_come: bool,
    /// Its end may still be told.
    pub(super) may_go: bool,
}

impl MessageWalk<'_> {
    pub(super) fn judge(&self) -> Verdict {
        let mut out = Verdict::default();
        let mut said = Said {
            mind: match self.duty {
                Duty::Known => BTreeSet::from([0]),
                Duty::Announce => BTreeSet::new(),
                Duty::Silent(at) => self.states_until(at.unwrap_or(u64::MAX)),
            },
            ..Said::default()
        };
        for event in self.told {
            let fault = match &event.fact {
                Fact::New {
                    key, flags, moved, ..
                } => self
                    .announced(&mut said, event, key.as_deref(), flags)
                    .or_else(|| self.moved_in(moved.as_ref())),
                Fact::Missing { .. } => self.missing(&mut said, event),
                Fact::Updated {
                    added,
                    deleted,
                    value,
                    ..
                } => self.updated(&mut said, event, added, deleted, value),
                Fact::Deleted { moved, .. } => self
                    .deleted(&mut said, event)
                    .or_else(|| self.moved_out(moved.as_ref())),
                _ => None,
            };
            if let Some((kind, why)) = fault {
                self.fault(&mut out, kind, &format!("{}: {why}", event.line()));
            }
        }
        self.owed(&said, &mut out);
        out.may_come = self.duty == Duty::Announce && !said.new && !said.missing;
        out.may_go = !said.deleted && (self.message.gone.is_some() || self.emptied);
        out
    }

    /// States that the message had begun to have by then.
    fn states_until(&self, at: u64) -> BTreeSet<usize> {
        let states = self.message.states.iter().enumerate();
        states
            .filter(|(_, state)| state.when.span.from <= at)
            .map(|(index, _)| index)
            .collect()
    }

    fn announced(
        &self,
        said: &mut Said,
        event: &Told,
        key: Option<&str>,
        flags: &Flags,
    ) -> Option<(FaultKind, String)> {
        if said.new || said.missing || self.duty == Duty::Known {
            return Some((FaultKind::Repeated, "it was announced before".to_owned()));
        }
        if self.duty != Duty::Announce {
            return Some((FaultKind::Invented, "it is not to be announced".to_owned()));
        }
        if said.deleted {
            return Some((FaultKind::Wrong, "after messageDeleted".to_owned()));
        }
        said.new = true;
        let begun = self.states_until(event.at);
        // After a fault anything goes, so that one does not bring others with it.
        said.mind = (0..self.message.states.len()).collect();
        if key != Some(self.message.key.as_str()) {
            let why = format!("Message-ID {key:?} is of another message");
            return Some((FaultKind::Wrong, why));
        }
        let read = begun
            .iter()
            .filter(|index| self.message.states[**index].flags == *flags)
            .max();
        let Some(read) = read else {
            return Some((FaultKind::Wrong, "it never had these flags".to_owned()));
        };
        // What it knew when it found the message may be older than what it read.
        said.mind = (0..=*read).collect();
        None
    }

    fn missing(&self, said: &mut Said, event: &Told) -> Option<(FaultKind, String)> {
        if said.new || said.missing || self.duty == Duty::Known {
            return Some((FaultKind::Repeated, "it was announced before".to_owned()));
        }
        if self.duty != Duty::Announce {
            return Some((FaultKind::Invented, "it is not to be announced".to_owned()));
        }
        if said.deleted {
            return Some((FaultKind::Wrong, "after messageDeleted".to_owned()));
        }
        said.missing = true;
        said.mind = self.states_until(event.at);
        let gone = self.message.gone.is_some() || self.emptied;
        (!gone).then(|| (FaultKind::Invented, "it is there".to_owned()))
    }

    fn updated(
        &self,
        said: &mut Said,
        event: &Told,
        added: &Flags,
        deleted: &Flags,
        value: &Flags,
    ) -> Option<(FaultKind, String)> {
        if said.deleted {
            return Some((FaultKind::Wrong, "after messageDeleted".to_owned()));
        }
        if self.duty == Duty::Announce && !said.new && !said.missing {
            return Some((FaultKind::Wrong, "before messageNew".to_owned()));
        }
        let states = &self.message.states;
        let begun = self.states_until(event.at);
        let follows = |from: usize, to: usize| {
            let (before, after) = (&states[from].flags, &states[to].flags);
            to > from
                && after == value
                && before != after
                && after.difference(before).eq(added.iter())
                && before.difference(after).eq(deleted.iter())
        };
        let next: BTreeSet<usize> = begun
            .into_iter()
            .filter(|to| said.mind.iter().any(|from| follows(*from, *to)))
            .collect();
        if next.is_empty() {
            let same = said.mind.iter().any(|index| states[*index].flags == *value);
            let ever = states.iter().any(|state| state.flags == *value);
            return Some(match (same, ever) {
                (true, _) => (FaultKind::Repeated, "it had these flags".to_owned()),
                (_, true) => (FaultKind::Wrong, "not what changed".to_owned()),
                _ => (FaultKind::Invented, "it never had these flags".to_owned()),
            });
        }
        said.mind = next;
        None
    }

    fn deleted(&self, said: &mut Said, event: &Told) -> Option<(FaultKind, String)> {
        if said.deleted {
            return Some((FaultKind::Repeated, "it was told before".to_owned()));
        }
        said.deleted = true;
        match self.message.gone {
            Some(gone) if gone.span.from > event.at => {
                return Some((FaultKind::Invented, "it is there".to_owned()));
            }
            None if !self.emptied => {
                return Some((FaultKind::Invented, "it is there".to_owned()));
            }
            _ => {}
        }
        let untold = self.duty == Duty::Announce && !said.new && !said.missing;
        untold.then(|| (FaultKind::Wrong, "it was never announced".to_owned()))
    }

    /// What should have been told.
    fn owed(&self, said: &Said, out: &mut Verdict) {
        if !self.open {
            return;
        }
        let states = &self.message.states;
        let Some(gone) = self.message.gone else {
            if self.duty == Duty::Announce && !said.new {
                if !said.missing {
                    self.fault(out, FaultKind::Lost, "messageNew");
                }
                return;
            }
            let last = states.last().map(|state| &state.flags);
            let known = |index: &usize| states.get(*index).map(|state| &state.flags) == last;
            if !said.deleted && !said.mind.iter().any(known) {
                let flags: Vec<_> = last.into_iter().flatten().cloned().collect();
                let what = format!("messageUpdated = ({})", flags.join(" "));
                self.fault(out, FaultKind::Lost, &what);
            }
            return;
        };
        let owed = match self.duty {
            Duty::Known => true,
            Duty::Announce => said.new,
            Duty::Silent(seen) => seen.is_some_and(|seen| gone.span.from > seen),
        };
        if owed && !said.deleted {
            self.fault(out, FaultKind::Lost, "messageDeleted");
        }
    }

    /// A claimed move must have been one.
    fn moved_out(&self, moved: Option<&(String, String)>) -> Option<(FaultKind, String)> {
        let (from, to) = moved?;
        let arrived = (self.message.key.clone(), to.clone());
        let true_claim = from == self.path && self.mailbox.arrivals.contains_key(&arrived);
        (!true_claim).then(|| (FaultKind::Wrong, "there was no such move".to_owned()))
    }

    fn moved_in(&self, moved: Option<&(String, String)>) -> Option<(FaultKind, String)> {
        let (from, to) = moved?;
        let went = (self.message.key.clone(), from.clone());
        let true_claim = to == self.path && self.mailbox.departures.contains(&went);
        (!true_claim).then(|| (FaultKind::Wrong, "there was no such move".to_owned()))
    }

    fn fault(&self, out: &mut Verdict, kind: FaultKind, what: &str) {
        let mut story = Story::default();
        story.message(self.message);
        self.told.iter().for_each(|told| story.told(told));
        if let Duty::Silent(Some(at)) = self.duty {
            story.seen(at);
        }
        out.faults.push(Fault {
            kind,
            path: self.path.to_owned(),
            uid: Some(self.uid),
            what: what.trim_start().to_owned(),
            story: story.lines(),
        });
    }
}
