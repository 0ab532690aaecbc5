//! One connection of an account, from the first byte to the last.

use std::{sync::Arc, time::Duration};

use posthouse_backend::{BoxFuture, Change, Follow, Mailbox, Phase, Step};
use posthouse_model::{
    AccountState,
    account::{AccountConfig, AccountStatus},
};
use posthouse_store::{StoreError, accounts};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    actor::{End, STORE_PAUSE},
    announce::{AnnounceError, Announcer},
    arrivals::Arrivals,
    memory::{self, AccountMemory},
    shared::{Ask, Shared},
};
use crate::{Engine, protocol_log::AccountLog};

/// The time between two looks at all folders because of possible moves.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// One connection of an account, from the first byte to the last.
pub(super) struct Connection {
    pub(super) engine: Engine,
    pub(super) shared: Arc<Shared>,
    pub(super) config: Arc<AccountConfig>,
    pub(super) status: AccountStatus,
    pub(super) epoch: i64,
    pub(super) version: i64,
    pub(super) following_since: Option<Instant>,
    pub(super) arrivals: Arrivals,
    /// When the other folders were last looked at because of a possible move, and when they are to be.
    looked: Option<Instant>,
    look_at: Option<Instant>,
}

impl Connection {
    /// Reads the account; none when it is gone or another node's.
    pub(super) async fn load(
        engine: &Engine,
        shared: &Arc<Shared>,
    ) -> Result<Option<Box<Self>>, StoreError> {
        let stored = accounts::get(engine.store(), &shared.id).await?;
        let own = stored.filter(|stored| stored.owner.as_deref() == Some(engine.node()));
        if let Some(stored) = &own {
            shared.set_logs(stored.account.config.logs == Some(true));
        }
        Ok(own.map(|stored| {
            Box::new(Self {
                engine: engine.clone(),
                shared: shared.clone(),
                config: Arc::new(stored.account.config),
                status: stored.account.status,
                epoch: stored.epoch,
                version: stored.version,
                following_since: None,
                arrivals: Arrivals::default(),
                looked: None,
                look_at: None,
            })
        }))
    }

    /// An account without IMAP: it only waits to be asked.
    pub(super) async fn rest(&mut self) -> End {
        if let Err(error) = Box::pin(self.transition(AccountState::Unset)).await {
            return Box::pin(self.store_failed(&error)).await;
        }
        loop {
            self.shared.wake.notified().await;
            let asked = self.shared.take_asked();
            if asked.has(Ask::Stop) {
                return End::Stop;
            }
            if asked.has(Ask::Reload) {
                return End::Reload;
            }
        }
    }

    pub(super) async fn follow(&mut self) -> End {
        let memory = Arc::new(AccountMemory {
            store: self.engine.store().clone(),
            account: self.shared.id.clone(),
            node: self.engine.node().to_owned(),
        });
        let mut network = self.engine.network_of(&self.shared.id, &self.config);
        network.log = Some(Arc::new(AccountLog::new(
            self.engine.protocol_logs().clone(),
            self.shared.id.clone(),
            self.shared.logs(),
            self.config.clone(),
            "imap",
        )));
        let mailbox = self
            .engine
            .open_mailbox(self.config.clone(), network, memory);
        self.shared.set_mailbox(Some(mailbox.clone()));
        let mut follower = match Box::pin(self.prepare(&mailbox)).await {
            Ok(follower) => follower,
            Err(end) => return end,
        };
        // Connecting many accounts is paced; the permit goes back once this one is following.
        let mut permit = match Box::pin(self.permit()).await {
            Ok(permit) => Some(permit),
            Err(end) => return end,
        };
        loop {
            let timer = self.timer();
            tokio::select! {
                step = follower.next() => match step {
                    Ok(step) => {
                        if step.phase == Phase::Following {
                            drop(permit.take());
                        }
                        match Box::pin(self.took(step, &mailbox, &mut follower)).await {
                            Ok(false) => {}
                            Ok(true) => follower.poke(),
                            Err(end) => return end,
                        }
                    }
                    Err(error) => return Box::pin(self.failed(error)).await,
                },
                () = timer => match Box::pin(self.rang(&mailbox, &mut follower)).await {
                    Ok(false) => {}
                    Ok(true) => follower.poke(),
                    Err(end) => return end,
                },
                () = self.shared.wake.notified() => {
                    match self.asked() {
                        Ok(false) => {}
                        Ok(true) => follower.poke(),
                        Err(end) => return end,
                    }
                }
            }
        }
    }

    /// What somebody asked for: an end, or whether to compare with the server.
    fn asked(&self) -> Result<bool, End> {
        let asked = self.shared.take_asked();
        if asked.has(Ask::Stop) {
            Err(End::Stop)
        } else if asked.has(Ask::Reload) {
            Err(End::Reload)
        } else {
            Ok(asked.has(Ask::Sync))
        }
    }

    /// Waits for its turn to connect.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, End> {
        let imap = self.config.imap.as_ref();
        let host = imap.and_then(|imap| imap.host.as_deref());
        let turn = self.engine.connecting(host.unwrap_or_default());
        tokio::pin!(turn);
        loop {
            tokio::select! {
                permit = &mut turn => return permit.ok_or(End::Stop),
                () = self.shared.wake.notified() => {
                    self.asked()?;
                }
            }
        }
    }

    async fn prepare(&mut self, mailbox: &Arc<dyn Mailbox>) -> Result<Box<dyn Follow>, End> {
        if let Err(error) = self.transition(AccountState::Connecting).await {
            return Err(self.store_failed(&error).await);
        }
        let history = mailbox.capabilities().history;
        match memory::load(self.engine.store(), &self.shared.id, history).await {
            Ok(state) => Ok(mailbox.follow(state)),
            Err(error) => {
                tracing::error!(account = %self.shared.id, %error, "the sync state cannot be read");
                tokio::time::sleep(STORE_PAUSE).await;
                Err(End::Reload)
            }
        }
    }

    /// Rings when something is to be done that no server announces; allocates nothing while there is nothing.
    fn timer(&self) -> BoxFuture<'static, ()> {
        let retry = self
            .shared
            .retry_at()
            .filter(|_| self.following_since.is_some());
        let due = match (retry, self.look_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        match due {
            Some(due) => Box::pin(tokio::time::sleep_until(due)),
            None => Box::pin(std::future::pending()),
        }
    }

    /// What is due now; true when the folders are to be compared.
    async fn rang(
        &mut self,
        mailbox: &Arc<dyn Mailbox>,
        follower: &mut Box<dyn Follow>,
    ) -> Result<bool, End> {
        let now = Instant::now();
        let mut poke = false;
        if self.shared.retry_at().is_some_and(|due| due <= now) {
            poke |= self.announce(mailbox, follower).await?;
        }
        if self.look_at.is_some_and(|due| due <= now) {
            self.look_at = None;
            self.looked = Some(now);
            poke = true;
        }
        Ok(poke)
    }

    /// Records a step, then announces what it found; true when the folders are to be compared.
    async fn took(
        &mut self,
        step: Step,
        mailbox: &Arc<dyn Mailbox>,
        follower: &mut Box<dyn Follow>,
    ) -> Result<bool, End> {
        let first = self.following_since.is_none() && step.phase == Phase::Following;
        let outcome = match self.record(&step).await {
            Ok(outcome) => outcome,
            Err(error) => return Err(self.store_failed(&error).await),
        };
        // Folders that were taken in silently have messages without names yet.
        let taken_in = step.changes.iter().any(|change| {
            matches!(
                change,
                Change::MailboxNew { .. } | Change::MailboxReset { .. }
            )
        });
        drop(step);
        if first {
            self.following_since = Some(Instant::now());
            self.arrivals = Arrivals::default();
        }
        if self.following_since.is_some() && (first || taken_in) {
            self.engine.name_messages(&self.shared.id);
        }
        let mut poke = outcome.look && self.look();
        // Markers of an earlier run are found when the first comparison is done.
        if outcome.announce || first {
            poke |= self.announce(mailbox, follower).await?;
        }
        Ok(poke)
    }

    /// Whether the other folders are to be looked at now, because a message may have been moved; a little later where
    /// they just were.
    fn look(&mut self) -> bool {
        let now = Instant::now();
        match self.looked.map(|looked| looked + BETWEEN_LOOKS) {
            // The first comparison is still under way: it looks at all.
            _ if self.following_since.is_none() => false,
            Some(next) if next > now => {
                self.look_at = Some(next);
                false
            }
            _ => {
                self.looked = Some(now);
                true
            }
        }
    }

    async fn announce(
        &mut self,
        mailbox: &Arc<dyn Mailbox>,
        follower: &mut Box<dyn Follow>,
    ) -> Result<bool, End> {
        let announcer = Announcer {
            engine: &self.engine,
            shared: &self.shared,
            config: &self.config,
            mailbox,
            epoch: self.epoch,
        };
        let mut poke = false;
        let announced = {
            let announcing = announcer.run(follower.as_mut());
            tokio::pin!(announcing);
            loop {
                // What is dropped half-way stands in the store as a marker, or is announced.
                tokio::select! {
                    announced = &mut announcing => break announced,
                    () = self.shared.wake.notified() => poke |= self.asked()?,
                }
            }
        };
        match announced {
            Ok(()) => Ok(poke),
            Err(AnnounceError::Store(error)) => Err(self.store_failed(&error).await),
            Err(AnnounceError::Backend(error)) => Err(self.failed(error).await),
        }
    }

    pub(super) async fn transition(&self, state: AccountState) -> Result<(), StoreError> {
        if self.shared.state() == state {
            return Ok(());
        }
        // While it is tried again, an account in trouble keeps saying so.
        let in_trouble = matches!(
            self.shared.state(),
            AccountState::AuthenticationError | AccountState::ConnectError
        );
        if !(in_trouble && state == AccountState::Connecting) {
            let mut recorder = self.engine.recorder();
            let id = &self.shared.id;
            recorder
                .batch
                .guard_lease(id.as_str(), self.engine.node(), self.epoch);
            let now = self.engine.store().now();
            accounts::set_state(&mut recorder.batch, id, self.epoch, state, None, now);
            recorder.commit().await?;
        }
        self.engine.note_state(&self.shared, Some(state));
        Ok(())
    }

    pub(super) async fn store_failed(&self, error: &StoreError) -> End {
        if matches!(error, StoreError::Batch(error) if error.is_guard("lease")) {
            tracing::info!(account = %self.shared.id, "the account was taken over or begins anew");
            return End::Deposed;
        }
        tracing::error!(account = %self.shared.id, %error, "the store refused a change");
        tokio::time::sleep(STORE_PAUSE).await;
        End::Reload
    }
}
