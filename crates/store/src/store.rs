//! The handle.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use posthouse_model::Timestamp;

use crate::batch::{Batch, Committed};
use crate::clock::Clock;
use crate::config::{Database, StoreConfig};
use crate::error::{BatchError, StoreError};
use crate::params;
use crate::postgres::Postgres;
use crate::seal::{self, Sealer};
use crate::sql::{Dialect, Sql};
use crate::sqlite::{self, Sqlite};
use crate::value::{Row, Value};

/// The durable state: cheap to clone, safe to use from everywhere.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    db: Db,
    sealer: Sealer,
    clock: Clock,
}

enum Db {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("dialect", &self.dialect())
            .finish_non_exhaustive()
    }
}

const CHECK_PLACE: &str = "meta.value";
const CHECK_ROW: &str = "seal check";
const CHECK_TEXT: &[u8] = b"posthouse";

impl Store {
    /// Opens the database, brings its schema up to date and makes sure that the secret fits.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::UnsafeDurability`], [`StoreError::Migration`], [`StoreError::WrongSecret`],
    /// [`StoreError::KeyMissing`], [`StoreError::SecretRequired`].
    pub async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        if config.secret.as_ref().is_some_and(String::is_empty) {
            return Err(StoreError::Config("the secret is empty".to_owned()));
        }
        let db = match &config.database {
            Database::Sqlite { path } => {
                let (path, readers) = (path.clone(), config.readers);
                let opened = tokio::task::spawn_blocking(move || Sqlite::open(&path, readers))
                    .await
                    .map_err(|error| StoreError::Open(error.to_string()))?;
                Db::Sqlite(opened?)
            }
            Database::Postgres { url } => {
                if config.secret.is_none() {
                    return Err(StoreError::SecretRequired);
                }
                let connections = config.readers.saturating_mul(4).max(8);
                Db::Postgres(
                    Postgres::open(url, connections, config.allow_unsafe_durability).await?,
                )
            }
        };
        let sealer = sealer(&db, &config).await?;
        let clock = match (config.clock, &db) {
            (Some(clock), _) => Clock::Manual(clock),
            (None, Db::Sqlite(_)) => Clock::Machine,
            (None, Db::Postgres(_)) => Clock::database(),
        };
        let store = Self {
            inner: Arc::new(Inner { db, sealer, clock }),
        };
        store.sync_clock().await?;
        while crate::tokens::complete(&store).await? {}
        Ok(store)
    }

    /// Applies a batch. When this returns `Ok` it is durable; the group or the connection it shared decides nothing.
    ///
    /// Once called, the batch is carried out even if the returned future is dropped. Batches that one caller commits
    /// one after the other are applied in that order.
    ///
    /// # Errors
    /// See [`BatchError`]; except for `Unknown` nothing was written.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, BatchError> {
        match &self.inner.db {
            Db::Sqlite(db) => db.commit(batch).await,
            Db::Postgres(_) => {
                // A task of its own: a caller that gives up must not leave a transaction open.
                let store = self.clone();
                let work = tokio::spawn(async move {
                    match &store.inner.db {
                        Db::Postgres(db) => db.commit(batch).await,
                        Db::Sqlite(_) => Err(BatchError::Closed),
                    }
                });
                work.await
                    .map_err(|error| BatchError::Unknown(error.to_string()))?
            }
        }
    }

    /// Reads rows. What a finished [`Store::commit`] wrote is seen.
    ///
    /// # Errors
    /// [`StoreError::Sql`], [`StoreError::Timeout`], [`StoreError::Unavailable`], [`StoreError::Closed`].
    pub async fn query(
        &self,
        sql: impl Into<Sql>,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.db.query(sql.into(), params).await
    }

    /// Reads the first row, if there is one.
    ///
    /// # Errors
    /// As [`Store::query`].
    pub async fn query_one(
        &self,
        sql: impl Into<Sql>,
        params: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// The database's clock. Leases and due times are judged by it, on every node.
    /// On PostgreSQL it is measured at the start and by [`Store::sync_clock`].
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Measures the database's clock again; call it every minute or so.
    ///
    /// # Errors
    /// As [`Store::query`].
    pub async fn sync_clock(&self) -> Result<(), StoreError> {
        if let Db::Postgres(db) = &self.inner.db {
            let asked = Instant::now();
            let rows = db
                .query(
                    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT)".into(),
                    Vec::new(),
                )
                .await?;
            let now = rows.first().map_or(Ok(0), |row| row.i64(0))?;
            // The server looked at its clock about halfway.
            let at = asked + asked.elapsed() / 2;
            self.inner.clock.measured(now, at);
        }
        Ok(())
    }

    /// Which engine this is; for what differs and for display.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.inner.db {
            Db::Sqlite(_) => Dialect::Sqlite,
            Db::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Seals and opens secrets of this store.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }

    /// Finishes what was begun and leaves a clean store. Later calls fail with `Closed`.
    ///
    /// # Errors
    /// If the log could not be written back; nothing is lost even then.
    pub async fn close(&self) -> Result<(), StoreError> {
        match &self.inner.db {
            Db::Sqlite(db) => db.close().await,
            Db::Postgres(db) => {
                db.close();
                Ok(())
            }
        }
    }

    /// Limits the size of the embedded database, in pages of 4 KiB; the way tests fill a disk.
    ///
    /// # Errors
    /// [`StoreError::Config`] on PostgreSQL, which has no such limit.
    #[doc(hidden)]
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        match &self.inner.db {
            Db::Sqlite(db) => db.limit_pages(pages).await,
            Db::Postgres(_) => Err(StoreError::Config(
                "only SQLite has a page limit".to_owned(),
            )),
        }
    }

    /// The folder of large blobs; `None` where they are rows.
    pub(crate) fn blob_folder(&self) -> Option<PathBuf> {
        match &self.inner.db {
            Db::Sqlite(db) => Some(db.blob_folder()),
            Db::Postgres(_) => None,
        }
    }
}

impl Db {
    async fn query(&self, sql: Sql, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(db) => db.query(sql, params).await,
            Self::Postgres(db) => db.query(sql, params).await,
        }
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, BatchError> {
        match self {
            Self::Sqlite(db) => db.commit(batch).await,
            Self::Postgres(db) => db.commit(batch).await,
        }
    }
}

/// Finds the key and proves it on a value sealed at the first start.
async fn sealer(db: &Db, config: &StoreConfig) -> Result<Sealer, StoreError> {
    let read = "SELECT value FROM meta WHERE name=$1";
    let known = !db.query(read.into(), params![CHECK_ROW]).await?.is_empty();
    let sealer = match (&config.secret, &config.database) {
        (Some(secret), _) => Sealer::new(secret.as_bytes())?,
        (None, Database::Postgres { .. }) => return Err(StoreError::SecretRequired),
        (None, Database::Sqlite { path }) => {
            let folder = match (&config.key_folder, path.parent()) {
                (Some(folder), _) => folder.clone(),
                (None, Some(folder)) if !folder.as_os_str().is_empty() => folder.to_owned(),
                (None, _) => PathBuf::from("."),
            };
            sqlite::make_private_folder(&folder)?;
            let key = seal::key_file(&folder, !known)?
                .ok_or_else(|| StoreError::KeyMissing(seal::key_path(&folder)))?;
            Sealer::new(key.as_bytes())?
        }
    };
    if !known {
        let mut batch = Batch::new();
        batch.push(
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            params![CHECK_ROW, sealer.seal(CHECK_PLACE, CHECK_ROW, CHECK_TEXT)?],
        );
        db.commit(batch).await?;
    }
    // Read again: another process may have been first, with another secret.
    let rows = db.query(read.into(), params![CHECK_ROW]).await?;
    let sealed = rows.first().map_or(Ok(&[][..]), |row| row.blob(0))?;
    match sealer.open(CHECK_PLACE, CHECK_ROW, sealed) {
        Ok(text) if text == CHECK_TEXT => Ok(sealer),
        _ => Err(StoreError::WrongSecret),
    }
}
