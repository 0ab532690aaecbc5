//! Changing flags (behaviour 10.5). Labels are ignored where the server has none.

use std::sync::Arc;

use posthouse_imap::{SequenceSet, StoreAction, StoreOptions};
use posthouse_model::{
    command::Targets,
    message::{MessageUpdate, WordsUpdate},
};

use super::{
    connect::{Conn, command_error},
    mailbox::Shared,
    targets,
};
use crate::BackendError;

/// Changes messages, and tells how many there were.
///
/// # Errors
/// As [`targets::find`], 400 for a flag that no server takes, and what the server may say.
pub async fn update(
    shared: &Arc<Shared>,
    targets: &Targets,
    update: &MessageUpdate,
) -> Result<u64, BackendError> {
    let mut found = targets::find(shared, targets).await?;
    let count = found.count();
    let session = found.opened.session()?;
    for uids in targets::portions(session, &found.uids) {
        if let Some(flags) = &update.flags {
            change(session, &uids, flags, false).await?;
        }
        if let Some(labels) = &update.labels
            && session.has("X-GM-EXT-1")
        {
            change(session, &uids, labels, true).await?;
        }
    }
    Ok(count)
}

async fn change(
    session: &mut Conn,
    uids: &SequenceSet,
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
            .store(uids.clone(), *action, list, options)
            .await
            .map_err(command_error)?;
    }
    Ok(())
}
