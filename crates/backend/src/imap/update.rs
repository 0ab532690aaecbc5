//! Changing flags (behaviour 10.5). Labels are ignored where the server has none.

use std::sync::Arc;

use posthouse_imap::{FetchItem, StoreAction, StoreOptions};
use posthouse_model::message::{MessageUpdate, WordsUpdate};

use super::{
    connect::{Conn, command_error},
    detail::fetch_one,
    ids::MessageId,
    mailbox::Shared,
    open,
};
use crate::BackendError;

/// Changes a message.
///
/// # Errors
/// `MessageNotFound`, 400 for a flag that no server takes, and what the server may say.
pub async fn update(
    shared: &Arc<Shared>,
    id: &str,
    update: &MessageUpdate,
) -> Result<(), BackendError> {
    let id = MessageId::parse(id)?;
    let mut opened = open::open_for(shared, id).await?;
    let session = opened.session()?;
    // STORE of a message that is gone is answered with OK.
    fetch_one(session, id.uid, &[FetchItem::Uid]).await?;
    if let Some(flags) = &update.flags {
        change(session, id.uid, flags, false).await?;
    }
    if let Some(labels) = &update.labels
        && session.has("X-GM-EXT-1")
    {
        change(session, id.uid, labels, true).await?;
    }
    Ok(())
}

async fn change(
    session: &mut Conn,
    uid: u32,
    words: &WordsUpdate,
    gm_labels: bool,
) -> Result<(), BackendError> {
    let options = StoreOptions {
        silent: true,
        gm_labels,
        ..StoreOptions::default()
    };
    let steps: &[(StoreAction, &Option<Vec<String>>)] = match &words.set {
        Some(_) => &[(StoreAction::Replace, &words.set)],
        None => &[
            (StoreAction::Add, &words.add),
            (StoreAction::Remove, &words.delete),
        ],
    };
    for (action, list) in steps {
        let Some(list) = list else { continue };
        // No flags at all mean something only to `set`.
        if list.is_empty() && *action != StoreAction::Replace {
            continue;
        }
        session
            .store(uid, *action, list, options)
            .await
            .map_err(command_error)?;
    }
    Ok(())
}
