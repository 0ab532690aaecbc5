//! Messages that arrived lately, to recognise a move whose destination is seen first.

use std::time::Duration;

use posthouse_model::index::Identity;
use tokio::time::Instant;

/// So many are remembered.
const MOST: usize = 256;

/// What arrived longer ago explains nothing: by then the folder that it would have come from was looked at.
const FRESH: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
struct Arrival {
    identity: Identity,
    path: Box<str>,
    time: Instant,
}

/// Arrivals of an account, the newest last. Empty while nothing arrives.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Vec<Arrival>);

impl Arrivals {
    /// A message arrived in this folder.
    pub(super) fn note(&mut self, identity: Identity, path: &str) {
        self.forget_old();
        if self.0.len() >= MOST {
            self.0.drain(..MOST / 2);
        }
        self.0.push(Arrival {
            identity,
            path: path.into(),
            time: Instant::now(),
        });
    }

    /// A message of this name went from a folder: the other one in which a message of the name arrived, if there is one
    /// and no more. It is forgotten, as it explains one departure only.
    pub(super) fn take_elsewhere(&mut self, identity: Identity, path: &str) -> Option<String> {
        self.forget_old();
        // What arrived in the folder itself is what went from it now.
        self.0
            .retain(|known| known.identity != identity || *known.path != *path);
        let fits = |known: &Arrival| known.identity == identity;
        let mut all = self.0.iter().enumerate().filter(|(_, known)| fits(known));
        let at = match (all.next(), all.next()) {
            (Some((at, _)), None) => at,
            _ => return None,
        };
        Some(self.0.remove(at).path.into())
    }

    fn forget_old(&mut self) {
        self.0.retain(|known| known.time.elapsed() < FRESH);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_arrival_explains_one_departure() {
        let (one, two) = (Identity::from_bits(1), Identity::from_bits(2));
        let mut arrivals = Arrivals::default();
        arrivals.note(one, "Archive");
        arrivals.note(two, "A");
        arrivals.note(two, "B");
        arrivals.note(one, "INBOX");
        assert_eq!(arrivals.take_elsewhere(two, "INBOX"), None, "one of two");
        assert_eq!(
            arrivals.take_elsewhere(one, "INBOX").as_deref(),
            Some("Archive")
        );
        assert_eq!(arrivals.take_elsewhere(one, "INBOX"), None, "only once");
        for _ in 0..10 * MOST {
            arrivals.note(one, "x");
        }
        assert!(arrivals.0.len() <= MOST);
    }
}
