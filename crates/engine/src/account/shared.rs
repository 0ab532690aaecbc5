//! What an account's actor shares with everybody else.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

use posthouse_backend::Mailbox;
use posthouse_model::{AccountId, AccountState};
use tokio::{sync::Notify, time::Instant};

use super::announce::Retries;

/// What an actor is asked for; several requests add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ask {
    /// Compare with the server at once.
    Sync = 1,
    /// Close the connection, load the account again, connect.
    Reload = 2,
    /// End.
    Stop = 4,
}

/// The requests that an actor found waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked(u8);

impl Asked {
    pub(crate) const fn has(self, ask: Ask) -> bool {
        self.0 & ask as u8 != 0
    }
}

/// The part of an account that lives in memory while its actor runs.
pub(crate) struct Shared {
    pub(crate) id: AccountId,
    state: AtomicU8,
    asked: AtomicU8,
    pub(crate) wake: Notify,
    mailbox: Mutex<Option<Arc<dyn Mailbox>>>,
    /// Whether a protocol log of the account is wanted.
    logs: Arc<AtomicBool>,
    rest_until: Mutex<Option<Instant>>,
    /// New messages that could not be read yet.
    retries: Mutex<Retries>,
}

impl Shared {
    pub(crate) fn new(id: AccountId) -> Self {
        Self {
            id,
            state: AtomicU8::new(0),
            asked: AtomicU8::new(0),
            wake: Notify::new(),
            mailbox: Mutex::new(None),
            logs: Arc::default(),
            rest_until: Mutex::new(None),
            retries: Mutex::default(),
        }
    }

    /// The state as of the last transition in this process.
    pub(crate) fn state(&self) -> AccountState {
        let index = usize::from(self.state.load(Ordering::Acquire));
        AccountState::ALL
            .get(index)
            .copied()
            .unwrap_or(AccountState::Init)
    }

    /// Puts a new state, gives back the former.
    pub(crate) fn set_state(&self, state: AccountState) -> AccountState {
        let index = AccountState::ALL
            .iter()
            .position(|known| *known == state)
            .and_then(|index| u8::try_from(index).ok())
            .unwrap_or(0);
        let former = usize::from(self.state.swap(index, Ordering::AcqRel));
        AccountState::ALL
            .get(former)
            .copied()
            .unwrap_or(AccountState::Init)
    }

    /// Asks the actor for something.
    pub(crate) fn ask(&self, ask: Ask) {
        self.asked.fetch_or(ask as u8, Ordering::AcqRel);
        self.wake.notify_one();
    }

    /// Takes what was asked for.
    pub(crate) fn take_asked(&self) -> Asked {
        Asked(self.asked.swap(0, Ordering::AcqRel))
    }

    /// The switch of its protocol log.
    pub(crate) fn logs(&self) -> Arc<AtomicBool> {
        self.logs.clone()
    }

    /// Puts the switch of its protocol log.
    pub(crate) fn set_logs(&self, on: bool) {
        self.logs.store(on, Ordering::Relaxed);
    }

    /// It is not to connect before then.
    pub(crate) fn rest_until(&self, until: Instant) {
        *self.resting() = Some(until);
    }

    /// Ends a rest whose time is over.
    pub(crate) fn end_rest(&self, now: Instant) {
        let mut until = self.resting();
        if until.is_some_and(|until| until <= now) {
            *until = None;
        }
    }

    /// When it may connect again, if it is to rest.
    pub(crate) fn rests_until(&self) -> Option<Instant> {
        *self.resting()
    }

    /// New messages that could not be read yet.
    pub(super) fn retries(&self) -> MutexGuard<'_, Retries> {
        self.retries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resting(&self) -> MutexGuard<'_, Option<Instant>> {
        let resting = self.rest_until.lock();
        resting.unwrap_or_else(PoisonError::into_inner)
    }

    /// The mailbox, while there is one.
    pub(crate) fn mailbox(&self) -> Option<Arc<dyn Mailbox>> {
        self.mailbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts the mailbox in place, or takes it away.
    pub(crate) fn set_mailbox(&self, mailbox: Option<Arc<dyn Mailbox>>) {
        *self.mailbox.lock().unwrap_or_else(PoisonError::into_inner) = mailbox;
    }
}
