//! The actor of one account.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use posthouse_backend::{BackendError, Change, Follow, Mailbox, Phase, Step};
use posthouse_model::{
    AccountState, EventType, Timestamp,
    account::{AccountConfig, AccountError, AccountStatus},
};
use posthouse_store::{Batch, StoreError, accounts, announce as markers, mailboxes};
use serde_json::json;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    announce::{AnnounceError, Announcer, Pending},
    backoff::Backoff,
    memory::{self, AccountMemory},
    shared::{Ask, Shared},
};
use crate::{Engine, event::NewEvent, random};

/// How long a failing store is left alone.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Runs an account until it is told to stop or is gone. A panic is counted, logged, and the actor
/// started anew: it never touches another account.
pub(crate) async fn run(engine: Engine, shared: Arc<Shared>) {
    let mut backoff = Backoff::default();
    loop {
        let life = AssertUnwindSafe(live(&engine, &shared, &mut backoff)).catch_unwind();
        match life.await {
            Ok(()) => break,
            Err(_) => {
                engine.metrics().actor_restarts.inc();
                tracing::error!(account = %shared.id, "the actor panicked and is started anew");
                shared.set_mailbox(None);
                Box::pin(interrupted(&engine, &shared)).await;
                let wait = backoff.failed(random());
                if pause(&shared, &mut backoff, wait).await {
                    break;
                }
            }
        }
    }
    shared.set_mailbox(None);
    engine.note_state(&shared, None);
}

/// Notes that an account whose actor panicked is being connected again.
async fn interrupted(engine: &Engine, shared: &Arc<Shared>) {
    let noted = match Connection::load(engine, shared).await {
        Ok(Some(connection)) => connection.transition(AccountState::Connecting).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = noted {
        tracing::error!(account = %shared.id, %error, "the state of the account cannot be written");
    }
}

/// Waits before the next try, or until somebody asks for it; true when the actor is to end.
async fn pause(shared: &Shared, backoff: &mut Backoff, wait: Duration) -> bool {
    let until = Instant::now() + wait;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(until) => return false,
            () = shared.wake.notified() => {
                let asked = shared.take_asked();
                if asked.has(Ask::Stop) {
                    return true;
                }
                if asked.has(Ask::Reload) || asked.has(Ask::Sync) {
                    *backoff = Backoff::default();
                    return false;
                }
            }
        }
    }
}

/// How one connection ended.
enum End {
    /// The actor is to stop.
    Stop,
    /// The account changed or is to be connected again at once.
    Reload,
    /// It failed; `lived` is set when it had been following.
    Failed { lived: Option<Duration> },
    /// Another node owns the account now.
    Deposed,
}

async fn live(engine: &Engine, shared: &Arc<Shared>, backoff: &mut Backoff) {
    loop {
        // Boxed, as all that is not waiting: what stays in this future is there for every account.
        let mut connection = match Box::pin(Connection::load(engine, shared)).await {
            Ok(Some(connection)) => connection,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(account = %shared.id, %error, "the account cannot be read");
                tokio::time::sleep(STORE_PAUSE).await;
                continue;
            }
        };
        let end = if connection.config.follows_imap() {
            connection.follow().await
        } else {
            connection.rest().await
        };
        drop(connection);
        shared.set_mailbox(None);
        let wait = match end {
            End::Stop | End::Deposed => return,
            End::Reload => continue,
            End::Failed { lived: Some(lived) } => backoff.lost(lived, random()),
            End::Failed { lived: None } => backoff.failed(random()),
        };
        if pause(shared, backoff, wait).await {
            return;
        }
    }
}

/// One connection of an account, from the first byte to the last.
struct Connection {
    engine: Engine,
    shared: Arc<Shared>,
    config: Arc<AccountConfig>,
    status: AccountStatus,
    epoch: i64,
    version: i64,
    following_since: Option<Instant>,
}

impl Connection {
    /// Reads the account; none when it is gone or another node's.
    async fn load(engine: &Engine, shared: &Arc<Shared>) -> Result<Option<Box<Self>>, StoreError> {
        let stored = accounts::get(engine.store(), &shared.id).await?;
        let own = stored.filter(|stored| stored.owner.as_deref() == Some(engine.node()));
        Ok(own.map(|stored| {
            Box::new(Self {
                engine: engine.clone(),
                shared: shared.clone(),
                config: Arc::new(stored.account.config),
                status: stored.account.status,
                epoch: stored.epoch,
                version: stored.version,
                following_since: None,
            })
        }))
    }

    /// An account without IMAP: it only waits to be asked.
    async fn rest(&mut self) -> End {
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

    async fn follow(&mut self) -> End {
        let memory = Arc::new(AccountMemory {
            store: self.engine.store().clone(),
            account: self.shared.id.clone(),
        });
        let mailbox = self
            .engine
            .open_mailbox(self.config.clone(), self.engine.network(), memory);
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
            tokio::select! {
                step = follower.next() => match step {
                    Ok(step) => {
                        if step.phase == Phase::Following {
                            drop(permit.take());
                        }
                        match Box::pin(self.took(step, &mailbox)).await {
                            Ok(false) => {}
                            Ok(true) => follower.poke(),
                            Err(end) => return end,
                        }
                    }
                    Err(error) => return Box::pin(self.failed(error)).await,
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

    /// Records a step, then announces what it found; true when somebody asked for a comparison
    /// meanwhile.
    async fn took(&mut self, step: Step, mailbox: &Arc<dyn Mailbox>) -> Result<bool, End> {
        let first = self.following_since.is_none() && step.phase == Phase::Following;
        let pending = step
            .changes
            .iter()
            .any(|change| matches!(change, Change::MessageNew { .. }));
        if let Err(error) = self.record(step).await {
            return Err(self.store_failed(&error).await);
        }
        if first {
            self.following_since = Some(Instant::now());
        }
        // Markers of an earlier run are found when the first comparison is done.
        if !(pending || first) {
            return Ok(false);
        }
        let announcer = Announcer {
            engine: &self.engine,
            shared: &self.shared,
            config: &self.config,
            mailbox,
            epoch: self.epoch,
        };
        let mut poke = false;
        let announced = {
            let announcing = announcer.run();
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

    async fn record(&mut self, step: Step) -> Result<(), StoreError> {
        let id = &self.shared.id;
        let mut recorder = self.engine.recorder();
        recorder
            .batch
            .guard_lease(id.as_str(), self.engine.node(), self.epoch);
        let now = self.engine.store().now();
        let mut status = self.status.clone();
        for delta in &step.deltas {
            memory::record(&mut recorder.batch, id, delta)?;
        }
        if !step.deltas.is_empty() {
            status.sync_time = Some(now);
        }
        if let Some(listing) = &step.mailboxes {
            mailboxes::set_listing(&mut recorder.batch, id, listing, now)?;
        }
        let special_use = |path: &str| {
            step.mailboxes
                .iter()
                .flatten()
                .find(|mailbox| mailbox.path == path)
                .and_then(|mailbox| mailbox.special_use)
                .map(|special| special.to_string())
        };
        let mut marked = now;
        for change in &step.changes {
            match change {
                Change::MessageNew {
                    id: message,
                    uid,
                    path,
                    ..
                } => {
                    let pending = Pending {
                        uid: *uid,
                        path: path.clone(),
                    };
                    // Markers are taken in order of their times: those of one step in its order.
                    markers::put(&mut recorder.batch, id, 0, message, &pending, marked)?;
                    marked = marked.after(Duration::from_millis(1));
                }
                Change::MailboxNew { path, uid_validity } => {
                    let special = special_use(path);
                    let data = json!({
                        "path": path,
                        "name": name_of(path, step.mailboxes.as_deref()),
                        "specialUse": special.clone().map_or(json!(false), Into::into),
                        "uidValidity": uid_validity,
                    });
                    let event = NewEvent {
                        path: Some(path.clone()),
                        special_use: special,
                        ..NewEvent::new(EventType::MailboxNew, data)
                    };
                    recorder.event(id, Some(&self.config), event);
                }
                Change::MailboxDeleted { path } => {
                    let data = json!({
                        "path": path,
                        "name": name_of(path, step.mailboxes.as_deref()),
                        "specialUse": false,
                    });
                    let event = NewEvent {
                        path: Some(path.clone()),
                        ..NewEvent::new(EventType::MailboxDeleted, data)
                    };
                    recorder.event(id, Some(&self.config), event);
                }
                Change::MailboxReset {
                    path,
                    uid_validity,
                    previous,
                    reason,
                } => {
                    let special = special_use(path);
                    let data = json!({
                        "path": path,
                        "name": name_of(path, step.mailboxes.as_deref()),
                        "specialUse": special.clone().map_or(json!(false), Into::into),
                        "uidValidity": uid_validity.map_or(json!(false), Into::into),
                        "prevUidValidity": previous.map_or(json!(false), Into::into),
                        "reason": reason,
                    });
                    let event = NewEvent {
                        path: Some(path.clone()),
                        special_use: special,
                        ..NewEvent::new(EventType::MailboxReset, data)
                    };
                    recorder.event(id, Some(&self.config), event);
                }
            }
        }
        let state = match step.phase {
            Phase::Syncing => AccountState::Syncing,
            Phase::Following => AccountState::Connected,
        };
        let logged_in = self.shared.state() == AccountState::Connecting;
        if logged_in && (!status.initialized || status.last_error.is_some()) {
            let user = self
                .config
                .imap
                .as_ref()
                .and_then(|imap| imap.auth.as_ref())
                .map(|auth| auth.user.clone());
            let event = NewEvent::new(EventType::AuthenticationSuccess, json!({ "user": user }));
            recorder.event(id, Some(&self.config), event);
        }
        if logged_in {
            status.auth_failing_since = None;
        }
        if state == AccountState::Connected {
            status.last_error = None;
            if !status.initialized {
                status.initialized = true;
                let data = json!({ "initialized": true });
                let event = NewEvent::new(EventType::AccountInitialized, data);
                recorder.event(id, Some(&self.config), event);
            }
        }
        if state != self.shared.state() {
            accounts::set_state(&mut recorder.batch, id, self.epoch, state);
        }
        if status != self.status {
            accounts::set_status(&mut recorder.batch, id, &status)?;
        }
        recorder.commit().await?;
        self.status = status;
        self.engine.note_state(&self.shared, Some(state));
        Ok(())
    }

    /// Records a failure; the same error again changes nothing and announces nothing.
    async fn failed(&mut self, error: BackendError) -> End {
        let (state, event, response, code, token_request) = match &error {
            BackendError::Authentication {
                response,
                code,
                token_request,
            } => (
                AccountState::AuthenticationError,
                EventType::AuthenticationError,
                response.clone(),
                code.clone(),
                token_request.clone(),
            ),
            BackendError::Connection { response, code } => (
                AccountState::ConnectError,
                EventType::ConnectError,
                response.clone(),
                code.clone(),
                None,
            ),
            BackendError::Timeout => (
                AccountState::ConnectError,
                EventType::ConnectError,
                "The mail server did not answer in time".to_owned(),
                "ETIMEDOUT".to_owned(),
                None,
            ),
            BackendError::Memory(_) => {
                tracing::error!(account = %self.shared.id, %error, "the store failed while syncing");
                tokio::time::sleep(STORE_PAUSE).await;
                return End::Reload;
            }
            other => (
                AccountState::ConnectError,
                EventType::ConnectError,
                other.to_string(),
                "EPROTOCOL".to_owned(),
                None,
            ),
        };
        let lived = self.following_since.map(|since| since.elapsed());
        tracing::info!(account = %self.shared.id, %error, "the connection failed");
        // A connection that worked and was lost is set up again before anybody is told.
        if lived.is_some() && state == AccountState::ConnectError {
            return match self.transition(AccountState::Connecting).await {
                Ok(()) => End::Failed { lived },
                Err(error) => self.store_failed(&error).await,
            };
        }
        let last = AccountError {
            description: None,
            response,
            server_response_code: code,
            token_request,
        };
        let same = self.status.last_error.as_ref().is_some_and(|known| {
            known.server_response_code == last.server_response_code
                && known.response == last.response
        });
        let mut recorder = self.engine.recorder();
        recorder
            .batch
            .guard_lease(self.shared.id.as_str(), self.engine.node(), self.epoch);
        if !same {
            let data = json!({
                "response": last.response,
                "serverResponseCode": last.server_response_code,
                "tokenRequest": last.token_request,
            });
            let data = strip_nulls(data);
            recorder.event(
                &self.shared.id,
                Some(&self.config),
                NewEvent::new(event, data),
            );
        }
        let mut status = self.status.clone();
        status.last_error = Some(last);
        let mut disabled = false;
        if state == AccountState::AuthenticationError {
            let now = Timestamp::now();
            let since = *status.auth_failing_since.get_or_insert(now);
            let most = self.engine.config().max_auth_failure;
            disabled = !most.is_zero() && now.since(since) >= most;
        }
        if disabled {
            self.disable_imap(&mut recorder.batch, &mut status);
        }
        let recorded = accounts::set_status(&mut recorder.batch, &self.shared.id, &status);
        accounts::set_state(&mut recorder.batch, &self.shared.id, self.epoch, state);
        if let Err(error) = recorded {
            tracing::error!(account = %self.shared.id, %error, "the status has no JSON form");
        }
        if let Err(error) = recorder.commit().await {
            return self.store_failed(&error.into()).await;
        }
        self.status = status;
        self.engine.note_state(&self.shared, Some(state));
        if disabled {
            return End::Reload;
        }
        End::Failed { lived }
    }

    /// A server that refused for days is not asked any more (behaviour 8.2).
    fn disable_imap(&self, batch: &mut Batch, status: &mut AccountStatus) {
        let mut config = (*self.config).clone();
        if let Some(imap) = &mut config.imap {
            imap.disabled = Some(true);
        }
        let store = self.engine.store();
        if let Err(error) =
            accounts::update_config(store, batch, &self.shared.id, self.version, &config)
        {
            tracing::error!(account = %self.shared.id, %error, "the account cannot be written");
            return;
        }
        // Whoever enables it again starts anew.
        status.auth_failing_since = None;
        if let Some(last) = &mut status.last_error {
            last.response = format!(
                "IMAP was disabled, as authentication kept failing: {}",
                last.response
            );
        }
        tracing::warn!(account = %self.shared.id, "IMAP was disabled, as authentication kept failing");
    }

    async fn transition(&self, state: AccountState) -> Result<(), StoreError> {
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
            accounts::set_state(&mut recorder.batch, id, self.epoch, state);
            recorder.commit().await?;
        }
        self.engine.note_state(&self.shared, Some(state));
        Ok(())
    }

    async fn store_failed(&self, error: &StoreError) -> End {
        if matches!(error, StoreError::Batch(error) if error.is_guard("lease")) {
            tracing::warn!(account = %self.shared.id, "the account belongs to another node now");
            return End::Deposed;
        }
        tracing::error!(account = %self.shared.id, %error, "the store refused a change");
        tokio::time::sleep(STORE_PAUSE).await;
        End::Reload
    }
}

fn name_of(path: &str, listing: Option<&[posthouse_model::mailbox::Mailbox]>) -> String {
    listing
        .into_iter()
        .flatten()
        .find(|mailbox| mailbox.path == path)
        .map_or_else(|| path.to_owned(), |mailbox| mailbox.name.clone())
}

fn strip_nulls(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    /// The future of an actor stays in memory for every account; what is not waiting is boxed.
    #[test]
    fn an_idle_actor_is_small() {
        fn size<A, B, F: Future>(_: impl Fn(A, B) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(super::run) <= 1024, "{}", size(super::run));
    }
}
