//! What backends ask to remember, kept in the store.

use posthouse_backend::{
    BackendError, BoxFuture, Folder, ImapFolder, Memory, StateDelta, SyncState, Threads,
};
use posthouse_model::{AccountId, index::MessageIndex, origin::Origin};
use posthouse_store::{Batch, Store, StoreError, accounts, identities, index, mailboxes};

use super::naming;

/// An account's memory.
pub(crate) struct AccountMemory {
    pub(crate) store: Store,
    pub(crate) account: AccountId,
    /// The process that owns the account.
    pub(crate) node: String,
}

fn failed(error: &dyn std::error::Error) -> BackendError {
    BackendError::Memory(error.to_string())
}

impl Memory for AccountMemory {
    fn number<'a>(&'a self, folder: &'a Folder) -> BoxFuture<'a, Result<u32, BackendError>> {
        Box::pin(async move {
            let known = mailboxes::number(
                &self.store,
                &self.account,
                &folder.path,
                folder.uid_validity,
            )
            .await
            .map_err(|error| failed(&error))?;
            if let Some(number) = known {
                return Ok(number);
            }
            let mut batch = Batch::new();
            let statement =
                mailboxes::register(&mut batch, &self.account, &folder.path, folder.uid_validity);
            let done = self
                .store
                .commit(batch)
                .await
                .map_err(|error| failed(&error))?;
            let row = done.row(statement).map_err(|error| failed(&error))?;
            row.count(0).map_err(|error| failed(&error))
        })
    }

    fn folder(&self, number: u32) -> BoxFuture<'_, Result<Option<Folder>, BackendError>> {
        Box::pin(async move {
            let found = mailboxes::get(&self.store, &self.account, number)
                .await
                .map_err(|error| failed(&error))?;
            Ok(found.map(|mailbox| Folder {
                path: mailbox.path,
                uid_validity: mailbox.uid_validity,
            }))
        })
    }

    fn index(&self, number: u32) -> BoxFuture<'_, Result<Option<MessageIndex>, BackendError>> {
        Box::pin(async move {
            match index::load(&self.store, &self.account, number).await {
                Ok(found) => Ok(Some(found.map(|found| found.index).unwrap_or_default())),
                Err(StoreError::Corrupt(what)) => {
                    tracing::error!(account = %self.account, what, "an index was lost and is made anew");
                    Ok(None)
                }
                Err(error) => Err(failed(&error)),
            }
        })
    }

    fn threads<'a>(
        &'a self,
        number: u32,
        uids: &'a [u32],
    ) -> BoxFuture<'a, Result<Threads, BackendError>> {
        Box::pin(async move {
            let uids = uids.iter().copied().collect();
            let known = identities::get(&self.store, &self.account, number, &uids).await;
            let known = known.map_err(|error| failed(&error))?.into_iter();
            Ok(known.map(|entry| (entry.uid, entry.thread)).collect())
        })
    }

    fn name(
        &self,
        number: u32,
        origins: Vec<(u32, Origin)>,
    ) -> BoxFuture<'_, Result<Threads, BackendError>> {
        Box::pin(async move {
            naming::name(&self.store, &self.node, &self.account, number, &origins)
                .await
                .map_err(|error| failed(&error))
        })
    }
}

/// What was known of a mailbox when it was last followed.
pub(crate) async fn load(
    store: &Store,
    account: &AccountId,
    history: bool,
) -> Result<SyncState, StoreError> {
    if history {
        return Ok(SyncState::Cursor(accounts::cursor(store, account).await?));
    }
    let mut folders = Vec::new();
    for mailbox in mailboxes::followed(store, account).await? {
        if let Some(known) = mailbox.sync::<ImapFolder>()? {
            folders.push(ImapFolder {
                path: mailbox.path,
                uid_validity: mailbox.uid_validity,
                ..known
            });
        }
    }
    Ok(SyncState::Imap(folders))
}

/// Adds what a backend came to know of a folder as a whole, or of its history, to a batch.
pub(crate) fn record(
    batch: &mut Batch,
    account: &AccountId,
    delta: &StateDelta,
) -> Result<(), StoreError> {
    match delta {
        StateDelta::ImapFolder(folder) => {
            mailboxes::register(batch, account, &folder.path, folder.uid_validity);
            mailboxes::set_sync(batch, account, &folder.path, folder.uid_validity, folder)?;
            if !folder.indexed && folder.messages > 0 {
                mailboxes::set_unnamed(batch, account, &folder.path, folder.uid_validity);
            }
        }
        StateDelta::Cursor(cursor) => accounts::set_cursor(batch, account, Some(cursor)),
        // What needs the store to be asked first.
        StateDelta::ImapIndex { .. }
        | StateDelta::ImapIndexGone { .. }
        | StateDelta::ImapFolderGone { .. } => {}
    }
    Ok(())
}
