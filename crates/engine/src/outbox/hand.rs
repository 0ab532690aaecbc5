//! The messages that this process has in hand: claimed, waiting for a place or being worked on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use posthouse_model::AccountId;
use posthouse_store::outbox::Work;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Engine;

/// Messages of one account that are worked on at once: mail servers refuse clients that open many connections.
const AT_ONCE: usize = 4;
/// Messages of one account in hand, so that its places are never empty while the next are claimed.
const OF_ACCOUNT: usize = 16;
/// With more than so many in hand no more of the account are claimed.
const ENOUGH: usize = 8;
/// Messages claimed at a time.
const CLAIM: usize = 32;

/// What is in hand.
pub(super) struct Hand {
    engine: Engine,
    work: Work,
    most: usize,
    places: Arc<Semaphore>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    total: usize,
    accounts: HashMap<AccountId, OfAccount>,
}

struct OfAccount {
    count: usize,
    places: Arc<Semaphore>,
}

impl Hand {
    pub(super) fn new(engine: Engine, work: Work) -> Arc<Self> {
        let workers = engine.config().submit_workers.max(1);
        Arc::new(Self {
            engine,
            work,
            most: workers * AT_ONCE,
            places: Arc::new(Semaphore::new(workers)),
            held: Mutex::default(),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages may be claimed, and the accounts of which there are enough.
    pub(super) fn room(&self) -> (usize, Vec<AccountId>) {
        let held = self.held();
        let enough = held.accounts.iter().filter(|(_, of)| of.count > ENOUGH);
        (
            self.most.saturating_sub(held.total).min(CLAIM),
            enough.map(|(account, _)| account.clone()).collect(),
        )
    }

    /// Takes a message in hand, unless there are too many of its account.
    pub(super) fn take(self: &Arc<Self>, account: &AccountId) -> Option<InHand> {
        let mut held = self.held();
        let of = held
            .accounts
            .entry(account.clone())
            .or_insert_with(|| OfAccount {
                count: 0,
                places: Arc::new(Semaphore::new(AT_ONCE)),
            });
        if of.count >= OF_ACCOUNT {
            return None;
        }
        of.count += 1;
        let places = of.places.clone();
        held.total += 1;
        Some(InHand {
            hand: self.clone(),
            account: account.clone(),
            places,
        })
    }
}

/// A message in hand; ends also when its task panics.
pub(super) struct InHand {
    hand: Arc<Hand>,
    account: AccountId,
    places: Arc<Semaphore>,
}

impl InHand {
    /// Waits for its turn to be worked on.
    pub(super) async fn place(&self) -> Option<Place> {
        Some(Place {
            _of_account: self.places.clone().acquire_owned().await.ok()?,
            _of_all: self.hand.places.clone().acquire_owned().await.ok()?,
        })
    }
}

/// A place among those of an account, and one among all. It is given up once the server has answered: what that came to
/// is written while the next message goes out.
pub(super) struct Place {
    _of_account: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut held = self.hand.held();
        let full = held.total == self.hand.most;
        held.total = held.total.saturating_sub(1);
        let mut wanting = full;
        if let Some(of) = held.accounts.get_mut(&self.account) {
            of.count = of.count.saturating_sub(1);
            wanting |= of.count == ENOUGH;
            if of.count == 0 {
                held.accounts.remove(&self.account);
            }
        }
        drop(held);
        if wanting {
            self.hand.engine.outbox_wake(self.hand.work).notify_one();
        }
    }
}
