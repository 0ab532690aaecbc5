//! What attempts came to, written down in batches while the next ones are made.
//!
//! A crash before a batch is committed repeats its deliveries, with their ids: at least once, never not at all.

use posthouse_model::{RouteId, account::AccountStatus, route::RouteFault};
use posthouse_store::{
    Batch, deliveries,
    deliveries::{Delivery, Lane, Settled, Wait},
    routes, stats,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{
    WorkError,
    attempt::{Attempt, Target},
    flags::Flags,
    routed::Routed,
    schedule::Schedule,
};
use crate::{Engine, random};

/// Attempts that may wait to be written down.
const MOST: usize = 128;

/// What kept a delivery until its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// Its receiver.
    Receiver,
    /// The script of its route.
    Script,
}

struct Entry {
    delivery: Delivery,
    settled: Settled,
    history: Option<Value>,
    error: Option<Value>,
}

/// Settlements of one lane.
pub struct Settlements<'a> {
    engine: &'a Engine,
    lane: &'a Lane,
    flags: Flags,
    batch: Batch,
    waiting: Vec<Entry>,
    delivered: i64,
    failed: i64,
    matched: u64,
    committing: Option<JoinHandle<Result<(), WorkError>>>,
}

impl<'a> Settlements<'a> {
    /// None yet.
    #[must_use]
    pub fn new(
        engine: &'a Engine,
        lane: &'a Lane,
        status: Option<&AccountStatus>,
        routed: Option<&Routed>,
    ) -> Self {
        let route = routed.map(|routed| &routed.route);
        Self {
            engine,
            lane,
            flags: Flags::of(&engine.settings(), status, route),
            batch: Batch::new(),
            waiting: Vec::new(),
            delivered: 0,
            failed: 0,
            matched: 0,
            committing: None,
        }
    }

    /// Nobody wants this delivery any more.
    pub fn dropped(&mut self, delivery: Delivery) {
        self.push(delivery, Settled::Dropped, None, None);
    }

    /// A route's filter let it pass; the body that the map made, if there is one, stays with the delivery.
    pub fn matched(&mut self, delivery: &Delivery, body: Option<&str>) {
        deliveries::map(&mut self.batch, &delivery.id, body);
        self.matched += 1;
    }

    /// A route's script failed over it.
    ///
    /// # Errors
    /// Only if something has no JSON form.
    pub fn faulty(
        &mut self,
        delivery: Delivery,
        target: &Target,
        attempt: &Attempt,
        fault: &RouteFault,
    ) -> Result<(), WorkError> {
        if let Some(route) = &target.route {
            routes::log(&mut self.batch, route, fault)?;
        }
        self.attempted(delivery, target, attempt, true)?;
        Ok(())
    }

    /// Its time is over and nobody could take it.
    pub fn expired(&mut self, delivery: Delivery, down: Down) {
        let (message, code) = match down {
            Down::Receiver => (
                "The receiver was down until the delivery's time was over",
                "EENDPOINTDOWN",
            ),
            Down::Script => (
                "The route's script used up its limits until the delivery's time was over",
                "ESCRIPT",
            ),
        };
        let error = json!({
            "message": message,
            "code": code,
            "statusCode": null,
        });
        self.count(&delivery, false);
        self.over("failed");
        self.push(delivery, Settled::Failed, None, Some(error));
    }

    /// Takes an attempt in; true if the delivery now holds its lane.
    ///
    /// # Errors
    /// Only if something has no JSON form.
    pub fn attempted(
        &mut self,
        delivery: Delivery,
        target: &Target,
        attempt: &Attempt,
        in_order: bool,
    ) -> Result<bool, WorkError> {
        let (engine, account) = (self.engine, &self.lane.account);
        let flags = &mut self.flags;
        flags.update(engine, &mut self.batch, account, &delivery, target, attempt)?;
        let history = Some(attempt.history(&delivery, target));
        let error = attempt.error();
        self.count(&delivery, error.is_none());
        let settled = match &attempt.failure {
            None => Settled::Done,
            Some(failure) => {
                tracing::info!(
                    %account,
                    event = %delivery.kind,
                    url = posthouse_model::secret::mask_url(&target.url),
                    status = attempt.status,
                    error = failure.message,
                    "a webhook was not delivered"
                );
                let settings = engine.settings();
                let now = engine.store().now();
                let made = delivery.attempts.saturating_add(1);
                let next = (!failure.last)
                    .then(|| {
                        let schedule = Schedule::of(&settings);
                        schedule.next(made, delivery.created, now, failure.after, random())
                    })
                    .flatten();
                match next {
                    None => Settled::Failed,
                    Some(due) => {
                        let hold = settings.number("webhookOrderHold").unwrap_or(60);
                        let first = delivery.first_failed.unwrap_or(now);
                        let holds = in_order
                            && !delivery.retrying
                            && due.since(first) < std::time::Duration::from_secs(hold);
                        let wait = if holds { Wait::Holding } else { Wait::Aside };
                        Settled::Retry(due, wait)
                    }
                }
            }
        };
        match settled {
            Settled::Done => self.over("completed"),
            Settled::Failed => self.over("failed"),
            _ => {}
        }
        self.push(delivery, settled, history, error);
        Ok(matches!(settled, Settled::Retry(_, Wait::Holding)))
    }

    fn push(
        &mut self,
        mut delivery: Delivery,
        settled: Settled,
        history: Option<Value>,
        error: Option<Value>,
    ) {
        // The payload is of no use any more.
        delivery.payload = String::new();
        self.waiting.push(Entry {
            delivery,
            settled,
            history,
            error,
        });
    }

    fn count(&mut self, delivery: &Delivery, success: bool) {
        let status = if success { "success" } else { "fail" };
        let metrics = self.engine.metrics();
        let labels = [status, delivery.kind.as_str()];
        metrics.webhooks.with_label_values(&labels).inc();
        if success {
            self.delivered += 1;
        } else {
            self.failed += 1;
        }
    }

    fn over(&self, how: &str) {
        let metrics = self.engine.metrics();
        let labels = ["notify", how];
        metrics.queues_processed.with_label_values(&labels).inc();
    }

    /// Begins to write down what waits, unless that is under way; waits for it only when too much has gathered.
    ///
    /// # Errors
    /// The lane is another worker's now, or the store fails.
    pub async fn advance(&mut self) -> Result<(), WorkError> {
        let under_way = self.committing.as_ref();
        if under_way.is_some_and(|task| !task.is_finished()) && self.waiting.len() < MOST {
            return Ok(());
        }
        self.wait().await?;
        if self.waiting.is_empty() && self.matched == 0 {
            return Ok(());
        }
        let now = self.engine.store().now();
        let mut batch = std::mem::take(&mut self.batch);
        deliveries::guard(&mut batch, self.lane);
        for entry in self.waiting.drain(..) {
            let (history, error) = (entry.history.as_ref(), entry.error.as_ref());
            let id = &entry.delivery.id;
            deliveries::settle(&mut batch, id, now, entry.settled, history, error)?;
        }
        let matched = std::mem::take(&mut self.matched);
        if matched > 0 {
            routes::count(&mut batch, &RouteId::named(&self.lane.endpoint), matched);
        }
        for (key, count) in [
            ("webhooks:success", std::mem::take(&mut self.delivered)),
            ("webhooks:fail", std::mem::take(&mut self.failed)),
        ] {
            if count > 0 {
                stats::add(&mut batch, key, now, count);
            }
        }
        let store = self.engine.store().clone();
        self.committing = Some(tokio::spawn(async move {
            store.commit(batch).await?;
            Ok(())
        }));
        Ok(())
    }

    /// Writes everything down.
    ///
    /// # Errors
    /// As [`Settlements::advance`].
    pub async fn flush(&mut self) -> Result<(), WorkError> {
        self.wait().await?;
        self.advance().await?;
        self.wait().await
    }

    async fn wait(&mut self) -> Result<(), WorkError> {
        match self.committing.take() {
            // A task that panicked or was aborted wrote nothing: the lease runs out and its deliveries are repeated.
            Some(task) => task.await.unwrap_or(Err(WorkError::Interrupted)),
            None => Ok(()),
        }
    }
}
