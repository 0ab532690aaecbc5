//! The hall itself: what it is made of, how it starts and stops.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use posthouse_discover::DiscoverConfig;
use posthouse_engine::{Engine, EngineConfig, MailboxFactory, Metrics, Settings};
use posthouse_model::{AccountId, ApiError, Caller};
use posthouse_store::{
    BatchError, Dialect, Store, StoreError, accounts,
    generation::{self, Generation},
};
use serde_json::{Map, Value};
use tokio::{
    sync::{Notify, Semaphore},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use crate::{
    CallInput, Sessions, admin::Desk, autoconfig::Autoconfig, changes::STREAMS,
    dashboard::Overview, first_start, internal, rate::Rates, stats::CallCounts,
    tokens::AuditLimits, tokens::Tokens,
};

/// How often what is held back is written.
const FLUSH: Duration = Duration::from_secs(1);
/// How often expired tokens and old log entries are swept.
const SWEEP: Duration = Duration::from_secs(600);
/// How long the database may take to answer a health check.
const HEALTH: Duration = Duration::from_secs(5);

/// What the process decides.
#[derive(Clone)]
pub struct AppConfig {
    /// The engine.
    pub engine: EngineConfig,
    /// How long a command to an account may take unless the caller asks for more.
    pub command_timeout: Duration,
    /// How much of the audit log is kept.
    pub audit: AuditLimits,
    /// Largest attachment that is attached by reference, bytes.
    pub max_attachment: u64,
    /// How mail servers of addresses are looked for.
    pub discover: DiscoverConfig,
    /// Settings written when they have no value yet (`disableTokens`, `enableApiProxy`, ...).
    pub seeds: Map<String, Value>,
    /// Whether this start takes `disableTokens` back, whatever is stored.
    pub require_tokens: bool,
    /// Settings written at every start; held against the contract of `POST /v1/settings`.
    pub prepared_settings: Option<Value>,
    /// The proxies whose `X-Forwarded-For` is believed are named; if not, everybody's is.
    pub proxies_named: bool,
    /// A token in the exported format, imported unless its id is known.
    pub prepared_token: Option<String>,
    /// A password record of the console, base64url of a PHC string; stored at every start.
    pub prepared_password: Option<String>,
    /// Addresses and networks that may open the console; empty for all.
    pub admin_addresses: Vec<String>,
    /// Web-safe HTML shows quoted history as it came, not folded.
    pub unfold_history: bool,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            engine: EngineConfig::default(),
            command_timeout: Duration::from_secs(10),
            audit: AuditLimits::default(),
            max_attachment: 25 << 20,
            discover: DiscoverConfig::default(),
            seeds: Map::new(),
            require_tokens: false,
            prepared_settings: None,
            proxies_named: false,
            prepared_token: None,
            prepared_password: None,
            unfold_history: false,
            admin_addresses: Vec::new(),
        }
    }
}

impl fmt::Debug for AppConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Prepared values hold secrets.
        f.debug_struct("AppConfig")
            .field("engine", &self.engine)
            .field("command_timeout", &self.command_timeout)
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}

/// Why it cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store refuses a change.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] posthouse_engine::StartError),
    /// The prepared settings are not what the contract allows; one sentence per fault.
    #[error("prepared settings: {0}")]
    Settings(String),
    /// The prepared token cannot be read.
    #[error("prepared token: {0}")]
    Token(String),
    /// The prepared password cannot be used.
    #[error("prepared password: {0}")]
    Password(String),
    /// The system has no randomness to give.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// The hall; a cheap handle.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    engine: Engine,
    tokens: Tokens,
    rates: Rates,
    sessions: Sessions,
    desk: Desk,
    calls: CallCounts,
    finder: Autoconfig,
    overview: Overview,
    streams: Arc<Semaphore>,
    call_ended: Notify,
    closing: CancellationToken,
    config: AppConfig,
    stopping: CancellationToken,
}

impl App {
    /// Starts on a store: writes the defaults of a first start and the prepared values, then starts
    /// the engine.
    ///
    /// # Errors
    /// The store fails, or a prepared value is refused.
    pub async fn start(store: Store, config: AppConfig) -> Result<Self, StartError> {
        first_start::run(&store, &config).await?;
        let engine = Engine::start(store, config.engine.clone()).await?;
        Ok(Self::around(engine, config))
    }

    /// As [`App::start`], with mailboxes of the caller's own.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(
        store: Store,
        config: AppConfig,
        factory: MailboxFactory,
    ) -> Result<Self, StartError> {
        first_start::run(&store, &config).await?;
        let engine = Engine::start_with(store, config.engine.clone(), factory).await?;
        Ok(Self::around(engine, config))
    }

    fn around(engine: Engine, config: AppConfig) -> Self {
        let store = engine.store().clone();
        let shared = (store.dialect() == Dialect::Postgres).then(|| store.clone());
        let app = Self(Arc::new(Inner {
            tokens: Tokens::new(store.clone(), config.audit),
            rates: Rates::new(shared),
            sessions: Sessions::new(store),
            desk: Desk::new(),
            calls: CallCounts::default(),
            finder: Autoconfig::new(config.discover.clone()),
            overview: Overview::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            call_ended: Notify::new(),
            closing: CancellationToken::new(),
            stopping: CancellationToken::new(),
            engine,
            config,
        }));
        tokio::spawn(app.clone().flush_regularly());
        tokio::spawn(app.clone().follow_changes());
        tokio::spawn(app.clone().keep_overview(app.0.stopping.clone()));
        app
    }

    /// Stops: what is under way has until the deadline, what is held back is written.
    pub async fn shutdown(&self, deadline: Duration) {
        self.0.stopping.cancel();
        self.close_streams();
        self.0.engine.shutdown(deadline).await;
        self.flush().await;
    }

    /// Told when a call under an idempotency key has ended.
    pub(crate) fn call_ended(&self) -> &Notify {
        &self.0.call_ended
    }

    /// The current settings.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.0.engine.settings()
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.0.engine.metrics()
    }

    /// The metrics in the Prometheus text format.
    #[must_use]
    pub async fn metrics_text(&self) -> String {
        self.metrics().text()
    }

    /// Counts an API request.
    pub fn count_api_call(&self, method: &str, status: u16, route: &str) {
        self.metrics()
            .api_call
            .with_label_values(&[method, &status.to_string(), route])
            .inc();
        self.0.calls.add(status);
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// 500 when it does not.
    pub async fn health(&self) -> Result<(), ApiError> {
        match tokio::time::timeout(HEALTH, generation::read(self.store())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "the database check failed");
                Err(ApiError::new(500, "Database check failed"))
            }
            Err(_) => Err(ApiError::new(500, "Database check failed")),
        }
    }

    /// Whether requests should be sent here.
    ///
    /// # Errors
    /// 503 while shutting down, and as [`App::health`].
    pub async fn ready(&self) -> Result<(), ApiError> {
        if self.0.stopping.is_cancelled() {
            return Err(ApiError::new(503, "Shutting down"));
        }
        self.health().await
    }

    /// Sessions of the console.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// A text that only this server can have made, for a visitor to carry; `place` says what it is for, so that nothing
    /// else that is sealed passes for it.
    ///
    /// # Errors
    /// 500 when the system has no random numbers.
    pub fn seal_text(&self, place: &str, text: &str) -> Result<String, ApiError> {
        let sealed = self.store().sealer().seal(place, "", text.as_bytes());
        sealed
            .map(|sealed| BASE64_URL_SAFE_NO_PAD.encode(sealed))
            .map_err(|error| internal("sealing a text", &error))
    }

    /// The text that [`App::seal_text`] sealed for the same place; none when it was made or changed elsewhere.
    #[must_use]
    pub fn open_text(&self, place: &str, sealed: &str) -> Option<String> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let text = self.store().sealer().open(place, "", &sealed).ok()?;
        String::from_utf8(text).ok()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.0.engine.store()
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.0.desk
    }

    pub(crate) fn finder(&self) -> &Autoconfig {
        &self.0.finder
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    pub(crate) fn overview(&self) -> &Overview {
        &self.0.overview
    }

    /// A place for each stream that may be open.
    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    /// Streams end by it.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    pub(crate) fn config(&self) -> &AppConfig {
        &self.0.config
    }

    /// The context of a call to an account.
    pub(crate) fn context(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> posthouse_engine::CallContext {
        let timeout = if input.timeout.is_zero() {
            self.config().command_timeout
        } else {
            input.timeout
        };
        posthouse_engine::CallContext {
            caller: Arc::new(caller.clone()),
            deadline: tokio::time::Instant::now() + timeout,
        }
    }

    /// 404 unless the account exists.
    pub(crate) async fn require_account(&self, account: &AccountId) -> Result<(), ApiError> {
        match accounts::exists(self.store(), account).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ApiError::account_not_found()),
            Err(error) => Err(internal("reading an account", &error)),
        }
    }

    /// Reads the settings anew after a change, so that it holds for the next request.
    pub(crate) async fn settings_changed(&self) -> Result<(), ApiError> {
        self.0
            .engine
            .reload_settings()
            .await
            .map_err(|error| internal("reading the settings", &error))
    }

    async fn flush(&self) {
        self.0.tokens.flush().await;
        self.0.calls.flush(self.store()).await;
    }

    async fn flush_regularly(self) {
        let mut flush = tokio::time::interval(FLUSH);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.0.stopping.cancelled() => return,
                _ = flush.tick() => self.flush().await,
                _ = sweep.tick() => self.0.tokens.sweep().await,
            }
        }
    }

    /// Forgets tokens when any process changed one.
    async fn follow_changes(self) {
        let mut generations = self.0.engine.generations();
        let mut known = None;
        loop {
            let now = generations
                .borrow_and_update()
                .get(&Generation::Tokens)
                .copied();
            if known.replace(now).is_some_and(|before| before != now) {
                self.0.tokens.invalidate();
            }
            tokio::select! {
                () = self.0.stopping.cancelled() => return,
                changed = generations.changed() => if changed.is_err() { return },
            }
        }
    }
}
