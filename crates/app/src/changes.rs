//! The change stream (behaviour 6) as `text/event-stream`.
//!
//! A process tells of the accounts it follows itself.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    Stream, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use posthouse_engine::Numbered;
use posthouse_model::{ApiError, Caller, caller::Identity};
use posthouse_store::{generation::Generation, tokens};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast, broadcast::error::RecvError, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{App, CallInput, Reply, ReplyBody};

/// Streams open at once.
pub(crate) const STREAMS: usize = 256;
/// After how much silence the client is told that the server is still there.
const SILENCE: Duration = Duration::from_secs(90);

/// How often it is looked at whether a reader may go on: sessions and tokens that expire tell nobody.
const ADMISSION: Duration = Duration::from_secs(60);

/// Tells whether whoever opened a stream may still read it.
pub type StillAdmitted = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// A stream of events as text (`text/event-stream`).
pub struct EventStream(BoxStream<'static, Result<Bytes, Infallible>>);

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}

impl Stream for EventStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// The generations after whose change admission is looked at again.
type Admissions = [Option<i64>; 3];

struct State {
    /// What the reader missed and is still to be told.
    missed: VecDeque<Arc<Numbered>>,
    changes: broadcast::Receiver<Arc<Numbered>>,
    generations: watch::Receiver<BTreeMap<Generation, i64>>,
    admissions: Admissions,
    admitted: StillAdmitted,
    closing: CancellationToken,
    silent_until: Instant,
    admit_every: Duration,
    admitted_until: Instant,
    _slot: OwnedSemaphorePermit,
}

impl App {
    /// `GET /v1/changes`.
    pub(crate) fn get_changes(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let (app, identity) = (self.clone(), caller.identity.clone());
        let admitted: StillAdmitted = Box::new(move || {
            let (app, identity) = (app.clone(), identity.clone());
            Box::pin(async move { app.is_still_admitted(&identity).await })
        });
        let headers = &input.valid.headers;
        let after = headers.get("last-event-id").and_then(Value::as_str);
        Ok(Reply {
            body: ReplyBody::Events(self.changes(admitted, after)?),
            no_store: false,
            repeat: None,
        })
    }

    async fn is_still_admitted(&self, identity: &Identity) -> bool {
        match identity {
            Identity::Token(id) => match tokens::get(self.store(), id).await {
                Ok(record) => record.is_some_and(|token| !token.is_expired(self.store().now())),
                // A moment's trouble of the store ends no stream.
                Err(_) => true,
            },
            Identity::Preauthorized => self.settings().bool("disableTokens"),
            _ => true,
        }
    }

    /// The changes from now on, or from after the one of this id (`Last-Event-ID`, WHATWG HTML section 9.2). Where that is
    /// not known any more, an event `reset` says that something may be missing. The stream ends when the server stops, and when `admitted` says no: it is asked after
    /// every change to access tokens and sessions, and once per [`ADMISSION`], however much there is to tell.
    ///
    /// # Errors
    /// 503 when too many streams are open.
    pub fn changes(
        &self,
        admitted: StillAdmitted,
        after: Option<&str>,
    ) -> Result<EventStream, ApiError> {
        let slot =
            self.streams().clone().try_acquire_owned().map_err(|_| {
                ApiError::new(503, "Too many change streams are open; try again later")
            })?;
        let generations = self.engine().generations();
        let admissions = admissions(&generations.borrow());
        let listening = self.engine().changes().listen(after);
        let state = State {
            missed: listening.missed.into(),
            changes: listening.changes,
            generations,
            admissions,
            admitted,
            closing: self.closing().clone(),
            silent_until: Instant::now() + SILENCE,
            admit_every: ADMISSION,
            admitted_until: Instant::now() + ADMISSION,
            _slot: slot,
        };
        let mut greeting = concat!(": Posthouse v", env!("CARGO_PKG_VERSION"), "\n\n").to_owned();
        if listening.gap {
            greeting.push_str("event: reset\ndata: {}\n\n");
        }
        let first = stream::once(async { Bytes::from(greeting) });
        let rest = stream::unfold(state, |mut state| async {
            let piece = state.next().await?;
            state.silent_until = Instant::now() + SILENCE;
            Some((piece, state))
        });
        Ok(EventStream(first.chain(rest).map(Ok).boxed()))
    }

    /// Ends all streams, so that the server need not wait for their readers.
    pub fn close_streams(&self) {
        self.closing().cancel();
    }
}

impl State {
    /// The next piece of text; none when the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(change) = self.missed.pop_front() {
            return Some(event(&change));
        }
        loop {
            tokio::select! {
                // In this order: a stream that always has something to tell is looked at too.
                biased;
                () = self.closing.cancelled() => return None,
                changed = self.generations.changed() => {
                    changed.ok()?;
                    let now = admissions(&self.generations.borrow_and_update());
                    if now != self.admissions && !(self.admitted)().await {
                        return None;
                    }
                    self.admissions = now;
                }
                () = tokio::time::sleep_until(self.admitted_until) => {
                    if !(self.admitted)().await {
                        return None;
                    }
                    self.admitted_until = Instant::now() + self.admit_every;
                }
                change = self.changes.recv() => match change {
                    Ok(change) => return Some(event(&change)),
                    // A reader that is slow misses what happened meanwhile.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                () = tokio::time::sleep_until(self.silent_until) => {
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
            }
        }
    }
}

fn admissions(generations: &BTreeMap<Generation, i64>) -> Admissions {
    [
        Generation::Tokens,
        Generation::Sessions,
        Generation::Settings,
    ]
    .map(|what| generations.get(&what).copied())
}

fn event(change: &Numbered) -> Bytes {
    // JSON text has no line breaks of its own.
    let data = serde_json::to_string(&change.change).unwrap_or_default();
    let id = &change.id;
    Bytes::from(format!("event: message\ndata: {data}\nid: {id}\n\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicBool, Ordering};

    use posthouse_engine::ChangeLog;
    use posthouse_model::{
        AccountId,
        change::{Change, ChangeType},
    };
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_stream_that_is_never_silent_ends_when_its_reader_may_not_go_on() {
        let log = Arc::new(ChangeLog::default());
        let listening = log.listen(None);
        let (_generations, watched) = watch::channel(BTreeMap::new());
        let may = Arc::new(AtomicBool::new(true));
        let asked = may.clone();
        let every = Duration::from_millis(50);
        let mut state = State {
            missed: VecDeque::new(),
            changes: listening.changes,
            generations: watched,
            admissions: [None; 3],
            admitted: Box::new(move || {
                let may = asked.load(Ordering::Relaxed);
                Box::pin(async move { may })
            }),
            closing: CancellationToken::new(),
            silent_until: Instant::now() + SILENCE,
            admit_every: every,
            admitted_until: Instant::now() + every,
            _slot: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        };
        let busy = tokio::spawn(async move {
            loop {
                log.tell(Change {
                    account: Some(AccountId::new("busy")),
                    kind: ChangeType::State,
                    key: "connected".to_owned(),
                    payload: None,
                    state_label: None,
                });
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        for _ in 0..200 {
            assert!(state.next().await.is_some());
        }
        may.store(false, Ordering::Relaxed);
        let end = async { while state.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(5), end)
            .await
            .unwrap();
        busy.abort();
    }
}
