//! PostgreSQL: a pool of connections, one transaction per batch.

mod commit;
mod tls;
mod types;

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use futures_util::TryStreamExt as _;
use tokio_postgres::error::SqlState;

use crate::batch::{Batch, Committed, Done};
use crate::error::{BatchError, StoreError};
use crate::migrate;
use crate::sql::{Dialect, Rewrites, Sql};
use crate::value::{Row, Value};

pub(crate) use tls::redact;

/// Longest wait for a connection of the pool, and for making one.
const POOL_WAIT: Duration = Duration::from_secs(10);
/// Longest read.
const READ_TIME: Duration = Duration::from_secs(30);

pub(crate) struct Postgres {
    pool: Pool,
    rewrites: Mutex<Rewrites>,
}

impl Postgres {
    /// Connects, refuses an unsafe server, and brings the schema up to date.
    pub(crate) async fn open(
        url: &str,
        connections: usize,
        allow_unsafe: bool,
    ) -> Result<Self, StoreError> {
        let (config, tls) = tls::parse(url)?;
        let manager = Manager::from_config(
            config,
            tls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(connections.max(2))
            .wait_timeout(Some(POOL_WAIT))
            .create_timeout(Some(POOL_WAIT))
            .recycle_timeout(Some(POOL_WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Open(error.to_string()))?;
        let store = Self {
            pool,
            rewrites: Mutex::default(),
        };
        let connection = store
            .connection()
            .await
            .map_err(|error| StoreError::Open(error.to_string()))?;
        if !allow_unsafe {
            check_durability(&connection).await?;
        }
        migrate::postgres(&connection).await?;
        drop(connection);
        Ok(store)
    }

    pub(crate) async fn query(&self, sql: Sql, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        // A connection that died in the pool is found by its first use; a read can simply be repeated.
        let mut again = true;
        loop {
            let connection = self
                .connection()
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let text = self.text(&sql);
            match within(READ_TIME, execute(&connection, &text, &params)).await {
                Some(Ok(done)) => return Ok(done.rows),
                Some(Err(error)) if again && is_lost(&error) => {
                    again = false;
                    discard(connection);
                }
                Some(Err(error)) => return Err(read_error(&error)),
                None => {
                    discard(connection);
                    return Err(StoreError::Timeout);
                }
            }
        }
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<Committed, BatchError> {
        commit::commit(self, batch).await
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    async fn connection(&self) -> Result<Object, PoolError> {
        self.pool.get().await
    }

    fn text(&self, sql: &Sql) -> std::sync::Arc<str> {
        self.rewrites
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sql, Dialect::Postgres)
    }
}

/// `None` when the time is over.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// Closes a connection instead of giving it back: its state is not known.
fn discard(connection: Object) {
    drop(Object::take(connection));
}

/// Runs one statement to its end.
async fn execute(
    connection: &Object,
    text: &str,
    params: &[Value],
) -> Result<Done, tokio_postgres::Error> {
    let statement = connection.prepare_cached(text).await?;
    run(connection, &statement, params).await
}

async fn run(
    connection: &Object,
    statement: &tokio_postgres::Statement,
    params: &[Value],
) -> Result<Done, tokio_postgres::Error> {
    let stream = connection.query_raw(statement, params).await?;
    let mut stream = std::pin::pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(types::row(&row)?);
    }
    let affected = stream.rows_affected().unwrap_or(rows.len() as u64);
    Ok(Done { affected, rows })
}

async fn check_durability(connection: &Object) -> Result<(), StoreError> {
    for setting in ["fsync", "synchronous_commit"] {
        let row = connection
            .query_one(&format!("SHOW {setting}"), &[])
            .await
            .map_err(|error| StoreError::Open(words(&error)))?;
        let value: String = row
            .try_get(0)
            .map_err(|error| StoreError::Open(words(&error)))?;
        if value == "off" {
            return Err(StoreError::UnsafeDurability { setting, value });
        }
    }
    Ok(())
}

/// The server's message; the driver's own text says only "db error".
fn words(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            text
        },
        |refusal| format!("{} ({})", refusal.message(), refusal.code().code()),
    )
}

/// Whether the connection is gone, or the server is going away.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            matches!(
                *code,
                SqlState::ADMIN_SHUTDOWN
                    | SqlState::CRASH_SHUTDOWN
                    | SqlState::CANNOT_CONNECT_NOW
                    | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            ) || code.code().starts_with("08")
        }
        None => {
            error.is_closed()
                || std::error::Error::source(error)
                    .is_some_and(|cause| cause.is::<std::io::Error>())
        }
    }
}

fn read_error(error: &tokio_postgres::Error) -> StoreError {
    if is_lost(error) {
        StoreError::Unavailable(words(error))
    } else if error.code() == Some(&SqlState::QUERY_CANCELED) {
        StoreError::Timeout
    } else {
        StoreError::Sql(words(error))
    }
}

/// What a pool failure means: its end, a wait that was too long, or a server that cannot be reached.
fn pool_error(error: &PoolError) -> BatchError {
    match error {
        PoolError::Closed => BatchError::Closed,
        PoolError::Timeout(TimeoutType::Wait) => BatchError::Timeout,
        PoolError::Backend(error) => BatchError::Unavailable(words(error)),
        other => BatchError::Unavailable(other.to_string()),
    }
}
