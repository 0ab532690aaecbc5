//! What the shell does at the server: one exchange each, in a future of its own that is freed
//! while the mailbox is idle.

use std::sync::Arc;

use posthouse_imap::{
    Error, FetchItem, Ids, MailboxStatus, Notice, SearchKey, Selected, SequenceSet, StatusItem,
    Untagged,
};
use posthouse_model::mailbox::Mailbox;

use super::core::{Counters, Input, Request, Seen};
use crate::{
    BackendError, Folder,
    imap::{
        connect::{Conn, connect, set_up_error},
        folders,
        mailbox::Shared,
        open::uid_validity,
    },
};

/// What to do.
#[derive(Debug)]
pub enum Job {
    /// Connect and log in.
    Connect,
    /// Ask what the core wants to know.
    Ask(Request),
    /// Begin to idle.
    Idle,
    /// Stop idling, or ask for news where the server has no IDLE.
    Leave,
}

/// What came of it.
#[derive(Debug)]
pub enum Reply {
    /// Something for the core.
    Input(Input),
    /// The folders.
    Listed(Input, Vec<Mailbox>),
    /// News come by themselves now.
    Idling,
    /// Nothing to tell.
    Quiet,
}

/// A finished job, with the connection back.
pub type Done = (Option<Box<Conn>>, Result<Reply, BackendError>);

/// Does a job.
pub async fn perform(shared: Arc<Shared>, session: Option<Box<Conn>>, job: Job) -> Done {
    let Some(mut session) = session else {
        return match connect(&shared.config, &shared.network).await {
            Ok(session) => {
                shared.learn(&session);
                (Some(Box::new(session)), Ok(Reply::Input(Input::Connected)))
            }
            Err(error) => (None, Err(error)),
        };
    };
    let result = match job {
        Job::Connect => Ok(Reply::Input(Input::Connected)),
        Job::Ask(request) => ask(&shared, &mut session, request).await,
        Job::Idle => idle(&mut session).await,
        Job::Leave => leave(&mut session).await,
    };
    (Some(session), result)
}

async fn ask(shared: &Shared, session: &mut Conn, request: Request) -> Result<Reply, BackendError> {
    let input = match request {
        Request::Idle | Request::Continue => Input::Continue,
        Request::List => return list(shared, session).await,
        Request::Status(path) => match session.status(path.as_str(), &items(session)).await {
            Ok(status) => Input::Status(of_status(&status)),
            Err(error) => refused(error)?,
        },
        Request::Open(path, main) => {
            let opened = if main {
                session.select(path.as_str(), false).await
            } else {
                session.examine(path.as_str(), false).await
            };
            match opened {
                Ok(selected) => opened_as(shared, session, path, &selected).await?,
                // Without the folder to idle in there is nothing to follow.
                Err(error) if main => return Err(set_up_error(error)),
                Err(error) => refused(error)?,
            }
        }
        Request::Since(from) => match session.search(&SearchKey::Since(from)).await {
            Ok(uids) => Input::Found(uids),
            Err(error) => refused(error)?,
        },
        Request::After(from) => {
            let key = SearchKey::Uid(SequenceSet::from(from));
            match session.search(&key).await {
                Ok(uids) => Input::Found(uids),
                Err(error) => refused(error)?,
            }
        }
        Request::Fetch(set) => {
            let mut messages = Vec::new();
            let items = [FetchItem::Uid, FetchItem::InternalDate];
            session
                .fetch_each(set, &items, None, |fetch| {
                    // Flags were not asked for: that is news of another message, unless the date
                    // says that it is an answer. An answer whose date cannot be read counts.
                    if let Some(uid) = fetch.uid
                        && (fetch.internal_date.is_some() || fetch.flags.is_none())
                    {
                        messages.push((uid, fetch.internal_date));
                    }
                })
                .await
                .map_err(set_up_error)?;
            Input::Fetched(messages)
        }
    };
    Ok(Reply::Input(input))
}

fn refused(error: Error) -> Result<Input, BackendError> {
    if error.is_refusal() {
        Ok(Input::Refused)
    } else {
        Err(set_up_error(error))
    }
}

fn items(session: &Conn) -> Vec<StatusItem> {
    let mut items = vec![
        StatusItem::Messages,
        StatusItem::UidNext,
        StatusItem::UidValidity,
    ];
    if session.has("CONDSTORE") {
        items.push(StatusItem::HighestModSeq);
    }
    items
}

fn of_status(status: &MailboxStatus) -> Counters {
    Counters {
        uid_validity: uid_validity(status.uid_validity),
        uid_next: status.uid_next.unwrap_or(0),
        messages: status.messages.unwrap_or(0),
        highest_modseq: status.highest_mod_seq.unwrap_or(0),
    }
}

async fn list(shared: &Shared, session: &mut Conn) -> Result<Reply, BackendError> {
    let listed = folders::list(session, shared.imap()?, &items(session)).await?;
    shared.learn_special(&listed.mailboxes);
    let mut mailboxes = listed.mailboxes;
    let mut seen = Vec::with_capacity(mailboxes.len());
    for (mailbox, status) in mailboxes.iter_mut().zip(&listed.statuses) {
        if let Some(status) = status {
            mailbox.messages = status.messages.map(u64::from);
            mailbox.uid_next = status.uid_next.map(u64::from);
        }
        seen.push(Seen {
            path: mailbox.path.clone(),
            selectable: !mailbox.no_select,
            special_use: mailbox.special_use,
            status: status
                .as_ref()
                .filter(|status| status.uid_validity.is_some() && status.messages.is_some())
                .map(of_status),
        });
    }
    let input = Input::Listed {
        folders: seen,
        labels: session.has("X-GM-EXT-1"),
    };
    Ok(Reply::Listed(input, mailboxes))
}

async fn opened_as(
    shared: &Shared,
    session: &mut Conn,
    path: String,
    selected: &Selected,
) -> Result<Input, BackendError> {
    let mut counters = Counters {
        uid_validity: uid_validity(selected.uid_validity),
        uid_next: selected.uid_next.unwrap_or(0),
        messages: selected.exists,
        highest_modseq: selected.highest_mod_seq.unwrap_or(0),
    };
    if counters.uid_next == 0 {
        // Servers that do not tell: the last message knows.
        counters.uid_next = 1;
        if selected.exists > 0 {
            let last = Ids::Seq(SequenceSet::one(selected.exists));
            let found = session.fetch(last, &[FetchItem::Uid]).await;
            let uids = found.map_err(set_up_error)?;
            let last = uids.iter().filter_map(|fetch| fetch.uid).max();
            counters.uid_next = last.unwrap_or(0).saturating_add(1);
        }
    }
    let folder = Folder {
        path,
        uid_validity: counters.uid_validity,
    };
    let number = shared.memory.number(&folder).await?;
    Ok(Input::Opened { counters, number })
}

async fn idle(session: &mut Conn) -> Result<Reply, BackendError> {
    if let Some(input) = news(session, None) {
        // What came with the last command is looked at before waiting for more.
        return Ok(Reply::Input(input));
    }
    if can_idle(session) {
        session.idle_start().await.map_err(set_up_error)?;
    }
    Ok(Reply::Idling)
}

async fn leave(session: &mut Conn) -> Result<Reply, BackendError> {
    if session.is_idling() {
        session.idle_done().await.map_err(set_up_error)?;
    } else {
        session.noop().await.map_err(set_up_error)?;
    }
    Ok(news(session, None).map_or(Reply::Quiet, Reply::Input))
}

/// Whether the server announces news by itself.
pub fn can_idle(session: &Conn) -> bool {
    session.has("IDLE") || session.has("IMAP4rev2")
}

/// Whether a notice says anything of how many messages there are.
pub fn counts(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Overflow
            | Notice::Untagged(
                Untagged::Exists(_)
                    | Untagged::Expunge(_)
                    | Untagged::Vanished { earlier: false, .. }
            )
    )
}

/// What the notices since the last call, and one taken before, mean for the open folder.
pub fn news(session: &mut Conn, first: Option<&Notice>) -> Option<Input> {
    let notices = session.take_notices();
    let exists = session.selected()?.exists;
    let mut counting = notices
        .iter()
        .chain(first)
        .filter(|notice| counts(notice))
        .peekable();
    counting.peek()?;
    let arrived = counting.any(|notice| {
        matches!(
            notice,
            Notice::Overflow | Notice::Untagged(Untagged::Exists(_))
        )
    });
    Some(Input::Messages { exists, arrived })
}
