//! An SMTP server on 127.0.0.1 that keeps every message and fails where a test wants it to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::random::Random;
use crate::smtp_session;
use crate::wait::eventually;

/// Where in a session a [`Fault`] strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Instead of the greeting.
    Connect,
    /// At `EHLO` and `HELO`.
    Ehlo,
    /// At `AUTH`, after the credentials have been read.
    Auth,
    /// At `MAIL FROM`.
    Mail,
    /// At `RCPT TO`; see also [`SmtpSink::refuse_recipient`].
    Rcpt,
    /// At the `DATA` command, before `354`.
    Data,
    /// After the final dot has been read: the message counts as received unless the fault is a negative reply.
    Dot,
    /// At `QUIT`.
    Quit,
}

/// What happens instead of the ordinary reply.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This reply, code and text. Anything from 400 on is a refusal.
    Reply(u16, String),
    /// The connection is closed without a word.
    Cut,
    /// Nothing more is said or read; the connection stays open.
    Stall,
    /// The ordinary reply, later.
    Delay(Duration),
    /// At [`Phase::Data`] only: `354`, then the connection is closed once this many bytes of the message were read.
    CutAfter(usize),
}

impl Fault {
    /// A reply with this code and a text that says it was asked for.
    #[must_use]
    pub fn reply(code: u16) -> Self {
        Self::Reply(code, format!("{}.0.0 as the test wants it", code / 100))
    }
}

/// What a client logged in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// `PLAIN`, `LOGIN` or `XOAUTH2`.
    pub mechanism: String,
    /// User name.
    pub user: String,
    /// Password or access token.
    pub secret: String,
}

/// A message that was acknowledged, or whose acknowledgement a fault at [`Phase::Dot`] swallowed.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    /// Address of `MAIL FROM`, empty for the null sender.
    pub from: String,
    /// Parameters of `MAIL FROM` as sent, `BODY=8BITMIME SIZE=120`.
    pub from_parameters: String,
    /// Addresses of the accepted `RCPT TO`s.
    pub to: Vec<String>,
    /// The message with CRLF line ends, dots unstuffed, without the final dot.
    pub data: Vec<u8>,
    /// Credentials of the session, if it logged in.
    pub auth: Option<Auth>,
    /// When the final dot was read.
    pub at: SystemTime,
    /// Number of the connection, from 1.
    pub connection: usize,
}

impl ReceivedMail {
    /// The first header of that name, unfolded, not decoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.data);
        let head = text
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .replace("\r\n ", " ")
            .replace("\r\n\t", " ");
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    }

    /// The whole message as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }
}

/// The server. Stops listening and drops its connections when dropped.
pub struct SmtpSink {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    open: AtomicUsize,
    stop: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    mails: Vec<ReceivedMail>,
    faults: HashMap<Phase, (Fault, Option<usize>)>,
    refused: HashMap<String, Fault>,
    secret: Option<String>,
    extensions: Vec<String>,
    counts: HashMap<Phase, usize>,
    weather: Option<Weather>,
}

/// Faults at random.
struct Weather {
    random: Random,
    /// So many of a thousand phases go wrong.
    per_mille: usize,
}

impl Weather {
    /// What goes wrong at this phase, if anything.
    fn strikes(&mut self, phase: Phase) -> Option<Fault> {
        if self.random.below(1000) >= self.per_mille {
            return None;
        }
        let kind = self.random.below(5);
        Some(match (kind, phase) {
            (0, _) => Fault::Cut,
            (1, Phase::Data) => Fault::CutAfter(self.random.below(400)),
            (1 | 2, _) => Fault::Delay(Duration::from_millis(20 + 10 * kind as u64)),
            (3, Phase::Auth) => Fault::reply(535),
            (3, _) => Fault::reply(550),
            (_, Phase::Connect) => Fault::reply(421),
            _ => Fault::reply(451),
        })
    }
}

impl SmtpSink {
    /// Starts on a free port. Every login, sender, recipient and message is accepted until told otherwise.
    ///
    /// # Panics
    /// When 127.0.0.1 has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("no free port on 127.0.0.1");
        let addr = listener.local_addr().expect("a listener has an address");
        let extensions = [
            "PIPELINING",
            "SIZE 104857600",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "AUTH PLAIN LOGIN XOAUTH2",
        ];
        let state = State {
            extensions: extensions.map(str::to_owned).to_vec(),
            ..State::default()
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            open: AtomicUsize::new(0),
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

    /// From now on this fault strikes at every such phase, until [`Self::clear`].
    pub fn fail(&self, phase: Phase, fault: Fault) {
        self.shared.state().faults.insert(phase, (fault, None));
    }

    /// This fault strikes the next `times` times.
    pub fn fail_times(&self, phase: Phase, fault: Fault, times: usize) {
        self.shared
            .state()
            .faults
            .insert(phase, (fault, Some(times)));
    }

    /// From now on so many of a thousand phases go wrong, as `seed` has it: a cut, before or within the message too, a delay, a
    /// refusal for a while or for good.
    pub fn fail_at_random(&self, seed: u64, per_mille: usize) {
        let random = Random::new(seed);
        self.shared.state().weather = Some(Weather { random, per_mille });
    }

    /// Ends all faults, also those of recipients and those at random.
    pub fn clear(&self) {
        let mut state = self.shared.state();
        state.weather = None;
        state.faults.clear();
        state.refused.clear();
    }

    /// This fault strikes at `RCPT TO` of this address only.
    pub fn refuse_recipient(&self, address: &str, fault: Fault) {
        self.shared
            .state()
            .refused
            .insert(address.to_owned(), fault);
    }

    /// Only this password or access token is accepted; others get `535`, and mail without a login `530`.
    pub fn require_secret(&self, secret: &str) {
        self.shared.state().secret = Some(secret.to_owned());
    }

    /// The extensions that `EHLO` announces, such as `SIZE 1000`. Without `AUTH ...` the command is still understood.
    pub fn set_extensions(&self, extensions: &[&str]) {
        self.shared.state().extensions = extensions.iter().map(|&text| text.to_owned()).collect();
    }

    /// All messages so far, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.shared.state().mails.clone()
    }

    /// How often this phase was reached, failures included. [`Phase::Connect`] counts connections.
    #[must_use]
    pub fn count(&self, phase: Phase) -> usize {
        self.shared.state().counts.get(&phase).copied().unwrap_or(0)
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Waits until at least `count` messages are there, and returns them all.
    ///
    /// # Panics
    /// When they do not come within `limit`.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Vec<ReceivedMail> {
        let enough = || async { Some(self.mails()).filter(|mails| mails.len() >= count) };
        eventually(&format!("{count} mails at the SMTP sink"), limit, enough).await
    }

    /// Waits for the first message that `matches`.
    ///
    /// # Panics
    /// When none comes within `limit`.
    pub async fn wait_for_mail(
        &self,
        limit: Duration,
        matches: impl Fn(&ReceivedMail) -> bool,
    ) -> ReceivedMail {
        let find = || async {
            self.shared
                .state()
                .mails
                .iter()
                .find(|mail| matches(mail))
                .cloned()
        };
        eventually("the mail at the SMTP sink", limit, find).await
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.stop.send_replace(());
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut number = 0;
    while let Ok((stream, _)) = listener.accept().await {
        number += 1;
        let shared = Arc::clone(&shared);
        let mut stop = shared.stop.subscribe();
        tokio::spawn(async move {
            shared.open.fetch_add(1, Ordering::SeqCst);
            tokio::select! {
                _ = smtp_session::run(stream, &shared, number) => {}
                _ = stop.changed() => {}
            }
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the phase and says what is to go wrong there, if anything.
    pub fn reach(&self, phase: Phase) -> Option<Fault> {
        let mut state = self.state();
        *state.counts.entry(phase).or_default() += 1;
        let state = &mut *state;
        let Some((fault, left)) = state.faults.get_mut(&phase) else {
            return state.weather.as_mut()?.strikes(phase);
        };
        let fault = fault.clone();
        if let Some(left) = left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                state.faults.remove(&phase);
            }
        }
        Some(fault)
    }

    pub fn refusal(&self, address: &str) -> Option<Fault> {
        self.state().refused.get(address).cloned()
    }

    pub fn accepts(&self, auth: Option<&Auth>) -> bool {
        let state = self.state();
        state
            .secret
            .as_ref()
            .is_none_or(|secret| auth.is_some_and(|auth| auth.secret == *secret))
    }

    pub fn extensions(&self) -> Vec<String> {
        self.state().extensions.clone()
    }

    pub fn keep(&self, mail: ReceivedMail) -> usize {
        let mut state = self.state();
        state.mails.push(mail);
        state.mails.len()
    }
}
