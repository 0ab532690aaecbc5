//! Folders that have a connection of their own, so that what happens in them is known at once (`subconnections`).
//!
//! A watcher knows nothing but that something happened: the connection that follows the mailbox then looks into the
//! folder. It stays in IDLE meanwhile.

use std::{sync::Arc, time::Duration};

use posthouse_imap::Notice;
use tokio::time::{Instant, sleep_until};

use super::news::counts;
use crate::{
    BackendError, BoxFuture,
    imap::{
        connect::{Conn, connect, set_up_error},
        mailbox::Shared,
        special,
    },
};

/// Folders of one account that are watched at most.
const MOST: usize = 20;

/// IDLE is begun anew after so long (see the shell).
const REARM: Duration = Duration::from_secs(530);

/// The pauses after failures: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(600));

enum State {
    /// To be connected then.
    Off(Instant),
    Work(BoxFuture<'static, Result<Box<Conn>, BackendError>>),
    Waiting(Box<Conn>, Instant),
    /// The server cannot announce anything.
    Useless,
}

struct Watcher {
    shared: Arc<Shared>,
    /// As configured: a path or a special use.
    wanted: String,
    state: State,
    pause: Duration,
}

/// The watched folders of an account.
#[derive(Default)]
pub(super) struct Watchers {
    all: Vec<Watcher>,
    /// Folders in which something happened.
    news: Vec<String>,
}

impl Watchers {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let mut wanted: Vec<&String> = Vec::new();
        for path in shared.config.subconnections.iter().flatten() {
            if !path.is_empty() && !wanted.contains(&path) && wanted.len() < MOST {
                wanted.push(path);
            }
        }
        let all = wanted.into_iter().map(|path| Watcher {
            shared: Arc::clone(shared),
            wanted: path.clone(),
            state: State::Off(Instant::now()),
            pause: PAUSES.0,
        });
        Self {
            all: all.collect(),
            news: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// A folder in which something happened.
    pub(super) fn take_news(&mut self) -> Option<String> {
        self.news.pop()
    }

    /// All folders are about to be looked at.
    pub(super) fn forget_news(&mut self) {
        self.news.clear();
    }

    /// Returns once something happened in one of the folders. Dropped half-way it loses nothing.
    pub(super) async fn next(&mut self) {
        if self.all.is_empty() {
            return std::future::pending().await;
        }
        let waits = self.all.iter_mut().map(|watcher| Box::pin(watcher.next()));
        let (path, _, _) = futures_util::future::select_all(waits).await;
        if !self.news.contains(&path) {
            self.news.push(path);
        }
    }
}

impl Watcher {
    /// The path of the folder.
    fn path(&self) -> String {
        let known = self.shared.special();
        special::alias(&self.wanted)
            .and_then(|wanted| {
                let mut known = known.iter().flat_map(|known| known.iter());
                known.find(|(special, _)| *special == wanted)
            })
            .map_or_else(|| self.wanted.clone(), |(_, path)| path.clone())
    }

    async fn next(&mut self) -> String {
        loop {
            match &mut self.state {
                State::Off(until) => {
                    sleep_until(*until).await;
                    let (shared, path) = (Arc::clone(&self.shared), self.path());
                    self.state = State::Work(Box::pin(arm(shared, path, None)));
                }
                State::Work(job) => match job.await {
                    Ok(session) if session.is_idling() => {
                        self.pause = PAUSES.0;
                        self.state = State::Waiting(session, Instant::now() + REARM);
                        // Whatever happened before is looked for once.
                        return self.path();
                    }
                    Ok(_) => self.state = State::Useless,
                    Err(_) => self.failed(),
                },
                State::Waiting(session, until) => match session.idle_wait(*until).await {
                    Ok(Some(notice)) if counts(&notice) => {
                        session.take_notices();
                        return self.path();
                    }
                    Ok(Some(Notice::IdleEnded) | None) => self.rearm(),
                    Ok(Some(_)) => {}
                    Err(_) => self.failed(),
                },
                State::Useless => return std::future::pending().await,
            }
        }
    }

    fn rearm(&mut self) {
        if let State::Waiting(session, _) = std::mem::replace(&mut self.state, State::Useless) {
            let (shared, path) = (Arc::clone(&self.shared), self.path());
            self.state = State::Work(Box::pin(arm(shared, path, Some(session))));
        }
    }

    fn failed(&mut self) {
        self.state = State::Off(Instant::now() + self.pause);
        self.pause = self.pause.mul_f64(1.5).min(PAUSES.1);
    }
}

/// Connects if need be, opens the folder and begins to idle.
async fn arm(
    shared: Arc<Shared>,
    path: String,
    session: Option<Box<Conn>>,
) -> Result<Box<Conn>, BackendError> {
    let mut session = match session {
        Some(mut session) => {
            session.idle_done().await.map_err(set_up_error)?;
            session
        }
        None => {
            let mut session = Box::new(connect(&shared.config, &shared.network).await?);
            let opened = session.examine(path.as_str(), false).await;
            opened.map_err(set_up_error)?;
            session
        }
    };
    if session.has("IDLE") || session.has("IMAP4rev2") {
        session.idle_start().await.map_err(set_up_error)?;
    }
    Ok(session)
}
