//! One message in detail (behaviour 10.4).

use std::sync::Arc;

use posthouse_imap::{Fetch, FetchItem, StoreAction, StoreOptions};
use posthouse_model::message::{Message, MessageOptions};

use super::{
    connect::{Conn, command_error},
    ids::MessageId,
    mailbox::Shared,
    open, read, shape, threads,
};
use crate::BackendError;

/// A message.
///
/// # Errors
/// `MessageNotFound`, and what connecting may say.
pub async fn message(
    shared: &Arc<Shared>,
    id: &str,
    options: &MessageOptions,
) -> Result<Message, BackendError> {
    let id = MessageId::parse(id)?;
    let mut opened = open::open_for(shared, id).await?;
    let path = opened.folder.path.clone();
    let session = opened.session()?;
    let mut read = read::read(shared, session, &path, &[id], options).await?;
    let mut message = read
        .remove(&id)
        .ok_or_else(BackendError::message_not_found)?;
    let alone = std::slice::from_mut(&mut message);
    threads::fill(shared, session, id.folder, alone).await?;
    if options.mark_as_seen && message.unseen {
        let options = StoreOptions {
            silent: true,
            ..StoreOptions::default()
        };
        match session
            .store(id.uid, StoreAction::Add, &["\\Seen"], options)
            .await
        {
            Ok(_) => {
                let mut flags = std::mem::take(&mut message.flags);
                flags.push("\\Seen".to_owned());
                shape::set_flags(&mut message, flags);
            }
            // A folder that cannot be changed can still be read.
            Err(error) if error.is_refusal() => {}
            Err(error) => return Err(command_error(error)),
        }
    }
    Ok(message)
}

/// The items of one message, joined.
///
/// # Errors
/// `MessageNotFound`, and what the server may say.
pub async fn fetch_one(
    session: &mut Conn,
    uid: u32,
    items: &[FetchItem],
) -> Result<Fetch, BackendError> {
    let pieces = session.fetch(uid, items).await.map_err(command_error)?;
    shape::join(pieces)
        .into_iter()
        .find(|fetch| fetch.uid == Some(uid))
        .ok_or_else(BackendError::message_not_found)
}
