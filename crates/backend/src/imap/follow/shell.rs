//! The shell of following: keeps the connection, asks what the core wants to know, waits.
//!
//! While it waits there is the connection without buffers, the core, and a small future. What
//! happens at the server runs in boxed jobs that this struct owns: a dropped [`Follow::next`]
//! leaves the job where it was, and the next call goes on with it.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use posthouse_imap::Notice;
use posthouse_model::{
    Timestamp,
    account::{AccountConfig, PathFilter},
    mailbox::Mailbox,
    message::{Message, MessageOptions},
};
use tokio::time::{Instant, sleep_until};

use super::{
    core::Core,
    input::{Input, Moment, Output, Request, Settings},
    job::{Done, Job, Reply, can_idle, perform},
    news::{counts, pending},
    watch::Watchers,
};
use crate::{
    BackendError, BoxFuture, Change, Follow, ImapFolder, Phase, StateDelta, Step, SyncTrouble,
    imap::{
        connect::{Conn, set_up_error},
        mailbox::Shared,
        pool::open_path,
        read, sources,
    },
};

/// IDLE is begun anew before servers and routers take the connection for dead (RFC 2177 and
/// practice: 10 minutes).
const REARM: Duration = Duration::from_secs(530);

/// How often a server without IDLE is asked.
const POLL: Duration = Duration::from_secs(60);

/// Time between full comparisons where the account sets none.
const RESYNC: u64 = 900;

/// Set anew once the folders are listed; until then no second comparison is due.
const RESYNC_RUNNING: Duration = Duration::from_secs(3600);

/// Changes that are handed out together at most, beyond one output of the core.
const STEP: usize = 200;

enum Place {
    /// Not connected yet.
    Off,
    /// A job is under way.
    Work(BoxFuture<'static, Done>),
    /// Connected, between jobs: the next request is known.
    Ready(Box<Conn>, Request),
    /// Waiting for news until then.
    Waiting(Box<Conn>, Instant),
    /// Failed.
    Spent,
}

/// Follows one mailbox.
pub struct Follower {
    shared: Arc<Shared>,
    core: Core,
    place: Place,
    changes: Vec<Change>,
    deltas: Vec<StateDelta>,
    trouble: Option<Option<SyncTrouble>>,
    mailboxes: Option<Vec<Mailbox>>,
    /// Connections of folders that are heard of at once, too.
    watchers: Watchers,
    /// The folders while they are compared: what happens to one is told together with them.
    listing: Vec<Mailbox>,
    /// Of the folders that were handed out last.
    listed: Option<u64>,
    poked: bool,
    following: bool,
    /// The engine was told that everything is compared.
    told: bool,
    compare_at: Instant,
    failed: Option<BackendError>,
}

impl Follower {
    /// Follows from a recorded state.
    pub fn new(shared: Arc<Shared>, folders: Vec<ImapFolder>) -> Self {
        let settings = settings(&shared);
        Self {
            core: Core::new(settings, folders),
            watchers: Watchers::new(&shared),
            shared,
            place: Place::Off,
            changes: Vec::new(),
            deltas: Vec::new(),
            trouble: None,
            mailboxes: None,
            listing: Vec::new(),
            listed: None,
            poked: false,
            following: false,
            told: false,
            compare_at: Instant::now(),
            failed: None,
        }
    }

    async fn run(&mut self) -> Result<Step, BackendError> {
        loop {
            if let Some(step) = self.step_to_give() {
                return Ok(step);
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            self.go_on().await?;
        }
    }

    /// One move. Dropped half-way it leaves everything in its place.
    async fn go_on(&mut self) -> Result<(), BackendError> {
        match std::mem::replace(&mut self.place, Place::Spent) {
            Place::Off => self.begin(None, Job::Connect),
            Place::Work(job) => {
                // Back before the wait: dropped while it waits, this loses nothing.
                self.place = Place::Work(job);
                if let Place::Work(job) = &mut self.place {
                    let (session, result) = job.await;
                    self.place = Place::Spent;
                    self.finish(session, result);
                }
            }
            Place::Ready(_, Request::Idle) if self.core.take_renewal() => {
                self.begin(None, Job::Connect);
            }
            Place::Ready(session, Request::Idle) => match self.wanted() {
                Some(input) => self.feed(session, input),
                None => self.begin(Some(session), Job::Idle),
            },
            Place::Ready(session, Request::Continue) => self.feed(session, Input::Continue),
            Place::Ready(session, request) => self.begin(Some(session), Job::Ask(request)),
            Place::Waiting(session, _) if self.is_wanted() => {
                self.begin(Some(session), Job::Leave(None));
            }
            Place::Waiting(session, until) => {
                self.place = Place::Waiting(session, until);
                self.wait(until).await;
            }
            Place::Spent => {
                return Err(BackendError::Connection {
                    response: "The connection was closed".to_owned(),
                    code: "ESOCKET".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn wants_comparison(&self) -> bool {
        self.poked || self.following && Instant::now() >= self.compare_at
    }

    fn wants_retry(&self) -> bool {
        self.core
            .retry_at()
            .is_some_and(|due| due <= Timestamp::now())
    }

    /// There is something to do without news of the open folder.
    fn is_wanted(&self) -> bool {
        self.wants_comparison() || self.watchers.has_news() || self.wants_retry()
    }

    /// What there is to do without news of the open folder.
    fn wanted(&mut self) -> Option<Input> {
        if self.wants_comparison() {
            self.watchers.forget_news();
            // Whoever asks from now on wants another one.
            self.poked = false;
            self.compare_at = Instant::now() + RESYNC_RUNNING;
            return Some(Input::Compare);
        }
        if let Some(path) = self.watchers.take_news() {
            return Some(Input::Check(path));
        }
        self.wants_retry().then_some(Input::Retry)
    }

    /// What there is to record, when it is time to hand it out.
    fn step_to_give(&mut self) -> Option<Step> {
        let idle = matches!(
            self.place,
            Place::Ready(_, Request::Idle) | Place::Waiting(..)
        );
        if idle && !self.poked {
            self.following = true;
        }
        let many = self.changes.len() + self.deltas.len() >= STEP;
        let any = !self.changes.is_empty() || !self.deltas.is_empty() || self.trouble.is_some();
        // An index is read as it is recorded: what was found before must be in it.
        let loads = matches!(self.place, Place::Ready(_, Request::Index(_)));
        let due = many
            || self.mailboxes.is_some()
            || any && loads
            || any && (idle || self.failed.is_some())
            || idle && self.following && !self.told;
        if !due {
            if idle && self.listing.capacity() > 0 {
                self.listing = Vec::new();
            }
            return None;
        }
        self.told = self.following;
        let about_folders = |change: &Change| {
            matches!(
                change,
                Change::MailboxNew { .. }
                    | Change::MailboxDeleted { .. }
                    | Change::MailboxReset { .. }
            )
        };
        if self.mailboxes.is_none() && self.changes.iter().any(about_folders) {
            self.mailboxes = Some(self.listing.clone());
        }
        if idle {
            self.listing = Vec::new();
        }
        Some(Step {
            phase: if self.following {
                Phase::Following
            } else {
                Phase::Syncing
            },
            changes: std::mem::take(&mut self.changes),
            deltas: std::mem::take(&mut self.deltas),
            mailboxes: self.mailboxes.take(),
            trouble: self.trouble.take(),
        })
    }

    fn begin(&mut self, session: Option<Box<Conn>>, job: Job) {
        let shared = Arc::clone(&self.shared);
        self.place = Place::Work(Box::pin(perform(shared, session, job)));
    }

    fn finish(&mut self, session: Option<Box<Conn>>, result: Result<Reply, BackendError>) {
        let (reply, session) = match (result, session) {
            (Ok(reply), Some(session)) => (reply, session),
            (Err(error), _) => return self.fail(error),
            (Ok(_), None) => return,
        };
        match reply {
            Reply::Input(input) => self.feed(session, input),
            Reply::Listed(input, mailboxes) => {
                self.schedule_comparison();
                let hash = hash_of(&mailboxes);
                if self.listed != Some(hash) {
                    self.listed = Some(hash);
                    self.mailboxes = Some(mailboxes.clone());
                }
                self.listing = mailboxes;
                self.feed(session, input);
            }
            Reply::Idling => {
                let pause = if can_idle(&session) { REARM } else { POLL };
                let mut until = (Instant::now() + pause).min(self.compare_at);
                if let Some(due) = self.core.retry_at() {
                    let pause = due.millis().saturating_sub(Timestamp::now().millis());
                    let pause = Duration::from_millis(u64::try_from(pause).unwrap_or(0));
                    until = until.min(Instant::now() + pause);
                }
                self.place = Place::Waiting(session, until);
            }
            Reply::Quiet => self.place = Place::Ready(session, Request::Idle),
        }
    }

    fn schedule_comparison(&mut self) {
        let delay = self
            .shared
            .imap()
            .ok()
            .and_then(|imap| imap.resync_delay)
            .unwrap_or(RESYNC)
            .clamp(1, 86_400);
        self.compare_at = Instant::now() + Duration::from_secs(delay);
    }

    fn feed(&mut self, session: Box<Conn>, input: Input) {
        let moment = Moment {
            now: Timestamp::now(),
            exists: session.selected().map_or(0, |selected| selected.exists),
            quiet: !pending(&session),
        };
        let Output {
            changes,
            deltas,
            trouble,
            request,
        } = self.core.step(input, moment);
        self.changes.extend(changes);
        for delta in deltas {
            self.remember(delta);
        }
        if trouble.is_some() {
            self.trouble = trouble;
        }
        self.place = Place::Ready(session, request);
    }

    /// A batch writes each folder's index once: what changes one after the other is joined.
    fn remember(&mut self, delta: StateDelta) {
        let StateDelta::ImapIndex { mailbox, delta } = delta else {
            self.deltas.push(delta);
            return;
        };
        let same = self.deltas.iter_mut().rev().find_map(|known| match known {
            StateDelta::ImapIndex {
                mailbox: other,
                delta,
            } if *other == mailbox => Some(delta),
            _ => None,
        });
        match same {
            Some(known) => known.then(delta),
            None => self.deltas.push(StateDelta::ImapIndex { mailbox, delta }),
        }
    }

    fn fail(&mut self, error: BackendError) {
        self.place = Place::Spent;
        self.failed = Some(match error {
            BackendError::Timeout => BackendError::Connection {
                response: "The server did not answer in time".to_owned(),
                code: "ETIMEDOUT".to_owned(),
            },
            other => other,
        });
    }

    /// Waits for news. Dropped half-way it leaves everything in its place.
    async fn wait(&mut self, until: Instant) {
        let Place::Waiting(session, _) = &mut self.place else {
            return;
        };
        let idles = session.is_idling() || can_idle(session);
        let watched = self.following.then_some(&mut self.watchers);
        let news = async {
            if !idles {
                sleep_until(until).await;
                return Ok(None);
            }
            session.idle_wait(until).await
        };
        let heard = match watched.filter(|watchers| !watchers.is_empty()) {
            None => news.await,
            Some(watchers) => tokio::select! {
                heard = news => heard,
                () = watchers.next() => return,
            },
        };
        match heard {
            Ok(Some(notice)) if counts(&notice) => self.leave(Some(notice)),
            Ok(Some(Notice::IdleEnded)) => self.ended(),
            Ok(Some(_)) => {}
            Ok(None) => self.leave(None),
            Err(error) => self.fail(set_up_error(error)),
        }
    }

    /// Stops waiting. What was heard is taken already: it is put to what comes with the end of IDLE.
    fn leave(&mut self, heard: Option<Notice>) {
        if let Place::Waiting(session, _) = std::mem::replace(&mut self.place, Place::Spent) {
            self.begin(Some(session), Job::Leave(heard));
        }
    }

    /// The server ended IDLE by itself.
    fn ended(&mut self) {
        if let Place::Waiting(session, _) = std::mem::replace(&mut self.place, Place::Spent) {
            self.place = Place::Ready(session, Request::Idle);
        }
    }

    /// Goes on until the connection waits for a command.
    async fn settle(&mut self) -> Result<(), BackendError> {
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            match &self.place {
                Place::Ready(..) => return Ok(()),
                Place::Waiting(..) => self.leave(None),
                _ => self.go_on().await?,
            }
        }
    }

    async fn read_new(
        &mut self,
        ids: &[String],
        options: &MessageOptions,
    ) -> Result<Vec<Result<Message, BackendError>>, BackendError> {
        self.settle().await?;
        let shared = Arc::clone(&self.shared);
        let Place::Ready(session, _) = &mut self.place else {
            return Err(BackendError::Timeout);
        };
        let open = self
            .core
            .open()
            .filter(|(path, _)| open_path(session) == Some(*path));
        let result = read::read_new(&shared, session, open, ids, options).await;
        self.asked(result)
    }

    async fn read_sources(
        &mut self,
        ids: &[String],
        limit: u32,
    ) -> Result<Vec<Result<Bytes, BackendError>>, BackendError> {
        self.settle().await?;
        let shared = Arc::clone(&self.shared);
        let Place::Ready(session, _) = &mut self.place else {
            return Err(BackendError::Timeout);
        };
        let open = self
            .core
            .open()
            .filter(|(path, _)| open_path(session) == Some(*path));
        let open = open.map(|(_, number)| number);
        match sources::beginnings(&shared, session, open, ids, limit).await {
            // What it does not give was asked for properly, and the connection lives.
            Err(error @ BackendError::Refused { .. }) => Err(error),
            result => self.asked(result),
        }
    }

    /// After a failure there is nothing to go on with.
    fn asked<T>(&mut self, result: Result<T, BackendError>) -> Result<T, BackendError> {
        if let Err(error) = &result {
            self.fail(error.clone());
            self.failed = None;
        }
        result
    }
}

fn settings(shared: &Shared) -> Settings {
    let config: &AccountConfig = &shared.config;
    let paths = match &config.path {
        None => None,
        Some(PathFilter::One(path)) if path.is_empty() => None,
        Some(PathFilter::One(path)) => Some(Box::from([path.clone()])),
        Some(PathFilter::Many(paths)) if paths.is_empty() => None,
        Some(PathFilter::Many(paths)) => Some(paths.clone().into_boxed_slice()),
    };
    Settings {
        notify_from: config.notify_from,
        sync_from: config.sync_from,
        paths,
        fast: match config.imap_indexer.as_deref() {
            Some(indexer) => indexer == "fast",
            None => shared.network.fast_indexer,
        },
    }
}

/// Of all that a listing shows but counters, which change with every message.
fn hash_of(mailboxes: &[Mailbox]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for mailbox in mailboxes {
        mailbox.path.hash(&mut hasher);
        mailbox.delimiter.hash(&mut hasher);
        (mailbox.listed, mailbox.subscribed).hash(&mut hasher);
        (mailbox.no_select, mailbox.no_inferiors).hash(&mut hasher);
        let special = mailbox.special_use.map(|special| special.as_str());
        let source = mailbox.special_use_source.map(|source| source.as_str());
        (special, source).hash(&mut hasher);
    }
    hasher.finish()
}

impl Follow for Follower {
    fn next(&mut self) -> BoxFuture<'_, Result<Step, BackendError>> {
        Box::pin(self.run())
    }

    fn read<'a>(
        &'a mut self,
        ids: &'a [String],
        options: &'a MessageOptions,
    ) -> BoxFuture<'a, Result<Vec<Result<Message, BackendError>>, BackendError>> {
        Box::pin(self.read_new(ids, options))
    }

    fn sources<'a>(
        &'a mut self,
        ids: &'a [String],
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Result<Bytes, BackendError>>, BackendError>> {
        Box::pin(self.read_sources(ids, limit))
    }

    fn poke(&mut self) {
        self.poked = true;
    }
}
