//! A fresh store per test, on SQLite in a temporary folder and on PostgreSQL in a schema of its own.

use posthouse_store::{Database, Store, StoreConfig};
use tempfile::TempDir;

/// The throw-away PostgreSQL server of the tests.
pub const SERVER: &str = "POSTHOUSE_TEST_POSTGRES";

pub struct Fresh {
    pub store: Store,
    pub config: StoreConfig,
    _folder: TempDir,
}

impl Fresh {
    /// The same database, opened once more.
    pub async fn again(&self) -> Store {
        Store::open(self.config.clone()).await.unwrap()
    }
}

pub fn sqlite_config() -> (StoreConfig, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posthouse.db");
    (StoreConfig::new(Database::Sqlite { path }), folder)
}

pub fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| {
        panic!("{SERVER} is not set: run `make test`, which starts a PostgreSQL server")
    })
}

/// A URL of the server whose connections live in a schema of their own.
pub async fn schema_url() -> String {
    let server = server();
    let schema = format!("t{}", uuid::Uuid::new_v4().simple());
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(&format!("CREATE SCHEMA {schema}"))
        .await
        .unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    format!("{server}{separator}options=-c%20search_path%3D{schema}")
}

pub fn postgres_config(url: String) -> StoreConfig {
    let mut config = StoreConfig::new(Database::Postgres { url });
    config.secret = Some("a secret of the tests".to_owned());
    config
}

pub async fn sqlite() -> Fresh {
    let (config, folder) = sqlite_config();
    Fresh {
        store: Store::open(config.clone()).await.unwrap(),
        config,
        _folder: folder,
    }
}

pub async fn postgres() -> Fresh {
    let config = postgres_config(schema_url().await);
    Fresh {
        store: Store::open(config.clone()).await.unwrap(),
        config,
        _folder: tempfile::tempdir().unwrap(),
    }
}

/// Makes two tests of each `async fn name(fresh: &Fresh)`: `name::sqlite` and `name::postgres`.
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

/// The only column of the only row, a number.
pub async fn number(store: &Store, sql: &'static str) -> i64 {
    store
        .query_one(sql, Vec::new())
        .await
        .unwrap()
        .unwrap()
        .i64(0)
        .unwrap()
}
