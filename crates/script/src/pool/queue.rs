//! Waiting for a seat: in order of arrival, but nobody waits behind a script that may not have more.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::{lock, seats::Seats};
use crate::{Digest, ErrorKind, ScriptError};

/// The seats and who waits for one.
pub(super) struct Queue {
    state: Arc<Mutex<State>>,
    max_waiting: usize,
}

struct State {
    seats: Seats,
    waiting: VecDeque<Waiter>,
    closed: bool,
}

struct Waiter {
    script: Digest,
    suspect: bool,
    seat: oneshot::Sender<Seat>,
}

/// The right to use one worker; given back when dropped.
pub(super) struct Seat {
    state: Arc<Mutex<State>>,
    script: Digest,
}

impl Queue {
    pub(super) fn new(seats: usize, max_waiting: usize) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                seats: Seats::new(seats),
                waiting: VecDeque::new(),
                closed: false,
            })),
            max_waiting,
        }
    }

    /// A seat for this script, at once or when there is one.
    pub(super) async fn seat(
        &self,
        script: Digest,
        suspect: bool,
        patience: Duration,
    ) -> Result<Seat, ScriptError> {
        let receiver = {
            let mut state = lock(&self.state);
            if state.closed {
                return Err(ScriptError::new(
                    ErrorKind::Closed,
                    "no scripts are run any more",
                ));
            }
            if state.seats.take(script, suspect) {
                return Ok(self.hand_out(script));
            }
            if state.waiting.len() >= self.max_waiting {
                return Err(ScriptError::new(
                    ErrorKind::Busy,
                    "too many scripts wait to be run",
                ));
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(Waiter {
                script,
                suspect,
                seat: sender,
            });
            receiver
        };
        match timeout(patience, receiver).await {
            Ok(Ok(seat)) => Ok(seat),
            Ok(Err(_)) => Err(ScriptError::new(
                ErrorKind::Closed,
                "no scripts are run any more",
            )),
            Err(_) => Err(ScriptError::new(
                ErrorKind::Busy,
                "the script waited too long to be run",
            )),
        }
    }

    fn hand_out(&self, script: Digest) -> Seat {
        Seat {
            state: Arc::clone(&self.state),
            script,
        }
    }

    /// Lets nobody wait any longer.
    pub(super) fn close(&self) {
        let waiting = {
            let mut state = lock(&self.state);
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
    }

    /// Seats in use.
    pub(super) fn taken(&self) -> usize {
        lock(&self.state).seats.taken()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut unwanted = Vec::new();
        {
            let mut state = lock(&self.state);
            state.seats.give_back(self.script);
            // The first in the line whose script may have a seat; those that gave up waiting are passed over.
            let mut at = 0;
            while let Some(waiter) = state.waiting.get(at) {
                if waiter.seat.is_closed() {
                    state.waiting.remove(at);
                    continue;
                }
                let (script, suspect) = (waiter.script, waiter.suspect);
                if !state.seats.take(script, suspect) {
                    at += 1;
                    continue;
                }
                let seat = Self {
                    state: Arc::clone(&self.state),
                    script,
                };
                let Some(waiter) = state.waiting.remove(at) else {
                    break;
                };
                match waiter.seat.send(seat) {
                    Ok(()) => {}
                    Err(seat) => unwanted.push(seat),
                }
                break;
            }
        }
        // Outside the lock: each of them looks for another waiter.
        drop(unwanted);
    }
}
