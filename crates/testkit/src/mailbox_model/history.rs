//! What was done to a mailbox.

use std::collections::{BTreeMap, BTreeSet};

/// Flags and keywords, in lower case and without `\Recent`.
pub type Flags = BTreeSet<String>;

/// Flags as IMAP writes them, for comparing.
pub fn flags<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Flags {
    words
        .into_iter()
        .map(|word| word.as_ref().to_lowercase())
        .filter(|word| word != "\\recent")
        .collect()
}

/// From sending a command to reading its answer, milliseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Before it was sent.
    pub from: u64,
    /// After its answer.
    pub to: u64,
}

/// When something was done, and whether the follower could look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// The time.
    pub span: Span,
    /// The number of the period in which the follower was cut off or dead; none when it could look.
    pub hidden: Option<u32>,
}

impl When {
    /// Whether nobody could look between the two.
    fn unseen_until(self, later: Self) -> bool {
        self.hidden.is_some() && self.hidden == later.hidden
    }
}

/// Flags that a message had from then on.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) flags: Flags,
    pub(super) when: When,
}

/// One message in one folder.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Its Message-ID, the same for copies.
    pub(super) key: String,
    /// False for one that is older than what the account announces.
    pub(super) announced: bool,
    /// It was there at the last checkpoint.
    pub(super) known: bool,
    pub(super) arrived: When,
    /// At least one; no two in a row are equal.
    pub(super) states: Vec<State>,
    pub(super) gone: Option<When>,
}

/// A path with one UIDVALIDITY, from being made to being taken away.
#[derive(Clone, Debug)]
pub(super) struct Incarnation {
    pub(super) uid_validity: u32,
    /// It was there, and known, at the last checkpoint.
    pub(super) known: bool,
    pub(super) began: When,
    pub(super) ended: Option<When>,
    pub(super) messages: BTreeMap<u32, Message>,
}

impl Incarnation {
    /// Messages that are there, or were when it ended.
    fn alive(&self) -> impl Iterator<Item = (&u32, &Message)> {
        self.messages
            .iter()
            .filter(|(_, message)| message.gone.is_none())
    }
}

/// What was at a path since the last checkpoint, oldest first.
pub(super) type Timeline = Vec<Incarnation>;

/// Whether the follower could have seen that the path was not there between this incarnation and the next.
pub(super) fn absence_after(timeline: &[Incarnation], index: usize) -> bool {
    let Some(ended) = timeline.get(index).and_then(|seat| seat.ended) else {
        return false;
    };
    match timeline.get(index + 1) {
        Some(next) => !ended.unseen_until(next.began),
        None => true,
    }
}

/// What a second client did to a mailbox since the last checkpoint. Panics when told what cannot be: the script is wrong then.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    pub(super) folders: BTreeMap<String, Timeline>,
    /// Message-ID and path of what arrived since the checkpoint before the last.
    pub(super) arrivals: BTreeMap<(String, String), u64>,
    /// The last checkpoint, milliseconds.
    checkpoint: u64,
    /// Message-ID and path of everything that ever went.
    pub(super) departures: BTreeSet<(String, String)>,
}

impl Mailbox {
    /// A folder was made; its UIDVALIDITY.
    pub fn create(&mut self, path: &str, uid_validity: u32, when: When) {
        let timeline = self.folders.entry(path.to_owned()).or_default();
        assert!(
            timeline.last().is_none_or(|last| last.ended.is_some()),
            "{path} is there already"
        );
        timeline.push(Incarnation {
            uid_validity,
            known: false,
            began: when,
            ended: None,
            messages: BTreeMap::new(),
        });
    }

    /// A folder was deleted with all that was in it.
    pub fn delete(&mut self, path: &str, when: When) {
        let seat = self.seat(path);
        seat.ended = Some(when);
        let unseen = !seat.known && seat.began.unseen_until(when);
        let gone: Vec<_> = seat
            .alive()
            .map(|(_, message)| (message.key.clone(), path.to_owned()))
            .collect();
        self.departures.extend(gone);
        if unseen {
            self.folders.entry(path.to_owned()).or_default().pop();
        }
    }

    /// A folder was renamed: it keeps its UIDVALIDITY and its UIDs (RFC 9051 section 6.3.6).
    pub fn rename(&mut self, from: &str, to: &str, when: When) {
        let seat = self.seat(from);
        let uid_validity = seat.uid_validity;
        let content: Vec<_> = seat
            .alive()
            .map(|(uid, message)| (*uid, message.clone()))
            .collect();
        self.delete(from, when);
        if self.returned(to, uid_validity, when) {
            // As if it had never been away: only what happened meanwhile counts.
            let before: Vec<u32> = self.seat(to).alive().map(|(uid, _)| *uid).collect();
            for uid in before {
                if !content.iter().any(|(kept, _)| *kept == uid) {
                    self.expunge(to, uid, when);
                }
            }
        } else {
            self.create(to, uid_validity, when);
        }
        for (uid, message) in content {
            let flags = message.states.last().map(|state| state.flags.clone());
            let flags = flags.unwrap_or_default();
            if self.seat(to).messages.contains_key(&uid) {
                self.store(to, uid, flags, when);
            } else {
                self.append(to, uid, &message.key, message.announced, flags, when);
            }
        }
    }

    /// Whether the folder that was there before came back unseen; opens it again.
    fn returned(&mut self, path: &str, uid_validity: u32, when: When) -> bool {
        let Some(last) = self.folders.get_mut(path).and_then(|all| all.last_mut()) else {
            return false;
        };
        let back = last.uid_validity == uid_validity
            && last.ended.is_some_and(|ended| ended.unseen_until(when));
        if back {
            last.ended = None;
        }
        back
    }

    /// Whether a folder may be given this path. A path must not get back a UIDVALIDITY that it had before, but unseen: what a follower
    /// knew of it then could not be told from what it finds later.
    #[must_use]
    pub fn may_rename(&self, from: &str, to: &str, hidden: Option<u32>) -> bool {
        let last = self.folders.get(from).and_then(|all| all.last());
        let Some(uid_validity) = last.map(|seat| seat.uid_validity) else {
            return false;
        };
        let before = self.folders.get(to).map(Vec::as_slice).unwrap_or_default();
        let had = before
            .iter()
            .rposition(|seat| seat.uid_validity == uid_validity);
        had.is_none_or(|index| {
            let ended = before[index].ended.and_then(|ended| ended.hidden);
            index + 1 == before.len() && ended.is_some() && ended == hidden
        })
    }

    /// Folders that are there and were not at the last checkpoint.
    #[must_use]
    pub fn fresh(&self) -> Vec<String> {
        let there = self.folders.iter().filter(|(_, timeline)| {
            let last = timeline.last();
            last.is_some_and(|seat| seat.ended.is_none() && !seat.known)
        });
        there.map(|(path, _)| path.clone()).collect()
    }

    /// A message arrived, by APPEND, COPY or MOVE. `key` is its Message-ID; `announced` is false when it is older than `notifyFrom`.
    pub fn append(
        &mut self,
        path: &str,
        uid: u32,
        key: &str,
        announced: bool,
        flags: Flags,
        when: When,
    ) {
        let message = Message {
            key: key.to_owned(),
            announced,
            known: false,
            arrived: when,
            states: vec![State { flags, when }],
            gone: None,
        };
        let taken = self.seat(path).messages.insert(uid, message);
        assert!(taken.is_none(), "UID {uid} of {path} was used twice");
        self.arrivals
            .insert((key.to_owned(), path.to_owned()), when.span.from);
    }

    /// A message now has these flags.
    pub fn store(&mut self, path: &str, uid: u32, flags: Flags, when: When) {
        let message = self.message(path, uid);
        let states = &mut message.states;
        if states.last().is_some_and(|last| last.flags == flags) {
            return;
        }
        if states
            .last()
            .is_some_and(|last| last.when.unseen_until(when))
        {
            states.pop();
        }
        if states.last().is_none_or(|last| last.flags != flags) {
            states.push(State { flags, when });
        }
    }

    /// A message is gone, by EXPUNGE or MOVE.
    pub fn expunge(&mut self, path: &str, uid: u32, when: When) {
        let message = self.message(path, uid);
        message.gone = Some(when);
        let unseen = !message.known && message.arrived.unseen_until(when);
        let key = message.key.clone();
        self.departures.insert((key, path.to_owned()));
        if unseen {
            self.seat(path).messages.remove(&uid);
        }
    }

    /// The folders as they are now, with UIDVALIDITY and the flags of each message by UID.
    #[must_use]
    pub fn content(&self) -> BTreeMap<String, (u32, BTreeMap<u32, Flags>)> {
        let mut content = BTreeMap::new();
        for (path, timeline) in &self.folders {
            let Some(seat) = timeline.last().filter(|seat| seat.ended.is_none()) else {
                continue;
            };
            let messages = seat
                .alive()
                .filter_map(|(uid, message)| Some((*uid, message.states.last()?.flags.clone())));
            content.insert(path.clone(), (seat.uid_validity, messages.collect()));
        }
        content
    }

    /// Message-ID and whether it is announced, of a message that is there.
    #[must_use]
    pub fn identity(&self, path: &str, uid: u32) -> Option<(String, bool)> {
        let seat = self.folders.get(path)?.last()?;
        let message = seat.messages.get(&uid)?;
        Some((message.key.clone(), message.announced))
    }

    /// Everything until now was told: only what is there now stays, as known.
    pub(super) fn settle(&mut self, at: u64) {
        self.folders.retain(|_, timeline| {
            timeline.retain(|seat| seat.ended.is_none());
            !timeline.is_empty()
        });
        for seat in self.folders.values_mut().flatten() {
            seat.known = true;
            seat.messages.retain(|_, message| message.gone.is_none());
            for message in seat.messages.values_mut() {
                message.known = true;
                let last = message.states.len().saturating_sub(1);
                message.states.drain(..last);
            }
        }
        self.arrivals
            .retain(|_, arrived| *arrived >= self.checkpoint);
        self.checkpoint = at;
    }

    fn seat(&mut self, path: &str) -> &mut Incarnation {
        let last = self.folders.get_mut(path).and_then(|all| all.last_mut());
        last.filter(|seat| seat.ended.is_none())
            .unwrap_or_else(|| panic!("{path} is not there"))
    }

    fn message(&mut self, path: &str, uid: u32) -> &mut Message {
        let message = self.seat(path).messages.get_mut(&uid);
        message
            .filter(|message| message.gone.is_none())
            .unwrap_or_else(|| panic!("UID {uid} of {path} is not there"))
    }
}
