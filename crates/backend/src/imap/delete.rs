//! Deleting messages: into the trash, or for good (behaviour 10.5).

use std::sync::Arc;

use posthouse_imap::{SearchKey, SequenceSet, StoreAction, StoreOptions};
use posthouse_model::{
    command::{Deleted, Targets},
    mailbox::SpecialUse,
};

use super::{
    connect::{Conn, command_error},
    ids::MessageId,
    mailbox::Shared,
    moves, open, targets,
};
use crate::BackendError;

/// Deletes messages. What lies in the trash or among spam goes for good, as does everything where there is no trash.
///
/// # Errors
/// As [`targets::find`], and what the server may say.
pub async fn delete(
    shared: &Arc<Shared>,
    targets: &Targets,
    force: bool,
) -> Result<Deleted, BackendError> {
    let trash = open::special_path(shared, SpecialUse::Trash).await?;
    let junk = open::special_path(shared, SpecialUse::Junk).await?;
    let mut found = targets::find(shared, targets).await?;
    let here = Some(&found.opened.folder.path);
    let last_stop = here == trash.as_ref() || here == junk.as_ref();
    let gmail = found.opened.session()?.has("X-GM-EXT-1");
    match trash {
        Some(trash) if !last_stop && !force => Ok(Deleted::Trashed(
            moves::to(shared, &mut found, &trash).await?,
        )),
        // What is expunged from a label of Gmail is archived; only from the trash it is gone.
        Some(trash) if !last_stop && gmail => {
            let count = found.count();
            let moved = moves::to(shared, &mut found, &trash).await?;
            drop(found);
            expunge_moved(shared, &trash, moved.ids.iter().map(|(_, new)| new)).await?;
            Ok(Deleted::Expunged(count))
        }
        _ => {
            expunge_all(found.opened.session()?, &found.uids).await?;
            Ok(Deleted::Expunged(found.count()))
        }
    }
}

async fn expunge_moved(
    shared: &Arc<Shared>,
    trash: &str,
    ids: impl Iterator<Item = &String>,
) -> Result<(), BackendError> {
    let uids: SequenceSet = ids
        .filter_map(|id| MessageId::parse(id).ok())
        .map(|id| id.uid)
        .collect();
    if uids.is_empty() {
        return Ok(());
    }
    let mut opened = open::open(shared, trash).await?;
    expunge_all(opened.session()?, &uids).await
}

async fn expunge_all(session: &mut Conn, uids: &SequenceSet) -> Result<(), BackendError> {
    for uids in targets::portions(session, uids) {
        expunge(session, &uids).await?;
    }
    Ok(())
}

/// Removes messages of the open folder, and no others, for good.
///
/// # Errors
/// What the server may say.
pub async fn expunge(session: &mut Conn, uids: &SequenceSet) -> Result<(), BackendError> {
    mark(session, uids, StoreAction::Add).await?;
    if session.has("UIDPLUS") || session.has("IMAP4rev2") {
        return session.uid_expunge(uids).await.map_err(command_error);
    }
    // A plain EXPUNGE takes all that are marked: the mark is taken from those of others meanwhile.
    let marked = SearchKey::And(vec![
        SearchKey::Flag("\\Deleted".to_owned()),
        SearchKey::Not(Box::new(SearchKey::Uid(uids.clone()))),
    ]);
    let others = session.search(&marked).await.map_err(command_error)?;
    for others in targets::portions(session, &others) {
        mark(session, &others, StoreAction::Remove).await?;
    }
    let done = session.expunge().await.map_err(command_error);
    for others in targets::portions(session, &others) {
        mark(session, &others, StoreAction::Add).await?;
    }
    done
}

async fn mark(
    session: &mut Conn,
    uids: &SequenceSet,
    action: StoreAction,
) -> Result<(), BackendError> {
    let options = StoreOptions {
        silent: true,
        ..StoreOptions::default()
    };
    session
        .store(uids.clone(), action, &["\\Deleted"], options)
        .await
        .map(drop)
        .map_err(command_error)
}
