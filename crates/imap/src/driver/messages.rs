//! Commands about messages of the open mailbox, and APPEND.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::{Caught, Connection, Error, FetchOptions, Notice};
use crate::command::Command;
use crate::date::format_date_time;
use crate::fetch::Fetch;
use crate::items::FetchItem;
use crate::mailbox_name::MailboxName;
use crate::response::{Esearch, Untagged};
use crate::search::SearchKey;
use crate::session::{Event, Output};
use crate::set::SequenceSet;
use crate::status::{Code, CopyUid, Status};

/// Bytes of an upload held at once.
const UPLOAD_CHUNK: usize = 16 * 1024;

/// Which messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ids {
    /// By UID.
    Uid(SequenceSet),
    /// By sequence number.
    Seq(SequenceSet),
}

impl Ids {
    pub(super) fn set(&self) -> &SequenceSet {
        match self {
            Self::Uid(set) | Self::Seq(set) => set,
        }
    }

    pub(super) fn pick(&self, uid: &'static str, seq: &'static str) -> &'static str {
        match self {
            Self::Uid(_) => uid,
            Self::Seq(_) => seq,
        }
    }
}

impl From<u32> for Ids {
    fn from(uid: u32) -> Self {
        Self::Uid(SequenceSet::one(uid))
    }
}

impl From<SequenceSet> for Ids {
    fn from(uids: SequenceSet) -> Self {
        Self::Uid(uids)
    }
}

/// What STORE does with the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    /// Sets these.
    Add,
    /// Clears these.
    Remove,
    /// Sets exactly these.
    Replace,
}

/// How STORE works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreOptions {
    /// Do not tell the new flags.
    pub silent: bool,
    /// Leave messages alone that changed after this mod-sequence (CONDSTORE).
    pub unchanged_since: Option<u64>,
    /// Change Gmail labels in place of flags.
    pub gm_labels: bool,
}

/// What STORE did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// What the server told about the messages.
    pub fetched: Vec<Fetch>,
    /// Messages left alone because they had changed.
    pub modified: SequenceSet,
}

/// Where an appended message went (APPENDUID).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// UIDVALIDITY of the mailbox.
    pub uid_validity: u64,
    /// UID of the message.
    pub uid: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// FETCH into memory. One message may come in more than one piece: the server may mix in news
    /// about flags. By UID, pieces without a UID are news and become notices.
    ///
    /// Large sets should be cut with [`SequenceSet::split`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn fetch(
        &mut self,
        ids: impl Into<Ids>,
        items: &[FetchItem],
    ) -> Result<Vec<Fetch>, Error> {
        let mut all = Vec::new();
        self.fetch_each(ids, items, None, |fetch| all.push(fetch))
            .await?;
        Ok(all)
    }

    /// FETCH, each reply handed over as it arrives. With `changed_since` only messages that changed
    /// after this mod-sequence (CONDSTORE).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn fetch_each(
        &mut self,
        ids: impl Into<Ids>,
        items: &[FetchItem],
        changed_since: Option<u64>,
        mut each: impl FnMut(Fetch),
    ) -> Result<(), Error> {
        let options = FetchOptions {
            changed_since,
            ..FetchOptions::default()
        };
        self.fetch_all(ids.into(), items, options, |caught| {
            if let Caught::Fetch(fetch) = caught {
                each(*fetch);
            }
        })
        .await
    }

    /// UID SEARCH: the UIDs of the matching messages.
    ///
    /// # Errors
    /// See [`Error`]; `BADCHARSET` as [`Error::No`] from servers without UTF-8.
    pub async fn search(&mut self, key: &SearchKey) -> Result<SequenceSet, Error> {
        let extended = self.has("ESEARCH") || self.has("IMAP4rev2");
        let mut found: Vec<SequenceSet> = Vec::new();
        let mut end = None;
        loop {
            let mut command = Command::new("UID SEARCH");
            if extended {
                command = command.word("RETURN (ALL)");
            }
            // What is left where the server stopped after so many messages (RFC 9738).
            let rest = end.map(|end: u32| {
                let below = SearchKey::Uid(SequenceSet::range(1, end - 1));
                SearchKey::And(vec![below, key.clone()])
            });
            let (result, status) = self
                .search_once(search_command(command, rest.as_ref().unwrap_or(key)))
                .await?;
            found.extend(result.all);
            match status.code {
                Some(Code::MessageLimit { uid: Some(uid), .. })
                    if uid > 1 && end.is_none_or(|end| uid < end) =>
                {
                    end = Some(uid);
                }
                _ if found.len() < 2 => return Ok(found.pop().unwrap_or_default()),
                _ => return Ok(found.iter().rev().flat_map(SequenceSet::iter).collect()),
            }
        }
    }

    /// UID SEARCH with result options (RFC 4731), for instance `COUNT MAX` or `PARTIAL -1:-100`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without ESEARCH.
    pub async fn search_return(
        &mut self,
        key: &SearchKey,
        options: &str,
    ) -> Result<Esearch, Error> {
        if !self.has("ESEARCH") && !self.has("IMAP4rev2") {
            return Err(Error::Unsupported("ESEARCH"));
        }
        let command = Command::new("UID SEARCH").word(format!("RETURN ({options})"));
        let (result, _) = self.search_once(search_command(command, key)).await?;
        Ok(result)
    }

    async fn search_once(&mut self, command: Command) -> Result<(Esearch, Status), Error> {
        let mut result = Esearch::default();
        let mut numbers = Vec::new();
        let status = self
            .run(command, |u| match u {
                Untagged::Esearch(found) => {
                    result = *found;
                    None
                }
                // The old way; also of servers that overlook RETURN, and in more lines than one.
                Untagged::Search {
                    numbers: more,
                    mod_seq,
                } => {
                    numbers.extend(more);
                    result.mod_seq = mod_seq.or(result.mod_seq);
                    None
                }
                other => Some(other),
            })
            .await?;
        if !numbers.is_empty() {
            result.all = Some(numbers.into_iter().collect());
        }
        Ok((result, status))
    }

    /// STORE.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn store<F: AsRef<str>>(
        &mut self,
        ids: impl Into<Ids>,
        action: StoreAction,
        flags: &[F],
        options: StoreOptions,
    ) -> Result<Stored, Error> {
        let ids = ids.into();
        let mut command = Command::new(ids.pick("UID STORE", "STORE")).set(ids.set());
        if let Some(mod_seq) = options.unchanged_since {
            command = command.word(format!("(UNCHANGEDSINCE {mod_seq})"));
        }
        let sign = match action {
            StoreAction::Add => "+",
            StoreAction::Remove => "-",
            StoreAction::Replace => "",
        };
        let item = if options.gm_labels {
            "X-GM-LABELS"
        } else {
            "FLAGS"
        };
        let silent = if options.silent { ".SILENT" } else { "" };
        command = command.word(format!("{sign}{item}{silent}"));
        command = if options.gm_labels {
            // Labels are strings, the system's own are atoms with a backslash.
            let inner = flags.iter().fold(Command::new(""), |c, label| {
                let label = label.as_ref();
                if label.starts_with('\\') {
                    c.flag(label)
                } else {
                    c.mailbox(label)
                }
            });
            command.group(inner)
        } else {
            command.flags(flags)
        };
        let mut stored = Stored::default();
        let status = self
            .run(command, |u| match u {
                Untagged::Fetch(fetch) => {
                    stored.fetched.push(*fetch);
                    None
                }
                other => Some(other),
            })
            .await?;
        if let Some(Code::Modified(set)) = status.code {
            stored.modified = set;
        }
        Ok(stored)
    }

    /// UID COPY. Gives the new UIDs where the server tells them (UIDPLUS).
    ///
    /// # Errors
    /// See [`Error`]; code `TRYCREATE` when the destination does not exist.
    pub async fn uid_copy(
        &mut self,
        uids: &SequenceSet,
        destination: impl Into<MailboxName>,
    ) -> Result<Option<CopyUid>, Error> {
        let command = Command::new("UID COPY").set(uids).mailbox(destination);
        let status = self.simple(command).await?;
        Ok(copy_uid(&status))
    }

    /// UID MOVE (RFC 6851). Where the server lacks it: COPY, `\Deleted`, UID EXPUNGE (UIDPLUS).
    ///
    /// # Errors
    /// [`Error::Unsupported`] without both MOVE and UIDPLUS: a plain EXPUNGE would also remove what
    /// others have marked. The caller may copy and mark.
    pub async fn uid_move(
        &mut self,
        uids: &SequenceSet,
        destination: impl Into<MailboxName>,
    ) -> Result<Option<CopyUid>, Error> {
        let destination = destination.into();
        if self.has("MOVE") || self.has("IMAP4rev2") {
            let command = Command::new("UID MOVE").set(uids).mailbox(destination);
            let mut copied = None;
            let status = self
                .run(command, |u| match &u {
                    Untagged::Status(status) if status.has_code("COPYUID") => {
                        copied = copy_uid(status);
                        None
                    }
                    _ => Some(u),
                })
                .await?;
            return Ok(copied.or_else(|| copy_uid(&status)));
        }
        if !self.has("UIDPLUS") {
            return Err(Error::Unsupported("MOVE"));
        }
        let copied = self.uid_copy(uids, destination).await?;
        let options = StoreOptions {
            silent: true,
            ..StoreOptions::default()
        };
        self.store(uids.clone(), StoreAction::Add, &["\\Deleted"], options)
            .await?;
        self.uid_expunge(uids).await?;
        Ok(copied)
    }

    /// EXPUNGE: removes every message marked `\Deleted`, whoever marked it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn expunge(&mut self) -> Result<(), Error> {
        self.simple(Command::new("EXPUNGE")).await.map(drop)
    }

    /// UID EXPUNGE (RFC 4315): of these, removes those marked `\Deleted`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without UIDPLUS.
    pub async fn uid_expunge(&mut self, uids: &SequenceSet) -> Result<(), Error> {
        if !self.has("UIDPLUS") && !self.has("IMAP4rev2") {
            return Err(Error::Unsupported("UIDPLUS"));
        }
        self.simple(Command::new("UID EXPUNGE").set(uids))
            .await
            .map(drop)
    }

    /// APPEND: copies `size` bytes from `source` to the server, a chunk at a time. The date is
    /// milliseconds since 1970. Gives the new UID where the server tells it (UIDPLUS).
    ///
    /// # Errors
    /// See [`Error`]; code `TRYCREATE` when there is no such mailbox, `OVERQUOTA`, `TOOBIG`. When the
    /// source fails midway the connection is lost with it.
    pub async fn append<F, R>(
        &mut self,
        mailbox: impl Into<MailboxName>,
        flags: &[F],
        internal_date: Option<i64>,
        size: u64,
        source: &mut R,
    ) -> Result<Option<Appended>, Error>
    where
        F: AsRef<str>,
        R: AsyncRead + Unpin,
    {
        let mut command = Command::new("APPEND").mailbox(mailbox);
        if !flags.is_empty() {
            command = command.flags(flags);
        }
        if let Some(date) = internal_date {
            command = command.word(format!("\"{}\"", format_date_time(date)));
        }
        let tag = self.begin(command.stream(size))?;
        let deadline = self.deadline();
        loop {
            if let Some(Output::Body { size }) = self.session.output() {
                self.upload(size, source).await?;
                self.session.body_written();
            }
            // Whole events first; only when there are none may the pump wait.
            let event = self
                .session
                .next_event()
                .inspect_err(|_| self.broken = true)?;
            match event {
                Some(Event::Done { tag: done, status }) if done == tag => {
                    let status = self.end("APPEND", status)?;
                    return Ok(match status.code {
                        Some(Code::AppendUid { uid_validity, uids }) => uids
                            .iter()
                            .next_back()
                            .map(|uid| Appended { uid_validity, uid }),
                        _ => None,
                    });
                }
                Some(Event::Untagged(untagged)) => self.notice(Notice::Untagged(untagged)),
                Some(_) => {}
                // A consent, just read, may have opened the way for the body.
                None if matches!(self.session.output(), Some(Output::Body { .. })) => {}
                None => self.pump(deadline.next()).await?,
            }
        }
    }

    async fn upload<R: AsyncRead + Unpin>(
        &mut self,
        size: u64,
        source: &mut R,
    ) -> Result<(), Error> {
        let deadline = self.deadline();
        let mut chunk = vec![0u8; UPLOAD_CHUNK];
        let mut left = size;
        while left > 0 {
            let want = usize::try_from(left).map_or(UPLOAD_CHUNK, |l| l.min(UPLOAD_CHUNK));
            let space = chunk.get_mut(..want).unwrap_or_default();
            let read = tokio::time::timeout_at(deadline.next(), source.read(space)).await;
            let count = match read {
                Ok(Ok(0)) => {
                    self.broken = true;
                    return Err(Error::SourceShort);
                }
                Ok(Ok(count)) => count,
                Ok(Err(error)) => {
                    self.broken = true;
                    return Err(Error::Source(error));
                }
                Err(_) => {
                    self.broken = true;
                    return Err(Error::Timeout);
                }
            };
            let data = chunk.get(..count).unwrap_or_default();
            self.write_body(data, deadline).await?;
            left -= count as u64;
        }
        Ok(())
    }
}

fn search_command(command: Command, key: &SearchKey) -> Command {
    let command = if key.needs_charset() {
        command.charset_utf8()
    } else {
        command
    };
    key.write(command)
}

fn copy_uid(status: &Status) -> Option<CopyUid> {
    match &status.code {
        Some(Code::CopyUid(copied)) => Some(copied.clone()),
        _ => None,
    }
}
