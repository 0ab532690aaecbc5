//! What a caller may watch: the conversation, for a protocol log.

use std::{fmt, sync::Arc};

use crate::error::Phase;
use crate::reply::Reply;

/// Takes down a conversation. None of the hooks may block.
pub trait Observer: Send + Sync {
    /// Whether lines are wanted; they are only built then.
    fn logs(&self) -> bool;
    /// A line of the client. Credentials stand as `***`, the message as its size.
    fn sent(&self, line: &str);
    /// A line of the server.
    fn received(&self, line: &str);
}

/// An observer, or none.
#[derive(Clone, Default)]
pub struct Watch(pub Option<Arc<dyn Observer>>);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.is_some()).finish()
    }
}

impl Watch {
    fn wanted(&self) -> Option<&Arc<dyn Observer>> {
        self.0.as_ref().filter(|observer| observer.logs())
    }

    pub(crate) fn command(&self, command: &str, phase: Phase) {
        let Some(observer) = self.wanted() else {
            return;
        };
        if phase != Phase::Auth {
            return observer.sent(command);
        }
        // What follows the mechanism is a secret, and so is every line that answers a challenge.
        let mut words = command.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("AUTH"), Some(mechanism), None) => observer.sent(&format!("AUTH {mechanism}")),
            (Some("AUTH"), Some(mechanism), Some(_)) => {
                observer.sent(&format!("AUTH {mechanism} ***"));
            }
            _ => observer.sent("***"),
        }
    }

    pub(crate) fn reply(&self, reply: &Reply) {
        let Some(observer) = self.wanted() else {
            return;
        };
        for line in reply.to_string().split('\n') {
            observer.received(line);
        }
    }

    pub(crate) fn message(&self, size: u64) {
        if let Some(observer) = self.wanted() {
            observer.sent(&format!("<message of {size} bytes>"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Paper(Mutex<Vec<String>>);

    impl Observer for Paper {
        fn logs(&self) -> bool {
            true
        }

        fn sent(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }

        fn received(&self, _: &str) {}
    }

    #[test]
    fn no_secret_is_taken_down() {
        let paper = Arc::new(Paper::default());
        let watch = Watch(Some(paper.clone()));
        for (line, phase) in [
            ("EHLO me.example", Phase::Ehlo),
            ("AUTH PLAIN AGFubgBodW50ZXIy", Phase::Auth),
            ("AUTH LOGIN", Phase::Auth),
            ("aHVudGVyMg==", Phase::Auth),
        ] {
            watch.command(line, phase);
        }
        watch.message(7);
        assert_eq!(
            *paper.0.lock().unwrap(),
            [
                "EHLO me.example",
                "AUTH PLAIN ***",
                "AUTH LOGIN",
                "***",
                "<message of 7 bytes>"
            ]
        );
    }
}
