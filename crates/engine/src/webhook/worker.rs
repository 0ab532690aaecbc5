//! Workers that deliver events. A worker leases a lane (account, endpoint) and makes its deliveries
//! one after the other, first attempts in the order of the account's events.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use posthouse_model::{
    EventType, Timestamp,
    account::{AccountConfig, AccountStatus, CustomHeader},
};
use posthouse_net::{EgressError, EgressResponse};
use posthouse_store::{
    Batch, BatchError, StoreError, accounts, deliveries,
    deliveries::{Delivery, Lane, Wait},
    events, settings, stats,
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::Instant};
use url::Url;
use uuid::Uuid;

use super::{
    request::{Stamp, request},
    schedule,
};
use crate::{Engine, Settings, event::default_url, random};

/// How long a lane is leased; it is renewed while it is worked on.
const LEASE: Duration = Duration::from_secs(30);
/// How long a failing head holds its lane before later events pass.
const ORDER_HOLD: Duration = Duration::from_secs(60);
/// How long a worker stays with a lane before others have their turn; also how long what it read of
/// the account is believed.
const TURN: Duration = Duration::from_secs(5);
/// The longest sleep without a look at the store: hints can be lost.
const POLL: Duration = Duration::from_secs(5);
/// How long what was given up is kept.
const KEEP_FAILED: Duration = Duration::from_secs(7 * 86_400);
/// How long delivered events are kept.
const KEEP_EVENTS: Duration = Duration::from_secs(3600);

/// Leases lanes that have work and hands them to workers, until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let name = Uuid::new_v4().to_string();
    let permits = Arc::new(Semaphore::new(engine.config().webhook_workers.max(1)));
    loop {
        let free = permits.available_permits();
        let store = engine.store();
        let now = store.now();
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        let claimed = if free == 0 {
            Ok(Vec::new())
        } else {
            deliveries::claim(store, &name, now, now.after(LEASE), limit).await
        };
        let idle = match claimed {
            Ok(lanes) => {
                let idle = lanes.is_empty();
                for lane in lanes {
                    let Ok(permit) = permits.clone().acquire_owned().await else {
                        return;
                    };
                    let engine_of_lane = engine.clone();
                    engine.spawn(async move {
                        work(&engine_of_lane, &lane).await;
                        drop(permit);
                        // The lane, or one that waited for a worker, may have work.
                        engine_of_lane.wake_webhooks();
                    });
                }
                idle
            }
            Err(error) => {
                tracing::error!(%error, "deliveries cannot be claimed");
                tokio::time::sleep(Duration::from_secs(1)).await;
                true
            }
        };
        if idle {
            let sleep = until_next(&engine).await;
            tokio::select! {
                () = engine.stopping().cancelled() => return,
                () = engine.webhooks_wake().notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        } else if engine.stopping().is_cancelled() {
            return;
        }
    }
}

async fn until_next(engine: &Engine) -> Duration {
    match deliveries::next_due(engine.store()).await {
        Ok(Some(due)) => due
            .since(engine.store().now())
            .clamp(Duration::from_millis(5), POLL),
        _ => POLL,
    }
}

/// Deletes what was given up or delivered long ago.
pub(crate) async fn sweep(engine: &Engine) {
    let now = engine.store().now();
    loop {
        let mut batch = Batch::new();
        let failed = deliveries::sweep(&mut batch, now.before(KEEP_FAILED), 1000);
        let old = events::sweep(&mut batch, now.before(KEEP_EVENTS), 1000);
        match engine.store().commit(batch).await {
            Ok(done) if done.affected(failed) + done.affected(old) > 0 => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(%error, "old deliveries were not swept");
                return;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Batch(#[from] BatchError),
}

async fn work(engine: &Engine, lane: &Lane) {
    let worked = tokio::select! {
        worked = Box::pin(deliver_lane(engine, lane)) => worked,
        error = keep_lane(engine, lane) => Err(error),
    };
    match worked {
        Ok(()) => {}
        Err(WorkError::Batch(error)) if error.is_guard(deliveries::LANE_GUARD) => {
            tracing::warn!(account = %lane.account, "the lane is another worker's now");
        }
        Err(error) => {
            tracing::error!(account = %lane.account, %error, "deliveries of a lane stopped");
            // The lease runs out by itself; a pause keeps a failing store from being hammered.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Prolongs the lease until that fails.
async fn keep_lane(engine: &Engine, lane: &Lane) -> WorkError {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        let mut batch = Batch::new();
        deliveries::renew(&mut batch, lane, engine.store().now().after(LEASE));
        if let Err(error) = engine.store().commit(batch).await {
            return error.into();
        }
    }
}

async fn deliver_lane(engine: &Engine, lane: &Lane) -> Result<(), WorkError> {
    let store = engine.store();
    let stored = accounts::get(store, &lane.account).await?;
    let (config, status) = match &stored {
        Some(stored) => (Some(&stored.account.config), Some(&stored.account.status)),
        None => (None, None),
    };
    let mut flagged = Flags::of(&engine.settings(), status);
    let began = Instant::now();
    loop {
        let now = store.now();
        let next = deliveries::next(store, lane, now).await?;
        let over = began.elapsed() >= TURN || engine.stopping().is_cancelled();
        let (Some(delivery), false) = (next, over) else {
            let mut batch = Batch::new();
            deliveries::release(&mut batch, lane);
            store.commit(batch).await?;
            return Ok(());
        };
        let mut batch = Batch::new();
        let settings = engine.settings();
        let gone = config.is_none() && delivery.kind != EventType::AccountDeleted;
        match default_url(&settings, config).filter(|_| !gone) {
            // Nobody wants it any more.
            None => deliveries::complete(&mut batch, lane, &delivery.id),
            Some(url) => {
                let attempt = attempt(engine, &settings, config, &delivery, url).await;
                settle(engine, &mut batch, lane, &delivery, url, &attempt)?;
                flagged.update(engine, &mut batch, lane, status, &delivery, url, &attempt)?;
            }
        }
        store.commit(batch).await?;
    }
}

async fn attempt(
    engine: &Engine,
    settings: &Settings,
    config: Option<&AccountConfig>,
    delivery: &Delivery,
    url: &str,
) -> Result<EgressResponse, EgressError> {
    let url = Url::parse(url).map_err(|error| EgressError::Invalid(error.to_string()))?;
    let body = Bytes::from(delivery.payload.clone());
    let id = delivery.id.to_string();
    let event = delivery.event.to_string();
    let stamp = Stamp {
        delivery: &id,
        event: &event,
        attempts_made: delivery.attempts,
        queued: delivery.created,
        route: None,
    };
    let mut custom: Vec<CustomHeader> =
        serde_json::from_value(settings.value("webhooksCustomHeaders")).unwrap_or_default();
    custom.extend(
        config
            .and_then(|config| config.webhooks_custom_headers.clone())
            .unwrap_or_default(),
    );
    let timeout = engine.config().webhook_timeout;
    let request = request(engine, url, &stamp, body, &custom, timeout);
    let began = Instant::now();
    let answer = engine.http().send(request).await;
    engine
        .metrics()
        .webhook_req
        .observe(began.elapsed().as_secs_f64() * 1000.0);
    answer
}

/// What an attempt came to.
struct Failure {
    message: String,
    code: Option<&'static str>,
    status: Option<u16>,
    last: bool,
    after: Option<Duration>,
}

fn failure(attempt: &Result<EgressResponse, EgressError>) -> Option<Failure> {
    match attempt {
        Ok(answer) if answer.status.is_success() => None,
        Ok(answer) => Some(Failure {
            message: format!("Invalid response: {}", answer.status),
            code: None,
            status: Some(answer.status.as_u16()),
            last: false,
            after: retry_after(answer),
        }),
        Err(error) => Some(Failure {
            message: error.to_string(),
            code: Some(error.code()),
            status: error.status().map(|status| status.as_u16()),
            last: error.is_final(),
            after: None,
        }),
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3).
fn retry_after(answer: &EgressResponse) -> Option<Duration> {
    let value = answer.headers.get("retry-after")?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

fn settle(
    engine: &Engine,
    batch: &mut Batch,
    lane: &Lane,
    delivery: &Delivery,
    url: &str,
    attempt: &Result<EgressResponse, EgressError>,
) -> Result<(), StoreError> {
    let metrics = engine.metrics();
    let count = |status: &str| {
        metrics
            .webhooks
            .with_label_values(&[status, delivery.kind.as_str()])
            .inc();
    };
    let now = engine.store().now();
    let Some(failure) = failure(attempt) else {
        count("success");
        metrics
            .queues_processed
            .with_label_values(&["notify", "completed"])
            .inc();
        stats::add(batch, "webhooks:success", now, 1);
        deliveries::complete(batch, lane, &delivery.id);
        return Ok(());
    };
    count("fail");
    stats::add(batch, "webhooks:fail", now, 1);
    let host = Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    tracing::info!(
        account = %lane.account,
        event = %delivery.kind,
        host,
        status = failure.status,
        error = failure.message,
        "a webhook was not delivered"
    );
    let error = json!({
        "message": failure.message,
        "code": failure.code,
        "statusCode": failure.status,
    });
    let made = delivery.attempts.saturating_add(1);
    let next = (!failure.last)
        .then(|| schedule::next_attempt(made, delivery.created, now, failure.after, random()))
        .flatten();
    match next {
        None => {
            metrics
                .queues_processed
                .with_label_values(&["notify", "failed"])
                .inc();
            deliveries::fail(batch, lane, &delivery.id, now, &error)
        }
        Some(due) => {
            let first = delivery.first_failed.unwrap_or(now);
            let holds = !delivery.retrying && due.since(first) < ORDER_HOLD;
            let wait = if holds { Wait::Holding } else { Wait::Aside };
            deliveries::retry(batch, lane, &delivery.id, now, due, wait, &error)
        }
    }
}

/// The error flags (behaviour 7.2): set by a failure, cleared by the next success, written only
/// when they change.
struct Flags {
    instance: bool,
    account: bool,
}

impl Flags {
    fn of(settings: &Settings, status: Option<&AccountStatus>) -> Self {
        Self {
            instance: settings.is_stored("webhookErrorFlag"),
            account: status.is_some_and(|status| status.webhook_error_flag.is_some()),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn update(
        &mut self,
        engine: &Engine,
        batch: &mut Batch,
        lane: &Lane,
        status: Option<&AccountStatus>,
        delivery: &Delivery,
        url: &str,
        attempt: &Result<EgressResponse, EgressError>,
    ) -> Result<(), StoreError> {
        let own = status.is_some() && engine.settings().text("webhooks") != Some(url);
        let flag = failure(attempt).map(|failure| {
            json!({
                "event": delivery.kind,
                "message": failure.message,
                "time": Timestamp::now(),
                "url": posthouse_model::secret::mask_url(url),
                "code": failure.code,
                "statusCode": failure.status,
            })
        });
        let set = if own {
            &mut self.account
        } else {
            &mut self.instance
        };
        if flag.is_some() == *set {
            return Ok(());
        }
        *set = flag.is_some();
        match (own, status) {
            (true, Some(_)) => accounts::set_webhook_error(batch, &lane.account, flag.as_ref()),
            _ => settings::set(
                engine.store(),
                batch,
                "webhookErrorFlag",
                &flag.unwrap_or(Value::Null),
                true,
            ),
        }
    }
}
