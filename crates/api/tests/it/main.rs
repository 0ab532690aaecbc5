//! The HTTP surface over a real socket, with a real app on a store of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// `Answer::ok` and `Answer::expect` are assertions.
#![allow(unused_must_use)]

mod bodies;
mod changes;
mod conventions;
mod cors;
mod diagnostics;
mod drain;
mod logs;

use std::{net::SocketAddr, time::Duration};

use posthouse_api::{ApiConfig, Server};
use posthouse_app::{
    App, AppConfig,
    commands::{self, IssueToken},
};
use posthouse_store::{Store, StoreConfig};
use posthouse_testkit::Client;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running server.
struct Api {
    addr: SocketAddr,
    app: App,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Api {
    async fn start() -> Self {
        Self::with(ApiConfig::default(), &[]).await
    }

    /// With settings that a first start writes.
    async fn with(config: ApiConfig, settings: &[(&str, Value)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("api.db").display());
        let store = Store::open(StoreConfig::new(url.parse().unwrap()))
            .await
            .unwrap();
        let mut app = AppConfig::default();
        for (key, value) in settings {
            app.seeds.insert((*key).to_owned(), value.clone());
        }
        let app = App::start(store, app).await.unwrap();
        let server = Server::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = server.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task =
            tokio::spawn(server.serve(app.clone(), config, axum::Router::new(), stop.clone()));
        Self {
            addr,
            app,
            stop,
            task,
            _folder: folder,
        }
    }

    fn anonymous(&self) -> Client {
        Client::new(self.addr)
    }

    async fn issue(&self, token: IssueToken) -> String {
        commands::issue_token(self.app.store(), token)
            .await
            .unwrap()
            .0
            .expose()
    }

    async fn token(&self, scope: &str) -> String {
        self.issue(IssueToken {
            scopes: vec![scope.to_owned()],
            ..IssueToken::default()
        })
        .await
    }

    async fn client(&self) -> Client {
        self.anonymous().with_token(&self.token("*").await)
    }
}

/// Short times, so that tests of deadlines are short.
fn hasty() -> ApiConfig {
    ApiConfig {
        payload_timeout: Duration::from_millis(200),
        header_timeout: Duration::from_millis(300),
        max_body_size: 4 << 20,
        body_budget: 8 << 20,
        ..ApiConfig::default()
    }
}
