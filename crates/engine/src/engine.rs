//! The engine as a whole: starts, supervises, stops.

mod upkeep;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use posthouse_backend::{
    LoginSource, Mailbox, Memory, Network,
    imap::{ImapMailbox, Profile},
};
use posthouse_model::{
    AccountId, AccountState, ApiError,
    account::{AccountConfig, AccountError},
    change::Change,
};
use posthouse_net::{EgressClient, NetError, http::ClientOptions};
use posthouse_store::{
    Batch, BatchError, Dialect, Store, StoreError, accounts, calls, deliveries, generation,
    outbox::{self, Work},
};
use serde_json::json;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    EngineConfig, Metrics, Recorder, Settings,
    account::{self, AccountHandle, Ask, LocalAccount, Naming, Shared},
    change_log::ChangeLog,
    credentials::Login,
    http::HttpClients,
    outbox::Callers,
    protocol_log::{self, ProtocolLogs},
    route::RoutesCell,
    script::Scripts,
    settings::{SettingsCell, local_address},
    webhook::Endpoints,
};

/// Accounts read at once when starting.
const START_PAGE: u32 = 500;
/// Idle connections kept to each receiver of webhooks: as many as deliveries go to it at once.
const IDLE: usize = 32;
/// Mail hosts that are remembered, whether or not somebody connects to them.
const HOSTS: usize = 1024;

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store refuses a change.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Two metrics share a name.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The TLS settings cannot be used.
    #[error(transparent)]
    Net(#[from] NetError),
}

/// Opens mailboxes; tests put a scripted one in its place.
pub type MailboxFactory =
    Box<dyn Fn(Arc<AccountConfig>, Network, Arc<dyn Memory>) -> Arc<dyn Mailbox> + Send + Sync>;

/// The engine; a cheap handle.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    config: EngineConfig,
    settings: Arc<SettingsCell>,
    routes: RoutesCell,
    scripts: Scripts,
    metrics: Metrics,
    factory: MailboxFactory,
    http: HttpClients,
    /// For authentication servers; made when the first account needs one.
    auth_servers: OnceLock<EgressClient>,
    actors: Mutex<HashMap<AccountId, Arc<Shared>>>,
    connecting: Mutex<HashMap<String, Arc<Semaphore>>>,
    webhooks: Notify,
    endpoints: Endpoints,
    outbox: Notify,
    callers: Callers,
    sent: Notify,
    departures: Notify,
    naming: Naming,
    generations: watch::Sender<BTreeMap<generation::Generation, i64>>,
    changes: ChangeLog,
    client_id: Mutex<Arc<Vec<(String, String)>>>,
    logs: Arc<ProtocolLogs>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Engine {
    /// Starts on a store: takes over its accounts, follows them, delivers what waits.
    ///
    /// # Errors
    /// The store or the configuration cannot be used.
    pub async fn start(store: Store, config: EngineConfig) -> Result<Self, StartError> {
        let factory: MailboxFactory =
            Box::new(|config, network, memory| Arc::new(ImapMailbox::new(config, network, memory)));
        Self::start_with(store, config, factory).await
    }

    /// As [`Engine::start`], with mailboxes of the caller's own.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_with(
        store: Store,
        config: EngineConfig,
        factory: MailboxFactory,
    ) -> Result<Self, StartError> {
        let http = HttpClients::new(ClientOptions {
            policy: config.egress_policy,
            max_idle_per_host: IDLE,
            ..ClientOptions::default()
        })?;
        let settings = Arc::<SettingsCell>::default();
        let scripts = Scripts::new(&config, &settings)?;
        let (generations, _) = watch::channel(generation::read(&store).await?);
        let engine = Self(Arc::new(Inner {
            settings,
            routes: RoutesCell::default(),
            scripts,
            metrics: Metrics::new()?,
            factory,
            http,
            auth_servers: OnceLock::new(),
            actors: Mutex::default(),
            connecting: Mutex::default(),
            webhooks: Notify::new(),
            endpoints: Endpoints::default(),
            outbox: Notify::new(),
            callers: Callers::default(),
            sent: Notify::new(),
            departures: Notify::new(),
            naming: Naming::default(),
            generations,
            changes: ChangeLog::default(),
            client_id: Mutex::default(),
            logs: Arc::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            store,
            config,
        }));
        engine.reload_settings().await?;
        engine.reload_routes().await?;
        let mut batch = Batch::new();
        accounts::take_over_all(&mut batch, engine.node());
        if engine.store().dialect() == Dialect::Sqlite {
            // Whoever held a lease is gone: an embedded store has one process.
            outbox::release_all(&mut batch);
            calls::give_back_all(&mut batch);
            deliveries::release_all(&mut batch);
        }
        engine.store().commit(batch).await?;
        engine.spawn(engine.clone().watch());
        engine.spawn(engine.clone().upkeep());
        engine.spawn(protocol_log::run(engine.clone()));
        engine.spawn(crate::webhook::run(engine.clone()));
        for work in [Work::Send, Work::FollowUp] {
            engine.spawn(crate::outbox::run(engine.clone(), work));
        }
        engine.spawn(account::announce_departures(engine.clone()));
        engine.spawn(account::name_messages(engine.clone()));
        engine.spawn(engine.clone().start_accounts());
        Ok(engine)
    }

    /// Stops: no new work is begun, what is under way has until the deadline.
    pub async fn shutdown(&self, deadline: Duration) {
        self.0.stop.cancel();
        // Whoever waits for its turn to connect waits no longer.
        for turns in self.turns().values() {
            turns.close();
        }
        for shared in self.actors().values() {
            shared.ask(Ask::Stop);
        }
        // Deliveries that wait for a script stand in the store.
        self.0.scripts.close().await;
        self.0.tasks.close();
        if tokio::time::timeout(deadline, self.0.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some work was still under way at the deadline; it stands in the store");
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The configuration of the process.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The current settings.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.0.settings.get()
    }

    /// Tells of changes to tokens, settings, sessions, accounts and routes, made by whichever process.
    #[must_use]
    pub fn generations(&self) -> watch::Receiver<BTreeMap<generation::Generation, i64>> {
        self.0.generations.subscribe()
    }

    /// Tells of accounts of this process that came into another state.
    #[must_use]
    pub fn changes(&self) -> &ChangeLog {
        &self.0.changes
    }

    /// Begins a batch whose events are delivered.
    #[must_use]
    pub fn recorder(&self) -> Recorder<'_> {
        Recorder::new(self)
    }

    /// Reads the settings anew.
    ///
    /// # Errors
    /// The store fails.
    pub async fn reload_settings(&self) -> Result<(), StoreError> {
        let stored = posthouse_store::settings::all(self.store()).await?;
        let settings = Settings::new(stored);
        let client_id = [
            ("name", "imapClientName"),
            ("version", "imapClientVersion"),
            ("vendor", "imapClientVendor"),
            ("support-url", "imapClientSupportUrl"),
        ];
        let client_id = client_id
            .iter()
            .map(|(field, key)| {
                let fallback = match *field {
                    "name" => "Posthouse",
                    "version" => env!("CARGO_PKG_VERSION"),
                    _ => "",
                };
                let value = settings.text(key).unwrap_or(fallback);
                ((*field).to_owned(), value.to_owned())
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        *self
            .0
            .client_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(client_id);
        self.0.logs.configure(&settings);
        self.0.settings.set(settings);
        // A target may have been set for what already waits, or a queue resumed.
        self.wake_webhooks();
        self.wake_outbox();
        self.outbox_wake(Work::FollowUp).notify_one();
        Ok(())
    }

    /// The way to an account.
    ///
    /// # Errors
    /// 404 `AccountNotFound`; 500 when the store fails.
    pub async fn account(&self, id: &AccountId) -> Result<AccountHandle, ApiError> {
        if let Some(shared) = self.actors().get(id) {
            return Ok(self.local(shared.clone()));
        }
        match accounts::exists(self.store(), id).await {
            Ok(true) => Ok(self.local(self.ensure_actor(id).0)),
            Ok(false) => Err(ApiError::account_not_found()),
            Err(error) => {
                tracing::error!(account = %id, %error, "the account cannot be read");
                Err(ApiError::internal())
            }
        }
    }

    fn local(&self, shared: Arc<Shared>) -> AccountHandle {
        let store = self.store().clone();
        AccountHandle::Local(LocalAccount { shared, store })
    }

    /// Connections to mail servers that an account has open in this process.
    #[must_use]
    pub fn connections(&self, id: &AccountId) -> usize {
        let shared = self.actors().get(id).cloned();
        shared.map_or(0, |shared| {
            let follows = matches!(
                shared.state(),
                AccountState::Syncing | AccountState::Connected
            );
            let lent = shared.mailbox().map_or(0, |mailbox| mailbox.sessions());
            usize::from(follows) + lent
        })
    }

    /// Starts an account that was registered, or has it load its changed configuration.
    pub fn account_changed(&self, id: &AccountId) {
        let (shared, new) = self.ensure_actor(id);
        // A new actor reads what is there now; told to read it again it would connect twice.
        if !new {
            shared.ask(Ask::Reload);
        }
    }

    /// Keeps an account from connecting for a while: what it has is closed at once, and it begins anew afterwards. To be
    /// called before what it works with is taken away.
    ///
    /// # Errors
    /// As [`Engine::account`].
    pub async fn rest_account(&self, id: &AccountId, pause: Duration) -> Result<(), ApiError> {
        let AccountHandle::Local(account) = self.account(id).await?;
        account.shared.rest_until(Instant::now() + pause);
        account.shared.ask(Ask::Reload);
        Ok(())
    }

    /// Switches the protocol log of an account on or off; its connections stay open.
    pub fn set_account_logs(&self, id: &AccountId, on: bool) {
        if let Some(shared) = self.actors().get(id) {
            shared.set_logs(on);
        }
    }

    /// Lines of protocol logs that are kept of each account.
    #[must_use]
    pub fn log_lines_kept(&self) -> u32 {
        self.0.logs.keep()
    }

    /// Writes the lines of protocol logs that still wait.
    pub async fn flush_logs(&self) {
        self.0.logs.flush(self).await;
    }

    /// Forgets lines of an account that were not written yet.
    pub fn forget_logs(&self, id: &AccountId) {
        self.0.logs.forget(id);
    }

    /// Stops an account that was deleted.
    pub fn account_deleted(&self, id: &AccountId) {
        let shared = self.actors().remove(id);
        if let Some(shared) = shared {
            shared.ask(Ask::Stop);
        }
    }

    /// Has the outbox look for work at once.
    pub fn wake_outbox(&self) {
        self.0.outbox.notify_one();
    }

    /// Name of this process as owner of accounts.
    pub(crate) fn node(&self) -> &str {
        &self.0.config.node
    }

    /// Tells the workers that there are deliveries to make.
    pub fn wake_webhooks(&self) {
        self.0.webhooks.notify_one();
    }

    /// What is known of the receivers of webhooks.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    pub(crate) fn webhooks_wake(&self) -> &Notify {
        &self.0.webhooks
    }

    pub(crate) fn wake_departures(&self) {
        self.0.departures.notify_one();
    }

    pub(crate) fn departures_wake(&self) -> &Notify {
        &self.0.departures
    }

    /// Has the messages of an account named that have no name yet.
    pub(crate) fn name_messages(&self, id: &AccountId) {
        self.0.naming.add(id);
    }

    pub(crate) fn naming(&self) -> &Naming {
        &self.0.naming
    }

    /// The actor of an account that runs here.
    pub(crate) fn running(&self, id: &AccountId) -> Option<Arc<Shared>> {
        self.actors().get(id).cloned()
    }

    pub(crate) fn routes(&self) -> &RoutesCell {
        &self.0.routes
    }

    pub(crate) fn scripts(&self) -> &Scripts {
        &self.0.scripts
    }

    /// Those who hand in messages to be sent: whoever takes one in says so by [`Callers::enter`].
    pub fn callers(&self) -> &Callers {
        &self.0.callers
    }

    /// What wakes those who do this work of the outbox.
    pub(crate) fn outbox_wake(&self, work: Work) -> &Notify {
        match work {
            Work::Send => &self.0.outbox,
            Work::FollowUp => &self.0.sent,
        }
    }

    pub(crate) fn http_clients(&self) -> &HttpClients {
        &self.0.http
    }

    pub(crate) fn auth_servers(&self) -> &OnceLock<EgressClient> {
        &self.0.auth_servers
    }

    pub(crate) fn protocol_logs(&self) -> &Arc<ProtocolLogs> {
        &self.0.logs
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Runs a task that ends with the engine; a shutdown waits for it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    /// Waits for a turn to connect to a mail host; none when the engine stops. A host that does
    /// not answer keeps only its own accounts waiting.
    pub(crate) async fn connecting(&self, host: &str) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut turns = self.turns();
            if self.stopping().is_cancelled() {
                return None;
            }
            if turns.len() >= HOSTS {
                turns.retain(|_, turns| Arc::strong_count(turns) > 1);
            }
            let at_once = self.config().connecting.max(1);
            let allowed = Profile::of(host).connecting.unwrap_or(at_once);
            let turns = turns
                .entry(host.to_ascii_lowercase())
                .or_insert_with(|| Arc::new(Semaphore::new(at_once.min(allowed))));
            turns.clone()
        };
        turns.acquire_owned().await.ok()
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<String, Arc<Semaphore>>> {
        let turns = self.0.connecting.lock();
        turns.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open_mailbox(
        &self,
        config: Arc<AccountConfig>,
        network: Network,
        memory: Arc<dyn Memory>,
    ) -> Arc<dyn Mailbox> {
        (self.0.factory)(config, network, memory)
    }

    /// How mail servers are reached, by the settings of this moment.
    #[must_use]
    pub fn network(&self) -> Network {
        let settings = self.settings();
        Network {
            fast_indexer: settings.text("imapIndexer") == Some("fast"),
            proxy: settings
                .bool("proxyEnabled")
                .then(|| settings.text("proxyUrl").map(str::to_owned))
                .flatten(),
            local_address: self.config().local_address,
            ignore_certificates: settings.bool("ignoreMailCertErrors"),
            connect_timeout: self.config().connect_timeout,
            client_id: self
                .0
                .client_id
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            counters: self.metrics().imap.clone(),
            ..Network::default()
        }
    }

    /// As [`Engine::network`], for one account: it may have a local address of its own, and credentials
    /// that stand elsewhere.
    #[must_use]
    pub fn network_of(&self, account: &AccountId, config: &Arc<AccountConfig>) -> Network {
        let mut network = self.network();
        network.logins =
            Login::imap(self, account, config).map(|login| Arc::new(login) as Arc<dyn LoginSource>);
        let chosen = local_address(&self.settings(), "imapStrategy", account);
        network.local_address = chosen.or(network.local_address);
        network
    }

    /// Puts an account's state where calls and metrics see it; `None` when its actor ends.
    pub(crate) fn note_state(&self, shared: &Shared, state: Option<AccountState>) {
        self.note(shared, state, None);
    }

    /// As [`Engine::note_state`], with the error that led to the state.
    pub(crate) fn note_failure(&self, shared: &Shared, state: AccountState, error: &AccountError) {
        self.note(shared, Some(state), Some(error));
    }

    fn note(&self, shared: &Shared, state: Option<AccountState>, error: Option<&AccountError>) {
        let gauge = |state: AccountState| {
            self.metrics()
                .connections
                .with_label_values(&[state.as_str()])
        };
        let former = shared.set_state(state.unwrap_or(AccountState::Init));
        gauge(former).dec();
        let Some(state) = state else { return };
        gauge(state).inc();
        // An account in trouble that is tried again says so until it works.
        let tried_again = state == AccountState::Connecting
            && matches!(
                former,
                AccountState::AuthenticationError | AccountState::ConnectError
            );
        if former != state && !tried_again {
            let payload = error.map(|error| json!({ "error": error }));
            let change = Change::of_state(shared.id.clone(), state, payload);
            self.0.changes.tell(change);
        }
    }

    fn actors(&self) -> MutexGuard<'_, HashMap<AccountId, Arc<Shared>>> {
        self.0.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The actor of an account, and whether it was started for this.
    fn ensure_actor(&self, id: &AccountId) -> (Arc<Shared>, bool) {
        let mut actors = self.actors();
        if let Some(shared) = actors.get(id) {
            return (shared.clone(), false);
        }
        let shared = Arc::new(Shared::new(id.clone()));
        actors.insert(id.clone(), shared.clone());
        drop(actors);
        self.metrics()
            .connections
            .with_label_values(&[AccountState::Init.as_str()])
            .inc();
        if !self.stopping().is_cancelled() {
            let engine = self.clone();
            let actor = shared.clone();
            self.spawn(async move {
                account::run(engine.clone(), actor.clone()).await;
                let mut actors = engine.actors();
                if actors
                    .get(&actor.id)
                    .is_some_and(|known| Arc::ptr_eq(known, &actor))
                {
                    actors.remove(&actor.id);
                }
            });
        }
        (shared, true)
    }

    async fn start_accounts(self) {
        let mut after: Option<AccountId> = None;
        loop {
            let page = accounts::owned(self.store(), self.node(), after.as_ref(), START_PAGE).await;
            match page {
                Ok(page) => {
                    for stored in &page {
                        self.ensure_actor(&stored.account.id);
                    }
                    match page.last() {
                        Some(last) => after = Some(last.account.id.clone()),
                        None => return,
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "accounts cannot be read");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            if self.stopping().is_cancelled() {
                return;
            }
        }
    }
}
