//! One message, from its lease to its result. The result is committed with the events that tell of it; before the last
//! bytes leave, the message is marked, so that after a crash it is known which may have been sent already.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use posthouse_model::{
    AccountId,
    account::{AccountConfig, SmtpConfig},
    outbox::ProgressStatus,
};
use posthouse_smtp::SendFailure;
use posthouse_store::{
    Batch, BatchError, StoreError, gateways,
    outbox::{self, Lease, StoredMessage},
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    hand::Place, lookup::Found, outcome::Failure, pool::Pool, route::SmtpRoute, turn::Ready,
};
use crate::Engine;

/// How long a message is leased; it is renewed while it is being sent.
pub(super) const LEASE: Duration = Duration::from_secs(60);
/// An attempt ends after this time.
const ATTEMPT: Duration = Duration::from_secs(600);
/// How long failed messages are kept.
const KEEP_FAILED: Duration = Duration::from_secs(7 * 86_400);

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

/// Works on a message that was claimed so long ago.
pub(super) async fn process(
    engine: &Engine,
    pool: &Pool,
    ready: Ready,
    place: Place,
    waited: Duration,
) -> Result<(), WorkError> {
    let Ready {
        lease,
        message,
        config,
    } = ready;
    let Some(config) = config else {
        // The account is gone and with it whoever wanted this sent.
        let mut batch = Batch::new();
        outbox::finish(&mut batch, &lease, &message.blob);
        engine.store().commit(batch).await?;
        return Ok(());
    };
    let doubt = message.sending_attempt.is_some() || message.entry.progress.ambiguous == Some(true);
    let work = Worker {
        engine,
        pool,
        config,
        lease,
        message,
        marked: AtomicBool::new(false),
        doubt: AtomicBool::new(doubt),
    };
    if waited > LEASE / 3 {
        let mut batch = Batch::new();
        outbox::renew(&mut batch, &work.lease, engine.store().now().after(LEASE));
        engine.store().commit(batch).await?;
    }
    Box::pin(work.run(place)).await
}

pub(super) struct Worker<'a> {
    pub(super) engine: &'a Engine,
    pub(super) pool: &'a Pool,
    pub(super) config: Arc<AccountConfig>,
    pub(super) lease: Lease,
    pub(super) message: StoredMessage,
    /// The last bytes may have been written.
    pub(super) marked: AtomicBool,
    /// An earlier attempt may have delivered it without our knowing, or one whose mark was left behind by a crash. It is
    /// sent again under the same Message-ID.
    pub(super) doubt: AtomicBool,
}

impl Worker<'_> {
    pub(super) fn account(&self) -> &AccountId {
        &self.message.entry.account
    }

    /// Whether an earlier attempt, or the latest, may have delivered it. `false`: it was doubted, and is not any more.
    pub(super) fn ambiguous(&self, latest: bool) -> Option<bool> {
        if latest || self.doubt.load(Ordering::Relaxed) {
            return Some(true);
        }
        let doubted = self.message.sending_attempt.is_some()
            || self.message.entry.progress.ambiguous.is_some();
        doubted.then_some(false)
    }

    /// Whether a message that may have been delivered is rather held than sent again.
    pub(super) fn holds(&self) -> bool {
        self.engine.settings().text("ambiguousDelivery") == Some("hold")
    }

    async fn run(&self, place: Place) -> Result<(), WorkError> {
        if self.message.sent || self.message.entry.progress.status == ProgressStatus::SmtpCompleted
        {
            return self.follow_up().await;
        }
        let gateway = self.gateway().await?;
        let job = &self.message.entry.job;
        let route = SmtpRoute::of(
            self.engine,
            Some(self.account()),
            &self.config,
            Some(job),
            gateway,
        );
        let Some(route) = route else {
            let failure = Failure::local("The account has no SMTP server", "ENOAUTH", true);
            return self.failed(&failure, Value::Null).await;
        };
        if self.doubt.load(Ordering::Relaxed) {
            match self.look_up().await {
                Found::Sent => return self.found(&route).await,
                Found::NotSent => self.doubt.store(false, Ordering::Relaxed),
                Found::Later(when) => return self.wait_for_proof(when).await,
                Found::Nothing if self.holds() => {
                    let message =
                        "It is not known whether an earlier attempt delivered the message";
                    let failure = Failure {
                        ambiguous: true,
                        ..Failure::local(message, "EAMBIGUOUS", true)
                    };
                    return self.failed(&failure, route.describe(None)).await;
                }
                Found::Nothing => {}
            }
        }
        let renewing = self.keep_lease();
        let sending = tokio::time::timeout(ATTEMPT, self.send(&route));
        let outcome = tokio::select! {
            outcome = sending => outcome,
            error = renewing => return Err(error),
        };
        drop(place);
        let failure = match outcome {
            Ok(Ok(sent)) => return self.sent(&route, &sent).await,
            Ok(Err(SendFailure::NotSent(error))) => Failure::of(&error, false),
            Ok(Err(SendFailure::Unknown(error))) => Failure::of(&error, true),
            Ok(Err(SendFailure::Hook(error))) => return Err(error),
            Err(_) => Failure {
                ambiguous: self.marked.load(Ordering::Relaxed),
                ..Failure::local("Sending took too long", "ETIMEDOUT", false)
            },
        };
        // What can be proved is neither held nor given up before it was.
        let failure = Failure {
            permanent: failure.permanent
                || failure.ambiguous && self.holds() && !self.can_look_up(),
            ..failure
        };
        self.failed(&failure, route.describe(None)).await
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
