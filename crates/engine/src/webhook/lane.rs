//! The deliveries of one lane (account, endpoint): first attempts one after the other, in the order of the account's
//! events, unless more at once are asked for.

mod prepare;

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use posthouse_model::{EventType, Timestamp, account::AccountConfig, queue::QueueName};
use posthouse_store::{
    Batch, accounts, deliveries,
    deliveries::{Delivery, Lane},
};
use tokio::time::Instant;

use super::{
    WorkError,
    attempt::{Attempt, Target},
    endpoint::Admission,
    routed::Routed,
    schedule::Schedule,
    settlement::{Down, Settlements},
};
use crate::{
    Engine, Settings,
    event::{DEFAULT_ENDPOINT, default_url},
};

/// How long a worker stays with a lane before others have their turn; also how long what it read of
/// the account is believed.
const TURN: Duration = Duration::from_secs(5);
/// Deliveries read at once, of each kind, and bytes of their payloads.
const PAGE: (u32, u64) = (64, 1 << 20);

/// Makes what is due, then gives the lane back.
///
/// # Errors
/// The lane is another worker's now, or the store fails.
pub async fn deliver(engine: &Engine, lane: &Lane) -> Result<(), WorkError> {
    let store = engine.store();
    let stored = accounts::get(store, &lane.account).await?;
    let (config, status) = match &stored {
        Some(stored) => (Some(&stored.account.config), Some(&stored.account.status)),
        None => (None, None),
    };
    let routed = match lane.endpoint.as_str() {
        DEFAULT_ENDPOINT => None,
        route => Routed::load(engine, route).await?,
    };
    let mut work = Work {
        engine,
        lane,
        config,
        routed: routed.as_ref(),
        settlements: Settlements::new(engine, lane, status, routed.as_ref()),
        ends: Instant::now() + TURN,
        not_before: Timestamp(0),
    };
    loop {
        // What is read next has to be true.
        work.settlements.flush().await?;
        if work.is_over() {
            break;
        }
        let due = deliveries::due(store, lane, store.now(), PAGE.0, PAGE.1).await?;
        if due.is_empty() {
            break;
        }
        let ready = work.prepare(due).await?;
        if !work.make(ready.deliveries).await? || !ready.is_all {
            break;
        }
    }
    work.settlements.flush().await?;
    let mut batch = Batch::new();
    deliveries::release(&mut batch, lane, work.not_before);
    store.commit(batch).await?;
    Ok(())
}

struct Work<'a> {
    engine: &'a Engine,
    lane: &'a Lane,
    config: Option<&'a AccountConfig>,
    routed: Option<&'a Routed>,
    settlements: Settlements<'a>,
    ends: Instant,
    not_before: Timestamp,
}

impl Work<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.ends
            || self.engine.stopping().is_cancelled()
            || self.engine.settings().is_paused(QueueName::Notify)
    }

    /// Makes these deliveries; false if the lane has to be left alone now.
    async fn make(&mut self, mut due: VecDeque<Delivery>) -> Result<bool, WorkError> {
        let engine = self.engine;
        let mut under_way = FuturesUnordered::new();
        let mut stopped = false;
        loop {
            let settings = engine.settings();
            let at_once = settings.number("webhookConcurrency").unwrap_or(1).max(1);
            let at_once = usize::try_from(at_once).unwrap_or(1);
            while !stopped && !self.is_over() && under_way.len() < at_once {
                let Some(mut delivery) = due.pop_front() else {
                    break;
                };
                let Some(target) = self.target(&settings, &delivery) else {
                    self.settlements.dropped(delivery);
                    continue;
                };
                let now = engine.store().now();
                let endpoints = engine.endpoints();
                let pass = match endpoints.enter(&target.url, &self.lane.account, now) {
                    Ok(pass) => pass,
                    Err(refused) => {
                        due.push_front(delivery);
                        self.refused(refused, &settings, &mut due, now);
                        stopped = true;
                        break;
                    }
                };
                under_way.push(async move {
                    let attempt = Attempt::make(engine, &mut delivery, &target).await;
                    pass.leave(attempt.sign(), engine.store().now());
                    (delivery, target, attempt)
                });
            }
            let Some((delivery, target, attempt)) = under_way.next().await else {
                return Ok(!stopped);
            };
            let settlements = &mut self.settlements;
            stopped |= settlements.attempted(delivery, &target, &attempt, at_once == 1)?;
            settlements.advance().await?;
        }
    }

    fn refused(
        &mut self,
        refused: Admission,
        settings: &Settings,
        due: &mut VecDeque<Delivery>,
        now: Timestamp,
    ) {
        match refused {
            Admission::Go => {}
            Admission::Wait(until) => self.not_before = until,
            Admission::Down(until) => {
                self.not_before = until;
                self.expire(settings, due.drain(..), now, Down::Receiver);
            }
        }
    }

    /// Gives up those of these whose time is over: nobody knows when they could be delivered.
    fn expire(
        &mut self,
        settings: &Settings,
        due: impl Iterator<Item = Delivery>,
        now: Timestamp,
        down: Down,
    ) {
        let horizon = Schedule::of(settings).horizon;
        for delivery in due {
            if now.since(delivery.created) > horizon {
                self.settlements.expired(delivery, down);
            }
        }
    }

    /// Where a delivery goes; none if nobody wants it any more.
    fn target(&self, settings: &Settings, delivery: &Delivery) -> Option<Target> {
        let gone = self.config.is_none() && delivery.kind != EventType::AccountDeleted;
        if gone {
            return None;
        }
        if self.lane.endpoint != DEFAULT_ENDPOINT {
            return self.routed?.target(settings, self.config);
        }
        let url = default_url(settings, self.config)?.to_owned();
        let mut headers = settings.webhook_headers().to_vec();
        let own = self
            .config
            .and_then(|config| config.webhooks_custom_headers.clone());
        headers.extend(own.unwrap_or_default());
        Some(Target {
            url,
            headers,
            route: None,
        })
    }
}
