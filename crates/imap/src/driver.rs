//! One connection: the session over a byte stream, every wait with a deadline.

mod body;
mod error;
mod idle;
mod login;
mod mailboxes;
mod messages;
mod pump;
mod resync;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::command::Command;
use crate::framer::Limits;
use crate::observer::Observer;
use crate::quirks::Quirks;
use crate::response::Untagged;
use crate::session::{Event, Selected, Session, State, Tag};
use crate::status::{Condition, Status};
use crate::wire_names::WireNames;
use crate::words::Words;

pub use body::BodyStream;
pub use error::Error;
pub use mailboxes::ListOptions;
pub use messages::{Appended, Ids, StoreAction, StoreOptions, Stored};
pub use resync::{Caught, FetchOptions, Known, Partial};

/// Notices kept for a caller that does not fetch them.
const MAX_NOTICES: usize = 4096;

/// How long to wait. All are times of silence: they start again with every byte that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the greeting, from opening on.
    pub greeting: Duration,
    /// For the server while a command runs, and for a source while its bytes are sent.
    pub command: Duration,
    /// For a command as a whole, however busy the line is.
    pub total: Duration,
    /// For the server's answer to DONE and LOGOUT.
    pub closing: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(30),
            command: Duration::from_secs(60),
            total: Duration::from_secs(1800),
            closing: Duration::from_secs(15),
        }
    }
}

/// How a connection works.
#[derive(Clone, Default)]
pub struct Options {
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Sizes.
    pub limits: Limits,
    /// Hooks for counters and the protocol log.
    pub observer: Option<Arc<dyn Observer>>,
    /// Mailbox names that servers write in a way of their own.
    pub names: WireNames,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("timeouts", &self.timeouts)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Something the server said without being asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// An untagged response that no command was waiting for: EXISTS, EXPUNGE, FETCH with changed
    /// flags, VANISHED, an ALERT, BYE.
    Untagged(Untagged),
    /// The server ended IDLE by itself.
    IdleEnded,
    /// Notices were not fetched and some are lost: look at the mailbox anew.
    Overflow,
}

/// An IMAP connection. One command runs at a time; a command that is dropped before its end (timeout,
/// cancelled future) leaves the connection unusable, see [`Connection::is_usable`].
pub struct Connection<S> {
    io: S,
    session: Session,
    timeouts: Timeouts,
    notices: VecDeque<Notice>,
    /// A command is under way, or was when its future was dropped.
    busy: bool,
    broken: bool,
    idling: Option<Tag>,
    needs_flush: bool,
    greeting: Option<Box<str>>,
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("session", &self.session)
            .field("usable", &self.is_usable())
            .finish_non_exhaustive()
    }
}

impl<S> Connection<S> {
    /// False once the connection can only be dropped: an I/O error, a deadline, a cancelled command,
    /// BYE.
    pub fn is_usable(&self) -> bool {
        !self.broken && !self.busy && self.session.state() != State::Bye
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        self.session.state()
    }

    /// What the server offers.
    pub fn capabilities(&self) -> &Words {
        self.session.capabilities()
    }

    /// Does the server offer this?
    pub fn has(&self, capability: &str) -> bool {
        self.session.capabilities().has(capability)
    }

    /// Takes the words of the greeting: often the only place where a server says what it is. There
    /// once; an idle connection does not keep them.
    pub fn take_greeting(&mut self) -> Option<Box<str>> {
        self.greeting.take()
    }

    /// Has the server confirmed that this is enabled (RFC 5161)? `QRESYNC` includes `CONDSTORE`.
    pub fn is_enabled(&self, capability: &str) -> bool {
        self.session.is_enabled(capability)
    }

    /// Treats these capabilities as not offered from now on, whatever the server says: for servers
    /// that offer what they cannot do.
    pub fn hide(&mut self, capabilities: &[&str]) {
        self.session.hide(capabilities);
    }

    /// What the server is known to do wrong.
    pub fn quirks(&self) -> Quirks {
        self.session.quirks()
    }

    /// Adds to what the server is known to do wrong; capabilities that it had better not offer count
    /// as not offered from now on.
    pub fn add_quirks(&mut self, quirks: Quirks) {
        self.session.add_quirks(quirks);
    }

    /// The open mailbox, kept up to date.
    pub fn selected(&self) -> Option<&Selected> {
        self.session.selected()
    }

    /// Is IDLE running?
    pub fn is_idling(&self) -> bool {
        self.idling.is_some()
    }

    /// The stream below.
    pub fn stream(&self) -> &S {
        &self.io
    }

    /// Takes what the server said without being asked since the last call.
    pub fn take_notices(&mut self) -> VecDeque<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Whether the server said something like this that was not taken yet.
    pub fn has_notice(&self, like: impl Fn(&Notice) -> bool) -> bool {
        self.notices.iter().any(like)
    }

    /// Buffer memory held now, in bytes, without the stream's own; 0 while idle.
    pub fn held(&self) -> usize {
        self.session.held() + self.notices.capacity() * size_of::<Notice>()
    }

    fn notice(&mut self, notice: Notice) {
        if self.notices.len() >= MAX_NOTICES {
            self.notices.clear();
            self.notices.push_back(Notice::Overflow);
        }
        self.notices.push_back(notice);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Queues a command as the only one under way.
    fn begin(&mut self, command: Command) -> Result<Tag, Error> {
        if let Some(what) = command.invalid() {
            return Err(Error::Invalid(what));
        }
        if self.busy || self.broken {
            self.broken = true;
            return Err(Error::Broken);
        }
        if self.idling.is_some() {
            return Err(Error::Idling);
        }
        if let Some(bye) = self.session.bye() {
            return Err(Error::bye(bye));
        }
        self.busy = true;
        Ok(self.session.command(command))
    }

    /// The command that began is over: give the connection free, or say why it was refused.
    fn end(&mut self, command: &'static str, status: Status) -> Result<Status, Error> {
        self.busy = false;
        match status.condition {
            Condition::Ok | Condition::Preauth => Ok(status),
            Condition::Bye => Err(Error::bye(&status)),
            Condition::No | Condition::Bad => Err(Error::refused(command, status)),
        }
    }

    /// Runs a command to its end. `take` gets every untagged response and gives back those that
    /// answer something else.
    async fn run<F>(&mut self, command: Command, mut take: F) -> Result<Status, Error>
    where
        F: FnMut(Untagged) -> Option<Untagged>,
    {
        let name = command.name();
        let tag = self.begin(command)?;
        let deadline = self.deadline();
        loop {
            match self.next_event(deadline).await? {
                Event::Done { tag: done, status } if done == tag => return self.end(name, status),
                Event::Untagged(untagged) => {
                    if let Some(other) = take(untagged) {
                        self.notice(Notice::Untagged(other));
                    }
                }
                // A continuation nobody asked for means nothing; the others cannot come here.
                _ => {}
            }
        }
    }

    /// Runs a command that has no untagged answer of its own.
    async fn simple(&mut self, command: Command) -> Result<Status, Error> {
        self.run(command, Some).await
    }
}
