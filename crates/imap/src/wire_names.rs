//! Names that servers write in a way of their own, known to all sessions of an account.

use std::sync::{Arc, Mutex, PoisonError};

use crate::mailbox_name::MailboxName;

/// So many are remembered.
const MOST: usize = 10_000;

/// Mailbox names whose bytes on the wire do not follow from their text (see [`MailboxName::wire`]), as listings told
/// them. Any session that shares them can open such a mailbox by its text. Empty on servers that keep to the rules.
#[derive(Debug, Clone, Default)]
pub struct WireNames(Arc<Mutex<Vec<MailboxName>>>);

impl WireNames {
    /// A name came in a listing.
    pub(crate) fn learn(&self, name: &MailboxName) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.as_str() != name.as_str());
        if name.wire().is_some() && known.len() < MOST {
            known.push(name.clone());
        }
    }

    /// The name as the server writes it.
    pub(crate) fn as_known(&self, name: MailboxName) -> MailboxName {
        if name.wire().is_some() {
            return name;
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|known| known.as_str() == name.as_str());
        found.cloned().unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_learned_and_forgotten() {
        let names = WireNames::default();
        let odd = MailboxName::from_wire(b"R & D", false);
        let plain = || MailboxName::new("R & D");
        assert_eq!(names.as_known(plain()).to_wire(false), b"R &- D");
        names.learn(&odd);
        names.clone().learn(&odd);
        assert_eq!(names.as_known(plain()).to_wire(false), b"R & D");
        assert_eq!(names.as_known("Other".into()).to_wire(false), b"Other");
        // The server has come to keep to the rules.
        names.learn(&MailboxName::from_wire(b"R &- D", false));
        assert_eq!(names.as_known(plain()).to_wire(false), b"R &- D");
    }
}
