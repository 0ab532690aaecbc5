//! Sessions that are kept for the next message to the same server.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use posthouse_smtp::{Session, SmtpError, Watch};
use tokio::time::Instant;

use super::route::{SmtpRoute, connect_smtp};

/// How long an idle session is kept.
const IDLE: Duration = Duration::from_secs(10);
/// Idle sessions kept at the most.
const KEPT: usize = 64;

/// Idle sessions, the latest last.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Idle>>);

struct Idle {
    route: SmtpRoute,
    session: Session,
    since: Instant,
}

impl Pool {
    /// A session on this route: an idle one, or a new one. The flag tells whether it was idle: such
    /// a session may have been closed by the server meanwhile.
    pub(super) async fn take(
        &self,
        route: &SmtpRoute,
        watch: Watch,
    ) -> Result<(Session, bool), SmtpError> {
        while let Some(mut session) = self.idle(route) {
            if session.is_silent().await {
                session.watch(watch);
                return Ok((session, true));
            }
        }
        Ok((connect_smtp(route, watch).await?, false))
    }

    fn idle(&self, route: &SmtpRoute) -> Option<Session> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle
            .iter()
            .rposition(|idle| idle.route == *route && idle.since.elapsed() < IDLE)?;
        Some(idle.remove(at).session)
    }

    /// Keeps a session for the next message.
    pub(super) fn put(&self, route: SmtpRoute, mut session: Session) {
        // The next message may be another account's.
        session.watch(Watch::default());
        if !session.is_usable() {
            return;
        }
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(Idle {
                route,
                session,
                since: Instant::now(),
            });
        }
    }

    /// Takes out what was idle for too long, or everything; the caller says goodbye.
    pub(super) fn drain(&self, everything: bool) -> Vec<Session> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, young): (Vec<_>, Vec<_>) = std::mem::take(&mut *idle)
            .into_iter()
            .partition(|idle| everything || idle.since.elapsed() >= IDLE);
        *idle = young;
        old.into_iter().map(|idle| idle.session).collect()
    }
}
