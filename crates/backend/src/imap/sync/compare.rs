//! Holding what the server tells against the index.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use posthouse_imap::{Fetch, SequenceSet};
use posthouse_model::index::{IndexKey, MessageIndex};
use roaring::RoaringBitmap;

use super::changes::{Changes, NewMessage, Updated};
use super::names::Names;
use crate::MarkChange;

/// What the server told of one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fact {
    /// UID.
    pub uid: u32,
    /// All its flags, where they were told.
    pub flags: Option<Vec<String>>,
    /// All its labels, where they were told.
    pub labels: Option<Vec<String>>,
}

impl Fact {
    /// Of a FETCH reply; none without a UID.
    #[must_use]
    pub fn of(fetch: Fetch) -> Option<Self> {
        Some(Self {
            uid: fetch.uid?,
            flags: fetch.flags,
            labels: fetch.gm_labels,
        })
    }
}

/// What the server told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// All messages of a range of UIDs: what is not among them is gone. (Of messages beyond it, which servers mix in,
    /// only those that the index holds are looked at.)
    Range {
        /// The range.
        range: RangeInclusive<u32>,
        /// Its messages, in any order.
        messages: Vec<Fact>,
    },
    /// Some messages, in any order.
    Changed(Vec<Fact>),
    /// The UIDs of all messages.
    Existing(SequenceSet),
    /// UIDs of messages that are gone, if they ever were there.
    Vanished(SequenceSet),
}

/// What a comparison says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Compared {
    /// What changed.
    pub changes: Changes,
    /// Messages that are there and that the index does not hold, but whose flags were not told: to be fetched, their
    /// answer given as [`Facts::Changed`].
    pub unknown: SequenceSet,
}

/// Holds what the server told against the index, or against the part of it in which the facts lie.
///
/// The same facts given again, once the index holds them, change nothing.
#[must_use]
pub fn compare(index: &MessageIndex, facts: Facts) -> Compared {
    match facts {
        Facts::Range { range, messages } => {
            let told: RoaringBitmap = messages.iter().map(|fact| fact.uid).collect();
            let held: RoaringBitmap = index.uids().range(range.clone()).collect();
            let mut compared = marks(index, messages, |uid| range.contains(&uid));
            compared.changes.deleted = held - told;
            compared
        }
        Facts::Changed(messages) => marks(index, messages, |_| true),
        Facts::Existing(uids) => {
            let mut found = RoaringBitmap::new();
            for (first, last) in uids.ranges() {
                found.insert_range(first..=last.unwrap_or(first));
            }
            let mut compared = Compared::default();
            compared.changes.deleted = index.uids() - &found;
            let unknown = found - index.uids();
            let mut runs = unknown.iter();
            while let Some(run) = runs.next_range() {
                compared.unknown.add_range(*run.start(), *run.end());
            }
            compared
        }
        Facts::Vanished(uids) => {
            let mut compared = Compared::default();
            // What a server reports may reach far beyond what ever was there.
            for (first, last) in uids.ranges() {
                let gone = index.uids().range(first..=last.unwrap_or(first));
                compared.changes.deleted.extend(gone);
            }
            compared
        }
    }
}

/// A message with its flags and labels as numbers.
struct Told {
    uid: u32,
    flags: Option<Vec<usize>>,
    labels: Option<Vec<usize>>,
}

/// Compares flags and labels, by whole bitmaps: what is equal costs next to nothing, however many keys there are.
fn marks(index: &MessageIndex, messages: Vec<Fact>, takes_new: impl Fn(u32) -> bool) -> Compared {
    let mut names = Names::of(index);
    let mut told = Vec::with_capacity(messages.len());
    let mut compared = Compared::default();
    let (mut flags, mut labels) = (Marks::default(), Marks::default());
    for fact in join(messages) {
        let numbered = Told {
            uid: fact.uid,
            flags: fact.flags.map(|all| numbers(&all, |name| names.flag(name))),
            labels: fact
                .labels
                .map(|all| numbers(&all, |name| names.label(name))),
        };
        if index.uids().contains(fact.uid) {
            flags.note(fact.uid, numbered.flags.as_deref());
            labels.note(fact.uid, numbered.labels.as_deref());
            told.push(numbered);
        } else if takes_new(fact.uid) {
            match &numbered.flags {
                Some(flags) => compared.changes.new.push(NewMessage {
                    uid: fact.uid,
                    flags: spelled(&names, flags),
                    labels: spelled(&names, numbered.labels.as_deref().unwrap_or_default()),
                }),
                None => compared.unknown.add(fact.uid),
            }
        }
    }
    let flags = flags.differences(index, &names, |key| matches!(key, IndexKey::Flag(_)));
    let labels = labels.differences(index, &names, |key| matches!(key, IndexKey::Label(_)));
    for message in told {
        let updated = Updated {
            uid: message.uid,
            flags: change(&names, flags.get(&message.uid), message.flags.as_deref()),
            labels: change(&names, labels.get(&message.uid), message.labels.as_deref()),
        };
        if updated.flags.is_some() || updated.labels.is_some() {
            compared.changes.updated.push(updated);
        }
    }
    compared
}

/// By UID, each message once: what was told last counts.
fn join(mut messages: Vec<Fact>) -> Vec<Fact> {
    messages.sort_by_key(|fact| fact.uid);
    messages.dedup_by(|later, kept| {
        let same = later.uid == kept.uid;
        if same {
            kept.flags = later.flags.take().or_else(|| kept.flags.take());
            kept.labels = later.labels.take().or_else(|| kept.labels.take());
        }
        same
    });
    messages.retain(|fact| fact.uid != 0);
    messages
}

/// Each once, in the order of the server.
fn numbers(names: &[String], mut number: impl FnMut(&str) -> Option<usize>) -> Vec<usize> {
    let mut out: Vec<usize> = Vec::with_capacity(names.len());
    for at in names.iter().filter_map(|name| number(name)) {
        if !out.contains(&at) {
            out.push(at);
        }
    }
    out
}

fn spelled(names: &Names, numbers: &[usize]) -> Vec<String> {
    let name = |at: &usize| names.name(*at).map(str::to_owned);
    numbers.iter().filter_map(name).collect()
}

/// What was told of messages that the index holds: flags or labels.
#[derive(Default)]
struct Marks {
    /// The messages it was told of.
    covered: RoaringBitmap,
    /// By key.
    marked: Vec<RoaringBitmap>,
}

/// Keys added and deleted, by message.
type Differences = BTreeMap<u32, (Vec<usize>, Vec<usize>)>;

impl Marks {
    fn note(&mut self, uid: u32, keys: Option<&[usize]>) {
        let Some(keys) = keys else { return };
        self.covered.insert(uid);
        for key in keys {
            if self.marked.len() <= *key {
                self.marked.resize_with(key + 1, RoaringBitmap::new);
            }
            if let Some(marked) = self.marked.get_mut(*key) {
                marked.insert(uid);
            }
        }
    }

    fn differences(
        mut self,
        index: &MessageIndex,
        names: &Names,
        kind: impl Fn(&IndexKey) -> bool,
    ) -> Differences {
        let mut out = Differences::new();
        if self.covered.is_empty() {
            return out;
        }
        self.marked
            .resize_with(names.keys().len(), RoaringBitmap::new);
        let keys = names.keys().iter().enumerate().zip(&self.marked);
        for ((at, key), now) in keys.filter(|((_, key), _)| kind(key)) {
            let before = index
                .marked(key)
                .map(|marked| marked & &self.covered)
                .unwrap_or_default();
            if before == *now {
                continue;
            }
            for uid in now - &before {
                out.entry(uid).or_default().0.push(at);
            }
            for uid in before - now {
                out.entry(uid).or_default().1.push(at);
            }
        }
        out
    }
}

fn change(
    names: &Names,
    difference: Option<&(Vec<usize>, Vec<usize>)>,
    value: Option<&[usize]>,
) -> Option<MarkChange> {
    let (added, deleted) = difference?;
    Some(MarkChange {
        added: spelled(names, added),
        deleted: spelled(names, deleted),
        value: spelled(names, value.unwrap_or_default()),
    })
}

/// Cuts all UIDs into ranges that hold at most so many of these messages each, to be fetched one after the other. The
/// ranges leave no gap and no end: together they are 1 to the largest number there is.
pub fn cut(uids: &SequenceSet, most: usize) -> impl Iterator<Item = RangeInclusive<u32>> + '_ {
    let mut rest = uids.iter().peekable();
    let mut first = Some(1);
    std::iter::from_fn(move || {
        let start = first?;
        let last = rest.by_ref().take(most.max(1)).last();
        let end = match (rest.peek(), last) {
            (Some(_), Some(last)) => last,
            _ => u32::MAX,
        };
        first = end.checked_add(1);
        Some(start..=end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(uid: u32, flags: &[&str]) -> Fact {
        Fact {
            uid,
            flags: Some(flags.iter().map(|flag| (*flag).to_owned()).collect()),
            labels: None,
        }
    }

    fn index() -> MessageIndex {
        let facts = [
            fact(2, &["\\Seen"]),
            fact(4, &[]),
            fact(9, &["a", "\\Seen"]),
        ];
        let mut index = MessageIndex::new();
        index.apply(
            &compare(&index, Facts::Changed(facts.into()))
                .changes
                .delta(),
        );
        index
    }

    fn uids(uids: &[u32]) -> RoaringBitmap {
        uids.iter().copied().collect()
    }

    #[test]
    fn a_flag_change_says_what_and_all() {
        let told = fact(9, &["b", "\\SEEN", "b", "\\Recent"]);
        let compared = compare(&index(), Facts::Changed(vec![told, fact(2, &["\\seen"])]));
        let expected = Updated {
            uid: 9,
            flags: Some(MarkChange {
                added: vec!["b".to_owned()],
                deleted: vec!["a".to_owned()],
                value: vec!["b".to_owned(), "\\Seen".to_owned()],
            }),
            labels: None,
        };
        assert_eq!(compared.changes.updated, [expected]);
        assert!(compared.changes.new.is_empty() && compared.changes.deleted.is_empty());
    }

    #[test]
    fn a_range_tells_what_is_gone_and_only_there() {
        let messages = vec![
            fact(4, &[]),
            fact(7, &["x"]),
            fact(9, &[]),
            fact(30, &["news"]),
        ];
        let range = Facts::Range {
            range: 3..=8,
            messages,
        };
        let changes = compare(&index(), range).changes;
        assert!(changes.deleted.is_empty());
        assert_eq!(
            changes.new.len(),
            1,
            "only within the range: {:?}",
            changes.new
        );
        assert_eq!(
            changes.updated.len(),
            1,
            "known beyond it: {:?}",
            changes.updated
        );
        let none = Facts::Range {
            range: 3..=u32::MAX,
            messages: vec![],
        };
        assert_eq!(compare(&index(), none).changes.deleted, uids(&[4, 9]));
    }

    #[test]
    fn uids_tell_what_is_gone_and_what_to_ask() {
        let compared = compare(&index(), Facts::Existing(SequenceSet::parse(b"2,9:12")));
        assert_eq!(compared.changes.deleted, uids(&[4]));
        assert_eq!(compared.unknown.to_string(), "10:12");
        let vanished = Facts::Vanished(SequenceSet::parse(b"1:3,5,9:4294967295"));
        assert_eq!(compare(&index(), vanished).changes.deleted, uids(&[2, 9]));
        // Flags that are not told are no flags taken off.
        let bare = |uid| Fact {
            uid,
            ..Fact::default()
        };
        let compared = compare(&index(), Facts::Changed(vec![bare(2), bare(50), bare(0)]));
        assert!(compared.changes.is_empty());
        assert_eq!(compared.unknown.to_string(), "50");
    }

    #[test]
    fn labels_and_pieces_of_one_message_are_put_together() {
        let labels = |uid, labels: &[&str]| Fact {
            uid,
            flags: None,
            labels: Some(labels.iter().map(|label| (*label).to_owned()).collect()),
        };
        let mut index = index();
        let first = compare(
            &index,
            Facts::Changed(vec![labels(4, &["\\Inbox", "Seen"])]),
        );
        index.apply(&first.changes.delta());
        let pieces = vec![
            fact(4, &["old"]),
            labels(4, &["Seen", "seen"]),
            fact(4, &["\\Seen"]),
        ];
        let changes = compare(&index, Facts::Changed(pieces)).changes;
        let [updated] = &changes.updated[..] else {
            unreachable!("{changes:?}")
        };
        let change = updated.labels.clone().unwrap_or_default();
        assert_eq!(
            (change.added, change.deleted),
            (vec!["seen".to_owned()], vec!["\\Inbox".to_owned()])
        );
        assert_eq!(updated.flags.clone().unwrap_or_default().value, ["\\Seen"]);
    }

    #[test]
    fn ranges_leave_no_gap() {
        let show = |uids: &str, most| {
            let set = SequenceSet::parse(uids.as_bytes());
            cut(&set, most).collect::<Vec<_>>()
        };
        let max = u32::MAX;
        assert_eq!(show("", 3), [1..=max]);
        assert_eq!(show("5:6", 2), [1..=max]);
        assert_eq!(show("5:9,20", 2), [1..=6, 7..=8, 9..=max]);
        assert_eq!(show("4294967294:4294967295", 1), [1..=max - 1, max..=max]);
    }
}
