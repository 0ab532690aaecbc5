//! The numbers of the dashboard. They are read together, and shared for a moment by all who ask.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use posthouse_model::{
    AccountId, AccountState, ApiError, Timestamp, queue::QueueName, route::RouteId,
    secret::mask_url,
};
use posthouse_store::{
    Dialect, StoreError, accounts, deliveries, outbox,
    overview::{self, Database, TokenCounts},
    stats::{self, Sum},
};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    App,
    attention::{Finding, Situation, WebhookFailure, findings},
    internal,
    process::{self, Disk, Memory},
};

/// How long numbers are shared.
const SHARED: Duration = Duration::from_secs(1);
/// What took long to read is shared for so many times as long.
const SHARED_BY_COST: u32 = 10;
/// How often what costs more is read, whether or not somebody looks.
const SLOW: Duration = Duration::from_secs(15);
/// How often all tokens are read.
const TOKENS: Duration = Duration::from_secs(300);
/// How long before it expires a token is worth a word.
const EXPIRES_SOON: Duration = Duration::from_secs(7 * 86_400);
/// Accounts named in a finding.
const NAMED: u32 = 3;
/// How long a token must be out of use to be worth a word.
const IDLE: Duration = Duration::from_secs(90 * 86_400);

/// The time that a dashboard looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Range {
    /// An hour, in minutes.
    #[default]
    Hour,
    /// A day, in half hours.
    Day,
    /// A week, in stretches of three hours.
    Week,
}

impl Range {
    /// All, the shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// Minutes of one point of a series.
    #[must_use]
    pub const fn step(self) -> u32 {
        match self {
            Self::Hour => 1,
            Self::Day => 30,
            Self::Week => 180,
        }
    }

    /// How long a series is shared: what is coarse looks the same for longer.
    const fn shared(self) -> Duration {
        match self {
            Self::Hour => SHARED,
            Self::Day => Duration::from_secs(5),
            Self::Week => SLOW,
        }
    }

    /// Points of a series, the last one not over yet.
    #[must_use]
    pub const fn points(self) -> usize {
        match self {
            Self::Hour => 60,
            Self::Day => 48,
            Self::Week => 56,
        }
    }
}

/// Sums of all counters, evenly spaced in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// When the first point begins.
    pub start: Timestamp,
    /// The time that a point covers.
    pub step: Duration,
    /// Points of each counter (behaviour 5), all of one length.
    values: BTreeMap<String, Vec<u64>>,
    points: usize,
}

impl Series {
    fn new(range: Range, now: Timestamp, sums: &[Sum]) -> Self {
        let step = i64::from(range.step()) * 60_000;
        let points = range.points();
        let last = now.millis().div_euclid(step);
        let first = last - i64::try_from(points).unwrap_or(0) + 1;
        let mut values: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for sum in sums {
            let place = usize::try_from(sum.start.millis().div_euclid(step) - first).ok();
            let line = values
                .entry(sum.key.clone())
                .or_insert_with(|| vec![0; points]);
            if let Some(value) = place.and_then(|place| line.get_mut(place)) {
                *value = u64::try_from(sum.value).unwrap_or(0);
            }
        }
        Self {
            start: Timestamp(first.saturating_mul(step)),
            step: Duration::from_secs(u64::from(range.step()) * 60),
            values,
            points,
        }
    }

    /// The points of a counter, zeros where nothing was counted.
    #[must_use]
    pub fn of(&self, counter: &str) -> Vec<u64> {
        let line = self.values.get(counter);
        line.cloned().unwrap_or_else(|| vec![0; self.points])
    }

    /// The sum of a counter over all points.
    #[must_use]
    pub fn total(&self, counter: &str) -> u64 {
        self.values.get(counter).map_or(0, |line| line.iter().sum())
    }
}

/// Jobs of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    /// Due.
    pub waiting: u64,
    /// Being done.
    pub active: u64,
    /// Due later: scheduled, or to be tried again.
    pub delayed: u64,
    /// Given up, or held for a decision.
    pub failed: u64,
    /// Nothing of it is done until it is resumed.
    pub paused: bool,
}

/// What runs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Of Posthouse.
    pub posthouse: &'static str,
    /// Name of the database.
    pub database: &'static str,
    /// Its version.
    pub database_version: String,
    /// Processor and system that it was built for.
    pub target: String,
}

/// How this process and its database do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How long the database took to answer.
    pub ping: Duration,
    /// Size of the database, bytes.
    pub database_bytes: u64,
    /// The disk of the embedded store.
    pub disk: Option<Disk>,
    /// Memory of this process.
    pub memory: Option<Memory>,
    /// Since when this process runs.
    pub uptime: Duration,
}

/// Everything that a dashboard shows.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// The time of the numbers.
    pub now: Timestamp,
    /// The time they look back.
    pub range: Range,
    /// Accounts by state.
    pub accounts: BTreeMap<AccountState, u64>,
    /// Counters over time.
    pub series: Arc<Series>,
    /// Deliveries of webhooks.
    pub notify: Queue,
    /// Outgoing messages.
    pub submit: Queue,
    /// Access tokens.
    pub tokens: TokenCounts,
    /// What runs here.
    pub versions: Versions,
    /// How it does.
    pub health: Health,
    /// What needs attention.
    pub attention: Vec<Finding>,
}

impl Dashboard {
    /// Accounts, whatever their state.
    #[must_use]
    pub fn account_total(&self) -> u64 {
        self.accounts.values().sum()
    }

    /// Accounts in a state.
    #[must_use]
    pub fn in_state(&self, state: AccountState) -> u64 {
        self.accounts.get(&state).copied().unwrap_or(0)
    }
}

/// What changes all the time.
#[derive(Clone)]
struct Counts {
    accounts: BTreeMap<AccountState, u64>,
    failing_targets: (Vec<AccountId>, u64),
    failing_routes: (Vec<RouteId>, u64),
    notify: Queue,
    submit: Queue,
    tokens: TokenCounts,
    ping: Duration,
}

/// What costs more to read, and changes slowly.
#[derive(Clone)]
struct Slow {
    idle_tokens: u64,
    database: Option<Database>,
    disk: Option<Disk>,
    memory: Option<Memory>,
}

/// A value, when it was read, and how long that took.
struct Kept<T>(Mutex<Option<(Instant, Duration, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Kept<T> {
    fn get(&self, age: Duration) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, took, value) = kept.as_ref()?;
        let age = age.max(took.saturating_mul(SHARED_BY_COST));
        (read.elapsed() < age).then(|| value.clone())
    }

    fn put(&self, began: Instant, value: T) -> T {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Instant::now(), began.elapsed(), value.clone()));
        value
    }
}

/// Numbers that were read a moment ago.
#[derive(Default)]
pub(crate) struct Overview {
    counts: Kept<Counts>,
    slow: Kept<Slow>,
    series: [Kept<Arc<Series>>; Range::ALL.len()],
}

impl App {
    /// The numbers of the dashboard, a second old at the most while they are quick to read.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn dashboard(&self, range: Range) -> Result<Dashboard, ApiError> {
        let failed = |error: StoreError| internal("reading the dashboard", &error);
        let (counts, slow, series) =
            tokio::try_join!(self.counts(), self.slow(), self.series(range)).map_err(failed)?;
        let situation = self.situation(&counts, &slow);
        let (version, bytes) = slow
            .database
            .map_or((String::new(), 0), |found| (found.version, found.bytes));
        Ok(Dashboard {
            now: self.store().now(),
            range,
            series,
            attention: findings(&situation),
            notify: counts.notify,
            submit: counts.submit,
            accounts: counts.accounts,
            tokens: counts.tokens,
            versions: Versions {
                posthouse: env!("CARGO_PKG_VERSION"),
                database: match self.store().dialect() {
                    Dialect::Sqlite => "SQLite",
                    Dialect::Postgres => "PostgreSQL",
                },
                database_version: version,
                target: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            },
            health: Health {
                ping: counts.ping,
                database_bytes: bytes,
                disk: slow.disk,
                memory: slow.memory,
                uptime: Duration::from_secs(self.metrics().uptime()),
            },
        })
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        if let Some(counts) = self.overview().counts.get(SHARED) {
            return Ok(counts);
        }
        let began = Instant::now();
        let (store, now) = (self.store(), self.store().now());
        let settings = self.settings();
        let soon = now.after(EXPIRES_SOON);
        let (accounts, failing_targets, failing_routes, notify, submit, tokens, ping) = tokio::try_join!(
            accounts::counts(store),
            overview::failing_webhooks(store, NAMED),
            overview::failing_routes(store, 1),
            deliveries::counts(store, now),
            outbox::counts(store, now),
            overview::tokens(store, now, soon),
            overview::ping(store),
        )?;
        Ok(self.overview().counts.put(
            began,
            Counts {
                accounts,
                failing_targets,
                failing_routes,
                notify: Queue {
                    waiting: notify.waiting,
                    active: notify.active,
                    delayed: notify.delayed,
                    failed: notify.failed,
                    paused: settings.is_paused(QueueName::Notify),
                },
                submit: Queue {
                    waiting: submit.waiting,
                    active: submit.active,
                    delayed: submit.delayed,
                    failed: submit.failed,
                    paused: settings.is_paused(QueueName::Submit),
                },
                tokens,
                ping,
            },
        ))
    }

    async fn slow(&self) -> Result<Slow, StoreError> {
        // What the background read last, however long ago.
        match self.overview().slow.get(Duration::MAX) {
            Some(slow) => Ok(slow),
            None => self.read_slow(None).await,
        }
    }

    /// Reads what costs more; the idle tokens unless they are known.
    async fn read_slow(&self, idle_tokens: Option<u64>) -> Result<Slow, StoreError> {
        let began = Instant::now();
        let (store, now) = (self.store(), self.store().now());
        let folder = overview::folder(store);
        let system = tokio::task::spawn_blocking(move || {
            let disk = folder.and_then(|folder| process::disk(&folder));
            (disk, process::memory())
        });
        let idle_tokens = match idle_tokens {
            Some(known) => known,
            None => overview::idle_tokens(store, now, now.before(IDLE)).await?,
        };
        let database = overview::database(store).await?;
        let (disk, memory) = system.await.unwrap_or_default();
        Ok(self.overview().slow.put(
            began,
            Slow {
                idle_tokens,
                database,
                disk,
                memory,
            },
        ))
    }

    /// Keeps what costs more at hand, so that nobody waits for it.
    pub(crate) async fn keep_overview(self, stopping: CancellationToken) {
        let mut read: Option<(Instant, u64)> = None;
        let mut tick = tokio::time::interval(SLOW);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = tick.tick() => {}
            }
            let known = read.filter(|(read, _)| read.elapsed() < TOKENS);
            match self.read_slow(known.map(|(_, idle)| idle)).await {
                Ok(slow) if known.is_none() => read = Some((Instant::now(), slow.idle_tokens)),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the numbers of the dashboard cannot be read"),
            }
        }
    }

    async fn series(&self, range: Range) -> Result<Arc<Series>, StoreError> {
        let kept = match range {
            Range::Hour => &self.overview().series[0],
            Range::Day => &self.overview().series[1],
            Range::Week => &self.overview().series[2],
        };
        if let Some(series) = kept.get(range.shared()) {
            return Ok(series);
        }
        let began = Instant::now();
        let now = self.store().now();
        let back = range.step() * (u32::try_from(range.points()).unwrap_or(1) - 1) * 60;
        let from = now.before(Duration::from_secs(u64::from(back)));
        let sums = stats::series(self.store(), from, range.step()).await?;
        Ok(kept.put(began, Arc::new(Series::new(range, now, &sums))))
    }

    fn situation(&self, counts: &Counts, slow: &Slow) -> Situation {
        let settings = self.settings();
        let flag = settings.value("webhookErrorFlag");
        let text = |name: &str| flag[name].as_str().unwrap_or_default().to_owned();
        // The flag stays until the next success: it may tell of a target that was replaced.
        let target = settings.text("webhooks").map(mask_url);
        let failing = !flag.is_null() && target == Some(text("url"));
        Situation {
            accounts: counts.accounts.clone(),
            failing_targets: counts.failing_targets.0.clone(),
            failing_target_count: counts.failing_targets.1,
            failing_route: counts.failing_routes.0.first().cloned(),
            failing_route_count: counts.failing_routes.1,
            webhooks_enabled: settings.bool("webhooksEnabled"),
            webhook_target: settings.text("webhooks").is_some(),
            webhook_events: !settings.words("webhookEvents").is_empty(),
            webhook_failure: failing.then(|| WebhookFailure {
                event: text("event"),
                message: text("message"),
                url: text("url"),
                time: serde_json::from_value(flag["time"].clone()).ok(),
            }),
            signed: settings.text("serviceSecret").is_some(),
            notify: counts.notify,
            submit: counts.submit,
            tokens: counts.tokens,
            idle_tokens: slow.idle_tokens,
            open_api: settings.bool("disableTokens"),
            any_forwarder: settings.bool("enableApiProxy") && !self.config().proxies_named,
            service_url: settings.text("serviceUrl").is_some(),
            any_certificate: settings.bool("ignoreMailCertErrors"),
            password: Some(self.console().password_is_set()),
            second_factor: Some(settings.bool("totpEnabled")),
            disk: slow.disk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_where_their_time_is() {
        let now = Timestamp(100 * 60_000 + 5);
        let sum = |minute: i64, value| Sum {
            start: Timestamp(minute * 60_000),
            key: "a".to_owned(),
            value,
        };
        let sums = [sum(40, 9), sum(41, 1), sum(99, 2), sum(100, 3), sum(101, 9)];
        let series = Series::new(Range::Hour, now, &sums);
        let line = series.of("a");
        assert_eq!(line.len(), 60);
        assert_eq!(line[0], 1);
        assert_eq!(line[58..], [2, 3]);
        assert_eq!(series.total("a"), 6);
        assert_eq!(series.start, Timestamp(41 * 60_000));
        assert_eq!(series.of("b"), vec![0; 60]);
        assert_eq!(series.total("b"), 0);
    }
}
