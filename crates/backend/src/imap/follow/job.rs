//! What the shell does at the server: one exchange each, in a future of its own that is freed
//! while the mailbox is idle.

use std::sync::Arc;

use posthouse_imap::{
    Caught, Error, FetchItem, FetchOptions, Ids, MailboxStatus, Notice, SearchKey, Selected,
    SequenceSet, StatusItem,
};
use posthouse_model::{Timestamp, mailbox::Mailbox};

use super::{
    input::{Arrival, Input, Request, Seen},
    news::news,
};
use crate::{
    BackendError, Folder,
    imap::{
        connect::{Conn, connect, set_up_error},
        folders,
        mailbox::Shared,
        open::uid_validity,
        origin, shape,
        sync::{Fact, FolderStatus, Offers},
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
    /// Stop idling, or ask for news where the server has no IDLE; with what was heard already.
    Leave(Option<Notice>),
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
                let offers = offers(&session);
                (
                    Some(Box::new(session)),
                    Ok(Reply::Input(Input::Connected(offers))),
                )
            }
            Err(error) => (None, Err(error)),
        };
    };
    let result = match job {
        Job::Connect => Ok(Reply::Input(Input::Connected(offers(&session)))),
        Job::Ask(request) => ask(&shared, &mut session, request).await,
        Job::Idle => idle(&mut session).await,
        Job::Leave(heard) => leave(&mut session, heard).await,
    };
    (Some(session), result)
}

fn offers(session: &Conn) -> Offers {
    Offers {
        condstore: session.has("CONDSTORE") || session.has("QRESYNC"),
        qresync: session.is_enabled("QRESYNC"),
    }
}

async fn ask(shared: &Shared, session: &mut Conn, request: Request) -> Result<Reply, BackendError> {
    let answer = match request {
        Request::Idle | Request::Continue => Ok(Input::Continue),
        Request::List => return list(shared, session).await,
        Request::Status(path) => session
            .status(path.as_str(), &items(session))
            .await
            .map(|status| Input::Status(of_status(&status))),
        Request::Open { path, main, known } => {
            let mut facts = Vec::new();
            let mut vanished = SequenceSet::new();
            let opened = match known {
                Some(known) => {
                    let each = |caught| catch(caught, &mut facts, &mut vanished);
                    session.select_known(path.as_str(), known, each).await
                }
                None if main => session.select(path.as_str(), true).await,
                None => session.examine(path.as_str(), true).await,
            };
            match opened {
                Ok(selected) => {
                    let (status, number) = opened_as(shared, session, path, &selected).await?;
                    Ok(Input::Opened {
                        status,
                        number,
                        facts,
                        vanished,
                    })
                }
                // Without the folder to idle in there is nothing to follow.
                Err(error) if main => return Err(set_up_error(error)),
                Err(error) => Err(error),
            }
        }
        Request::Index(number) => {
            let index = shared.memory.index(number).await?;
            Ok(Input::Index(index.map(Box::new)))
        }
        Request::Since(from) => session
            .search(&SearchKey::Since(from))
            .await
            .map(Input::Found),
        Request::Uids(from) => {
            let key = match from {
                0 | 1 => SearchKey::All,
                from => SearchKey::Uid(SequenceSet::from(from)),
            };
            session.search(&key).await.map(Input::Found)
        }
        Request::Range(range) => {
            let set = match *range.end() {
                u32::MAX => SequenceSet::from(*range.start()),
                end => SequenceSet::range(*range.start(), end),
            };
            flags(session, Ids::Uid(set), FetchOptions::default()).await
        }
        Request::Changed {
            from,
            since,
            vanished,
        } => {
            let options = FetchOptions {
                changed_since: Some(since),
                vanished,
                partial: None,
            };
            flags(session, Ids::Uid(SequenceSet::from(from)), options).await
        }
        Request::Numbers(set) => flags(session, Ids::Seq(set), FetchOptions::default()).await,
        Request::Arrivals(set) => arrivals(session, set).await,
    };
    match answer {
        Ok(input) => Ok(Reply::Input(input)),
        Err(error) if error.is_refusal() => Ok(Reply::Input(refused(error))),
        Err(error) => Err(set_up_error(error)),
    }
}

fn refused(error: Error) -> Input {
    let code = error.code().map(str::to_owned);
    let response = match error {
        Error::No { text, .. } | Error::Bad { text, .. } => text,
        other => other.to_string(),
    };
    Input::Refused { response, code }
}

fn items(session: &Conn) -> Vec<StatusItem> {
    let mut items = vec![
        StatusItem::Messages,
        StatusItem::UidNext,
        StatusItem::UidValidity,
    ];
    if session.has("CONDSTORE") || session.has("QRESYNC") {
        items.push(StatusItem::HighestModSeq);
    }
    items
}

fn of_status(status: &MailboxStatus) -> FolderStatus {
    FolderStatus {
        uid_validity: uid_validity(status.uid_validity),
        uid_next: status.uid_next.unwrap_or(0),
        messages: status.messages.unwrap_or(0),
        highest_modseq: status.highest_mod_seq.unwrap_or(0),
    }
}

/// Flags, and labels where there are any.
async fn flags(session: &mut Conn, ids: Ids, options: FetchOptions) -> Result<Input, Error> {
    let mut items = vec![FetchItem::Uid, FetchItem::Flags];
    if session.has("X-GM-EXT-1") {
        items.push(FetchItem::GmLabels);
    }
    let mut facts = Vec::new();
    let mut vanished = SequenceSet::new();
    let each = |caught| catch(caught, &mut facts, &mut vanished);
    session.fetch_with(ids, &items, options, each).await?;
    Ok(Input::Facts { facts, vanished })
}

fn catch(caught: Caught, facts: &mut Vec<Fact>, vanished: &mut SequenceSet) {
    match caught {
        Caught::Fetch(fetch) => facts.extend(Fact::of(*fetch)),
        Caught::Vanished(uids) => {
            for (first, last) in uids.ranges() {
                vanished.add_range(first, last.unwrap_or(first));
            }
        }
    }
}

async fn arrivals(session: &mut Conn, set: SequenceSet) -> Result<Input, Error> {
    let mut items = origin::items(session);
    items.push(FetchItem::Flags);
    if session.has("X-GM-EXT-1") {
        items.push(FetchItem::GmLabels);
    }
    let pieces = session.fetch(set, &items).await?;
    let arrivals = shape::join(pieces).into_iter().filter_map(|fetch| {
        // A piece of news of another message has flags, and nothing that was asked for.
        if fetch.internal_date.is_none() && fetch.size.is_none() && fetch.sections.is_empty() {
            return None;
        }
        Some(Arrival {
            uid: fetch.uid?,
            origin: origin::of(&fetch),
            date: fetch.internal_date.map(Timestamp),
            flags: fetch.flags.unwrap_or_default(),
            labels: fetch.gm_labels.unwrap_or_default(),
        })
    });
    Ok(Input::Arrivals(arrivals.collect()))
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
) -> Result<(FolderStatus, u32), BackendError> {
    let mut status = FolderStatus {
        uid_validity: uid_validity(selected.uid_validity),
        uid_next: selected.uid_next.unwrap_or(0),
        messages: selected.exists,
        highest_modseq: selected.highest_mod_seq.unwrap_or(0),
    };
    if status.uid_next == 0 {
        // Servers that do not tell: the last message knows.
        status.uid_next = 1;
        if selected.exists > 0 {
            let last = Ids::Seq(SequenceSet::one(selected.exists));
            let found = session.fetch(last, &[FetchItem::Uid]).await;
            let uids = found.map_err(set_up_error)?;
            let last = uids.iter().filter_map(|fetch| fetch.uid).max();
            status.uid_next = last.unwrap_or(0).saturating_add(1);
        }
    }
    let folder = Folder {
        path,
        uid_validity: status.uid_validity,
    };
    let number = shared.memory.number(&folder).await?;
    Ok((status, number))
}

async fn idle(session: &mut Conn) -> Result<Reply, BackendError> {
    if let Some(news) = news(session, None) {
        // What came with the last command is looked at before waiting for more.
        return Ok(Reply::Input(Input::News(Box::new(news))));
    }
    if can_idle(session) {
        session.idle_start().await.map_err(set_up_error)?;
    }
    Ok(Reply::Idling)
}

async fn leave(session: &mut Conn, heard: Option<Notice>) -> Result<Reply, BackendError> {
    if session.is_idling() {
        session.idle_done().await.map_err(set_up_error)?;
    } else {
        session.noop().await.map_err(set_up_error)?;
    }
    let news = news(session, heard);
    Ok(news.map_or(Reply::Quiet, |news| {
        Reply::Input(Input::News(Box::new(news)))
    }))
}

/// Whether the server announces news by itself.
pub fn can_idle(session: &Conn) -> bool {
    session.has("IDLE") || session.has("IMAP4rev2")
}
