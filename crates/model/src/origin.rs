//! What names a message and its conversation beyond its place.

use crate::index::{Identity, ThreadKey};

/// What a message says of itself and of the messages before it, and what its provider calls it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// What names it in all folders; none for a message without Message-ID and without a provider's id.
    pub identity: Option<Identity>,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// The first id of `References`: what began the conversation (RFC 5322 section 3.6.4).
    pub root: Option<String>,
    /// The first id of `In-Reply-To`.
    pub parent: Option<String>,
    /// The provider tells conversations apart by itself.
    pub threaded: bool,
}

impl Origin {
    /// The message whose conversation this one belongs to, if that one's is known: where nothing else tells.
    #[must_use]
    pub fn asks_parent(&self) -> Option<&str> {
        if self.threaded || self.root.is_some() {
            return None;
        }
        self.parent.as_deref()
    }

    /// Its conversation: that of the first id of `References`, else the parent's if that is known, else one of its own.
    /// None where the provider has its own, or nothing names the message.
    #[must_use]
    pub fn thread(&self, parent: Option<ThreadKey>) -> Option<ThreadKey> {
        if self.threaded {
            return None;
        }
        let key = |id: &Option<String>| id.as_deref().and_then(ThreadKey::of_message_id);
        key(&self.root).or(parent).or_else(|| key(&self.message_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_named_by_what_began_it() {
        let id = |id: &str| Some(id.to_owned());
        let key = ThreadKey::of_message_id;
        let start = Origin {
            message_id: id("<a@x>"),
            ..Origin::default()
        };
        let reply = Origin {
            message_id: id("<b@x>"),
            root: id("<a@x>"),
            parent: id("<a@x>"),
            ..Origin::default()
        };
        let bare = Origin {
            root: None,
            ..reply.clone()
        };
        assert_eq!(start.thread(None), key("<a@x>"));
        assert_eq!(reply.thread(None), key("<a@x>"));
        assert_eq!(reply.asks_parent(), None);
        assert_eq!(bare.asks_parent(), Some("<a@x>"));
        assert_eq!(bare.thread(key("<z@x>")), key("<z@x>"));
        assert_eq!(bare.thread(None), key("<b@x>"), "the parent is not known");
        let own = Origin {
            threaded: true,
            ..reply
        };
        assert_eq!((own.thread(key("<z@x>")), own.asks_parent()), (None, None));
        assert_eq!(Origin::default().thread(None), None);
    }
}
