//! A hall on a fresh store per test: SQLite in a temporary folder, PostgreSQL in a schema of its own.

use std::{net::IpAddr, sync::Arc, time::Duration};

use posthouse_app::{
    Admitted, App, AppConfig, CallInput, Credential, Refusal, Reply, ReplyBody, Request, Target,
    commands::{IssueToken, issue_token},
};
use posthouse_contract::{Operation, RawInput, operation, validate_answer};
use posthouse_model::{AccountId, ApiError, Caller, Scope};
use posthouse_store::{Database, Store, StoreConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mailbox::FakeMailbox;

/// A hall and what it stands on.
pub struct Hall {
    pub app: App,
    pub config: StoreConfig,
    pub folder: TempDir,
}

/// A raw call: path, query, headers, body.
#[derive(Default)]
pub struct Ask {
    pub path: Vec<(&'static str, String)>,
    pub query: Vec<(String, String)>,
    pub key: Option<String>,
    pub body: Option<Value>,
}

pub fn ask() -> Ask {
    Ask::default()
}

impl Ask {
    pub fn path(mut self, name: &'static str, value: &str) -> Self {
        self.path.push((name, value.to_owned()));
        self
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

impl Hall {
    pub async fn with(config: StoreConfig, folder: TempDir, app: AppConfig) -> Self {
        let store = Store::open(config.clone()).await.unwrap();
        let factory: posthouse_engine::MailboxFactory = Box::new(|_, _, _| Arc::new(FakeMailbox));
        let app = App::start_with(store, app, factory).await.unwrap();
        Self {
            app,
            config,
            folder,
        }
    }

    /// The same database, opened once more: what the command line does.
    pub async fn beside(&self) -> Store {
        Store::open(self.config.clone()).await.unwrap()
    }

    /// Calls an operation as Posthouse itself.
    pub async fn call(&self, id: &str, ask: Ask) -> Result<Value, ApiError> {
        self.call_as(&Caller::system(), id, ask).await
    }

    /// Calls an operation; the answer is held against the contract.
    pub async fn call_as(&self, caller: &Caller, id: &str, ask: Ask) -> Result<Value, ApiError> {
        let reply = self.reply_as(caller, id, ask).await?;
        let ReplyBody::Json(json) = reply.body else {
            panic!("{id} answers no JSON")
        };
        let answer: Value = serde_json::from_slice(&json).unwrap();
        if let Err(faults) = validate_answer(id, 200, &answer) {
            panic!("{id}: {faults:?} in {answer:#}");
        }
        Ok(answer)
    }

    pub async fn reply_as(&self, caller: &Caller, id: &str, ask: Ask) -> Result<Reply, ApiError> {
        let operation = operation(id).expect(id);
        let valid = operation
            .validate(RawInput {
                path: &ask.path,
                query: &ask.query,
                header: &|_| None,
                body: ask.body,
            })
            .map_err(|faults| ApiError::invalid_input(json!(faults)))?;
        let input = CallInput {
            valid,
            timeout: Duration::from_secs(10),
            idempotency_key: ask.key,
            claimed: None,
            lifted: posthouse_app::Lifted::default(),
        };
        self.app.call(operation, caller, input).await
    }

    /// A token with these properties; its value.
    pub async fn token(&self, token: IssueToken) -> String {
        issue_token(self.app.store(), token)
            .await
            .unwrap()
            .0
            .expose()
    }

    pub async fn token_of(&self, scope: Scope, account: Option<&str>) -> String {
        self.token(IssueToken {
            scopes: vec![scope.to_string()],
            account: account.map(AccountId::new),
            ..IssueToken::default()
        })
        .await
    }

    /// Asks for admission to an operation.
    pub async fn admit(
        &self,
        credential: Credential,
        id: &str,
        account: Option<&str>,
    ) -> Result<Admitted, Refusal> {
        self.admit_request(request(credential), operation(id).expect(id), account)
            .await
    }

    pub async fn admit_request(
        &self,
        request: Request,
        operation: &'static Operation,
        account: Option<&str>,
    ) -> Result<Admitted, Refusal> {
        let target = Target {
            scopes: &operation.scopes,
            action: operation.action,
            group: operation.group,
            path: operation.path,
            account: account.filter(|_| operation.has_account()),
            operation: Some(operation),
            query_account: account.filter(|_| !operation.has_account()),
        };
        self.app.admit(&request, &target).await
    }

    /// Registers an account that only sends.
    pub async fn sending_account(&self, id: &str) {
        self.call(
            "postV1Account",
            ask().body(json!({
                "account": id, "name": "Ann", "email": "ann@example.com",
                "smtp": { "host": "127.0.0.1", "port": 9, "auth": { "user": "ann", "pass": "smtp secret" } },
            })),
        )
        .await
        .unwrap();
    }

    /// Registers an account whose mailbox is the fake one and waits until it is connected.
    pub async fn connected_account(&self, id: &str) {
        self.call(
            "postV1Account",
            ask().body(json!({
                "account": id, "name": "Ann", "email": "ann@example.com",
                "imap": { "host": "127.0.0.1", "port": 9, "auth": { "user": "ann", "pass": "imap secret" } },
                "smtp": { "host": "127.0.0.1", "port": 9, "auth": { "user": "ann", "pass": "smtp secret" } },
            })),
        )
        .await
        .unwrap();
        posthouse_testkit::eventually("connected", Duration::from_secs(10), || async {
            let account = self
                .call("getV1AccountAccount", ask().path("account", id))
                .await
                .unwrap();
            (account["state"] == "connected").then_some(())
        })
        .await;
    }
}

pub fn request(credential: Credential) -> Request {
    Request {
        credential,
        address: Some(IpAddr::from([192, 0, 2, 7])),
        method: "GET".to_owned(),
        ..Request::default()
    }
}

pub fn bearer(token: &str) -> Credential {
    Credential::Bearer(token.to_owned())
}

pub fn sqlite_config() -> (StoreConfig, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posthouse.db");
    (StoreConfig::new(Database::Sqlite { path }), folder)
}

pub async fn postgres_config() -> (StoreConfig, TempDir) {
    let server = posthouse_testkit::postgres_url();
    let schema = posthouse_testkit::unique_user().replace('-', "_");
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
    (config, tempfile::tempdir().unwrap())
}

pub async fn sqlite() -> Hall {
    let (config, folder) = sqlite_config();
    Hall::with(config, folder, AppConfig::default()).await
}

pub async fn postgres() -> Hall {
    let (config, folder) = postgres_config().await;
    Hall::with(config, folder, AppConfig::default()).await
}

/// Makes two tests of each `async fn name(hall: &Hall)`: `name::sqlite` and `name::postgres`.
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
