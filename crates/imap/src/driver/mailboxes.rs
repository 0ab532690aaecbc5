//! Commands about mailboxes.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::pump::Deadline;
use super::{Connection, Error, Notice};
use crate::command::{Command, Kind};
use crate::items::{self, StatusItem};
use crate::mailbox_name::MailboxName;
use crate::response::{ListEntry, MailboxStatus, Namespaces, Quota, Untagged};
use crate::session::{Event, Selected};

/// What LIST should tell beyond names. What the server cannot do is left out silently; it is then
/// missing in the entries.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListOptions<'a> {
    /// Ask for special-use attributes (RFC 6154). Most servers give them unasked.
    pub special_use: bool,
    /// Ask for `\Subscribed`.
    pub subscribed: bool,
    /// Ask for the STATUS of each mailbox (RFC 5819).
    pub status: &'a [StatusItem],
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// LIST. In `pattern`, `*` stands for anything, `%` for anything without the delimiter.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list(
        &mut self,
        reference: &str,
        pattern: &str,
        options: ListOptions<'_>,
    ) -> Result<Vec<ListEntry>, Error> {
        let rev2 = self.has("IMAP4rev2");
        let mut wanted: Vec<String> = Vec::new();
        if self.has("LIST-EXTENDED") || rev2 {
            if options.special_use && (self.has("SPECIAL-USE") || rev2) {
                wanted.push("SPECIAL-USE".into());
            }
            if options.subscribed {
                wanted.push("SUBSCRIBED".into());
            }
            if !options.status.is_empty() && (self.has("LIST-STATUS") || rev2) {
                wanted.push(format!("STATUS {}", items::list(options.status)));
            }
        }
        let mut command = Command::new("LIST").mailbox(reference).mailbox(pattern);
        if !wanted.is_empty() {
            command = command.word(format!("RETURN {}", items::list(&wanted)));
        }
        let mut entries: Vec<ListEntry> = Vec::new();
        let mut statuses: Vec<MailboxStatus> = Vec::new();
        let with_status = wanted.iter().any(|w| w.starts_with("STATUS"));
        self.run(command, |u| match u {
            Untagged::List(entry) => {
                entries.push(*entry);
                None
            }
            Untagged::MailboxStatus(status) if with_status => {
                statuses.push(*status);
                None
            }
            other => Some(other),
        })
        .await?;
        let mut by_name: std::collections::HashMap<_, _> = statuses
            .into_iter()
            .map(|s| (s.mailbox.clone(), s))
            .collect();
        for entry in &mut entries {
            entry.status = by_name.remove(&entry.name);
        }
        Ok(entries)
    }

    /// LSUB: the subscribed mailboxes.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lsub(&mut self, reference: &str, pattern: &str) -> Result<Vec<ListEntry>, Error> {
        let command = Command::new("LSUB").mailbox(reference).mailbox(pattern);
        let mut entries = Vec::new();
        self.run(command, |u| match u {
            Untagged::Lsub(entry) => {
                entries.push(*entry);
                None
            }
            other => Some(other),
        })
        .await?;
        Ok(entries)
    }

    /// STATUS of a mailbox that is not open.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::No`] when there is no such mailbox.
    pub async fn status(
        &mut self,
        mailbox: impl Into<MailboxName>,
        items: &[StatusItem],
    ) -> Result<MailboxStatus, Error> {
        let mailbox = mailbox.into();
        let command = Command::new("STATUS")
            .mailbox(&mailbox)
            .word(items::list(items));
        let mut answer = None;
        self.run(command, |u| match u {
            // Whatever name the server gives it: one STATUS runs, this is its answer.
            Untagged::MailboxStatus(status) => {
                answer = Some(*status);
                None
            }
            other => Some(other),
        })
        .await?;
        answer.ok_or_else(|| Error::No {
            command: "STATUS",
            code: None,
            text: "the server said nothing about the mailbox".into(),
        })
    }

    /// SELECT; `condstore` switches mod-sequences on where the server has them (RFC 7162).
    ///
    /// # Errors
    /// See [`Error`]; after [`Error::No`] no mailbox is open.
    pub async fn select(
        &mut self,
        mailbox: impl Into<MailboxName>,
        condstore: bool,
    ) -> Result<Selected, Error> {
        self.open_mailbox("SELECT", mailbox.into(), condstore).await
    }

    /// EXAMINE: as [`Connection::select`], but nothing can be changed.
    ///
    /// # Errors
    /// As [`Connection::select`].
    pub async fn examine(
        &mut self,
        mailbox: impl Into<MailboxName>,
        condstore: bool,
    ) -> Result<Selected, Error> {
        self.open_mailbox("EXAMINE", mailbox.into(), condstore)
            .await
    }

    async fn open_mailbox(
        &mut self,
        verb: &'static str,
        mailbox: MailboxName,
        condstore: bool,
    ) -> Result<Selected, Error> {
        let mut command = Command::new(verb)
            .kind(Kind::Select(mailbox.clone()))
            .mailbox(&mailbox);
        if condstore && (self.has("CONDSTORE") || self.has("QRESYNC")) {
            command = command.word("(CONDSTORE)");
        }
        // Notices of the mailbox that was open until now would be taken for the new one's.
        self.notices
            .retain(|n| matches!(n, Notice::Untagged(Untagged::Status(_))));
        self.run(command, |u| match u {
            Untagged::Exists(_) | Untagged::Recent(_) | Untagged::Flags(_) => None,
            Untagged::Status(s) if s.code.is_some() && !s.has_code("ALERT") => None,
            other => Some(other),
        })
        .await?;
        let mut selected = self.selected().cloned().unwrap_or_default();
        selected.read_only |= verb == "EXAMINE";
        Ok(selected)
    }

    /// Closes the mailbox without expunging: UNSELECT (RFC 3691), where missing EXAMINE and CLOSE.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unselect(&mut self) -> Result<(), Error> {
        let Some(selected) = self.selected() else {
            return Ok(());
        };
        if self.has("UNSELECT") || self.has("IMAP4rev2") {
            let command = Command::new("UNSELECT").kind(Kind::Unselect);
            return self.simple(command).await.map(drop);
        }
        if let Some(name) = selected.mailbox.clone() {
            self.examine(name, false).await?;
        }
        let command = Command::new("CLOSE").kind(Kind::Unselect);
        self.simple(command).await.map(drop)
    }

    /// NOOP: gives the server a chance to tell news.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.simple(Command::new("NOOP")).await.map(drop)
    }

    /// CREATE. Gives the server's id of the mailbox where it has one (OBJECTID).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create(
        &mut self,
        mailbox: impl Into<MailboxName>,
    ) -> Result<Option<String>, Error> {
        let command = Command::new("CREATE").mailbox(mailbox);
        let status = self.simple(command).await?;
        Ok(match status.code {
            Some(crate::status::Code::MailboxId(id)) => Some(id),
            _ => None,
        })
    }

    /// DELETE.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete(&mut self, mailbox: impl Into<MailboxName>) -> Result<(), Error> {
        let command = Command::new("DELETE").mailbox(mailbox);
        self.simple(command).await.map(drop)
    }

    /// RENAME.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rename(
        &mut self,
        from: impl Into<MailboxName>,
        to: impl Into<MailboxName>,
    ) -> Result<(), Error> {
        let command = Command::new("RENAME").mailbox(from).mailbox(to);
        self.simple(command).await.map(drop)
    }

    /// SUBSCRIBE.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn subscribe(&mut self, mailbox: impl Into<MailboxName>) -> Result<(), Error> {
        let command = Command::new("SUBSCRIBE").mailbox(mailbox);
        self.simple(command).await.map(drop)
    }

    /// UNSUBSCRIBE.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unsubscribe(&mut self, mailbox: impl Into<MailboxName>) -> Result<(), Error> {
        let command = Command::new("UNSUBSCRIBE").mailbox(mailbox);
        self.simple(command).await.map(drop)
    }

    /// GETQUOTAROOT: the quotas that bind a mailbox (RFC 9208).
    ///
    /// # Errors
    /// [`Error::Unsupported`] without QUOTA.
    pub async fn quota(&mut self, mailbox: impl Into<MailboxName>) -> Result<Vec<Quota>, Error> {
        if !self.has("QUOTA") && !self.capabilities().iter().any(|c| c.starts_with("QUOTA=")) {
            return Err(Error::Unsupported("QUOTA"));
        }
        let command = Command::new("GETQUOTAROOT").mailbox(mailbox);
        let mut quotas = Vec::new();
        self.run(command, |u| match u {
            Untagged::Quota(quota) => {
                quotas.push(quota);
                None
            }
            Untagged::QuotaRoot { .. } => None,
            other => Some(other),
        })
        .await?;
        Ok(quotas)
    }

    /// NAMESPACE (RFC 2342).
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the server does not offer it.
    pub async fn namespace(&mut self) -> Result<Namespaces, Error> {
        if !self.has("NAMESPACE") && !self.has("IMAP4rev2") {
            return Err(Error::Unsupported("NAMESPACE"));
        }
        let mut answer = Namespaces::default();
        self.run(Command::new("NAMESPACE"), |u| match u {
            Untagged::Namespace(namespaces) => {
                answer = *namespaces;
                None
            }
            other => Some(other),
        })
        .await?;
        Ok(answer)
    }

    /// LOGOUT. The connection is of no use afterwards, whatever this returns.
    ///
    /// # Errors
    /// See [`Error`]; a server that hangs up at once is fine.
    pub async fn logout(&mut self) -> Result<(), Error> {
        if self.idling.is_some() {
            self.idle_done().await?;
        }
        let tag = self.begin(Command::new("LOGOUT").kind(Kind::Logout))?;
        let deadline = Deadline {
            whole: Instant::now() + self.timeouts.closing,
            silence: self.timeouts.closing,
        };
        loop {
            match self.next_event(deadline).await {
                Ok(Event::Done { tag: done, .. }) if done == tag => break,
                Ok(_) => {}
                Err(Error::Bye { .. } | Error::Closed | Error::Io(_)) => break,
                Err(error) => return Err(error),
            }
        }
        self.broken = true;
        Ok(())
    }
}
