//! Conversations of messages on servers that know none.

use std::sync::Arc;

use posthouse_imap::SequenceSet;
use posthouse_model::message::Message;

use super::{
    connect::{Conn, command_error},
    mailbox::Shared,
    origin, shape,
};
use crate::BackendError;

/// Puts the conversation to messages of the open folder that have none. What is not known yet is asked for and remembered,
/// so that it is the same for ever.
///
/// # Errors
/// What the server or the memory may say.
pub async fn fill(
    shared: &Arc<Shared>,
    session: &mut Conn,
    folder: u32,
    messages: &mut [Message],
) -> Result<(), BackendError> {
    let without = |message: &Message| message.uid.filter(|_| message.thread_id.is_none());
    let wanted: Vec<u32> = messages.iter().filter_map(without).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut known = shared.memory.threads(folder, &wanted).await?;
    let unknown: SequenceSet = wanted
        .iter()
        .copied()
        .filter(|uid| !known.contains_key(uid))
        .collect();
    if !unknown.is_empty() {
        let items = origin::items(session);
        let pieces = session
            .fetch(unknown.clone(), &items)
            .await
            .map_err(command_error)?;
        let named = shape::join(pieces).into_iter().filter_map(|fetch| {
            let uid = fetch.uid.filter(|uid| unknown.contains(*uid))?;
            Some((uid, origin::of(&fetch)))
        });
        known.extend(shared.memory.name(folder, named.collect()).await?);
    }
    for message in messages {
        if let Some(uid) = without(message) {
            message.thread_id = known
                .get(&uid)
                .copied()
                .flatten()
                .map(|thread| thread.to_string());
        }
    }
    Ok(())
}
