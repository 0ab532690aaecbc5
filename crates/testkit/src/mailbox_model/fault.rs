//! What is wrong with what was told.

use std::fmt;

use super::history::{Flags, Incarnation, Message, When};
use super::told::Told;

/// How an event is wrong, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// It happened and was not told. Before the end of a wait: not told yet.
    Lost,
    /// It was told once more.
    Repeated,
    /// It was told and did not happen.
    Invented,
    /// It happened, and is told wrongly or out of order.
    Wrong,
}

/// One fault, with the story of what it is about.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// Folder.
    pub path: String,
    /// UID, if it is about a message.
    pub uid: Option<u32>,
    /// What was expected or is wrong.
    pub what: String,
    /// What was done and what was told, in order of time.
    pub story: Vec<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.kind, self.path)?;
        if let Some(uid) = self.uid {
            write!(out, " UID {uid}")?;
        }
        write!(out, ": {}", self.what)?;
        for line in &self.story {
            write!(out, "\n    {line}")?;
        }
        Ok(())
    }
}

/// The times and lines of a story, to be put in order.
#[derive(Default)]
pub(super) struct Story(Vec<(u64, String)>);

impl Story {
    pub(super) fn done(&mut self, when: When, what: &str) {
        let unseen = match when.hidden {
            Some(number) => format!(" [unseen {number}]"),
            None => String::new(),
        };
        let line = format!("{:>8} ms done  {what}{unseen}", when.span.from);
        self.0.push((when.span.from, line));
    }

    pub(super) fn told(&mut self, told: &Told) {
        self.0.push((told.at, told.line()));
    }

    pub(super) fn seat(&mut self, seat: &Incarnation) {
        let what = format!("folder with UIDVALIDITY {}", seat.uid_validity);
        if seat.known {
            self.0.push((0, format!("   known {what}")));
        } else {
            self.done(seat.began, &what);
        }
        if let Some(ended) = seat.ended {
            self.done(ended, &format!("{what} gone"));
        }
    }

    pub(super) fn message(&mut self, message: &Message) {
        let list = |flags: &Flags| flags.iter().cloned().collect::<Vec<_>>().join(" ");
        for (index, state) in message.states.iter().enumerate() {
            let shown = list(&state.flags);
            match index {
                0 if message.known => self.0.push((0, format!("   known with ({shown})"))),
                0 => self.done(
                    message.arrived,
                    &format!("{} arrives with ({shown})", message.key),
                ),
                _ => self.done(state.when, &format!("flags ({shown})")),
            }
        }
        if let Some(gone) = message.gone {
            self.done(gone, "gone");
        }
    }

    pub(super) fn seen(&mut self, at: u64) {
        self.0.push((
            at,
            format!("{at:>8} ms told  the folder, with what is in it"),
        ));
    }

    pub(super) fn lines(mut self) -> Vec<String> {
        self.0.sort_by_key(|(at, _)| *at);
        self.0.into_iter().map(|(_, line)| line).collect()
    }
}
