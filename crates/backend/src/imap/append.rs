//! Storing a message in a folder.

use std::sync::Arc;

use posthouse_imap::{Error, SearchKey};
use posthouse_model::command::Append;
use tokio_util::io::StreamReader;

use super::{
    connect::{Conn, command_error},
    ids::MessageId,
    mailbox::Shared,
    open::{self, uid_validity},
    pool::Lease,
    special,
};
use crate::{Appended, BackendError, BodyStream, Folder};

/// Stores a message, unless the folder holds one with the same Message-ID already.
///
/// # Errors
/// `FolderNotFound`, refusals such as `OVERQUOTA`, and what connecting may say.
pub async fn append(
    shared: &Arc<Shared>,
    append: &Append,
    body: BodyStream,
) -> Result<Appended, BackendError> {
    let path = destination(shared, &append.path).await?;
    if let Some(message_id) = &append.unless_message_id
        && let Some(found) = find(shared, &path, message_id).await?
    {
        return Ok(found);
    }
    let mut lease = Lease::alive(shared).await?;
    let session = lease.session()?;
    let mut source = StreamReader::new(body);
    let date = append.internal_date.map(|date| date.millis());
    let appended = session
        .append(path.as_str(), &append.flags, date, append.size, &mut source)
        .await
        .map_err(refused)?;
    let Some(appended) = appended else {
        return Ok(Appended {
            path,
            ..Appended::default()
        });
    };
    let folder = Folder {
        path,
        uid_validity: uid_validity(Some(appended.uid_validity)),
    };
    identified(shared, folder, appended.uid).await
}

async fn identified(
    shared: &Arc<Shared>,
    folder: Folder,
    uid: u32,
) -> Result<Appended, BackendError> {
    let number = shared.memory.number(&folder).await?;
    let uid_validity = Some(folder.uid_validity);
    let id = MessageId {
        folder: number,
        uid,
    };
    Ok(Appended {
        path: folder.path,
        id: Some(id.encode()),
        uid: Some(uid),
        uid_validity,
    })
}

fn refused(error: Error) -> BackendError {
    match error.code() {
        Some("TRYCREATE" | "NONEXISTENT") => BackendError::folder_not_found(),
        _ => command_error(error),
    }
}

/// The folder to store in. A special folder that does not exist yet is made.
async fn destination(shared: &Arc<Shared>, path: &str) -> Result<String, BackendError> {
    let Some(wanted) = special::alias(path) else {
        return open::resolve(shared, path).await;
    };
    let set = special::override_path(shared.imap()?, wanted);
    let known = open::special_path(shared, wanted).await?;
    match known {
        Some(path) if set.is_none() => Ok(path),
        path => {
            let path = path.unwrap_or_else(|| special::default_name(wanted).to_owned());
            let mut lease = Lease::get(shared, None).await?;
            let created = create(lease.session()?, &path).await;
            match created {
                Err(error) if error.ends_connection() && !lease.is_fresh() => {
                    lease.renew().await?;
                    create(lease.session()?, &path).await?;
                }
                other => other?,
            }
            Ok(path)
        }
    }
}

/// Makes a folder; that it exists is as good.
async fn create(session: &mut Conn, path: &str) -> Result<(), BackendError> {
    match session.create(path).await {
        Ok(_) => match session.subscribe(path).await {
            Err(error) if !error.is_refusal() => Err(command_error(error)),
            _ => Ok(()),
        },
        Err(error) if error.is_refusal() => Ok(()),
        Err(error) => Err(command_error(error)),
    }
}

async fn find(
    shared: &Arc<Shared>,
    path: &str,
    message_id: &str,
) -> Result<Option<Appended>, BackendError> {
    let mut opened = open::open(shared, path).await?;
    let key = SearchKey::Header("Message-ID".to_owned(), message_id.to_owned());
    let found = opened
        .session()?
        .search(&key)
        .await
        .map_err(command_error)?;
    match found.iter().next_back() {
        Some(uid) => identified(shared, opened.folder.clone(), uid)
            .await
            .map(Some),
        None => Ok(None),
    }
}
