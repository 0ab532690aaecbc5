//! Access tokens in use: a short-lived cache in front of the store, last use and audit log flushed
//! in batches.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use posthouse_model::{
    ApiError, Timestamp,
    token::{TokenId, TokenLogEntry, TokenRecord, TokenUse},
};
use posthouse_store::{Batch, Store, tokens};

use crate::internal;

/// How long a record is believed without a look at the store.
const FRESH: Duration = Duration::from_secs(5);
/// Records kept at the most.
const CACHED: usize = 10_000;
/// Log entries held back at the most: a flood while the store stands still must not fill the memory.
const PENDING_LOG: usize = 10_000;
/// Log entries written in one batch.
const LOG_BATCH: usize = 500;

/// How much of the audit log is kept.
#[derive(Debug, Clone, Copy)]
pub struct AuditLimits {
    /// Entries of one token.
    pub entries: u32,
    /// Age of an entry.
    pub age: Duration,
}

impl Default for AuditLimits {
    fn default() -> Self {
        Self {
            entries: 1000,
            age: Duration::from_secs(604_800),
        }
    }
}

#[derive(Default)]
struct Pending {
    uses: HashMap<TokenId, TokenUse>,
    log: Vec<(TokenId, TokenLogEntry)>,
    expired: HashSet<TokenId>,
}

/// The tokens as this process sees them.
pub(crate) struct Tokens {
    store: Store,
    limits: AuditLimits,
    cache: RwLock<HashMap<TokenId, (Instant, Arc<TokenRecord>)>>,
    /// Counts invalidations, so that a record read before one is not cached after it.
    epoch: AtomicU64,
    pending: Mutex<Pending>,
    /// One flush at a time: when it returns, everything noted before it is written.
    flushing: tokio::sync::Mutex<()>,
}

impl Tokens {
    pub(crate) fn new(store: Store, limits: AuditLimits) -> Self {
        Self {
            store,
            limits,
            cache: RwLock::default(),
            epoch: AtomicU64::new(0),
            pending: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
        }
    }

    /// The record of a token that is known and has not expired.
    pub(crate) async fn find(&self, id: TokenId) -> Result<Option<Arc<TokenRecord>>, ApiError> {
        let now = Timestamp::now();
        if let Some(record) = self.cached(id) {
            return Ok(self.unless_expired(record, now));
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        let Some(record) = tokens::get(&self.store, &id)
            .await
            .map_err(|error| internal("reading an access token", &error))?
        else {
            return Ok(None);
        };
        let record = Arc::new(record);
        {
            let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
            if self.epoch.load(Ordering::Acquire) == epoch {
                if cache.len() >= CACHED {
                    cache.clear();
                }
                cache.insert(id, (Instant::now(), record.clone()));
            }
        }
        Ok(self.unless_expired(record, now))
    }

    fn cached(&self, id: TokenId) -> Option<Arc<TokenRecord>> {
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        let (read, record) = cache.get(&id)?;
        (read.elapsed() < FRESH).then(|| record.clone())
    }

    fn unless_expired(&self, record: Arc<TokenRecord>, now: Timestamp) -> Option<Arc<TokenRecord>> {
        if !record.is_expired(now) {
            return Some(record);
        }
        self.pending().expired.insert(record.id);
        None
    }

    /// Forgets every record: something changed.
    pub(crate) fn invalidate(&self) {
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        cache.clear();
    }

    /// Notes the last use.
    pub(crate) fn used(&self, id: TokenId, time: Timestamp, ip: IpAddr) {
        self.pending().uses.insert(id, TokenUse { time, ip });
    }

    /// Adds to the audit log.
    pub(crate) fn log(&self, id: TokenId, entry: TokenLogEntry) {
        let mut pending = self.pending();
        if pending.log.len() < PENDING_LOG {
            pending.log.push((id, entry));
        }
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is held back.
    pub(crate) async fn flush(&self) {
        let _alone = self.flushing.lock().await;
        let Pending { uses, log, expired } = std::mem::take(&mut *self.pending());
        if uses.is_empty() && log.is_empty() && expired.is_empty() {
            return;
        }
        let mut batch = Batch::new();
        let uses: Vec<_> = uses.into_iter().collect();
        if !uses.is_empty() {
            tokens::touch(&mut batch, &uses);
        }
        for id in &expired {
            tokens::delete(&mut batch, id);
        }
        self.write(batch).await;
        for entries in log.chunks(LOG_BATCH) {
            let mut batch = Batch::new();
            for (id, entry) in entries {
                if let Err(error) = tokens::log(&mut batch, id, entry, self.limits.entries) {
                    tracing::error!(%error, "an audit entry cannot be written");
                }
            }
            self.write(batch).await;
        }
    }

    async fn write(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        if let Err(error) = self.store.commit(batch).await {
            tracing::error!(%error, "last uses and audit log of access tokens were not written");
        }
    }

    /// Drops what is too old.
    pub(crate) async fn sweep(&self) {
        let now = Timestamp::now();
        let mut batch = Batch::new();
        tokens::sweep(&mut batch, now, now.before(self.limits.age));
        if let Err(error) = self.store.commit(batch).await {
            tracing::error!(%error, "old access tokens and audit entries were not swept");
        }
    }
}
