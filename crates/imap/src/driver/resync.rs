//! Commands that catch up with a mailbox: CONDSTORE and QRESYNC (RFC 7162), PARTIAL (RFC 9394).

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Error, Ids, Notice};
use crate::command::{Command, Kind};
use crate::fetch::Fetch;
use crate::items::{self, FetchItem};
use crate::mailbox_name::MailboxName;
use crate::response::Untagged;
use crate::session::Selected;
use crate::set::SequenceSet;
use crate::status::Code;

/// What happened in a mailbox while nobody looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caught {
    /// A message that was asked for, or changed.
    Fetch(Box<Fetch>),
    /// UIDs that are gone; some may never have existed.
    Vanished(SequenceSet),
}

/// What is known of a mailbox that is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// UIDVALIDITY.
    pub uid_validity: u64,
    /// HIGHESTMODSEQ when all was known.
    pub mod_seq: u64,
}

/// Some of the messages that a command finds, counted from 1 and ordered by UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partial {
    /// From the oldest on: the first and the last one wanted.
    Oldest(u32, u32),
    /// From the newest on: the first and the last one wanted.
    Newest(u32, u32),
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oldest(first, last) => write!(f, "{}:{}", first.max(&1), last.max(&1)),
            Self::Newest(first, last) => write!(f, "-{}:-{}", first.max(&1), last.max(&1)),
        }
    }
}

/// Which of the messages FETCH tells about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchOptions {
    /// Only those that changed after this mod-sequence (CONDSTORE).
    pub changed_since: Option<u64>,
    /// Tell also which are gone since (QRESYNC, which must be enabled). Needs `changed_since`.
    pub vanished: bool,
    /// Only some (PARTIAL).
    pub partial: Option<Partial>,
}

impl FetchOptions {
    fn write(self, command: Command) -> Command {
        let mut words = Vec::new();
        if let Some(mod_seq) = self.changed_since {
            words.push(format!("CHANGEDSINCE {mod_seq}"));
            if self.vanished {
                words.push("VANISHED".to_owned());
            }
        }
        if let Some(partial) = self.partial {
            words.push(format!("PARTIAL {partial}"));
        }
        if words.is_empty() {
            return command;
        }
        command.word(format!("({})", words.join(" ")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// FETCH with options, each answer handed over as it arrives. By UID, pieces without a UID are
    /// news and become notices, as is what vanishes while the command runs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for options that the server does not offer.
    pub async fn fetch_with(
        &mut self,
        ids: impl Into<Ids>,
        items: &[FetchItem],
        options: FetchOptions,
        each: impl FnMut(Caught),
    ) -> Result<(), Error> {
        let ids = ids.into();
        let by_uid = matches!(ids, Ids::Uid(_));
        if options.vanished && !(by_uid && options.changed_since.is_some()) {
            return Err(Error::Invalid("VANISHED needs UIDs and CHANGEDSINCE"));
        }
        if options.vanished && !self.has("QRESYNC") {
            return Err(Error::Unsupported("QRESYNC"));
        }
        if options.changed_since.is_some() && !self.has("CONDSTORE") && !self.has("QRESYNC") {
            return Err(Error::Unsupported("CONDSTORE"));
        }
        if options.partial.is_some() && !self.has("PARTIAL") {
            return Err(Error::Unsupported("PARTIAL"));
        }
        self.fetch_all(ids, items, options, each).await
    }

    /// FETCH, again and again where the server stops after so many messages (RFC 9738).
    pub(super) async fn fetch_all(
        &mut self,
        mut ids: Ids,
        items: &[FetchItem],
        options: FetchOptions,
        mut each: impl FnMut(Caught),
    ) -> Result<(), Error> {
        let by_uid = matches!(ids, Ids::Uid(_));
        loop {
            let command = Command::new(ids.pick("UID FETCH", "FETCH"))
                .set(ids.set())
                .word(items::list(items));
            let mut lowest = None;
            let status = self
                .run(options.write(command), |u| {
                    if let Untagged::Fetch(fetch) = &u {
                        lowest = Some(lowest.map_or(fetch.seq, |n: u32| n.min(fetch.seq)));
                    }
                    caught(u, by_uid, &mut each)
                })
                .await?;
            let Some(Code::MessageLimit { uid, .. }) = status.code else {
                return Ok(());
            };
            // Where the page is the caller's there is nothing to go on with.
            let reached = if by_uid { uid } else { lowest };
            let rest = reached.map(|end| ids.set().below(end)).unwrap_or_default();
            if rest.is_empty() || rest == *ids.set() || options.partial.is_some() {
                return Ok(());
            }
            ids = if by_uid {
                Ids::Uid(rest)
            } else {
                Ids::Seq(rest)
            };
        }
    }

    /// SELECT that tells at once what changed since the mailbox was known (QRESYNC, which must be
    /// enabled). A server that knows the mailbox under another UIDVALIDITY, or does not remember
    /// that long, tells nothing: compare [`Selected::uid_validity`], and count.
    ///
    /// A mailbox that is open is closed first: its last news would be taken for the new one's.
    ///
    /// # Errors
    /// As [`Connection::select`]; [`Error::Unsupported`] without QRESYNC.
    pub async fn select_known(
        &mut self,
        mailbox: impl Into<MailboxName>,
        known: Known,
        mut each: impl FnMut(Caught),
    ) -> Result<Selected, Error> {
        if !self.has("QRESYNC") {
            return Err(Error::Unsupported("QRESYNC"));
        }
        self.unselect().await?;
        let mailbox = mailbox.into();
        let Known {
            uid_validity,
            mod_seq,
        } = known;
        // The grammar knows no 0.
        let command = Command::new("SELECT")
            .kind(Kind::Select(mailbox.clone()))
            .mailbox(&mailbox)
            .word(format!(
                "(QRESYNC ({} {}))",
                uid_validity.max(1),
                mod_seq.max(1)
            ));
        self.notices
            .retain(|n| matches!(n, Notice::Untagged(Untagged::Status(_))));
        self.run(command, |u| match u {
            Untagged::Exists(_) | Untagged::Recent(_) | Untagged::Flags(_) => None,
            Untagged::Status(s) if s.code.is_some() && !s.has_code("ALERT") => None,
            other => caught(other, true, &mut each),
        })
        .await?;
        Ok(self.selected().cloned().unwrap_or_default())
    }
}

/// Hands over what answers the question, gives back what does not.
fn caught(untagged: Untagged, by_uid: bool, each: &mut impl FnMut(Caught)) -> Option<Untagged> {
    match untagged {
        Untagged::Fetch(fetch) if !by_uid || fetch.uid.is_some() => each(Caught::Fetch(fetch)),
        Untagged::Vanished {
            earlier: true,
            uids,
        } => each(Caught::Vanished(uids)),
        other => return Some(other),
    }
    None
}
