//! Moving messages to another folder (behaviour 10.5).

use std::sync::Arc;

use posthouse_imap::Error;
use posthouse_model::command::{Moved, Targets};

use super::{
    connect::command_error,
    delete,
    ids::MessageId,
    mailbox::Shared,
    open::{self, uid_validity},
    targets::{self, Found},
};
use crate::{BackendError, Folder};

/// Moves messages.
///
/// # Errors
/// As [`targets::find`]; `FolderNotFound` for the destination; what the server may say.
pub async fn move_messages(
    shared: &Arc<Shared>,
    targets: &Targets,
    destination: &str,
) -> Result<Moved, BackendError> {
    let destination = open::resolve(shared, destination).await?;
    let mut found = targets::find(shared, targets).await?;
    to(shared, &mut found, &destination).await
}

/// Moves messages that were found.
///
/// # Errors
/// As [`move_messages`].
pub async fn to(
    shared: &Arc<Shared>,
    found: &mut Found,
    destination: &str,
) -> Result<Moved, BackendError> {
    let mut moved = Moved {
        path: destination.to_owned(),
        count: found.count(),
        ..Moved::default()
    };
    let source = match found.one {
        Some(id) => id.folder,
        None if found.uids.is_empty() => return Ok(moved),
        None => shared.memory.number(&found.opened.folder).await?,
    };
    let mut target: Option<(u32, u32)> = None;
    let session = found.opened.session()?;
    for uids in targets::portions(session, &found.uids) {
        let copied = match session.uid_move(&uids, destination).await {
            Err(Error::Unsupported(_)) => {
                let copied = session
                    .uid_copy(&uids, destination)
                    .await
                    .map_err(refused)?;
                delete::expunge(session, &uids).await?;
                copied
            }
            other => other.map_err(refused)?,
        };
        let Some(copied) = copied else { continue };
        let validity = uid_validity(Some(copied.uid_validity));
        let number = match target {
            Some((known, number)) if known == validity => number,
            _ => {
                let folder = Folder {
                    path: destination.to_owned(),
                    uid_validity: validity,
                };
                let number = shared.memory.number(&folder).await?;
                target = Some((validity, number));
                number
            }
        };
        let id = |folder, uid| MessageId { folder, uid }.encode();
        for (old, new) in copied.pairs() {
            moved.ids.push((id(source, old), id(number, new)));
            if found.one.is_some() {
                moved.uid = Some(new);
            }
        }
    }
    Ok(moved)
}

fn refused(error: Error) -> BackendError {
    match error.code() {
        Some("TRYCREATE" | "NONEXISTENT") => BackendError::folder_not_found(),
        _ => command_error(error),
    }
}
