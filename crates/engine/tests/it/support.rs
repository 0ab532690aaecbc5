//! A database with its mailboxes, and processes on it that can be killed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use posthouse_backend::{Mailbox, fake::FakeMailbox};
use posthouse_engine::{Answered, CallContext, Engine, EngineConfig, MailboxFactory, NewEvent};
use posthouse_model::{
    AccountId, AccountState, ApiError, Caller, EventType, Timestamp,
    account::{AccountConfig, AccountStatus, ImapConfig, SmtpConfig},
    command::Command,
    outbox::{Job, Progress, ProgressStatus, QueueId, SmtpEnvelope, Source},
};
use posthouse_store::{
    Batch, Database, ManualClock, Store, StoreConfig, accounts, blob, events, outbox, settings,
};
use posthouse_testkit::{HookSink, SmtpSink, eventually, unique_user};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{runtime::Runtime, time::Instant};
use uuid::Uuid;

/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(40);

/// A database and the mail servers around it, which outlive every process.
pub struct House {
    pub config: StoreConfig,
    pub hooks: HookSink,
    mailboxes: Arc<Mutex<HashMap<String, Arc<dyn Mailbox>>>>,
    _folder: TempDir,
}

impl House {
    async fn new(config: StoreConfig, folder: TempDir) -> Self {
        let hooks = HookSink::start().await;
        let house = Self {
            config,
            hooks,
            mailboxes: Arc::default(),
            _folder: folder,
        };
        let url = house.hooks.url("/hook");
        house
            .set(&[
                ("webhooksEnabled", json!(true)),
                ("webhooks", json!(url)),
                ("webhookEvents", json!(["*"])),
            ])
            .await;
        house
    }

    /// The database, opened beside the process.
    pub async fn store(&self) -> Store {
        Store::open(self.config.clone()).await.unwrap()
    }

    /// Sets settings; a running process notices within a moment.
    pub async fn set(&self, values: &[(&str, Value)]) {
        let store = self.store().await;
        let mut batch = Batch::new();
        for (name, value) in values {
            settings::set(&store, &mut batch, name, value, false).unwrap();
        }
        store.commit(batch).await.unwrap();
        store.close().await.unwrap();
    }

    /// Puts a mailbox behind an account.
    pub fn mailbox(&self, account: &str, mailbox: impl Mailbox + 'static) {
        let mut mailboxes = self.mailboxes.lock().unwrap();
        mailboxes.insert(account.to_owned(), Arc::new(mailbox));
    }

    /// A fake mailbox behind an account.
    pub fn fake(&self, account: &str) -> FakeMailbox {
        let fake = FakeMailbox::new();
        self.mailbox(account, fake.clone());
        fake
    }

    /// Starts a process.
    pub async fn start(&self) -> Process {
        self.start_with(EngineConfig::default()).await
    }

    /// Starts a process of this configuration.
    pub async fn start_with(&self, config: EngineConfig) -> Process {
        self.start_on(self.config.clone(), config).await
    }

    /// Starts a process whose time is told by the test.
    pub async fn start_at(&self, clock: &ManualClock, config: EngineConfig) -> Process {
        let mut store = self.config.clone();
        store.clock = Some(clock.clone());
        self.start_on(store, config).await
    }

    async fn start_on(&self, store: StoreConfig, config: EngineConfig) -> Process {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mailboxes = self.mailboxes.clone();
        let factory: MailboxFactory = Box::new(move |config, _, _| {
            let mailboxes = mailboxes.lock().unwrap();
            mailboxes[&config.name].clone()
        });
        let engine = runtime
            .spawn(async move {
                let store = Store::open(store).await.unwrap();
                Engine::start_with(store, config, factory).await.unwrap()
            })
            .await
            .unwrap();
        Process {
            engine: Some(engine),
            runtime: Some(runtime),
        }
    }
}

/// A process: an engine on a runtime of its own.
pub struct Process {
    engine: Option<Engine>,
    runtime: Option<Runtime>,
}

impl std::ops::Deref for Process {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Process {
    /// Ends every task where it stands, as a killed process ends; only what was committed remains.
    pub async fn kill(mut self) {
        self.engine.take();
        let runtime = self.runtime.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(10)))
            .await
            .unwrap();
    }

    /// Registers an account and starts it.
    pub async fn register(&self, config: &AccountConfig) -> AccountId {
        let id = AccountId::new(&config.name);
        let state = if config.follows_imap() {
            AccountState::Init
        } else {
            AccountState::Unset
        };
        let mut batch = Batch::new();
        accounts::insert(
            self.store(),
            &mut batch,
            &id,
            config,
            &AccountStatus::default(),
            state,
            Some(&self.config().node),
        )
        .unwrap();
        self.store().commit(batch).await.unwrap();
        self.account_changed(&id);
        id
    }

    /// The state as every process sees it.
    pub async fn state(&self, account: &AccountId) -> AccountState {
        let stored = accounts::get(self.store(), account).await.unwrap();
        stored.unwrap().account.state
    }

    /// Waits for a state.
    pub async fn wait_state(&self, account: &AccountId, state: AccountState) {
        eventually(&format!("{account} {state}"), LIMIT, || async {
            (self.state(account).await == state).then_some(())
        })
        .await;
    }

    /// The events of an account so far.
    pub async fn events(&self, account: &AccountId) -> Vec<(i64, EventType, Value)> {
        let events = events::of_account(self.store(), account, 0, 100_000);
        let data = |payload: &str| serde_json::from_str::<Value>(payload).unwrap()["data"].take();
        let events = events.await.unwrap().into_iter();
        events
            .map(|event| (event.seq, event.kind, data(&event.payload)))
            .collect()
    }

    /// The events of one type.
    pub async fn events_of(&self, account: &AccountId, kind: EventType) -> Vec<Value> {
        let events = self.events(account).await.into_iter();
        events
            .filter(|(_, event, _)| *event == kind)
            .map(|(_, _, data)| data)
            .collect()
    }

    /// Waits for so many events of a type.
    pub async fn wait_events(
        &self,
        account: &AccountId,
        kind: EventType,
        count: usize,
    ) -> Vec<Value> {
        eventually(&format!("{count} {kind} of {account}"), LIMIT, || async {
            let events = self.events_of(account, kind).await;
            (events.len() >= count).then_some(events)
        })
        .await
    }

    /// Records an event of an account; its id.
    pub async fn record(&self, account: &AccountConfig, data: Value) -> Uuid {
        let id = AccountId::new(&account.name);
        let mut recorder = self.recorder();
        let event = NewEvent::new(EventType::MessageNew, data);
        recorder.event(&id, Some(account), event);
        recorder.commit().await.unwrap();
        let events = events::of_account(self.store(), &id, 0, 100_000);
        events.await.unwrap().last().unwrap().id
    }

    /// Calls an account.
    pub async fn call(
        &self,
        account: &AccountId,
        command: Command,
        within: Duration,
    ) -> Result<Answered, ApiError> {
        let context = CallContext {
            caller: Arc::new(Caller::system()),
            deadline: Instant::now() + within,
        };
        self.account(account)
            .await?
            .call(&context, command, None)
            .await
    }

    /// Queues a message.
    pub async fn submit(&self, account: &AccountId, subject: &str, job: Job) -> QueueId {
        self.submit_at(account, subject, job, self.store().now())
            .await
    }

    /// Queues a message for later.
    pub async fn submit_at(
        &self,
        account: &AccountId,
        subject: &str,
        mut job: Job,
        scheduled: Timestamp,
    ) -> QueueId {
        let store = self.store();
        let id = QueueId::generate(store.now()).unwrap();
        job.message_id = format!("<{subject}@example.com>");
        if job.envelope.to.is_empty() {
            job.envelope = SmtpEnvelope {
                from: "a@example.com".to_owned(),
                to: vec!["b@example.com".to_owned()],
            };
        }
        let source = format!(
            "From: a@example.com\r\nTo: b@example.com\r\nBcc: c@example.com\r\nSubject: {subject}\r\n\
             Message-ID: {}\r\n\r\nHello\r\n",
            job.message_id
        );
        let blob = blob::write(store, source.as_bytes()).await.unwrap();
        let mut batch = Batch::new();
        let message = outbox::NewMessage {
            id: &id,
            account,
            source: Source::Api,
            scheduled,
            attempts: 5,
            progress: &Progress {
                status: ProgressStatus::Queued,
                response: None,
                error: None,
                ambiguous: None,
            },
            job: &job,
            blob: &blob,
        };
        outbox::enqueue(store, &mut batch, &message).unwrap();
        store.commit(batch).await.unwrap();
        self.wake_outbox();
        id
    }
}

/// An account with a mailbox.
pub fn imap_account(name: &str) -> AccountConfig {
    AccountConfig {
        name: name.to_owned(),
        email: Some(format!("{name}@example.com")),
        imap: Some(ImapConfig {
            host: Some("mail.example.com".to_owned()),
            ..ImapConfig::default()
        }),
        ..AccountConfig::default()
    }
}

/// An account that only sends.
pub fn smtp_account(name: &str, sink: &SmtpSink) -> AccountConfig {
    AccountConfig {
        name: name.to_owned(),
        email: Some(format!("{name}@example.com")),
        smtp: Some(SmtpConfig {
            host: Some(sink.addr().ip().to_string()),
            port: Some(sink.addr().port()),
            ..SmtpConfig::default()
        }),
        ..AccountConfig::default()
    }
}

pub async fn sqlite() -> House {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posthouse.db");
    House::new(StoreConfig::new(Database::Sqlite { path }), folder).await
}

pub async fn postgres() -> House {
    let server = posthouse_testkit::postgres_url();
    let schema = unique_user().replace('-', "_");
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(&format!("CREATE SCHEMA {schema}"))
        .await
        .unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}options=-c%20search_path%3D{schema}");
    let mut config = StoreConfig::new(Database::Postgres { url });
    config.secret = Some("a secret of the tests".to_owned());
    House::new(config, tempfile::tempdir().unwrap()).await
}

/// Makes two tests of each `async fn name(house: &House)`: `name::sqlite` and `name::postgres`.
macro_rules! both {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(&crate::support::sqlite().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(&crate::support::postgres().await).await;
            }
        }
    )*};
}
