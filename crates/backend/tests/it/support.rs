//! What the tests share: a memory, and mailboxes of the Dovecot of the tests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use posthouse_backend::{
    BackendError, Body, BodyStream, BoxFuture, Change, Folder, Follow, ImapFolder, Mailbox, Memory,
    Network, StateDelta, Step, SyncState, Threads, imap::ImapMailbox,
};
use posthouse_model::{
    account::{AccountConfig, ImapConfig, ServerAuth},
    command::ListMessages,
    index::{MessageIndex, ThreadKey},
    origin::Origin,
};
use posthouse_testkit::{env::IMAP_PASSWORD, imap_addr};

/// What an account remembers, as the engine would keep it.
#[derive(Default)]
pub struct Numbers {
    folders: Mutex<Vec<Folder>>,
    indexes: Mutex<HashMap<u32, MessageIndex>>,
    threads: Mutex<HashMap<(u32, u32), Option<ThreadKey>>>,
}

impl Memory for Numbers {
    fn number<'a>(&'a self, folder: &'a Folder) -> BoxFuture<'a, Result<u32, BackendError>> {
        Box::pin(async move {
            let mut known = self.folders.lock().unwrap();
            let at = known.iter().position(|other| other == folder);
            let at = at.unwrap_or_else(|| {
                known.push(folder.clone());
                known.len() - 1
            });
            Ok(u32::try_from(at).unwrap() + 1)
        })
    }

    fn folder(&self, number: u32) -> BoxFuture<'_, Result<Option<Folder>, BackendError>> {
        Box::pin(async move {
            let at = (number as usize).wrapping_sub(1);
            Ok(self.folders.lock().unwrap().get(at).cloned())
        })
    }

    fn index(&self, number: u32) -> BoxFuture<'_, Result<Option<MessageIndex>, BackendError>> {
        Box::pin(async move {
            let indexes = self.indexes.lock().unwrap();
            Ok(Some(indexes.get(&number).cloned().unwrap_or_default()))
        })
    }

    fn threads<'a>(
        &'a self,
        number: u32,
        uids: &'a [u32],
    ) -> BoxFuture<'a, Result<Threads, BackendError>> {
        Box::pin(async move {
            let threads = self.threads.lock().unwrap();
            let known = |uid: &u32| Some((*uid, *threads.get(&(number, *uid))?));
            Ok(uids.iter().filter_map(known).collect())
        })
    }

    fn name(
        &self,
        number: u32,
        origins: Vec<(u32, Origin)>,
    ) -> BoxFuture<'_, Result<Threads, BackendError>> {
        Box::pin(async move {
            let mut threads = self.threads.lock().unwrap();
            let mut named = Threads::new();
            for (uid, origin) in origins {
                let thread = origin.thread(None);
                threads.insert((number, uid), thread);
                named.insert(uid, thread);
            }
            Ok(named)
        })
    }
}

impl Numbers {
    fn forget(&self, path: &str) {
        let folders = self.folders.lock().unwrap();
        let mut indexes = self.indexes.lock().unwrap();
        for (at, folder) in folders.iter().enumerate() {
            if folder.path == path {
                indexes.remove(&(u32::try_from(at).unwrap() + 1));
            }
        }
    }
}

pub fn config(user: &str) -> AccountConfig {
    let addr = imap_addr();
    AccountConfig {
        imap: Some(ImapConfig {
            host: Some(addr.ip().to_string()),
            port: Some(addr.port()),
            secure: false,
            auth: Some(ServerAuth {
                user: user.to_owned(),
                pass: Some(IMAP_PASSWORD.to_owned().into()),
                access_token: None,
            }),
            ..ImapConfig::default()
        }),
        ..AccountConfig::default()
    }
}

/// STARTTLS is offered with a certificate of its own making.
pub fn network() -> Network {
    Network {
        ignore_certificates: true,
        connect_timeout: Duration::from_secs(10),
        command_timeout: Duration::from_secs(10),
        ..Network::default()
    }
}

/// A mailbox, and what is remembered of it.
pub struct Remembered {
    mailbox: ImapMailbox,
    pub memory: Arc<Numbers>,
}

impl std::ops::Deref for Remembered {
    type Target = ImapMailbox;

    fn deref(&self) -> &ImapMailbox {
        &self.mailbox
    }
}

pub fn mailbox(user: &str) -> Remembered {
    mailbox_of(config(user))
}

pub fn mailbox_of(config: AccountConfig) -> Remembered {
    mailbox_over(config, network())
}

pub fn mailbox_over(config: AccountConfig, network: Network) -> Remembered {
    let memory = Arc::new(Numbers::default());
    Remembered {
        mailbox: ImapMailbox::new(Arc::new(config), network, memory.clone()),
        memory,
    }
}

pub fn page(path: &str, page: u64, page_size: u64) -> ListMessages {
    ListMessages {
        path: path.to_owned(),
        page,
        page_size,
        cursor: None,
    }
}

/// The id of the newest message of a folder.
pub async fn newest(mailbox: &ImapMailbox, path: &str) -> String {
    let page = mailbox.list_messages(&page(path, 0, 1)).await.unwrap();
    page.messages[0].id.clone()
}

pub async fn collect(body: Body) -> Vec<u8> {
    let chunks: Vec<Bytes> = body.stream.try_collect().await.unwrap();
    chunks.concat()
}

pub fn body(bytes: impl Into<Bytes>) -> BodyStream {
    let bytes = bytes.into();
    stream::once(async move { Ok(bytes) }).boxed()
}

pub fn simple(subject: &str) -> Vec<u8> {
    format!("From: A <a@example.com>\r\nTo: b@example.com\r\nSubject: {subject}\r\nMessage-ID: <{subject}@test>\r\n\r\nHello {subject}\r\n").into_bytes()
}

/// A follower with the state that its steps recorded.
pub struct Following {
    pub follow: Box<dyn Follow>,
    memory: Arc<Numbers>,
    pub state: Vec<ImapFolder>,
    pub steps: Vec<Step>,
}

impl Following {
    pub fn new(mailbox: &Remembered, state: Vec<ImapFolder>) -> Self {
        Self {
            follow: mailbox.follow(SyncState::Imap(state.clone())),
            memory: mailbox.memory.clone(),
            state,
            steps: Vec::new(),
        }
    }

    pub async fn next(&mut self) -> Step {
        let step = tokio::time::timeout(Duration::from_secs(10), self.follow.next()).await;
        let step = step.expect("a step within 10 s").unwrap();
        self.record(&step);
        step
    }

    /// Keeps what a step says, as the engine does before it asks for the next one.
    pub fn record(&mut self, step: &Step) {
        for delta in &step.deltas {
            match delta {
                StateDelta::ImapFolder(folder) => {
                    self.state.retain(|known| known.path != folder.path);
                    self.state.push(folder.clone());
                }
                StateDelta::ImapFolderGone { path } => {
                    self.state.retain(|known| known.path != *path);
                    self.memory.forget(path);
                }
                StateDelta::ImapIndexGone { path } => self.memory.forget(path),
                StateDelta::ImapIndex { mailbox, delta } => {
                    let mut indexes = self.memory.indexes.lock().unwrap();
                    indexes.entry(*mailbox).or_default().apply(delta);
                }
                StateDelta::Cursor(_) => panic!("a cursor of an IMAP mailbox"),
            }
        }
        self.steps.push(step.clone());
    }

    /// Steps until everything is compared; what changed on the way.
    pub async fn settle(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        loop {
            let step = self.next().await;
            changes.extend(step.changes);
            if step.phase == posthouse_backend::Phase::Following {
                return changes;
            }
        }
    }

    /// Steps until this change comes.
    pub async fn until(&mut self, wanted: impl Fn(&Change) -> bool) -> Change {
        loop {
            let step = self.next().await;
            if let Some(change) = step.changes.into_iter().find(|change| wanted(change)) {
                return change;
            }
        }
    }

    pub async fn new_message(&mut self) -> (String, u32, String) {
        match self
            .until(|change| matches!(change, Change::MessageNew { .. }))
            .await
        {
            Change::MessageNew { place, .. } => (place.path, place.uid.unwrap(), place.id),
            _ => unreachable!(),
        }
    }
}
