//! Statistics, the licence, and counters of API calls (behaviour 5, 15.6).

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use posthouse_model::{AccountState, ApiError, queue::QueueName};
use posthouse_store::{Batch, Dialect, Store, accounts, generation, stats};
use serde_json::{Map, Value, json};

use crate::{App, CallInput, Reply, internal};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENSE: &str = "MIT OR Apache-2.0";

/// API calls since the last flush.
#[derive(Default)]
pub(crate) struct CallCounts {
    success: AtomicI64,
    fail: AtomicI64,
}

impl CallCounts {
    /// Counts a call by its status.
    pub(crate) fn add(&self, status: u16) {
        let counter = if (200..300).contains(&status) {
            &self.success
        } else {
            &self.fail
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what was counted to the store's counters.
    pub(crate) async fn flush(&self, store: &Store) {
        let counts = [
            ("apiCall:success", &self.success),
            ("apiCall:fail", &self.fail),
        ]
        .map(|(key, counter)| (key, counter, counter.swap(0, Ordering::Relaxed)));
        if counts.iter().all(|(_, _, count)| *count == 0) {
            return;
        }
        let mut batch = Batch::new();
        for (key, _, count) in counts.iter().filter(|(_, _, count)| *count > 0) {
            stats::add(&mut batch, key, store.now(), *count);
        }
        if let Err(error) = store.commit(batch).await {
            tracing::error!(%error, "counters of API calls were not written");
            for (_, counter, count) in counts {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

impl App {
    /// `GET /v1/stats`. Where the reference tells of parts that do not exist here, the answer names
    /// what stands in their place.
    pub(crate) async fn get_stats(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let store = self.store();
        let seconds = input.query().number("seconds").unwrap_or(3600);
        let since = store.now().before(Duration::from_secs(seconds));
        let failed = |error: &dyn std::fmt::Display| internal("reading statistics", error);
        let asked = Instant::now();
        generation::read(store)
            .await
            .map_err(|error| failed(&error))?;
        let ping = u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let states = accounts::counts(store)
            .await
            .map_err(|error| failed(&error))?;
        let counters = stats::since(store, since)
            .await
            .map_err(|error| failed(&error))?;
        let mut queues = Map::new();
        let settings = self.settings();
        for queue in QueueName::ALL {
            let counts = self.queue_counts(queue).await?;
            let shown = counts.stats(settings.is_paused(queue));
            queues.insert(queue.as_str().to_owned(), shown);
        }
        let connections: Map<String, Value> = AccountState::ALL
            .iter()
            .map(|state| {
                let count = states.get(state).copied().unwrap_or(0);
                (state.as_str().to_owned(), json!(count))
            })
            .collect();
        let (engine, software) = match store.dialect() {
            Dialect::Sqlite => ("SQLite (embedded, no Redis)", "sqlite"),
            Dialect::Postgres => ("PostgreSQL (no Redis)", "postgresql"),
        };
        Reply::json(&json!({
            "version": VERSION,
            "license": LICENSE,
            "accounts": states.values().sum::<u64>(),
            "node": format!("Posthouse {VERSION} (Rust, no Node.js)"),
            "redis": engine,
            "redisSoftware": software,
            "redisCluster": false,
            "redisWarnings": [],
            "redisPing": ping,
            "imapflow": format!("posthouse-imap {VERSION}"),
            "bullmq": format!("posthouse-store {VERSION}"),
            "arch": arch(),
            "queues": queues,
            "connections": connections,
            "counters": counters,
        }))
    }

    /// `GET /v1/license` and `POST /v1/license`: there is nothing to unlock.
    pub(crate) fn get_license(&self) -> Result<Reply, ApiError> {
        Reply::json(&json!({
            "active": true,
            "type": LICENSE,
            "details": {
                "application": "Posthouse",
                "licensedTo": "Everyone",
                "trial": false,
                "lt": true,
            },
            "suspended": false,
        }))
    }

    /// `DELETE /v1/license`: a free licence cannot be taken away.
    pub(crate) fn delete_license(&self) -> Result<Reply, ApiError> {
        Reply::json(&json!({ "active": true, "details": false, "type": LICENSE }))
    }
}

/// The processor by the name that clients of the reference know.
const fn arch() -> &'static str {
    match std::env::consts::ARCH.as_bytes() {
        b"x86_64" => "x64",
        b"aarch64" => "arm64",
        _ => std::env::consts::ARCH,
    }
}
