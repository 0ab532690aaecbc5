//! Who may run: a pure table of seats.

use std::collections::HashMap;

use crate::Digest;

/// Seats in use, in all and by script.
#[derive(Debug)]
pub(super) struct Seats {
    all: usize,
    taken: usize,
    by_script: HashMap<Digest, usize>,
}

impl Seats {
    pub(super) fn new(all: usize) -> Self {
        Self {
            all,
            taken: 0,
            by_script: HashMap::new(),
        }
    }

    /// Takes a seat if one is free. One script never has the last one; one that has used up its limits lately
    /// (`suspect`) has one at most.
    pub(super) fn take(&mut self, script: Digest, suspect: bool) -> bool {
        let most = if suspect {
            1
        } else {
            self.all.saturating_sub(1).max(1)
        };
        let own = self.by_script.get(&script).copied().unwrap_or(0);
        if self.taken >= self.all || own >= most {
            return false;
        }
        self.taken += 1;
        self.by_script.insert(script, own + 1);
        true
    }

    /// Gives it back.
    pub(super) fn give_back(&mut self, script: Digest) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(own) = self.by_script.get_mut(&script) {
            *own -= 1;
            if *own == 0 {
                self.by_script.remove(&script);
            }
        }
    }

    /// Seats in use.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::Seats;
    use crate::Digest;

    const A: Digest = Digest([1; 32]);
    const B: Digest = Digest([2; 32]);

    #[test]
    fn one_script_never_has_all_seats() {
        let mut seats = Seats::new(3);
        assert!(seats.take(A, false));
        assert!(seats.take(A, false));
        assert!(!seats.take(A, false));
        assert!(seats.take(B, false));
        assert!(!seats.take(B, false), "all seats are taken");
        seats.give_back(A);
        assert!(seats.take(B, false));
        seats.give_back(A);
        assert!(seats.take(A, true));
        assert!(!seats.take(A, true));
        assert_eq!(seats.taken(), 3);
    }
}
