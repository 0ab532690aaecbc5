//! The mailbox of an account on an IMAP server.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use posthouse_model::{
    account::{AccountConfig, ImapConfig},
    command::{
        Append, Deleted, ListMessages, MailboxChange, Moved, Quota, SearchMessages, Targets,
        UpdateMailbox,
    },
    mailbox::{self, SpecialUse},
    message::{Message, MessageOptions, MessagePage, MessageUpdate, Text, TextType},
    origin::Origin,
};
use tokio::time::Instant;

use super::{
    append, connect::Conn, connect::imap_config, delete, detail, download, folders,
    follow::Follower, ids::MessageId, listing, manage, moves, origin, pool::Pool, profile::Profile,
    quota, search, text, update,
};
use crate::{
    Appended, BackendError, Body, BodyStream, BoxFuture, Capabilities, Follow, Mailbox, Memory,
    Network, SyncState,
};

/// How long what folders are for is believed without asking again.
const SPECIAL_FRESH: Duration = Duration::from_secs(1200);

const KNOWN: u8 = 1;
const LABELS: u8 = 2;
const THREADS: u8 = 4;

type Special = Arc<[(SpecialUse, String)]>;

/// What all parts of one mailbox share. Small: it stays while the account is idle.
pub struct Shared {
    pub(super) config: Arc<AccountConfig>,
    pub(super) network: Network,
    pub(super) memory: Arc<dyn Memory>,
    pub(super) profile: &'static Profile,
    pub(super) pool: Pool,
    /// What the server offers, as bits.
    offers: AtomicU8,
    special: Mutex<Option<(Instant, Special)>>,
}

impl Shared {
    /// The IMAP settings.
    ///
    /// # Errors
    /// See [`imap_config`].
    pub fn imap(&self) -> Result<&ImapConfig, BackendError> {
        imap_config(&self.config)
    }

    /// Notes what the server of a session offers.
    pub fn learn(&self, session: &Conn) {
        let gmail = session.has("X-GM-EXT-1");
        let mut bits = KNOWN;
        if gmail {
            bits |= LABELS;
        }
        if gmail || session.has("OBJECTID") {
            bits |= THREADS;
        }
        self.offers.store(bits, Ordering::Relaxed);
    }

    /// Notes what folders are for.
    pub fn learn_special(&self, list: &[mailbox::Mailbox]) {
        let special: Special = list
            .iter()
            .filter_map(|mailbox| Some((mailbox.special_use?, mailbox.path.clone())))
            .collect();
        *self.lock_special() = Some((Instant::now(), special));
    }

    /// Folders were made or are gone: what they are for has to be asked again.
    pub fn forget_special(&self) {
        *self.lock_special() = None;
    }

    /// What folders are for, if that is known well enough.
    pub fn special(&self) -> Option<Special> {
        match &*self.lock_special() {
            Some((since, special)) if since.elapsed() < SPECIAL_FRESH => Some(Arc::clone(special)),
            _ => None,
        }
    }

    fn lock_special(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Special)>> {
        self.special.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A mailbox on an IMAP server. Cheap while nobody uses it; clones share everything.
#[derive(Clone)]
pub struct ImapMailbox {
    shared: Arc<Shared>,
}

impl fmt::Debug for ImapMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImapMailbox")
            .field("profile", &self.shared.profile.name)
            .field("pool", &self.shared.pool)
            .finish_non_exhaustive()
    }
}

impl ImapMailbox {
    /// The mailbox of these settings. Connects to nothing.
    #[must_use]
    pub fn new(config: Arc<AccountConfig>, network: Network, memory: Arc<dyn Memory>) -> Self {
        let host = config.imap.as_ref().and_then(|imap| imap.host.as_deref());
        let profile = Profile::of(host.unwrap_or_default());
        Self {
            shared: Arc::new(Shared {
                config,
                network,
                memory,
                profile,
                pool: Pool::new(profile.sessions),
                offers: AtomicU8::new(0),
                special: Mutex::new(None),
            }),
        }
    }

    /// Sessions that are open and that nobody uses.
    #[must_use]
    pub fn resting_sessions(&self) -> usize {
        self.shared.pool.resting()
    }
}

impl Mailbox for ImapMailbox {
    fn sessions(&self) -> usize {
        self.shared.pool.open()
    }

    fn capabilities(&self) -> Capabilities {
        let bits = self.shared.offers.load(Ordering::Relaxed);
        let profile = self.shared.profile;
        Capabilities {
            labels: bits & LABELS != 0 || bits & KNOWN == 0 && profile.labels,
            threads: bits & THREADS != 0 || bits & KNOWN == 0 && profile.labels,
            files_sent: profile.files_sent,
            keeps_ids: !profile.rewrites_ids,
            history: false,
            append: true,
        }
    }

    fn list_mailboxes(
        &self,
        counters: bool,
    ) -> BoxFuture<'_, Result<Vec<mailbox::Mailbox>, BackendError>> {
        Box::pin(folders::list_mailboxes(&self.shared, counters))
    }

    fn create_mailbox<'a>(
        &'a self,
        path: &'a [String],
    ) -> BoxFuture<'a, Result<MailboxChange, BackendError>> {
        Box::pin(manage::create(&self.shared, path))
    }

    fn update_mailbox<'a>(
        &'a self,
        update: &'a UpdateMailbox,
    ) -> BoxFuture<'a, Result<MailboxChange, BackendError>> {
        Box::pin(manage::update(&self.shared, update))
    }

    fn delete_mailbox<'a>(
        &'a self,
        path: &'a str,
    ) -> BoxFuture<'a, Result<MailboxChange, BackendError>> {
        Box::pin(manage::delete(&self.shared, path))
    }

    fn quota(&self) -> BoxFuture<'_, Result<Option<Quota>, BackendError>> {
        Box::pin(quota::quota(&self.shared))
    }

    fn search<'a>(
        &'a self,
        request: &'a SearchMessages,
    ) -> BoxFuture<'a, Result<MessagePage, BackendError>> {
        Box::pin(search::search(&self.shared, request))
    }

    fn move_messages<'a>(
        &'a self,
        targets: &'a Targets,
        destination: &'a str,
    ) -> BoxFuture<'a, Result<Moved, BackendError>> {
        Box::pin(moves::move_messages(&self.shared, targets, destination))
    }

    fn delete_messages<'a>(
        &'a self,
        targets: &'a Targets,
        force: bool,
    ) -> BoxFuture<'a, Result<Deleted, BackendError>> {
        Box::pin(delete::delete(&self.shared, targets, force))
    }

    fn list_messages<'a>(
        &'a self,
        request: &'a ListMessages,
    ) -> BoxFuture<'a, Result<MessagePage, BackendError>> {
        Box::pin(listing::list_messages(&self.shared, request))
    }

    fn message<'a>(
        &'a self,
        id: &'a str,
        options: &'a MessageOptions,
    ) -> BoxFuture<'a, Result<Message, BackendError>> {
        Box::pin(detail::message(&self.shared, id, options))
    }

    fn text<'a>(
        &'a self,
        id: &'a str,
        text_type: TextType,
        max_bytes: Option<u64>,
    ) -> BoxFuture<'a, Result<Text, BackendError>> {
        Box::pin(text::text(&self.shared, id, text_type, max_bytes))
    }

    fn source<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Body, BackendError>> {
        Box::pin(download::source(&self.shared, id))
    }

    fn attachment<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Body, BackendError>> {
        Box::pin(download::attachment(&self.shared, id))
    }

    fn update<'a>(
        &'a self,
        targets: &'a Targets,
        update: &'a MessageUpdate,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(update::update(&self.shared, targets, update))
    }

    fn append<'a>(
        &'a self,
        append: &'a Append,
        body: BodyStream,
    ) -> BoxFuture<'a, Result<Appended, BackendError>> {
        Box::pin(append::append(&self.shared, append, body))
    }

    fn origins<'a>(
        &'a self,
        mailbox: u32,
        uids: &'a [u32],
    ) -> BoxFuture<'a, Result<Vec<(u32, Origin)>, BackendError>> {
        Box::pin(origin::origins(&self.shared, mailbox, uids))
    }

    fn message_id(&self, mailbox: u32, uid: u32) -> Option<String> {
        let folder = mailbox;
        Some(MessageId { folder, uid }.encode())
    }

    fn follow(&self, state: SyncState) -> Box<dyn Follow> {
        let folders = match state {
            SyncState::Imap(folders) => folders,
            // The state of another backend says nothing here: as if nothing were known.
            SyncState::Cursor(_) => Vec::new(),
        };
        Box::new(Follower::new(Arc::clone(&self.shared), folders))
    }
}
