//! The scripts of a route run ahead over a page of deliveries, several at once, and what they say is written down before
//! the first request: a delivery is asked about once, counted once, and repeated with the same bytes.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use posthouse_script::ErrorKind;
use posthouse_store::deliveries::{Delivery, Mapped};

use super::{PAGE, Work};
use crate::{
    script::with_route,
    webhook::{WorkError, routed::Verdict, settlement::Down},
};

/// Runs of one lane at once.
const AT_ONCE: usize = 4;
/// How soon a lane that found no turn looks again.
const TURN: Duration = Duration::from_millis(250);

/// Deliveries that can be made now.
pub(super) struct Ready {
    /// These, in order.
    pub deliveries: VecDeque<Delivery>,
    /// Nothing holds those behind them.
    pub is_all: bool,
}

impl Work<'_> {
    /// Finds out which of these are to be made, and with which bodies.
    pub(super) async fn prepare(&mut self, mut due: Vec<Delivery>) -> Result<Ready, WorkError> {
        let (engine, lane) = (self.engine, self.lane);
        let all = |deliveries| Ready {
            deliveries,
            is_all: true,
        };
        let settings = engine.settings();
        let Some(routed) = self.routed else {
            return Ok(all(due.into()));
        };
        let id = &routed.route.id;
        for delivery in &mut due {
            if delivery.mapped != Mapped::Other {
                delivery.payload = with_route(&delivery.payload, id);
            }
        }
        // What nobody wants is dropped where it would be made.
        let asks = |delivery: &Delivery| delivery.mapped == Mapped::Not;
        let Some(target) = due
            .iter()
            .filter(|delivery| asks(delivery))
            .find_map(|delivery| self.target(&settings, delivery))
        else {
            return Ok(all(due.into()));
        };
        let Some(_turn) = engine.scripts().turns.take(id) else {
            let known = due.iter().take_while(|delivery| !asks(delivery)).count();
            due.truncate(known);
            self.not_before = engine.store().now().after(TURN);
            return Ok(Ready {
                deliveries: due.into(),
                is_all: false,
            });
        };

        let at_once = settings.number("webhookConcurrency").unwrap_or(1);
        let full = AtomicBool::new(false);
        let ends = self.ends;
        let may_go_on = || {
            !full.load(Ordering::Relaxed)
                && tokio::time::Instant::now() < ends
                && !engine.stopping().is_cancelled()
        };
        let gone: Vec<bool> = due
            .iter()
            .map(|delivery| self.target(&settings, delivery).is_none())
            .collect();
        // Runs that have begun are seen through: giving one up costs a worker.
        let mut runs = stream::iter(due.into_iter().zip(gone))
            .take_while(|_| std::future::ready(may_go_on()))
            .map(|(delivery, gone)| async move {
                let verdict = if gone || !asks(&delivery) {
                    None
                } else {
                    Some(routed.ask(engine, &lane.account, &delivery).await)
                };
                (delivery, verdict)
            })
            .buffered(AT_ONCE);
        let mut ready = Ready {
            deliveries: VecDeque::new(),
            is_all: true,
        };
        let mut rests = Vec::new();
        let mut size = 0;
        while let Some((mut delivery, verdict)) = runs.next().await {
            let settlements = &mut self.settlements;
            match verdict {
                None => {}
                Some(Verdict::Matched(body)) => {
                    settlements.matched(&delivery, body.as_deref());
                    if let Some(body) = body {
                        delivery.payload = body;
                    }
                }
                Some(Verdict::Passed) => {
                    settlements.dropped(delivery);
                    continue;
                }
                Some(Verdict::Faulty(attempt, fault)) => {
                    settlements.faulty(delivery, &target, &attempt, &fault)?;
                    continue;
                }
                Some(Verdict::Lost(attempt)) => {
                    if settlements.attempted(delivery, &target, &attempt, at_once <= 1)? {
                        ready.is_all = false;
                        full.store(true, Ordering::Relaxed);
                    }
                    continue;
                }
                Some(Verdict::Later(wait, kind)) => {
                    ready.is_all = false;
                    let until = engine.store().now().after(wait);
                    self.not_before = self.not_before.max(until);
                    // To be told that a script rests costs nothing, and some may have waited for too long.
                    if matches!(kind, ErrorKind::Suspended(_)) {
                        rests.push(delivery);
                    } else {
                        full.store(true, Ordering::Relaxed);
                    }
                    continue;
                }
            }
            size += delivery.payload.len() as u64;
            if size > PAGE.1 {
                full.store(true, Ordering::Relaxed);
            }
            // What is behind one that waits has its body, and waits with it.
            if ready.is_all {
                ready.deliveries.push_back(delivery);
            }
        }
        drop(runs);
        let now = engine.store().now();
        self.expire(&settings, rests.into_iter(), now, Down::Script);
        self.settlements.flush().await?;
        Ok(ready)
    }
}
