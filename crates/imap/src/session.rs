//! The state machine of a connection, without I/O: bytes in, events out; commands in, bytes out.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::command::{Command, Dialect, Kind, Piece};
use crate::framer::{BodyTarget, Frame, FrameError, Framer, Limits, RawResponse};
use crate::mailbox_name::MailboxName;
use crate::observer::{self, Observer};
use crate::quirks::{Quirk, Quirks};
use crate::response::{Response, Untagged};
use crate::status::{Code, Condition, Status};
use crate::wire_names::WireNames;
use crate::words::Words;

/// Where the connection stands (RFC 9051 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The greeting has not come yet.
    Greeting,
    /// Before LOGIN or AUTHENTICATE.
    NotAuthenticated,
    /// Logged in, no mailbox open.
    Authenticated,
    /// A mailbox is open.
    Selected,
    /// The server said BYE.
    Bye,
}

/// A command's tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(u32);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}", self.0)
    }
}

/// What is known about the open mailbox. Kept up to date with untagged responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// Its name.
    pub mailbox: Option<MailboxName>,
    /// Opened with EXAMINE, or the server allows no more.
    pub read_only: bool,
    /// Number of messages now.
    pub exists: u32,
    /// Number of recent messages.
    pub recent: u32,
    /// UIDVALIDITY; `None` where the server keeps none.
    pub uid_validity: Option<u64>,
    /// UIDNEXT as the server last told it.
    pub uid_next: Option<u32>,
    /// HIGHESTMODSEQ when the mailbox was opened; `None` where the server keeps none.
    pub highest_mod_seq: Option<u64>,
    /// Flags that are kept; `None` when the server did not say, which means all. `\*` stands for
    /// new keywords.
    pub permanent_flags: Option<Words>,
    /// Flags in use.
    pub flags: Words,
    /// MAILBOXID.
    pub mailbox_id: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The greeting (OK, PREAUTH or BYE).
    Greeting(Status),
    /// An untagged response, asked for or not.
    Untagged(Untagged),
    /// The server waits: a SASL challenge, or IDLE has begun.
    Continuation(Bytes),
    /// A command is over.
    Done {
        /// Which.
        tag: Tag,
        /// How.
        status: Status,
    },
    /// A body literal begins (only for a body command).
    BodyStart {
        /// What it is.
        target: BodyTarget,
        /// Its length in bytes.
        size: u64,
    },
    /// Bytes of that literal, never empty.
    BodyChunk(Bytes),
    /// That literal is complete.
    BodyEnd,
}

/// What to write next.
#[derive(Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// These bytes; report with [`Session::wrote`].
    Bytes(&'a [u8]),
    /// This many bytes from the source of the command; report with [`Session::body_written`].
    Body {
        /// Length in bytes.
        size: u64,
    },
}

struct InFlight {
    tag: Tag,
    kind: Kind,
}

struct Outgoing {
    tag: Tag,
    piece: Piece,
}

/// The state machine.
pub struct Session {
    framer: Framer,
    state: State,
    last_tag: u32,
    in_flight: Vec<InFlight>,
    out: VecDeque<Outgoing>,
    /// Bytes of the first outgoing piece that are written already.
    written: usize,
    capabilities: Words,
    capabilities_fresh: bool,
    /// Capabilities that count as not offered.
    hidden: Words,
    enabled: Words,
    quirks: Quirks,
    selected: Option<Box<Selected>>,
    selecting: Option<Box<Selected>>,
    bye: Option<Box<Status>>,
    observer: Option<Arc<dyn Observer>>,
    names: WireNames,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .field("selected", &self.selected)
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session that waits for the greeting.
    pub fn new(limits: Limits, observer: Option<Arc<dyn Observer>>) -> Self {
        Self {
            framer: Framer::new(limits),
            state: State::Greeting,
            last_tag: 0,
            in_flight: Vec::new(),
            out: VecDeque::new(),
            written: 0,
            capabilities: Words::default(),
            capabilities_fresh: false,
            hidden: Words::default(),
            enabled: Words::default(),
            quirks: Quirks::default(),
            selected: None,
            selecting: None,
            bye: None,
            observer,
            names: WireNames::default(),
        }
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// What the server announced last, without what is hidden.
    pub fn capabilities(&self) -> &Words {
        &self.capabilities
    }

    /// Treats these capabilities as not offered from now on, whatever the server says.
    pub fn hide(&mut self, capabilities: &[&str]) {
        self.hidden = Words::new(self.hidden.iter().chain(capabilities.iter().copied()));
        self.capabilities = self.shown(&self.capabilities);
    }

    /// What the server is known to do wrong; with it, capabilities are hidden.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// Adds to what the server is known to do wrong.
    pub fn add_quirks(&mut self, quirks: Quirks) {
        self.quirks = self.quirks.with(quirks);
        let hidden: Vec<&str> = quirks.iter().flat_map(Quirk::hides).copied().collect();
        if !hidden.is_empty() {
            self.hide(&hidden);
        }
    }

    fn shown(&self, offered: &Words) -> Words {
        if self.hidden.is_empty() {
            return offered.clone();
        }
        Words::new(offered.iter().filter(|word| !self.hidden.has(word)))
    }

    /// Has the server confirmed that this is enabled (RFC 5161)? QRESYNC includes CONDSTORE
    /// (RFC 7162 section 3.2.3).
    pub fn is_enabled(&self, capability: &str) -> bool {
        self.enabled.has(capability)
            || (capability.eq_ignore_ascii_case("CONDSTORE") && self.enabled.has("QRESYNC"))
    }

    /// True when the capabilities must be asked for: never announced, or not since login or TLS.
    pub fn needs_capabilities(&self) -> bool {
        !self.capabilities_fresh
    }

    /// The open mailbox.
    pub fn selected(&self) -> Option<&Selected> {
        self.selected.as_deref()
    }

    /// True once UTF-8 mailbox names are enabled.
    pub fn utf8(&self) -> bool {
        self.is_enabled("UTF8=ACCEPT") || self.is_enabled("IMAP4rev2")
    }

    /// What the server said when it closed the connection.
    pub fn bye(&self) -> Option<&Status> {
        self.bye.as_deref()
    }

    /// Learns mailbox names together with other sessions.
    pub fn share_names(&mut self, names: WireNames) {
        self.names = names;
    }

    /// The hooks it was made with.
    pub fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.observer.as_ref()
    }

    /// True when nothing is under way: no command, no unread bytes, nothing to write.
    pub fn is_quiet(&self) -> bool {
        self.in_flight.is_empty() && self.out.is_empty() && self.framer.is_empty()
    }

    /// True when no bytes of the server wait to be read as events.
    pub fn is_drained(&self) -> bool {
        self.framer.is_empty()
    }

    /// Buffer memory held now, in bytes; 0 while nothing arrives and nothing is written.
    pub fn held(&self) -> usize {
        let pieces: usize = self
            .out
            .iter()
            .map(|o| match &o.piece {
                Piece::Bytes(b) => b.capacity(),
                _ => 0,
            })
            .sum();
        self.framer.held() + self.out.capacity() * size_of::<Outgoing>() + pieces
    }

    fn dialect(&self) -> Dialect {
        let has = |name| self.capabilities.has(name);
        Dialect {
            utf8: self.utf8(),
            literal_plus: has("LITERAL+"),
            literal_minus: has("LITERAL-") || has("IMAP4rev2"),
        }
    }

    /// Queues a command. Several may be queued; each ends with its own [`Event::Done`]. While IDLE or
    /// AUTHENTICATE runs nothing else may be queued.
    pub fn command(&mut self, mut command: Command) -> Tag {
        command.map_mailboxes(|name| self.names.as_known(name));
        self.last_tag = self.last_tag.wrapping_add(1);
        let tag = Tag(self.last_tag);
        let name = tag.to_string();
        self.log_sent(|| command.masked(&name));
        for piece in command.render(&name, self.dialect()) {
            self.out.push_back(Outgoing { tag, piece });
        }
        match &command.kind {
            Kind::Auth | Kind::StartTls => self.capabilities_fresh = false,
            Kind::Select(mailbox) => {
                self.selecting = Some(Box::new(Selected {
                    mailbox: Some(mailbox.clone()),
                    ..Selected::default()
                }));
            }
            Kind::StreamBody => self.framer.stream_bodies(true),
            Kind::Plain | Kind::Unselect | Kind::Idle | Kind::Logout => {}
        }
        // Exact: on an idle connection this is all there is, for hours.
        self.in_flight.reserve_exact(1);
        self.in_flight.push(InFlight {
            tag,
            kind: command.kind,
        });
        tag
    }

    /// Queues a line that answers a continuation: a SASL response or DONE. The line end is added.
    /// `shown` stands in the log.
    pub fn answer(&mut self, line: &str, shown: &str) {
        self.log_sent(|| shown.to_owned());
        let tag = self.in_flight.last().map_or(Tag(0), |c| c.tag);
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        self.out.push_back(Outgoing {
            tag,
            piece: Piece::Bytes(bytes),
        });
    }

    fn log_sent(&self, line: impl FnOnce() -> String) {
        if let Some(observer) = self.observer.as_ref().filter(|o| o.logs()) {
            observer.sent(&line());
        }
    }

    /// What to write next; `None` when there is nothing, or when the server must speak first.
    pub fn output(&self) -> Option<Output<'_>> {
        match &self.out.front()?.piece {
            Piece::Bytes(bytes) => {
                Some(Output::Bytes(bytes.get(self.written..).unwrap_or_default()))
            }
            Piece::Stream(size) => Some(Output::Body { size: *size }),
            Piece::Wait => None,
        }
    }

    /// `count` bytes of the last [`Output::Bytes`] are written.
    pub fn wrote(&mut self, count: usize) {
        self.written += count;
        if let Some(Piece::Bytes(bytes)) = self.out.front().map(|o| &o.piece)
            && self.written >= bytes.len()
        {
            self.pop_out();
        }
    }

    /// The bytes of [`Output::Body`] are written.
    pub fn body_written(&mut self) {
        if matches!(self.out.front().map(|o| &o.piece), Some(Piece::Stream(_))) {
            self.pop_out();
        }
    }

    fn pop_out(&mut self) {
        self.out.pop_front();
        self.written = 0;
        if self.out.is_empty() {
            self.out = VecDeque::new();
        }
    }

    /// Adds bytes from the server.
    pub fn feed(&mut self, data: &[u8]) {
        if let Some(observer) = &self.observer {
            observer.bytes_in(data.len());
        }
        self.framer.feed(data);
    }

    /// The next event, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError`] when the server passes a limit; the connection is of no use afterwards.
    pub fn next_event(&mut self) -> Result<Option<Event>, FrameError> {
        while let Some(frame) = self.framer.next_frame()? {
            let event = match frame {
                Frame::LiteralStart { target, size } => Some(Event::BodyStart { target, size }),
                Frame::LiteralChunk(data) => Some(Event::BodyChunk(data)),
                Frame::LiteralEnd => Some(Event::BodyEnd),
                Frame::Response(raw) => self.response(&raw),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    fn response(&mut self, raw: &RawResponse) -> Option<Event> {
        if let Some(observer) = self.observer.as_ref().filter(|o| o.logs()) {
            observer.received(&observer::log_line(raw));
        }
        match Response::parse(raw, self.utf8()) {
            Response::Continuation(text) => self.continuation(text),
            Response::Tagged { tag, status } => {
                self.count(&status);
                Some(self.tagged(&tag, status))
            }
            Response::Untagged(untagged) => self.untagged(untagged),
        }
    }

    fn count(&self, status: &Status) {
        if let Some(observer) = &self.observer {
            observer.response(status.condition, status.code.as_ref().map(Code::name));
        }
    }

    fn continuation(&mut self, text: Bytes) -> Option<Event> {
        if matches!(self.out.front().map(|o| &o.piece), Some(Piece::Wait)) {
            self.pop_out();
            return None;
        }
        Some(Event::Continuation(text))
    }

    fn tagged(&mut self, tag: &str, status: Status) -> Event {
        let at = self
            .in_flight
            .iter()
            .position(|c| c.tag.to_string().eq_ignore_ascii_case(tag));
        let Some(at) = at else {
            return Event::Untagged(Untagged::Status(status));
        };
        let command = self.in_flight.remove(at);
        if self.in_flight.is_empty() {
            self.in_flight = Vec::new();
        }
        self.drop_output(&command);
        self.status_code(&status);
        let ok = status.condition == Condition::Ok;
        match command.kind {
            Kind::Auth => {
                if ok {
                    self.state = State::Authenticated;
                } else {
                    // Nothing changed, so what was known still holds.
                    self.capabilities_fresh = !self.capabilities.is_empty();
                }
            }
            Kind::Select(_) => {
                let opened = self.selecting.take();
                self.selected = opened.filter(|_| ok).map(|mut s| {
                    if status.has_code("READ-ONLY") {
                        s.read_only = true;
                    } else if status.has_code("READ-WRITE") {
                        s.read_only = false;
                    }
                    s
                });
                self.enter_mailbox_state();
            }
            Kind::Unselect if ok => {
                self.selected = None;
                self.enter_mailbox_state();
            }
            Kind::StartTls if ok => {
                // What was said in the clear proves nothing.
                self.capabilities = Words::default();
                self.capabilities_fresh = false;
                self.enabled = Words::default();
            }
            Kind::StartTls => self.capabilities_fresh = !self.capabilities.is_empty(),
            Kind::StreamBody => {
                let more = self.in_flight.iter().any(|c| c.kind == Kind::StreamBody);
                self.framer.stream_bodies(more);
            }
            Kind::Plain | Kind::Unselect | Kind::Idle | Kind::Logout => {}
        }
        Event::Done {
            tag: command.tag,
            status,
        }
    }

    /// The server answered before it had the whole command. What waits for its consent must not be
    /// sent any more; what it was told to expect must be.
    fn drop_output(&mut self, command: &InFlight) {
        let tag = command.tag;
        let keep_front = self.written > 0;
        let answers = matches!(command.kind, Kind::Auth | Kind::Idle);
        let mut refused = false;
        let mut first = true;
        self.out.retain(|o| {
            let front = std::mem::take(&mut first);
            if o.tag != tag || (front && keep_front) {
                return true;
            }
            refused |= o.piece == Piece::Wait || answers;
            !refused
        });
        if self.out.is_empty() {
            self.out = VecDeque::new();
        }
    }

    fn enter_mailbox_state(&mut self) {
        if self.state != State::Bye {
            self.state = match self.selected {
                Some(_) => State::Selected,
                None => State::Authenticated,
            };
        }
    }

    fn untagged(&mut self, untagged: Untagged) -> Option<Event> {
        if let Untagged::Status(status) = &untagged {
            self.count(status);
            self.status_code(status);
            if status.condition == Condition::Bye {
                self.bye = Some(Box::new(status.clone()));
            }
            if self.state == State::Greeting || status.condition == Condition::Bye {
                let greeting = self.state == State::Greeting;
                self.state = match status.condition {
                    Condition::Ok => State::NotAuthenticated,
                    Condition::Preauth => State::Authenticated,
                    Condition::Bye => State::Bye,
                    Condition::No | Condition::Bad => self.state,
                };
                if greeting {
                    return Some(Event::Greeting(status.clone()));
                }
            }
            return Some(Event::Untagged(untagged));
        }
        let mailbox = match &mut self.selecting {
            Some(s) => Some(s),
            None => self.selected.as_mut(),
        };
        match &untagged {
            Untagged::Unknown(tokens) if tokens.is_empty() => return None,
            Untagged::Capability(words) => {
                self.learn(words);
            }
            Untagged::List(entry) => self.names.learn(&entry.name),
            Untagged::Enabled(names) => {
                let names = names.iter().map(String::as_str);
                self.enabled = Words::new(self.enabled.iter().chain(names));
            }
            other => {
                if let Some(mailbox) = mailbox {
                    mailbox.apply(other);
                }
            }
        }
        Some(Event::Untagged(untagged))
    }

    fn learn(&mut self, capabilities: &Words) {
        self.capabilities = self.shown(capabilities);
        self.capabilities_fresh = true;
    }

    fn status_code(&mut self, status: &Status) {
        let Some(code) = &status.code else { return };
        if let Code::Capability(words) = code {
            self.learn(words);
            return;
        }
        if let Some(mailbox) = self.selecting.as_mut() {
            if code.name() == "CLOSED" {
                // What came before belonged to the mailbox that was open until now (RFC 7162).
                **mailbox = Selected {
                    mailbox: mailbox.mailbox.take(),
                    ..Selected::default()
                };
            }
            mailbox.apply_code(code);
        } else if let Some(mailbox) = self.selected.as_mut() {
            mailbox.apply_code(code);
        }
    }
}

impl Selected {
    fn apply(&mut self, untagged: &Untagged) {
        match untagged {
            Untagged::Exists(n) => self.exists = *n,
            Untagged::Recent(n) => self.recent = *n,
            Untagged::Expunge(_) => self.exists = self.exists.saturating_sub(1),
            Untagged::Vanished {
                earlier: false,
                uids,
            } => {
                let gone = u32::try_from(uids.len()).unwrap_or(u32::MAX);
                self.exists = self.exists.saturating_sub(gone);
            }
            Untagged::Flags(flags) => self.flags = Words::new(flags),
            _ => {}
        }
    }

    fn apply_code(&mut self, code: &Code) {
        match code {
            Code::UidValidity(n) => self.uid_validity = Some(*n).filter(|n| *n > 0),
            Code::UidNext(n) => self.uid_next = Some(*n).filter(|n| *n > 0),
            Code::HighestModSeq(n) => self.highest_mod_seq = Some(*n).filter(|n| *n > 0),
            Code::PermanentFlags(flags) => self.permanent_flags = Some(Words::new(flags)),
            Code::MailboxId(id) => self.mailbox_id = Some(id.clone()),
            Code::Other { name, .. } => match name.as_str() {
                "NOMODSEQ" => self.highest_mod_seq = None,
                "READ-ONLY" => self.read_only = true,
                "READ-WRITE" => self.read_only = false,
                "UIDNOTSTICKY" => self.uid_validity = None,
                _ => {}
            },
            _ => {}
        }
    }
}
