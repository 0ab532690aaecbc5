//! What a folder needs, judged by its counters alone.

use posthouse_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ImapFolder;

/// How old a full comparison may be before equal counters are doubted, where the server has no mod-sequences.
pub const FULL_AGE: std::time::Duration = std::time::Duration::from_secs(30 * 60);

/// What the server says of a folder now, by SELECT or STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FolderStatus {
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UIDNEXT; 0 when the server does not tell.
    pub uid_next: u32,
    /// Messages.
    pub messages: u32,
    /// HIGHESTMODSEQ; 0 when the server has none.
    pub highest_modseq: u64,
}

/// What the server can do for a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    /// CONDSTORE: mod-sequences.
    pub condstore: bool,
    /// QRESYNC is enabled on this connection: it tells what is gone.
    pub qresync: bool,
}

/// Why an index is built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResetReason {
    /// Its state is missing.
    SyncStateLost,
    /// UIDs mean other messages than before.
    UidValidityChange,
}

impl ResetReason {
    /// As events say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SyncStateLost => "syncStateLost",
            Self::UidValidityChange => "uidValidityChange",
        }
    }
}

/// How to find out what is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Nothing can be: as many messages were added as there are more.
    Nothing,
    /// By asking for all UIDs.
    Search,
    /// The server tells (QRESYNC).
    Vanished,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The index is equal to the server.
    Nothing,
    /// The index is not complete: take in what is there.
    Seed,
    /// Ask for what changed.
    Changed {
        /// After this mod-sequence.
        since: u64,
        /// How to find out what is gone.
        gone: Gone,
    },
    /// Ask for new messages.
    New {
        /// From this UID on.
        from: u32,
    },
    /// Compare all messages.
    Full,
}

/// What a folder needs whose index was complete, and whose UIDVALIDITY is the same. The first that fits counts.
///
/// Beyond counters that tell the whole story, they are believed only where they cannot be wrong: equal mod-sequences
/// with other numbers of messages (a server that counts no deletions) are looked into, and where mod-sequences exist
/// nothing but what changed is read.
#[must_use]
pub fn decide(stored: &ImapFolder, server: &FolderStatus, offers: Offers, now: Timestamp) -> Plan {
    let same = server.uid_next == stored.uid_next
        && server.uid_next != 0
        && server.messages == stored.messages;
    let (before, after) = match offers.condstore || offers.qresync {
        true => (stored.highest_modseq, server.highest_modseq),
        false => (0, 0),
    };
    if after != 0 && after == before && same {
        return Plan::Nothing;
    }
    if stored.messages == 0 && server.messages == 0 {
        return Plan::Nothing;
    }
    let only_added = only_added(stored, server);
    if after != 0 {
        let gone = match only_added {
            Some(_) => Gone::Nothing,
            // Not counted as a change, so not told as one either.
            None if after == before => Gone::Search,
            None if offers.qresync => Gone::Vanished,
            None => Gone::Search,
        };
        // Without a mod-sequence to begin from, or after one that went back, all must be compared.
        return if before == 0 || after < before {
            Plan::Full
        } else {
            Plan::Changed {
                since: before,
                gone,
            }
        };
    }
    match only_added {
        Some(added) if added > 0 => Plan::New {
            from: stored.uid_next,
        },
        Some(_) if stored.last_full.is_some_and(|last| recent(last, now)) => Plan::Nothing,
        _ => Plan::Full,
    }
}

/// How many messages were added, where the counters leave no room for one that is gone: every UID that was given out
/// is a message more.
fn only_added(stored: &ImapFolder, server: &FolderStatus) -> Option<u32> {
    let messages = server.messages.checked_sub(stored.messages)?;
    let uids = server.uid_next.checked_sub(stored.uid_next)?;
    (server.uid_next != 0 && messages == uids).then_some(messages)
}

/// A time in the future is not trusted.
fn recent(last: Timestamp, now: Timestamp) -> bool {
    let age = now.millis().saturating_sub(last.millis());
    u128::try_from(age).is_ok_and(|age| age < FULL_AGE.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(100_000_000);
    const CONDSTORE: Offers = Offers {
        condstore: true,
        qresync: false,
    };
    const QRESYNC: Offers = Offers {
        condstore: true,
        qresync: true,
    };
    const PLAIN: Offers = Offers {
        condstore: false,
        qresync: false,
    };

    /// `messages, uid_next, highest_modseq` with UIDVALIDITY 7.
    type Counters = (u32, u32, u64);

    fn state((messages, uid_next, highest_modseq): Counters, minutes_ago: i64) -> ImapFolder {
        ImapFolder {
            uid_validity: 7,
            uid_next,
            messages,
            highest_modseq,
            last_full: Some(Timestamp(NOW.millis() - minutes_ago * 60_000)),
            indexed: true,
            ..ImapFolder::default()
        }
    }

    fn status((messages, uid_next, highest_modseq): Counters) -> FolderStatus {
        FolderStatus {
            uid_validity: 7,
            uid_next,
            messages,
            highest_modseq,
        }
    }

    #[test]
    fn table() {
        let changed = |since, gone| Plan::Changed { since, gone };
        let (full, nothing) = (Plan::Full, Plan::Nothing);
        let rows: &[(&str, Offers, Counters, i64, Counters, Plan)] = &[
            // Equal mod-sequences.
            ("equal", CONDSTORE, (3, 9, 5), 99, (3, 9, 5), nothing),
            ("equal", QRESYNC, (3, 9, 5), 99, (3, 9, 5), nothing),
            (
                "uncounted deletion",
                CONDSTORE,
                (3, 9, 5),
                0,
                (2, 9, 5),
                changed(5, Gone::Search),
            ),
            (
                "uncounted deletion",
                QRESYNC,
                (3, 9, 5),
                0,
                (2, 9, 5),
                changed(5, Gone::Search),
            ),
            (
                "uncounted exchange",
                CONDSTORE,
                (3, 9, 5),
                0,
                (3, 10, 5),
                changed(5, Gone::Search),
            ),
            (
                "uncounted arrival",
                CONDSTORE,
                (3, 9, 5),
                0,
                (4, 10, 5),
                changed(5, Gone::Nothing),
            ),
            // Both empty.
            ("empty", PLAIN, (0, 1, 0), 99, (0, 1, 0), nothing),
            (
                "empty, came and went",
                CONDSTORE,
                (0, 1, 1),
                99,
                (0, 4, 9),
                nothing,
            ),
            // Mod-sequence grew.
            (
                "flags",
                CONDSTORE,
                (3, 9, 5),
                0,
                (3, 9, 6),
                changed(5, Gone::Nothing),
            ),
            (
                "arrivals",
                CONDSTORE,
                (3, 9, 5),
                0,
                (5, 11, 8),
                changed(5, Gone::Nothing),
            ),
            (
                "arrivals",
                QRESYNC,
                (3, 9, 5),
                0,
                (5, 11, 8),
                changed(5, Gone::Nothing),
            ),
            (
                "deletion",
                CONDSTORE,
                (3, 9, 5),
                0,
                (2, 9, 6),
                changed(5, Gone::Search),
            ),
            (
                "deletion",
                QRESYNC,
                (3, 9, 5),
                0,
                (2, 9, 6),
                changed(5, Gone::Vanished),
            ),
            (
                "exchange",
                QRESYNC,
                (3, 9, 5),
                0,
                (3, 10, 7),
                changed(5, Gone::Vanished),
            ),
            (
                "gap in UIDs",
                QRESYNC,
                (3, 9, 5),
                0,
                (4, 15, 7),
                changed(5, Gone::Vanished),
            ),
            (
                "all gone",
                QRESYNC,
                (3, 9, 5),
                0,
                (0, 9, 7),
                changed(5, Gone::Vanished),
            ),
            (
                "no UIDNEXT",
                CONDSTORE,
                (3, 9, 5),
                0,
                (3, 0, 6),
                changed(5, Gone::Search),
            ),
            // Mod-sequences that say nothing.
            (
                "first mod-sequence",
                CONDSTORE,
                (3, 9, 0),
                0,
                (4, 10, 6),
                full,
            ),
            ("went back", CONDSTORE, (3, 9, 5), 0, (3, 9, 4), full),
            (
                "none any more",
                CONDSTORE,
                (3, 9, 5),
                0,
                (4, 10, 0),
                Plan::New { from: 9 },
            ),
            ("not offered", PLAIN, (3, 9, 5), 0, (3, 9, 6), nothing),
            // Without mod-sequences.
            (
                "arrivals",
                PLAIN,
                (3, 9, 0),
                99,
                (5, 11, 0),
                Plan::New { from: 9 },
            ),
            (
                "into an empty one",
                PLAIN,
                (0, 1, 0),
                0,
                (2, 3, 0),
                Plan::New { from: 1 },
            ),
            (
                "equal, compared lately",
                PLAIN,
                (3, 9, 0),
                29,
                (3, 9, 0),
                nothing,
            ),
            (
                "equal, compared long ago",
                PLAIN,
                (3, 9, 0),
                30,
                (3, 9, 0),
                full,
            ),
            (
                "compared in the future",
                PLAIN,
                (3, 9, 0),
                -1,
                (3, 9, 0),
                full,
            ),
            ("deletion", PLAIN, (3, 9, 0), 0, (2, 9, 0), full),
            ("exchange", PLAIN, (3, 9, 0), 0, (3, 10, 0), full),
            ("gap in UIDs", PLAIN, (3, 9, 0), 0, (4, 15, 0), full),
            ("UIDNEXT went back", PLAIN, (3, 9, 0), 0, (3, 8, 0), full),
            ("no UIDNEXT", PLAIN, (3, 9, 0), 0, (3, 0, 0), full),
        ];
        for (what, offers, stored, minutes_ago, server, expected) in rows {
            let (stored, server) = (state(*stored, *minutes_ago), status(*server));
            let plan = decide(&stored, &server, *offers, NOW);
            assert_eq!(plan, *expected, "{what}: {stored:?} {server:?}");
        }
        let never = ImapFolder {
            last_full: None,
            ..state((3, 9, 0), 0)
        };
        let plan = decide(&never, &status((3, 9, 0)), PLAIN, NOW);
        assert_eq!(plan, full);
    }
}
