//! Workers that send queued messages. A message is leased, sent, and its result committed with the
//! events that tell of it; before the last bytes leave, it is marked, so that after a crash it is
//! known which messages may have been sent already.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use posthouse_model::{AccountId, account::SmtpConfig, outbox::ProgressStatus, queue::QueueName};
use posthouse_smtp::SendFailure;
use posthouse_store::{
    Batch, BatchError, StoreError, accounts, gateways,
    outbox::{self, Lease, StoredMessage},
};
use serde_json::Value;
use tokio::{sync::Semaphore, time::Instant};
use uuid::Uuid;

use super::{outcome::Failure, pool::Pool, route::SmtpRoute};
use crate::Engine;

/// How long a message is leased; it is renewed while it is being sent.
const LEASE: Duration = Duration::from_secs(60);
/// The longest sleep without a look at the store: hints can be lost.
const POLL: Duration = Duration::from_secs(5);
/// An attempt ends after this time.
const ATTEMPT: Duration = Duration::from_secs(600);
/// How long failed messages are kept.
const KEEP_FAILED: Duration = Duration::from_secs(7 * 86_400);

/// Messages of one account that are sent at once: mail servers refuse clients that open many
/// connections.
const PER_ACCOUNT: usize = 4;

/// Messages being sent, by account.
#[derive(Default)]
struct Busy(Mutex<HashMap<AccountId, usize>>);

impl Busy {
    fn counts(&self) -> MutexGuard<'_, HashMap<AccountId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The accounts that send as many as they may.
    fn full(&self) -> Vec<AccountId> {
        let counts = self.counts();
        let full = counts.iter().filter(|(_, count)| **count >= PER_ACCOUNT);
        full.map(|(account, _)| account.clone()).collect()
    }

    /// Takes a place, unless the account sends as many as it may.
    fn begin(self: &Arc<Self>, account: &AccountId) -> Option<Place> {
        let mut counts = self.counts();
        let count = counts.entry(account.clone()).or_default();
        if *count >= PER_ACCOUNT {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), account.clone()))
    }
}

/// One message being sent; ends also when its task panics.
struct Place(Arc<Busy>, AccountId);

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.0.counts();
        if let Some(count) = counts.get_mut(&self.1) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

/// Leaves a message that was claimed but is not to be sent now.
async fn give_back(engine: &Engine, lease: &Lease, message: &StoredMessage) {
    let mut batch = Batch::new();
    outbox::release(&mut batch, lease, message.entry.scheduled);
    if let Err(error) = engine.store().commit(batch).await {
        tracing::warn!(queue_id = %lease.id, %error, "a message waits until its lease runs out");
    }
}

/// Leases messages that are due and hands them to workers, until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let name = Uuid::new_v4().to_string();
    let permits = Arc::new(Semaphore::new(engine.config().submit_workers.max(1)));
    let pool = Arc::new(Pool::default());
    let busy = Arc::new(Busy::default());
    loop {
        let full = busy.full();
        let free = u32::try_from(permits.available_permits()).unwrap_or(u32::MAX);
        let now = engine.store().now();
        let paused = || engine.settings().is_paused(QueueName::Submit);
        let claimed = if free == 0 || paused() {
            Ok(Vec::new())
        } else {
            outbox::claim(engine.store(), &name, now, LEASE, free, &full).await
        };
        let idle = match claimed {
            Ok(messages) => {
                let idle = messages.is_empty();
                for (lease, message) in messages {
                    // Paused while they were claimed.
                    if paused() {
                        give_back(&engine, &lease, &message).await;
                        continue;
                    }
                    let Some(place) = busy.begin(&message.entry.account) else {
                        give_back(&engine, &lease, &message).await;
                        continue;
                    };
                    let Ok(permit) = permits.clone().acquire_owned().await else {
                        return;
                    };
                    let (engine, pool) = (engine.clone(), pool.clone());
                    let tasks = engine.clone();
                    tasks.spawn(async move {
                        process(&engine, &pool, lease, message).await;
                        drop((place, permit));
                        engine.wake_outbox();
                    });
                }
                idle
            }
            Err(error) => {
                tracing::error!(%error, "queued messages cannot be claimed");
                tokio::time::sleep(Duration::from_secs(1)).await;
                true
            }
        };
        if idle {
            let sleep = match outbox::next_due(engine.store()).await {
                // What is due in a paused queue is no reason to look; its end is told.
                _ if paused() => POLL,
                Ok(Some(due)) => {
                    // What is due may belong to an account that is busy, whose end is told.
                    let least = if full.is_empty() { 5 } else { 250 };
                    due.since(engine.store().now())
                        .clamp(Duration::from_millis(least), POLL)
                }
                _ => POLL,
            };
            for session in pool.drain(false) {
                engine.spawn(session.quit());
            }
            tokio::select! {
                () = engine.stopping().cancelled() => break,
                () = engine.outbox_wake().notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        } else if engine.stopping().is_cancelled() {
            break;
        }
    }
    for session in pool.drain(true) {
        session.quit().await;
    }
}

/// Deletes messages that failed long ago.
pub(crate) async fn sweep(engine: &Engine) {
    let mut batch = Batch::new();
    outbox::sweep(&mut batch, engine.store().now().before(KEEP_FAILED));
    if let Err(error) = engine.store().commit(batch).await {
        tracing::error!(%error, "old failed messages were not swept");
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Batch(#[from] BatchError),
}

async fn process(engine: &Engine, pool: &Pool, lease: Lease, message: StoredMessage) {
    let id = lease.id.clone();
    let work = Worker {
        engine,
        pool,
        lease,
        message,
        marked: AtomicBool::new(false),
    };
    match Box::pin(work.run()).await {
        Ok(()) => {}
        Err(WorkError::Batch(error)) if error.is_guard(outbox::LEASE_GUARD) => {
            tracing::info!(queue_id = %id, "the message was cancelled or is another worker's now");
        }
        // The lease runs out and the message is taken up again.
        Err(error) => tracing::error!(queue_id = %id, %error, "the store failed while sending"),
    }
}

pub(super) struct Worker<'a> {
    pub(super) engine: &'a Engine,
    pub(super) pool: &'a Pool,
    pub(super) lease: Lease,
    pub(super) message: StoredMessage,
    /// The last bytes may have been written.
    pub(super) marked: AtomicBool,
}

impl Worker<'_> {
    pub(super) fn account(&self) -> &AccountId {
        &self.message.entry.account
    }

    /// Whether an attempt may have delivered it without our knowing: an earlier one, or one whose
    /// mark was left behind by a crash, or the latest. It is sent again under the same Message-ID.
    pub(super) fn is_ambiguous(&self, latest: bool) -> Option<bool> {
        let earlier = self.message.entry.progress.ambiguous == Some(true);
        (latest || earlier || self.message.sending_attempt.is_some()).then_some(true)
    }

    /// Whether a message that may have been delivered is rather given up than sent again.
    fn holds(&self) -> bool {
        self.engine.settings().text("ambiguousDelivery") == Some("hold")
    }

    async fn run(&self) -> Result<(), WorkError> {
        let store = self.engine.store();
        let Some(account) = accounts::get(store, self.account()).await? else {
            // The account is gone and with it whoever wanted this sent.
            let mut batch = Batch::new();
            outbox::finish(&mut batch, &self.lease, &self.message.blob);
            store.commit(batch).await?;
            return Ok(());
        };
        let config = Arc::new(account.account.config);
        if self.message.entry.progress.status == ProgressStatus::SmtpCompleted {
            return self.follow_up(&config).await;
        }
        let gateway = self.gateway().await?;
        let job = &self.message.entry.job;
        let route = SmtpRoute::of(
            self.engine,
            Some(self.account()),
            &config,
            Some(job),
            gateway,
        );
        let Some(route) = route else {
            let failure = Failure::local("The account has no SMTP server", "ENOAUTH", true);
            return self.failed(&config, &failure, Value::Null).await;
        };
        if self.is_ambiguous(false).is_some() && self.holds() {
            let message = "It is not known whether an earlier attempt delivered the message";
            let failure = Failure {
                ambiguous: true,
                ..Failure::local(message, "EAMBIGUOUS", true)
            };
            return self.failed(&config, &failure, route.describe(None)).await;
        }
        let renewing = self.keep_lease();
        let sending = tokio::time::timeout(ATTEMPT, self.send(&route, &config));
        let outcome = tokio::select! {
            outcome = sending => outcome,
            error = renewing => return Err(error),
        };
        match outcome {
            Ok(Ok(sent)) => {
                let follows = self.has_follow_up(&config);
                self.sent(&config, &sent, follows).await?;
                if follows {
                    self.follow_up(&config).await?;
                }
                Ok(())
            }
            Ok(Err(SendFailure::NotSent(error))) => {
                let failure = Failure::of(&error, false);
                self.failed(&config, &failure, route.describe(None)).await
            }
            Ok(Err(SendFailure::Unknown(error))) => {
                let failure = Failure {
                    permanent: self.holds(),
                    ..Failure::of(&error, true)
                };
                self.failed(&config, &failure, route.describe(None)).await
            }
            Ok(Err(SendFailure::Hook(error))) => Err(error),
            Err(_) => {
                let ambiguous = self.marked.load(Ordering::Relaxed);
                let failure = Failure {
                    ambiguous,
                    permanent: ambiguous && self.holds(),
                    ..Failure::local("Sending took too long", "ETIMEDOUT", false)
                };
                self.failed(&config, &failure, route.describe(None)).await
            }
        }
    }

    /// The server that stands in the place of the account's own. One that was deleted is as if it had not been named.
    async fn gateway(&self) -> Result<Option<SmtpConfig>, StoreError> {
        let Some(id) = self.message.entry.job.gateway.as_deref() else {
            return Ok(None);
        };
        let gateway = gateways::get(self.engine.store(), id).await?;
        if gateway.is_none() {
            tracing::warn!(account = %self.account(), gateway = id, "an unknown gateway is passed by");
        }
        Ok(gateway.map(|gateway| gateway.smtp))
    }

    /// Prolongs the lease until it fails.
    pub(super) async fn keep_lease(&self) -> WorkError {
        let mut held = Instant::now() + LEASE;
        let mut pause = LEASE / 3;
        loop {
            tokio::time::sleep(pause).await;
            let begun = Instant::now();
            let mut batch = Batch::new();
            let until = self.engine.store().now().after(LEASE);
            outbox::renew(&mut batch, &self.lease, until);
            match self.engine.store().commit(batch).await {
                Ok(_) => (held, pause) = (begun + LEASE, LEASE / 3),
                // A store that fails for a moment ends nothing while the lease still holds.
                Err(error) if error.is_guard(outbox::LEASE_GUARD) || begun + pause >= held => {
                    return error.into();
                }
                Err(_) => pause = Duration::from_secs(2),
            }
        }
    }
}
