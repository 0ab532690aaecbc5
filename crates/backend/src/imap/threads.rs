//! Conversations of messages on servers that know none.

use std::sync::Arc;

use posthouse_imap::SequenceSet;
use posthouse_model::message::Message;

use super::{
    connect::{Conn, command_error},
    mailbox::Shared,
    origin, shape,
};
use crate::{BackendError, Threads};

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
    let known = of(shared, session, folder, &wanted, wanted.len()).await?;
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

/// The conversations of messages of the open folder. Of those that are not known yet the newest are asked for, so many at
/// most; those beyond are missing.
///
/// # Errors
/// As [`fill`].
pub async fn of(
    shared: &Arc<Shared>,
    session: &mut Conn,
    folder: u32,
    uids: &[u32],
    most: usize,
) -> Result<Threads, BackendError> {
    let mut known = shared.memory.threads(folder, uids).await?;
    let unknown = uids.iter().copied().filter(|uid| !known.contains_key(uid));
    let mut unknown: Vec<u32> = unknown.collect();
    unknown.sort_unstable();
    let unknown: SequenceSet = unknown.into_iter().rev().take(most).collect();
    if unknown.is_empty() {
        return Ok(known);
    }
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
    Ok(known)
}
