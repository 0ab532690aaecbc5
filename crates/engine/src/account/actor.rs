//! The actor of one account.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use posthouse_model::AccountState;
use tokio::time::Instant;

use super::{
    backoff::Backoff,
    connection::Connection,
    shared::{Ask, Shared},
};
use crate::{Engine, random};

/// How long a failing store is left alone.
pub(super) const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Runs an account until it is told to stop or is gone. A panic is counted, logged, and the actor
/// started anew: it never touches another account.
pub(crate) async fn run(engine: Engine, shared: Arc<Shared>) {
    let mut backoff = Backoff::default();
    loop {
        let life = AssertUnwindSafe(live(&engine, &shared, &mut backoff)).catch_unwind();
        match life.await {
            Ok(()) => break,
            Err(_) => {
                engine.metrics().actor_restarts.inc();
                tracing::error!(account = %shared.id, "the actor panicked and is started anew");
                shared.set_mailbox(None);
                Box::pin(interrupted(&engine, &shared)).await;
                let wait = backoff.failed(random());
                if pause(&shared, &mut backoff, wait).await {
                    break;
                }
            }
        }
    }
    shared.set_mailbox(None);
    engine.note_state(&shared, None);
}

/// Notes that an account whose actor panicked is being connected again.
async fn interrupted(engine: &Engine, shared: &Arc<Shared>) {
    let noted = match Connection::load(engine, shared).await {
        Ok(Some(connection)) => connection.transition(AccountState::Connecting).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = noted {
        tracing::error!(account = %shared.id, %error, "the state of the account cannot be written");
    }
}

/// Waits before the next try, or until somebody asks for it; true when the actor is to end.
async fn pause(shared: &Shared, backoff: &mut Backoff, wait: Duration) -> bool {
    let until = Instant::now() + wait;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(until) => return false,
            () = shared.wake.notified() => {
                let asked = shared.take_asked();
                if asked.has(Ask::Stop) {
                    return true;
                }
                if asked.has(Ask::Reload) || asked.has(Ask::Sync) {
                    *backoff = Backoff::default();
                    return false;
                }
            }
        }
    }
}

/// Waits while the account is to rest; true when the actor is to end.
async fn rested(engine: &Engine, shared: &Shared) -> bool {
    while let Some(until) = shared.rests_until().filter(|until| *until > Instant::now()) {
        engine.note_state(shared, Some(AccountState::Init));
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = shared.wake.notified() => {
                if shared.take_asked().has(Ask::Stop) {
                    return true;
                }
            }
        }
    }
    shared.end_rest(Instant::now());
    false
}

/// How one connection ended.
pub(super) enum End {
    /// The actor is to stop.
    Stop,
    /// The account changed or is to be connected again at once.
    Reload,
    /// It failed; `lived` is set when it had been following.
    Failed { lived: Option<Duration> },
    /// The lease is of an epoch that is over: another node owns the account now, or it is to begin anew.
    Deposed,
}

async fn live(engine: &Engine, shared: &Arc<Shared>, backoff: &mut Backoff) {
    loop {
        if rested(engine, shared).await {
            return;
        }
        // Boxed, as all that is not waiting: what stays in this future is there for every account.
        let mut connection = match Box::pin(Connection::load(engine, shared)).await {
            Ok(Some(connection)) => connection,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(account = %shared.id, %error, "the account cannot be read");
                tokio::time::sleep(STORE_PAUSE).await;
                continue;
            }
        };
        let end = if connection.config.follows_imap() {
            connection.follow().await
        } else {
            connection.rest().await
        };
        drop(connection);
        shared.set_mailbox(None);
        let wait = match end {
            End::Reload => continue,
            // Taken away from this very actor, to begin anew after a rest: anybody else who did so goes on with it,
            // also under the name of this node after a restart.
            End::Deposed if shared.rests_until().is_some() => continue,
            End::Stop | End::Deposed => return,
            End::Failed { lived: Some(lived) } => backoff.lost(lived, random()),
            End::Failed { lived: None } => backoff.failed(random()),
        };
        if pause(shared, backoff, wait).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    /// The future of an actor stays in memory for every account; what is not waiting is boxed.
    #[test]
    fn an_idle_actor_is_small() {
        fn size<A, B, F: Future>(_: impl Fn(A, B) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(super::run) <= 1024, "{}", size(super::run));
    }
}
