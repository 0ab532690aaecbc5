//! The messages that a command works on: one by its id, or all that a search finds in a folder.

use std::sync::Arc;

use posthouse_imap::{FetchItem, SequenceSet};
use posthouse_model::command::Targets;

use super::{
    connect::Conn,
    detail::fetch_one,
    ids::MessageId,
    mailbox::Shared,
    open::{self, Opened},
    search,
};
use crate::BackendError;

/// Messages that one command names at most: a server that is slow with each of them still answers in time.
const MOST: usize = 1000;
/// Bytes of a command line that name messages (RFC 7162 section 4).
const LINE: usize = 6000;

/// Messages of a folder that is open.
#[derive(Debug)]
pub struct Found {
    /// The session with the folder.
    pub opened: Opened,
    /// The messages.
    pub uids: SequenceSet,
    /// The message was named by its id.
    pub one: Option<MessageId>,
}

impl Found {
    /// How many they are.
    pub fn count(&self) -> u64 {
        self.uids.len()
    }
}

/// Opens the folder and finds the messages in it.
///
/// # Errors
/// `MessageNotFound` for an id that names none, and as [`search::find`].
pub async fn find(shared: &Arc<Shared>, targets: &Targets) -> Result<Found, BackendError> {
    match targets {
        Targets::Message(id) => {
            let id = MessageId::parse(id)?;
            let mut opened = open::open_for(shared, id).await?;
            // Servers answer commands on messages that are gone with OK.
            fetch_one(opened.session()?, id.uid, &[FetchItem::Uid]).await?;
            Ok(Found {
                opened,
                uids: SequenceSet::one(id.uid),
                one: Some(id),
            })
        }
        Targets::Matching { path, search } => {
            let path = open::resolve(shared, path).await?;
            let mut opened = open::open(shared, &path).await?;
            let uids = search::find(shared, &mut opened, search).await?;
            Ok(Found {
                opened,
                uids,
                one: None,
            })
        }
    }
}

/// Cuts messages into sets that one command may name.
pub fn portions(session: &Conn, uids: &SequenceSet) -> Vec<SequenceSet> {
    cut(uids, message_limit(session).unwrap_or(MOST).min(MOST))
}

fn cut(uids: &SequenceSet, most: usize) -> Vec<SequenceSet> {
    let numbers: Vec<u32> = uids.iter().collect();
    numbers
        .chunks(most.max(1))
        .flat_map(|chunk| chunk.iter().copied().collect::<SequenceSet>().split(LINE))
        .collect()
}

/// The most messages that the server works on in one command (RFC 9738).
fn message_limit(session: &Conn) -> Option<usize> {
    session.capabilities().iter().find_map(|word| {
        word.to_ascii_uppercase()
            .strip_prefix("MESSAGELIMIT=")?
            .parse()
            .ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_hold_everything_and_no_more_than_one_command_may() {
        for (uids, most, expected) in [
            (SequenceSet::range(1, 2500), 1000, 3),
            ((1..4000).step_by(2).collect(), 1000, 2),
            ((1_000_000_000..1_000_004_000).step_by(2).collect(), 1000, 4),
            (SequenceSet::one(7), 1, 1),
            (SequenceSet::new(), 1000, 0),
        ] {
            let parts = cut(&uids, most);
            assert_eq!(parts.len(), expected, "{most}");
            let small =
                |part: &SequenceSet| part.len() <= most as u64 && part.to_string().len() <= LINE;
            assert!(parts.iter().all(small));
            let back: SequenceSet = parts.iter().flat_map(SequenceSet::iter).collect();
            assert_eq!(back, uids);
        }
    }
}
