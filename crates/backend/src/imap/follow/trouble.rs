//! Folders that cannot be read, and when they are tried again.

use posthouse_model::Timestamp;

use crate::SyncTrouble;

/// Tries of which the last is the last, once [`GIVE_UP`] has passed too.
const TRIES: u32 = 20;

/// How long is tried at least, milliseconds.
const GIVE_UP: i64 = 24 * 3_600_000;

/// The longest pause, milliseconds.
const LONGEST: i64 = 60_000;

/// Sessions that are tried for the sake of one folder.
const SESSIONS: u32 = 4;

#[derive(Debug)]
struct Trouble {
    what: SyncTrouble,
    tries: u32,
    since: Timestamp,
    due: Option<Timestamp>,
}

/// Folders in trouble.
#[derive(Debug, Default)]
pub(super) struct Troubles(Vec<Trouble>);

impl Troubles {
    /// A folder was refused; whether that is news.
    pub(super) fn note(&mut self, what: SyncTrouble, now: Timestamp) -> bool {
        let at = self.0.iter().position(|known| known.what.path == what.path);
        let trouble = match at.and_then(|at| self.0.get_mut(at)) {
            Some(known) => known,
            None => {
                self.0.push(Trouble {
                    what: what.clone(),
                    tries: 0,
                    since: now,
                    due: None,
                });
                match self.0.last_mut() {
                    Some(known) => known,
                    None => return true,
                }
            }
        };
        trouble.tries += 1;
        let pause = 1000_i64
            .saturating_mul(1 << trouble.tries.saturating_sub(1).min(16))
            .min(LONGEST);
        let lasted = now.millis().saturating_sub(trouble.since.millis());
        let over = trouble.tries >= TRIES && lasted >= GIVE_UP;
        trouble.due = (!over).then_some(Timestamp(now.millis().saturating_add(pause)));
        let news = trouble.tries == 1 || trouble.what != what;
        trouble.what = what;
        news
    }

    /// Whether the last refusal of a folder is one after which another session is worth a try: some servers refuse in one
    /// what they allow in the next. Not for ever.
    pub(super) fn may_be_the_session(&self, path: &str) -> bool {
        let known = self.0.iter().find(|known| known.what.path == path);
        known.is_some_and(|known| known.tries % 3 == 0 && known.tries <= SESSIONS * 3)
    }

    /// A folder was read, or is gone; whether it was in trouble.
    pub(super) fn forget(&mut self, path: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|trouble| trouble.what.path != path);
        let was = self.0.len() < before;
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        was
    }

    /// The first that is left.
    pub(super) fn first(&self) -> Option<&SyncTrouble> {
        self.0.first().map(|trouble| &trouble.what)
    }

    /// When the next is to be tried.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|trouble| trouble.due).min()
    }

    /// The folders to try now. They stay in trouble until they are read.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<String> {
        let due = |trouble: &&mut Trouble| trouble.due.is_some_and(|due| due <= now);
        let tried = self.0.iter_mut().filter(due).map(|trouble| {
            trouble.due = None;
            trouble.what.path.clone()
        });
        tried.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let what = SyncTrouble {
            path: "Box".to_owned(),
            response: "no".to_owned(),
            code: None,
        };
        let mut troubles = Troubles::default();
        let mut now = Timestamp(0);
        let mut pauses = Vec::new();
        let mut sessions = Vec::new();
        assert!(troubles.note(what.clone(), now));
        while let Some(due) = troubles.due() {
            pauses.push((due.millis() - now.millis()) / 1000);
            now = due;
            assert_eq!(troubles.take_due(now), ["Box"]);
            assert_eq!(troubles.due(), None);
            assert!(!troubles.note(what.clone(), now), "the same again");
            if troubles.may_be_the_session("Box") {
                sessions.push(pauses.len() + 1);
            }
        }
        assert_eq!(pauses.get(..8), Some(&[1, 2, 4, 8, 16, 32, 60, 60][..]));
        assert_eq!(sessions, [3, 6, 9, 12]);
        assert!(now.millis() >= GIVE_UP && pauses.len() >= 20);
        assert!(troubles.forget("Box") && !troubles.forget("Box"));
    }
}
