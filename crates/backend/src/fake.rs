//! A scripted mailbox with history cursors and string ids, for the engine's tests.
//!
//! A [`FakeMailbox`] is its own handle: clones share everything, so a test keeps one and hands the
//! other to the engine. It keeps a history of what happened; a follower reads it from a cursor, as
//! the backends of API providers do.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use posthouse_model::{
    Timestamp,
    command::{Append, BodyHead, ListMessages, SearchMessages, Targets},
    index::Identity,
    mailbox::{self, SpecialUse, SpecialUseSource},
    message::{
        Address, HeaderChoice, Message, MessageOptions, MessagePage, MessageUpdate, Text, TextType,
        WordsUpdate,
    },
    origin::Origin,
};
use tokio::sync::Notify;

use crate::{
    Appended, BackendError, Body, BodyStream, BoxFuture, Capabilities, Change, Follow, Mailbox,
    MarkChange, Phase, Place, StateDelta, Step, SyncState,
};

/// Messages an append may have, bytes.
const MAX_SIZE: usize = 64 << 20;

/// What the next [`Follow::next`] calls do, one each, before they do their work.
#[derive(Debug, Clone)]
pub enum Act {
    /// Fail; the follower is spent.
    Fail(BackendError),
    /// Panic.
    Panic,
    /// Wait so long, then work.
    Delay(Duration),
    /// Never end.
    Hang,
}

/// A message of the fake.
#[derive(Debug, Clone)]
pub struct FakeMessage {
    /// What lists and details show; [`Message::id`] is set by the mailbox.
    pub message: Message,
    /// The source.
    pub source: Bytes,
}

impl FakeMessage {
    /// A small message in the inbox.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        let source = format!(
            "From: Fake <fake@example.com>\r\nTo: you@example.com\r\nSubject: {subject}\r\n\
             Message-ID: <{subject}@fake>\r\n\r\nThis is {subject}.\r\n"
        );
        Self {
            message: Message {
                path: Some("INBOX".to_owned()),
                subject: Some(subject.to_owned()),
                message_id: Some(format!("<{subject}@fake>")),
                from: Some(Address {
                    name: Some("Fake".to_owned()),
                    address: "fake@example.com".to_owned(),
                }),
                date: Some(Timestamp::now()),
                size: Some(source.len() as u64),
                unseen: true,
                ..Message::default()
            },
            source: source.into(),
        }
    }
}

#[derive(Debug, Clone)]
enum Happened {
    Message(String),
    Updated(Place, MarkChange),
    Deleted(Place),
    Folder(String),
    FolderGone(String),
}

#[derive(Default)]
struct State {
    folders: Vec<mailbox::Mailbox>,
    /// Oldest first; `None` is a message that was removed.
    messages: Vec<FakeMessage>,
    history: Vec<Happened>,
    /// Cursors below this are no longer known.
    expired: usize,
    script: VecDeque<Act>,
    verbs: VecDeque<BackendError>,
    /// Subjects of messages on which the connection breaks.
    broken: Vec<String>,
    /// Subjects of messages on whose source the connection breaks, and how often.
    broken_sources: HashMap<String, usize>,
    /// Sources that were read.
    sources: usize,
    /// Folders have numbers.
    numbered: bool,
    /// Reading a message never ends.
    stuck: bool,
    /// The provider files sent mail itself.
    files_sent: bool,
    /// How long storing a message takes.
    append: Duration,
    connects: usize,
    waits: usize,
    next_id: u64,
    chunk: usize,
}

/// A mailbox that lives in memory. Its first page, cursor and ids are plain strings.
#[derive(Clone)]
pub struct FakeMailbox {
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
}

impl Default for FakeMailbox {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FakeMailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeMailbox").finish_non_exhaustive()
    }
}

impl FakeMailbox {
    /// A mailbox with the empty folders `INBOX` and `Sent`.
    #[must_use]
    pub fn new() -> Self {
        let folder = |path: &str, special| mailbox::Mailbox {
            path: path.to_owned(),
            delimiter: Some("/".to_owned()),
            name: path.to_owned(),
            listed: true,
            subscribed: true,
            special_use: Some(special),
            special_use_source: Some(SpecialUseSource::Extension),
            ..mailbox::Mailbox::default()
        };
        let state = State {
            folders: vec![
                folder("INBOX", SpecialUse::Inbox),
                folder("Sent", SpecialUse::Sent),
            ],
            chunk: 100,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            news: Arc::new(Notify::new()),
        }
    }

    /// A message arrives; its id.
    pub fn push(&self, message: FakeMessage) -> String {
        let id = {
            let mut state = self.lock();
            let id = state.add(message);
            state.history.push(Happened::Message(id.clone()));
            id
        };
        self.news.notify_waiters();
        id
    }

    /// A message is there as if it had always been: nothing is announced. Its id.
    pub fn put(&self, message: FakeMessage) -> String {
        self.lock().add(message)
    }

    /// A message is gone: reading it finds nothing.
    pub fn remove(&self, id: &str) {
        self.lock().messages.retain(|known| known.message.id != id);
    }

    /// A message is deleted, and that is noticed.
    pub fn delete(&self, id: &str) {
        {
            let mut state = self.lock();
            let at = state
                .messages
                .iter()
                .position(|known| known.message.id == id);
            let Some(at) = at else { return };
            let place = state.place(id);
            state.messages.remove(at);
            state.history.push(Happened::Deleted(place));
        }
        self.news.notify_waiters();
    }

    /// A message goes from its folder and appears in another one; its new id.
    pub fn move_to(&self, id: &str, path: &str) -> Option<String> {
        let mut message = {
            let state = self.lock();
            let mut messages = state.messages.iter();
            messages.find(|known| known.message.id == id)?.clone()
        };
        self.delete(id);
        message.message.path = Some(path.to_owned());
        Some(self.push(message))
    }

    /// A folder appears.
    pub fn add_folder(&self, path: &str) {
        {
            let mut state = self.lock();
            state.folders.push(mailbox::Mailbox {
                path: path.to_owned(),
                delimiter: Some("/".to_owned()),
                name: path.rsplit('/').next().unwrap_or(path).to_owned(),
                listed: true,
                ..mailbox::Mailbox::default()
            });
            state.history.push(Happened::Folder(path.to_owned()));
        }
        self.news.notify_waiters();
    }

    /// A folder and its messages go.
    pub fn remove_folder(&self, path: &str) {
        {
            let mut state = self.lock();
            state.folders.retain(|known| known.path != path);
            state
                .messages
                .retain(|known| known.message.path.as_deref() != Some(path));
            state.history.push(Happened::FolderGone(path.to_owned()));
        }
        self.news.notify_waiters();
    }

    /// Puts an act at the end of the script. A follower that waits performs it at once.
    pub fn script(&self, act: Act) {
        self.lock().script.push_back(act);
        self.news.notify_waiters();
    }

    /// Makes storing messages take so long.
    pub fn slow_append(&self, time: Duration) {
        self.lock().append = time;
    }

    /// Breaks the connection whenever messages of this subject are read.
    pub fn break_on(&self, subject: &str) {
        self.lock().broken.push(subject.to_owned());
    }

    /// Breaks the connection when sources of messages of this subject are read, so often.
    pub fn break_on_source(&self, subject: &str, times: usize) {
        let mut state = self.lock();
        state.broken_sources.insert(subject.to_owned(), times);
    }

    /// How many sources were read, or tried to.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.lock().sources
    }

    /// Gives folders numbers, by their places in the list from 1, and messages UIDs. Whoever keeps the state must know the
    /// numbers.
    pub fn number_folders(&self) {
        self.lock().numbered = true;
    }

    /// Makes reading a message never end, or end again.
    pub fn set_stuck(&self, stuck: bool) {
        self.lock().stuck = stuck;
    }

    /// Makes it a provider that files sent mail itself, under the Message-ID that it had.
    pub fn set_files_sent(&self, files_sent: bool) {
        self.lock().files_sent = files_sent;
    }

    /// The next verb fails like this; several are used up one by one.
    pub fn fail_verb(&self, error: BackendError) {
        self.lock().verbs.push_back(error);
    }

    /// Forgets the history so far: a follower that comes with a cursor of it begins anew.
    pub fn expire_history(&self) {
        let mut state = self.lock();
        state.expired = state.history.len() + 1;
        // A place that no earlier cursor names.
        let place = state.expired;
        state
            .history
            .resize(place, Happened::FolderGone(String::new()));
    }

    /// Changes of one step at most; 100 at first.
    pub fn set_chunk(&self, changes: usize) {
        self.lock().chunk = changes.max(1);
    }

    /// How often a follower connected.
    #[must_use]
    pub fn connects(&self) -> usize {
        self.lock().connects
    }

    /// How often a follower was asked for what is new.
    #[must_use]
    pub fn waits(&self) -> usize {
        self.lock().waits
    }

    /// The messages of a folder, oldest first.
    #[must_use]
    pub fn messages(&self, path: &str) -> Vec<FakeMessage> {
        let state = self.lock();
        let inside = |known: &&FakeMessage| known.message.path.as_deref() == Some(path);
        state.messages.iter().filter(inside).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error that a verb is to give, or the message it is about.
    fn find(&self, id: &str) -> Result<FakeMessage, BackendError> {
        let mut state = self.lock();
        state.verb()?;
        state
            .messages
            .iter()
            .find(|known| known.message.id == id)
            .cloned()
            .ok_or_else(BackendError::message_not_found)
    }

    fn page(&self, request: &ListMessages) -> Result<MessagePage, BackendError> {
        let mut state = self.lock();
        state.verb()?;
        let path = state.resolve(&request.path)?;
        let page = match &request.cursor {
            None => request.page,
            Some(cursor) => {
                let input = |code| BackendError::Input {
                    status: 400,
                    message: "The cursor cannot be used".to_owned(),
                    code,
                };
                let value = cursor.strip_prefix("fake_");
                let value = value.ok_or_else(|| input("InvalidCursorType"))?;
                value.parse().map_err(|_| input("InvalidCursorValue"))?
            }
        };
        let size = request.page_size.max(1);
        let inside: Vec<_> = state
            .messages
            .iter()
            .rev()
            .filter(|known| known.message.path.as_deref() == Some(path.as_str()))
            .collect();
        let total = inside.len() as u64;
        let pages = total.div_ceil(size).max(1);
        let skip = usize::try_from(page.saturating_mul(size)).unwrap_or(usize::MAX);
        let take = usize::try_from(size).unwrap_or(usize::MAX);
        let entry = |known: &&FakeMessage| Message {
            path: None,
            ..known.message.clone()
        };
        Ok(MessagePage {
            total,
            page,
            pages,
            next_page_cursor: (page + 1 < pages).then(|| format!("fake_{}", page + 1)),
            prev_page_cursor: (page > 0).then(|| format!("fake_{}", page - 1)),
            messages: inside.iter().skip(skip).take(take).map(entry).collect(),
        })
    }
}

impl State {
    /// Where a message lies.
    fn place(&self, id: &str) -> Place {
        let known = self.messages.iter().find(|known| known.message.id == id);
        let path = known.and_then(|known| known.message.path.clone());
        let path = path.unwrap_or_else(|| "INBOX".to_owned());
        let mut folders = self.folders.iter();
        let at = folders.position(|folder| self.numbered && folder.path == path);
        Place {
            id: id.to_owned(),
            mailbox: at.and_then(|at| u32::try_from(at + 1).ok()).unwrap_or(0),
            uid: known.and_then(|known| known.message.uid.filter(|_| self.numbered)),
            path,
        }
    }

    fn verb(&mut self) -> Result<(), BackendError> {
        self.verbs.pop_front().map_or(Ok(()), Err)
    }

    fn add(&mut self, mut message: FakeMessage) -> String {
        self.next_id += 1;
        let id = format!("msg-{}", self.next_id);
        message.message.uid = u32::try_from(self.next_id).ok();
        message.message.id.clone_from(&id);
        message
            .message
            .path
            .get_or_insert_with(|| "INBOX".to_owned());
        message.message.text.get_or_insert_with(|| Text {
            id: Some(id.clone()),
            ..Text::default()
        });
        self.messages.push(message);
        id
    }

    fn resolve(&self, path: &str) -> Result<String, BackendError> {
        self.folders
            .iter()
            .find(|known| {
                known.path == path || known.special_use.is_some_and(|use_| use_.as_str() == path)
            })
            .map(|known| known.path.clone())
            .ok_or_else(BackendError::folder_not_found)
    }
}

fn origin(message: &Message) -> Origin {
    let id = message.message_id.as_deref();
    Origin {
        identity: id.and_then(|id| Identity::of_message(id, message.size.unwrap_or(0), 0)),
        message_id: message.message_id.clone(),
        parent: message.in_reply_to.clone(),
        ..Origin::default()
    }
}

fn text_of(message: &FakeMessage, text_type: TextType, max_bytes: Option<u64>) -> Text {
    let source = String::from_utf8_lossy(&message.source).replace("\r\n", "\n");
    let body = source.split_once("\n\n").map_or("", |(_, body)| body);
    let max = usize::try_from(max_bytes.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let cut = body
        .get(..body.floor_char_boundary(max))
        .unwrap_or_default();
    Text {
        plain: text_type.plain().then(|| cut.to_owned()),
        html: text_type.html().then(String::new),
        has_more: (text_type != TextType::None).then_some(cut.len() < body.len()),
        ..Text::default()
    }
}

fn apply(flags: &mut Vec<String>, update: &WordsUpdate) {
    if let Some(set) = &update.set {
        flags.clone_from(set);
        return;
    }
    for flag in update.add.iter().flatten() {
        if !flags.contains(flag) {
            flags.push(flag.clone());
        }
    }
    flags.retain(|flag| !update.delete.iter().flatten().any(|gone| gone == flag));
}

fn body(content_type: &str, bytes: Bytes) -> Body {
    Body {
        head: BodyHead {
            content_type: content_type.to_owned(),
            filename: None,
            size: Some(bytes.len() as u64),
            about: None,
        },
        stream: stream::once(async move { Ok(bytes) }).boxed(),
    }
}

impl Mailbox for FakeMailbox {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            labels: false,
            threads: false,
            files_sent: self.lock().files_sent,
            keeps_ids: true,
            history: true,
            append: true,
        }
    }

    fn list_mailboxes(
        &self,
        counters: bool,
    ) -> BoxFuture<'_, Result<Vec<mailbox::Mailbox>, BackendError>> {
        Box::pin(async move {
            let mut state = self.lock();
            state.verb()?;
            let mut folders = state.folders.clone();
            for folder in folders.iter_mut().filter(|_| counters) {
                let inside =
                    |known: &&FakeMessage| known.message.path.as_ref() == Some(&folder.path);
                let messages = state.messages.iter().filter(inside).count() as u64;
                let unseen = state.messages.iter().filter(inside);
                folder.status = Some(mailbox::MailboxStatus {
                    messages,
                    unseen: unseen.filter(|known| known.message.unseen).count() as u64,
                });
            }
            Ok(folders)
        })
    }

    fn list_messages<'a>(
        &'a self,
        request: &'a ListMessages,
    ) -> BoxFuture<'a, Result<MessagePage, BackendError>> {
        Box::pin(async move { self.page(request) })
    }

    /// By `Message-ID` alone.
    fn search<'a>(
        &'a self,
        request: &'a SearchMessages,
    ) -> BoxFuture<'a, Result<MessagePage, BackendError>> {
        Box::pin(async move {
            self.lock().verb()?;
            let header = request.search.header.as_ref();
            let wanted = header.and_then(|header| header.get("Message-ID")?.as_str());
            let mut page = self.page(&request.list)?;
            page.messages
                .retain(|message| wanted.is_some() && message.message_id.as_deref() == wanted);
            page.total = page.messages.len() as u64;
            Ok(page)
        })
    }

    fn message<'a>(
        &'a self,
        id: &'a str,
        options: &'a MessageOptions,
    ) -> BoxFuture<'a, Result<Message, BackendError>> {
        Box::pin(async move {
            if self.lock().stuck {
                std::future::pending::<()>().await;
            }
            let found = self.find(id)?;
            let mut message = found.message.clone();
            let subject = message.subject.as_ref();
            if subject.is_some_and(|subject| self.lock().broken.contains(subject)) {
                return Err(lost("gone"));
            }
            let text = text_of(&found, options.text_type, options.max_bytes);
            message.text = Some(Text {
                id: Some(id.to_owned()),
                ..text
            });
            if options.headers == HeaderChoice::None {
                message.headers = None;
            }
            Ok(message)
        })
    }

    fn text<'a>(
        &'a self,
        id: &'a str,
        text_type: TextType,
        max_bytes: Option<u64>,
    ) -> BoxFuture<'a, Result<Text, BackendError>> {
        Box::pin(async move { Ok(text_of(&self.find(id)?, text_type, max_bytes)) })
    }

    fn source<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Body, BackendError>> {
        Box::pin(async move {
            let found = self.find(id)?;
            let mut state = self.lock();
            state.sources += 1;
            let subject = found.message.subject.as_deref().unwrap_or_default();
            let breaks = state.broken_sources.get_mut(subject);
            if let Some(times) = breaks.filter(|times| **times > 0) {
                *times -= 1;
                return Err(lost("gone"));
            }
            Ok(body("message/rfc822", found.source))
        })
    }

    fn attachment<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Body, BackendError>> {
        Box::pin(async move { Ok(body("application/octet-stream", self.find(id)?.source)) })
    }

    fn update<'a>(
        &'a self,
        targets: &'a Targets,
        update: &'a MessageUpdate,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async move {
            let Targets::Message(id) = targets else {
                return Ok(0);
            };
            self.find(id)?;
            let mut state = self.lock();
            let found = state
                .messages
                .iter_mut()
                .find(|known| known.message.id == *id);
            let Some((found, flags)) = found.zip(update.flags.as_ref()) else {
                return Ok(1);
            };
            let before = found.message.flags.clone();
            apply(&mut found.message.flags, flags);
            let now = found.message.flags.clone();
            found.message.unseen = !now.iter().any(|flag| flag == "\\Seen");
            let without = |all: &[String], other: &[String]| -> Vec<String> {
                all.iter()
                    .filter(|flag| !other.contains(flag))
                    .cloned()
                    .collect()
            };
            let change = MarkChange {
                added: without(&now, &before),
                deleted: without(&before, &now),
                value: now,
            };
            if change.added.is_empty() && change.deleted.is_empty() {
                return Ok(1);
            }
            let place = state.place(id);
            state.history.push(Happened::Updated(place, change));
            drop(state);
            self.news.notify_waiters();
            Ok(1)
        })
    }

    fn append<'a>(
        &'a self,
        append: &'a Append,
        body: BodyStream,
    ) -> BoxFuture<'a, Result<Appended, BackendError>> {
        Box::pin(async move {
            let (path, time) = {
                let mut state = self.lock();
                state.verb()?;
                (state.resolve(&append.path)?, state.append)
            };
            if !time.is_zero() {
                tokio::time::sleep(time).await;
            }
            let wanted = append.unless_message_id.as_ref();
            let same = |known: &FakeMessage| {
                wanted.is_some() && known.message.message_id.as_ref() == wanted
            };
            if let Some(known) = self.messages(&path).into_iter().find(same) {
                return Ok(Appended {
                    path,
                    id: Some(known.message.id),
                    uid: None,
                    uid_validity: None,
                });
            }
            let source = body
                .try_fold(Vec::new(), |mut all, chunk| async move {
                    if all.len() + chunk.len() > MAX_SIZE {
                        return Err(std::io::ErrorKind::FileTooLarge.into());
                    }
                    all.extend_from_slice(&chunk);
                    Ok(all)
                })
                .await
                .map_err(|error| BackendError::Input {
                    status: 400,
                    message: error.to_string(),
                    code: "UploadFail",
                })?;
            let headers = posthouse_mime::message::summary(&source);
            let message = Message {
                path: Some(path.clone()),
                message_id: headers.message_id,
                subject: headers.subject,
                from: headers.from,
                to: headers.to,
                flags: append.flags.clone(),
                date: append.internal_date,
                size: Some(source.len() as u64),
                ..Message::default()
            };
            let id = self.push(FakeMessage {
                message,
                source: source.into(),
            });
            Ok(Appended {
                path,
                id: Some(id),
                uid: None,
                uid_validity: None,
            })
        })
    }

    fn origins<'a>(
        &'a self,
        _mailbox: u32,
        uids: &'a [u32],
    ) -> BoxFuture<'a, Result<Vec<(u32, Origin)>, BackendError>> {
        Box::pin(async move {
            let mut state = self.lock();
            state.verb()?;
            let known = state.messages.iter().filter_map(|known| {
                let uid = known.message.uid.filter(|uid| uids.contains(uid))?;
                Some((uid, origin(&known.message)))
            });
            Ok(known.collect())
        })
    }

    fn message_id(&self, mailbox: u32, uid: u32) -> Option<String> {
        let state = self.lock();
        let mut messages = state.messages.iter();
        let found = messages.find(|known| {
            let place = state.place(&known.message.id);
            (place.mailbox, place.uid) == (mailbox, Some(uid))
        });
        found.map(|known| known.message.id.clone())
    }

    fn follow(&self, state: SyncState) -> Box<dyn Follow> {
        let cursor = match state {
            SyncState::Cursor(cursor) => cursor,
            SyncState::Imap(_) => None,
        };
        Box::new(FakeFollower {
            mailbox: self.clone(),
            cursor,
            connected: false,
            following: false,
            spent: false,
        })
    }
}

struct FakeFollower {
    mailbox: FakeMailbox,
    cursor: Option<String>,
    connected: bool,
    following: bool,
    spent: bool,
}

impl FakeFollower {
    async fn run(&mut self) -> Result<Step, BackendError> {
        loop {
            // Registered before the look, so that nothing falls between look and wait.
            let mailbox = self.mailbox.clone();
            let news = mailbox.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.spent {
                return Err(lost("spent"));
            }
            let act = self.mailbox.lock().script.pop_front();
            match act {
                Some(Act::Fail(error)) => {
                    self.spent = true;
                    return Err(error);
                }
                #[allow(clippy::panic)]
                Some(Act::Panic) => panic!("as the script wants"),
                Some(Act::Delay(time)) => tokio::time::sleep(time).await,
                Some(Act::Hang) => std::future::pending().await,
                None => {}
            }
            if let Some(step) = self.step() {
                return Ok(step);
            }
            news.await;
        }
    }

    fn step(&mut self) -> Option<Step> {
        let mut state = self.mailbox.lock();
        if !self.connected {
            self.connected = true;
            state.connects += 1;
            return Some(Step {
                phase: Phase::Syncing,
                changes: Vec::new(),
                deltas: Vec::new(),
                mailboxes: Some(state.folders.clone()),
                trouble: None,
            });
        }
        let end = state.history.len();
        let mut changes = Vec::new();
        let from = match self.cursor.as_deref().map(read_cursor) {
            // The first sync: what is there counts as known.
            None => end,
            Some(Some(at)) if at >= state.expired && at <= end => at,
            Some(_) => {
                changes.push(Change::MailboxReset {
                    path: "INBOX".to_owned(),
                    uid_validity: None,
                    previous: None,
                    reason: "syncStateLost",
                });
                end
            }
        };
        let to = end.min(from + state.chunk);
        let happened = state.history.get(from..to).unwrap_or_default();
        changes.extend(
            happened
                .iter()
                .filter_map(|happened| state.change(happened)),
        );
        let cursor = format!("history-{to}");
        let phase = if to == end {
            Phase::Following
        } else {
            Phase::Syncing
        };
        let first = phase == Phase::Following && !self.following;
        if self.cursor.as_deref() == Some(cursor.as_str()) && changes.is_empty() && !first {
            return None;
        }
        self.following |= first;
        let deltas = if self.cursor.as_deref() == Some(cursor.as_str()) {
            Vec::new()
        } else {
            vec![StateDelta::Cursor(cursor.clone())]
        };
        self.cursor = Some(cursor);
        Some(Step {
            phase: if self.following {
                Phase::Following
            } else {
                phase
            },
            changes,
            deltas,
            mailboxes: None,
            trouble: None,
        })
    }
}

impl State {
    fn change(&self, happened: &Happened) -> Option<Change> {
        Some(match happened {
            Happened::Message(id) => {
                let known = self.messages.iter().find(|known| known.message.id == *id);
                Change::MessageNew {
                    place: self.place(id),
                    origin: known.map(|known| Box::new(origin(&known.message))),
                }
            }
            Happened::Updated(place, change) => Change::MessageUpdated {
                place: place.clone(),
                flags: Some(change.clone()),
                labels: None,
            },
            Happened::Deleted(place) => Change::MessageDeleted {
                place: place.clone(),
            },
            Happened::Folder(path) => Change::MailboxNew {
                path: path.clone(),
                uid_validity: None,
            },
            Happened::FolderGone(path) if path.is_empty() => return None,
            Happened::FolderGone(path) => Change::MailboxDeleted { path: path.clone() },
        })
    }
}

fn read_cursor(cursor: &str) -> Option<usize> {
    cursor.strip_prefix("history-")?.parse().ok()
}

fn lost(words: &str) -> BackendError {
    BackendError::Connection {
        response: words.to_owned(),
        code: "ESOCKET".to_owned(),
    }
}

impl Follow for FakeFollower {
    fn next(&mut self) -> BoxFuture<'_, Result<Step, BackendError>> {
        self.mailbox.lock().waits += 1;
        Box::pin(self.run())
    }

    fn read<'a>(
        &'a mut self,
        ids: &'a [String],
        options: &'a MessageOptions,
    ) -> BoxFuture<'a, Result<Vec<Result<Message, BackendError>>, BackendError>> {
        Box::pin(async move {
            let mut read = Vec::with_capacity(ids.len());
            for id in ids {
                match self.mailbox.message(id, options).await {
                    Err(error) if error.ends_connection() => {
                        self.spent = true;
                        return Err(error);
                    }
                    message => read.push(message),
                }
            }
            Ok(read)
        })
    }

    fn sources<'a>(
        &'a mut self,
        ids: &'a [String],
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Result<Bytes, BackendError>>, BackendError>> {
        Box::pin(async move {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut read = Vec::with_capacity(ids.len());
            for id in ids {
                let source = match self.mailbox.source(id).await {
                    Ok(body) => body.beginning(limit).await,
                    Err(error) => Err(error),
                };
                match source {
                    Err(error) if error.ends_connection() => {
                        self.spent = true;
                        return Err(error);
                    }
                    source => read.push(source),
                }
            }
            Ok(read)
        })
    }

    fn poke(&mut self) {
        // Every call compares.
    }
}
