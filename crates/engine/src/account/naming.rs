//! Naming messages that were taken in silently: what tells them apart and what conversation they belong to. A paced pass
//! in the background, over connections of the accounts' pools, a few accounts at once.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use posthouse_backend::{BackendError, Threads};
use posthouse_model::{AccountId, origin::Origin};
use posthouse_store::{
    Batch, Store, StoreError, accounts,
    identities::{self, Entry},
    index, mailboxes,
};
use roaring::RoaringBitmap;
use tokio::sync::{Notify, Semaphore};

use super::conversations::Conversations;
use crate::Engine;

/// Accounts at once.
const ACCOUNTS: usize = 2;

/// Messages asked for at once.
const AT_ONCE: usize = 500;

/// The pause between two questions to one server, for whoever else wants something of it.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a question may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// Accounts whose messages are to be named.
#[derive(Debug, Default)]
pub(crate) struct Naming {
    queue: Mutex<VecDeque<AccountId>>,
    wake: Notify,
}

impl Naming {
    /// Adds an account; one that waits already waits once.
    pub(crate) fn add(&self, id: &AccountId) {
        let mut queue = self.queue();
        if !queue.contains(id) {
            queue.push_back(id.clone());
            drop(queue);
            self.wake.notify_one();
        }
    }

    fn take(&self) -> Option<AccountId> {
        self.queue().pop_front()
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<AccountId>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an account was left.
#[derive(Debug, thiserror::Error)]
enum NamingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Runs until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let turns = Arc::new(Semaphore::new(ACCOUNTS));
    loop {
        let turn = tokio::select! {
            () = engine.stopping().cancelled() => return,
            turn = turns.clone().acquire_owned() => turn,
        };
        let Ok(turn) = turn else { return };
        let id = loop {
            if let Some(id) = engine.naming().take() {
                break id;
            }
            tokio::select! {
                () = engine.stopping().cancelled() => return,
                () = engine.naming().wake.notified() => {}
            }
        };
        let engine_of_task = engine.clone();
        engine.spawn(async move {
            let engine = engine_of_task;
            tokio::select! {
                () = engine.stopping().cancelled() => {}
                named = account(&engine, &id) => {
                    if let Err(error) = named {
                        // The next connection has it tried again.
                        tracing::debug!(account = %id, %error, "messages were not named");
                    }
                }
            }
            drop(turn);
        });
    }
}

/// Names all messages of an account that have no name.
async fn account(engine: &Engine, id: &AccountId) -> Result<(), NamingError> {
    let store = engine.store();
    'folders: for folder in mailboxes::unnamed(store, id).await? {
        let held = index::uids(store, id, folder, 0..=u32::MAX).await?;
        let known = identities::known(store, id, folder, 0..=u32::MAX).await?;
        let unnamed: Vec<u32> = (held - known).iter().collect();
        // From the newest on: these are asked for first.
        for uids in unnamed.rchunks(AT_ONCE) {
            let Some(mailbox) = engine.running(id).and_then(|shared| shared.mailbox()) else {
                return Ok(());
            };
            let asked = mailbox.origins(folder, uids);
            let origins = tokio::time::timeout(DEADLINE, asked).await;
            let origins = match origins.unwrap_or(Err(BackendError::Timeout)) {
                Ok(origins) => origins,
                // The folder is gone, or closed to us now.
                Err(BackendError::NotFound { .. } | BackendError::Refused { .. }) => {
                    continue 'folders;
                }
                Err(error) => return Err(error.into()),
            };
            name(store, engine.node(), id, folder, &origins).await?;
            tokio::time::sleep(PAUSE).await;
        }
        let mut batch = Batch::new();
        mailboxes::set_named(&mut batch, id, folder);
        store.commit(batch).await.map_err(StoreError::from)?;
    }
    Ok(())
}

/// Remembers what names messages of a folder; their conversations. What is known already stays.
///
/// # Errors
/// The store fails.
pub(super) async fn name(
    store: &Store,
    node: &str,
    id: &AccountId,
    mailbox: u32,
    origins: &[(u32, Origin)],
) -> Result<Threads, StoreError> {
    let entries = entries(store, id, origins).await?;
    let uids: RoaringBitmap = entries.iter().map(|entry| entry.uid).collect();
    let mut threads: Threads = entries
        .iter()
        .map(|entry| (entry.uid, entry.thread))
        .collect();
    // A message may be announced, and named, or go meanwhile: then what is stored is looked at anew.
    for _ in 0..5 {
        let Some(stored) = accounts::get(store, id).await? else {
            break;
        };
        if stored.owner.as_deref() != Some(node) {
            break;
        }
        let held = index::uids(store, id, mailbox, 0..=u32::MAX).await?;
        let named = identities::get(store, id, mailbox, &uids).await?;
        threads.extend(named.iter().map(|entry| (entry.uid, entry.thread)));
        let named: HashSet<u32> = named.into_iter().map(|entry| entry.uid).collect();
        let new = |entry: &&Entry| held.contains(entry.uid) && !named.contains(&entry.uid);
        let put: Vec<Entry> = entries.iter().filter(new).copied().collect();
        let mut batch = Batch::new();
        batch.guard_lease(id.as_str(), node, stored.epoch);
        let none = RoaringBitmap::new();
        identities::apply(store, &mut batch, id, mailbox, &put, &none).await?;
        // What goes from now on makes the batch fail; what went since it was looked at must not be named.
        let held = index::uids(store, id, mailbox, 0..=u32::MAX).await?;
        if put.iter().any(|entry| !held.contains(entry.uid)) {
            continue;
        }
        match store.commit(batch).await {
            Ok(_) => break,
            Err(error) if error.is_guard(identities::GUARD) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(threads)
}

/// What is to be remembered of messages.
async fn entries(
    store: &Store,
    id: &AccountId,
    origins: &[(u32, Origin)],
) -> Result<Vec<Entry>, StoreError> {
    let all = origins.iter().map(|(_, origin)| origin);
    let (mut conversations, _) = Conversations::around(store, id, all).await?;
    let entries = origins.iter().map(|(uid, origin)| {
        let thread = conversations.of(origin);
        conversations.note(origin, thread);
        Entry {
            uid: *uid,
            identity: origin.identity,
            thread,
        }
    });
    Ok(entries.collect())
}
