//! Folders opened on sessions of the pool, always as the server has them now.

use std::sync::Arc;

use posthouse_imap::{Error, ListOptions};
use posthouse_model::mailbox::SpecialUse;

use super::{
    connect::{Conn, command_error},
    folders,
    ids::MessageId,
    mailbox::Shared,
    pool::{Lease, open_path},
    special,
};
use crate::{BackendError, Folder};

/// A session with a folder open.
#[derive(Debug)]
pub struct Opened {
    /// The session.
    pub lease: Lease,
    /// The folder.
    pub folder: Folder,
    /// Messages in it.
    pub exists: u32,
}

impl Opened {
    /// The session.
    ///
    /// # Errors
    /// See [`Lease::session`].
    pub fn session(&mut self) -> Result<&mut Conn, BackendError> {
        self.lease.session()
    }
}

/// UIDVALIDITY as ids take it; servers that send more than 32 bits are folded.
pub fn uid_validity(wide: Option<u64>) -> u32 {
    let wide = wide.unwrap_or(0);
    u32::try_from(wide).unwrap_or(((wide ^ (wide >> 32)) & 0xffff_ffff) as u32)
}

/// Opens a folder, or asks for news where it is open already.
///
/// # Errors
/// `FolderNotFound`, and what connecting may say.
pub async fn open(shared: &Arc<Shared>, path: &str) -> Result<Opened, BackendError> {
    let mut lease = Lease::get(shared, Some(path)).await?;
    loop {
        match refresh(lease.session()?, path).await {
            Ok(()) => break,
            // A session that rested may have been closed by the server meanwhile.
            Err(error) if error.ends_connection() && !lease.is_fresh() => lease.renew().await?,
            Err(error) => return Err(error),
        }
    }
    let selected = lease.session()?.selected().cloned().unwrap_or_default();
    Ok(Opened {
        lease,
        folder: Folder {
            path: path.to_owned(),
            uid_validity: uid_validity(selected.uid_validity),
        },
        exists: selected.exists,
    })
}

async fn refresh(session: &mut Conn, path: &str) -> Result<(), BackendError> {
    if open_path(session) == Some(path) {
        session.noop().await.map_err(command_error)?;
        if open_path(session) == Some(path) {
            return Ok(());
        }
    }
    match session.select(path, false).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_refusal() => Err(refused(session, path, error).await),
        Err(error) => Err(command_error(error)),
    }
}

/// Why a folder did not open: servers say it in many ways, so the list decides.
async fn refused(session: &mut Conn, path: &str, error: Error) -> BackendError {
    if matches!(error.code(), Some("NONEXISTENT")) {
        return BackendError::folder_not_found();
    }
    let wild = path.contains(['*', '%']);
    match session.list("", path, ListOptions::default()).await {
        // `*` and `%` in the path are wildcards to LIST: only the folder itself counts.
        Ok(list)
            if list
                .iter()
                .any(|entry| (!wild || entry.name.as_str() == path) && !is_missing(entry)) =>
        {
            command_error(error)
        }
        Ok(_) => BackendError::folder_not_found(),
        Err(failed) if failed.is_refusal() => BackendError::folder_not_found(),
        Err(failed) => command_error(failed),
    }
}

fn is_missing(entry: &posthouse_imap::ListEntry) -> bool {
    entry.has_attribute("\\NonExistent") || entry.has_attribute("\\Noselect")
}

/// Opens the folder of a message.
///
/// # Errors
/// `MessageNotFound` when there is no such folder any more.
pub async fn open_for(shared: &Arc<Shared>, id: MessageId) -> Result<Opened, BackendError> {
    let known = shared.memory.folder(id.folder).await?;
    let folder = known.ok_or_else(BackendError::message_not_found)?;
    let opened = match open(shared, &folder.path).await {
        Err(BackendError::NotFound { .. }) => return Err(BackendError::message_not_found()),
        other => other?,
    };
    if opened.folder != folder {
        return Err(BackendError::message_not_found());
    }
    Ok(opened)
}

/// The path behind what a caller gave: a path or a special-use alias such as `\Sent`.
///
/// # Errors
/// `FolderNotFound` when no folder has the special use.
pub async fn resolve(shared: &Arc<Shared>, path: &str) -> Result<String, BackendError> {
    if path.eq_ignore_ascii_case("INBOX") {
        return Ok("INBOX".to_owned());
    }
    match special::alias(path) {
        None => Ok(path.to_owned()),
        Some(wanted) => special_path(shared, wanted)
            .await?
            .ok_or_else(BackendError::folder_not_found),
    }
}

/// The folder of a special use.
///
/// # Errors
/// What connecting may say.
pub async fn special_path(
    shared: &Arc<Shared>,
    wanted: SpecialUse,
) -> Result<Option<String>, BackendError> {
    if wanted == SpecialUse::Inbox {
        return Ok(Some("INBOX".to_owned()));
    }
    if let Some(path) = special::override_path(shared.imap()?, wanted) {
        return Ok(Some(path.to_owned()));
    }
    let known = special_uses(shared, None).await?;
    let found = known.iter().find(|(special, _)| *special == wanted);
    Ok(found.map(|(_, path)| path.clone()))
}

/// What folders are for, asked for where it is not known. A session that is at hand is used.
///
/// # Errors
/// What connecting and listing may say.
pub async fn special_uses(
    shared: &Arc<Shared>,
    session: Option<&mut Conn>,
) -> Result<Arc<[(SpecialUse, String)]>, BackendError> {
    if let Some(known) = shared.special() {
        return Ok(known);
    }
    match session {
        Some(session) => {
            let listed = folders::list(session, shared.imap()?, &[]).await?;
            shared.learn_special(&listed.mailboxes);
        }
        None => {
            folders::list_mailboxes(shared, false).await?;
        }
    }
    Ok(shared.special().unwrap_or_else(|| Arc::new([])))
}
