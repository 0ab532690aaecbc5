//! An HTTP server on 127.0.0.1 that keeps every webhook and answers as a test wants it to.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::http::{self, Headers};
use crate::wait::eventually;

/// One request that arrived whole.
#[derive(Clone, Debug)]
pub struct Hook {
    /// `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body's exact bytes (what a signature is over).
    pub body: Vec<u8>,
    /// When the last byte arrived, monotonic.
    pub at: Instant,
    /// The same by the wall clock.
    pub time: SystemTime,
    headers: Headers,
}

impl Hook {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Field `event` of the body, or an empty string.
    #[must_use]
    pub fn event(&self) -> String {
        self.json()["event"].as_str().unwrap_or_default().to_owned()
    }

    /// Field `account` of the body, or an empty string.
    #[must_use]
    pub fn account(&self) -> String {
        self.json()["account"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// How the sink answers a request.
#[derive(Clone, Debug)]
pub struct HookReply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Answer,
    Cut,
    Stall,
}

impl HookReply {
    /// This status with an empty JSON object.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: if status == 204 {
                Vec::new()
            } else {
                b"{}".to_vec()
            },
            delay: Duration::ZERO,
            end: End::Answer,
        }
    }

    /// The connection is closed after the request was read and kept.
    #[must_use]
    pub fn cut() -> Self {
        Self {
            end: End::Cut,
            ..Self::status(0)
        }
    }

    /// The request is read and kept, an answer never comes.
    #[must_use]
    pub fn stall() -> Self {
        Self {
            end: End::Stall,
            ..Self::status(0)
        }
    }

    /// 302 to this address.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        Self::status(302).with_header("Location", to)
    }

    /// Adds a header, such as `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same, this much later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The server. Stops listening and drops its connections when dropped.
pub struct HookSink {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    stop: watch::Sender<()>,
}

struct State {
    hooks: Vec<Hook>,
    next: VecDeque<HookReply>,
    always: HookReply,
    by_path: Vec<(String, HookReply)>,
}

impl HookSink {
    /// Starts on a free port and answers 200 until told otherwise.
    ///
    /// # Panics
    /// When 127.0.0.1 has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("no free port on 127.0.0.1");
        let addr = listener.local_addr().expect("a listener has an address");
        let state = State {
            hooks: Vec::new(),
            next: VecDeque::new(),
            always: HookReply::status(200),
            by_path: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            stop: watch::Sender::new(()),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { addr, shared, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT` and this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The answer from now on.
    pub fn reply(&self, reply: HookReply) {
        self.shared.state().always = reply;
    }

    /// The answer to the next `times` requests, after those already planned this way.
    pub fn reply_next(&self, times: usize, reply: &HookReply) {
        self.shared
            .state()
            .next
            .extend(std::iter::repeat_n(reply.clone(), times));
    }

    /// The answer from now on to requests whose path starts so; goes before all other plans.
    pub fn reply_at(&self, path: &str, reply: HookReply) {
        let mut state = self.shared.state();
        state.by_path.retain(|(known, _)| known != path);
        state.by_path.push((path.to_owned(), reply));
    }

    /// All requests so far, oldest first.
    #[must_use]
    pub fn hooks(&self) -> Vec<Hook> {
        self.shared.state().hooks.clone()
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.state().hooks.len()
    }

    /// All requests so far, oldest first, and forgets them.
    #[must_use]
    pub fn take(&self) -> Vec<Hook> {
        std::mem::take(&mut self.shared.state().hooks)
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        self.shared.state().hooks.clear();
    }

    /// Waits for the first request that `matches`.
    ///
    /// # Panics
    /// When none comes within `limit`; the message lists the events that did.
    pub async fn wait_for(&self, limit: Duration, matches: impl Fn(&Hook) -> bool) -> Hook {
        let find = || async {
            self.shared
                .state()
                .hooks
                .iter()
                .find(|hook| matches(hook))
                .cloned()
        };
        if let Ok(hook) =
            tokio::time::timeout(limit, eventually("the webhook", limit * 2, find)).await
        {
            return hook;
        }
        let events: Vec<_> = self
            .hooks()
            .iter()
            .map(|hook| format!("{} {}", hook.account(), hook.event()))
            .collect();
        panic!(
            "the webhook did not come within {limit:?}; {} others did: {events:?}",
            events.len()
        )
    }

    /// Waits for this event of this account.
    ///
    /// # Panics
    /// As [`Self::wait_for`].
    pub async fn wait_for_event(&self, account: &str, event: &str, limit: Duration) -> Hook {
        self.wait_for(limit, |hook| {
            hook.event() == event && hook.account() == account
        })
        .await
    }
}

impl Drop for HookSink {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.stop.send_replace(());
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the request and says how to answer it.
    fn keep(&self, hook: Hook) -> HookReply {
        let mut state = self.state();
        let planned = state
            .by_path
            .iter()
            .find(|(path, _)| hook.path.starts_with(path.as_str()));
        let planned = planned.map(|(_, reply)| reply.clone());
        let reply = planned
            .or_else(|| state.next.pop_front())
            .unwrap_or_else(|| state.always.clone());
        state.hooks.push(hook);
        reply
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let mut stop = shared.stop.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                _ = connection(stream, &shared) => {}
                _ = stop.changed() => {}
            }
        });
    }
}

async fn connection(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some((start, headers)) = http::read_head(&mut stream).await? {
        if headers.get("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = http::read_body(&mut stream, &headers, false).await?;
        let mut words = start.split(' ').map(str::to_owned);
        let method = words.next().unwrap_or_default();
        let path = words.next().unwrap_or_default();
        let closes = headers.closes();
        let reply = shared.keep(Hook {
            method,
            path,
            body,
            at: Instant::now(),
            time: SystemTime::now(),
            headers,
        });
        tokio::time::sleep(reply.delay).await;
        match reply.end {
            End::Answer => stream.write_all(&response(&reply)).await?,
            End::Cut => return Ok(()),
            // Ends with the sink: the caller waits for that as well.
            End::Stall => std::future::pending().await,
        }
        if closes {
            break;
        }
    }
    Ok(())
}

fn response(reply: &HookReply) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 {} as planned\r\nContent-Type: application/json\r\n",
        reply.status
    );
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", reply.body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&reply.body);
    bytes
}
