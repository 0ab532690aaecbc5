//! The changes of this process as they happen, and the last of them for readers that were cut off.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use posthouse_model::change::Change;
use tokio::sync::broadcast;
use uuid::Uuid;

/// Changes that are kept, and that a slow reader may be behind.
const KEPT: usize = 1024;

/// A change and its number.
#[derive(Debug)]
pub struct Numbered {
    number: u64,
    /// Its id, for [`ChangeLog::listen`].
    pub id: Box<str>,
    /// What changed.
    pub change: Change,
}

/// What a reader gets.
#[derive(Debug)]
pub struct Listening {
    /// Changes since the one he knows, the oldest first.
    pub missed: Vec<Arc<Numbered>>,
    /// The one he knows is not kept any more, or was another process's: something may be missing.
    pub gap: bool,
    /// What happens from now on.
    pub changes: broadcast::Receiver<Arc<Numbered>>,
}

#[derive(Debug, Default)]
struct Recent {
    /// The number of the last one.
    last: u64,
    kept: VecDeque<Arc<Numbered>>,
}

/// Changes, numbered from 1 in each process.
#[derive(Debug)]
pub struct ChangeLog {
    /// Tells the numbers of this process from those of others.
    process: String,
    recent: Mutex<Recent>,
    sender: broadcast::Sender<Arc<Numbered>>,
}

impl Default for ChangeLog {
    fn default() -> Self {
        let mut process = Uuid::new_v4().simple().to_string();
        process.truncate(12);
        Self {
            process,
            recent: Mutex::default(),
            sender: broadcast::Sender::new(KEPT),
        }
    }
}

impl ChangeLog {
    /// Tells of a change.
    pub fn tell(&self, change: Change) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.last += 1;
        let numbered = Arc::new(Numbered {
            number: recent.last,
            id: format!("{}-{}", self.process, recent.last).into(),
            change,
        });
        if recent.kept.len() >= KEPT {
            recent.kept.pop_front();
        }
        recent.kept.push_back(numbered.clone());
        // Under the lock: whoever begins to listen gets each change once. Nobody listening is no fault.
        let _ = self.sender.send(numbered);
    }

    /// Listens from now on, or from after the change of this id.
    #[must_use]
    pub fn listen(&self, after: Option<&str>) -> Listening {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.sender.subscribe();
        let Some(after) = after else {
            return Listening {
                missed: Vec::new(),
                gap: false,
                changes,
            };
        };
        let known = after
            .strip_prefix(self.process.as_str())
            .and_then(|rest| rest.strip_prefix('-')?.parse::<u64>().ok())
            .filter(|known| *known <= recent.last);
        let oldest = recent.kept.front().map_or(1, |first| first.number);
        let gap = known.is_none_or(|known| known + 1 < oldest);
        let known = known.unwrap_or(recent.last);
        let missed = recent.kept.iter().filter(|change| change.number > known);
        Listening {
            missed: missed.cloned().collect(),
            gap,
            changes,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use posthouse_model::{AccountId, AccountState};

    use super::*;

    fn tell(log: &ChangeLog, count: usize) {
        for _ in 0..count {
            log.tell(Change::of_state(
                AccountId::new("a"),
                AccountState::Init,
                None,
            ));
        }
    }

    #[test]
    fn a_reader_goes_on_where_he_was() {
        let log = ChangeLog::default();
        tell(&log, 5);
        let mut first = log.listen(None);
        assert!(first.missed.is_empty() && !first.gap);
        tell(&log, 3);
        let known = first.changes.try_recv().unwrap().id.clone();
        let mut again = log.listen(Some(&known));
        let numbers = |listening: &Listening| {
            let missed = listening.missed.iter();
            missed.map(|change| change.number).collect::<Vec<_>>()
        };
        assert_eq!((numbers(&again), again.gap), (vec![7, 8], false));
        tell(&log, 1);
        assert_eq!(again.changes.try_recv().unwrap().number, 9);
        // Too long ago, and never.
        tell(&log, KEPT);
        let late = log.listen(Some(&known));
        assert!(late.gap && late.missed.len() == KEPT);
        for strange in [
            "",
            "x",
            "other-3",
            "000000000000-1",
            &format!("{}-99999999", log.process),
        ] {
            let listening = log.listen(Some(strange));
            assert!(listening.gap && listening.missed.is_empty(), "{strange}");
        }
    }
}
