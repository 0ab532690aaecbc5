//! Sessions for callers: made on demand, queued for fairly, closed when nobody uses them.
//!
//! A mailbox that nobody asks anything holds no session, no task and no memory here.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout},
};

use super::{
    connect::{Conn, connect},
    mailbox::Shared,
};
use crate::BackendError;

/// A session that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// The time a server gets for a polite farewell.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a place stays empty after the server said that there are too many sessions.
const WITHHELD: Duration = Duration::from_secs(60);

struct Resting {
    session: Conn,
    since: Instant,
}

#[derive(Default)]
struct State {
    /// Sessions nobody uses, the one used last at the end.
    resting: Vec<Resting>,
    /// A task watches over them.
    watched: bool,
}

/// The sessions of one mailbox for callers.
pub struct Pool {
    size: usize,
    /// One permit a session that may be in use. First come, first served.
    permits: Semaphore,
    /// One permit a session that long reads may hold: fewer than sessions, so that short calls
    /// never wait for long ones.
    bulk: Semaphore,
    waiting: AtomicUsize,
    state: Mutex<State>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("free", &self.permits.available_permits())
            .field("resting", &self.lock().resting.len())
            .finish()
    }
}

impl Pool {
    /// A pool of at most so many sessions.
    pub fn new(sessions: usize) -> Self {
        Self {
            size: sessions.max(1),
            permits: Semaphore::new(sessions.max(1)),
            bulk: Semaphore::new(sessions.saturating_sub(1).max(1)),
            waiting: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }

    /// Whether somebody waits for a session.
    pub fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Sessions that are open or being opened.
    pub fn open(&self) -> usize {
        let used = self.size.saturating_sub(self.permits.available_permits());
        used + self.resting()
    }

    /// Sessions that nobody uses now.
    pub fn resting(&self) -> usize {
        self.lock().resting.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A resting session, if possible one that has this folder open.
    fn take(&self, path: Option<&str>) -> Option<Conn> {
        let mut state = self.lock();
        let at = path.and_then(|path| {
            state
                .resting
                .iter()
                .rposition(|resting| open_path(&resting.session) == Some(path))
        });
        let resting = match at {
            Some(at) => state.resting.remove(at),
            None => state.resting.pop()?,
        };
        Some(resting.session)
    }
}

/// Path of the folder a session has open.
pub fn open_path(session: &Conn) -> Option<&str> {
    Some(session.selected()?.mailbox.as_ref()?.as_str())
}

/// Counts somebody who waits, also when the wait is given up.
struct Waiting<'a>(&'a Pool);

impl<'a> Waiting<'a> {
    fn new(pool: &'a Pool) -> Self {
        pool.waiting.fetch_add(1, Ordering::Relaxed);
        Self(pool)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among the sessions; gives it back when dropped.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.pool.permits.add_permits(1);
    }
}

/// The right to hold a session for a long read; gives it back when dropped.
pub struct Bulk(Arc<Shared>);

impl Drop for Bulk {
    fn drop(&mut self) {
        self.0.pool.bulk.add_permits(1);
    }
}

impl Bulk {
    /// The right, if it is free now.
    pub fn try_get(shared: &Arc<Shared>) -> Option<Self> {
        shared.pool.bulk.try_acquire().ok()?.forget();
        Some(Self(Arc::clone(shared)))
    }

    /// Waits for the right.
    ///
    /// # Errors
    /// None in practice: the queue is never closed.
    pub async fn get(shared: &Arc<Shared>) -> Result<Self, BackendError> {
        let permit = shared.pool.bulk.acquire().await;
        permit.map_err(|_| BackendError::Timeout)?.forget();
        Ok(Self(Arc::clone(shared)))
    }
}

/// A session lent to a caller. Dropped, it goes back to the pool; one that was left in the middle
/// of a command is closed instead.
pub struct Lease {
    session: Option<Conn>,
    fresh: bool,
    // After the session: whoever gets the place next finds it in the pool.
    place: Place,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

impl Lease {
    /// Waits for a place, then takes a resting session or connects.
    ///
    /// # Errors
    /// See [`connect`].
    pub async fn get(shared: &Arc<Shared>, path: Option<&str>) -> Result<Self, BackendError> {
        loop {
            let place = Self::place(shared).await?;
            let resting = shared.pool.take(path).filter(Conn::is_usable);
            let fresh = resting.is_none();
            let session = match resting {
                Some(session) => session,
                None => match Box::pin(connect(&shared.config, &shared.network)).await {
                    Ok(session) => session,
                    // Fewer sessions than were hoped for: one of the others will do, when it is free.
                    Err(error) if is_limit(&error) && shared.pool.open() > 1 => {
                        tokio::spawn(async move {
                            tokio::time::sleep(WITHHELD).await;
                            drop(place);
                        });
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            shared.learn(&session);
            return Ok(Self {
                session: Some(session),
                fresh,
                place,
            });
        }
    }

    /// A session that has just answered: for commands that must not be sent twice, and bodies that cannot be.
    ///
    /// # Errors
    /// See [`connect`].
    pub async fn alive(shared: &Arc<Shared>) -> Result<Self, BackendError> {
        let mut lease = Self::get(shared, None).await?;
        if !lease.is_fresh() && lease.session()?.noop().await.is_err() {
            lease.renew().await?;
        }
        Ok(lease)
    }

    async fn place(shared: &Arc<Shared>) -> Result<Place, BackendError> {
        let pool = &shared.pool;
        let permit = match pool.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = Waiting::new(pool);
                pool.permits
                    .acquire()
                    .await
                    .map_err(|_| BackendError::Timeout)?
            }
        };
        permit.forget();
        Ok(Place(Arc::clone(shared)))
    }

    /// Closes the session, which turned out to be dead, and connects anew.
    ///
    /// # Errors
    /// See [`connect`].
    pub async fn renew(&mut self) -> Result<(), BackendError> {
        self.session = None;
        let shared = &self.place.0;
        let session = Box::pin(connect(&shared.config, &shared.network)).await?;
        shared.learn(&session);
        self.session = Some(session);
        self.fresh = true;
        Ok(())
    }

    /// The connection was made for this lease, not found in the pool.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The session.
    ///
    /// # Errors
    /// [`BackendError::Connection`] after a failed [`Lease::renew`].
    pub fn session(&mut self) -> Result<&mut Conn, BackendError> {
        self.session
            .as_mut()
            .ok_or_else(|| BackendError::Connection {
                response: "The session is closed".to_owned(),
                code: "ESOCKET".to_owned(),
            })
    }
}

/// Did the server turn a session away because of those that are there already (RFC 5530, and words of
/// servers that send no code)?
fn is_limit(error: &BackendError) -> bool {
    let BackendError::Connection { response, code } = error else {
        return false;
    };
    let response = response.to_ascii_lowercase();
    matches!(code.as_str(), "LIMIT" | "INUSE")
        || ["too many", "maximum number of connections"]
            .iter()
            .any(|words| response.contains(words))
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take().filter(Conn::is_usable) else {
            return;
        };
        // Nobody reads what a server says between commands of different callers.
        session.take_notices();
        let shared = &self.place.0;
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let watch = {
            let mut state = shared.pool.lock();
            state.resting.push(Resting {
                session,
                since: Instant::now(),
            });
            !std::mem::replace(&mut state.watched, true)
        };
        if watch {
            runtime.spawn(watch_over(Arc::downgrade(shared)));
        }
    }
}

/// Closes sessions that rested long enough; ends with the last one.
async fn watch_over(shared: std::sync::Weak<Shared>) {
    loop {
        let (gone, next) = {
            // A mailbox that was dropped took its sessions along.
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut state = shared.pool.lock();
            let now = Instant::now();
            let due = |resting: &mut Resting| now.duration_since(resting.since) >= IDLE;
            let gone: Vec<_> = state.resting.extract_if(.., due).collect();
            let next = state
                .resting
                .iter()
                .map(|resting| resting.since + IDLE)
                .min();
            if next.is_none() {
                state.watched = false;
                state.resting = Vec::new();
            }
            (gone, next)
        };
        for mut resting in gone {
            let _ = timeout(FAREWELL, resting.session.logout()).await;
        }
        match next {
            Some(next) => sleep_until(next).await,
            None => return,
        }
    }
}
