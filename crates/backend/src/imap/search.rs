//! Searching (behaviour 10.3): conditions compiled to an IMAP search program, and a page of what it finds.

mod program;

use std::sync::Arc;

use posthouse_imap::{Error, Fetch, Ids, SequenceSet};
use posthouse_model::{
    command::SearchMessages,
    message::{Message, MessagePage},
    search::Search,
};

use super::{
    connect::{Conn, command_error},
    ids::parse_cursor,
    listing,
    mailbox::Shared,
    open::{self, Opened},
    threads,
};
use crate::BackendError;
use program::Program;

/// Messages whose conversation is asked for by a search, where the paced naming of a folder has not come to them yet.
const UNNAMED: usize = 1000;

/// A page of what is found, newest first.
///
/// # Errors
/// `FolderNotFound`, `InvalidCursorType`, `InvalidCursorValue`; `MissingServerExtension` for conditions that the server
/// does not know; 400 for conditions that make no sense; and what connecting may say.
pub async fn search(
    shared: &Arc<Shared>,
    request: &SearchMessages,
) -> Result<MessagePage, BackendError> {
    let list = &request.list;
    let page = match &list.cursor {
        Some(cursor) => parse_cursor(cursor)?,
        None => list.page,
    };
    let size = list.page_size.clamp(1, 1000);
    let path = open::resolve(shared, &list.path).await?;
    let mut opened = open::open(shared, &path).await?;
    let found = find(shared, &mut opened, &request.search).await?;
    let mut answer = listing::page_of(found.len(), page, size);
    let skipped = usize::try_from(page.saturating_mul(size)).unwrap_or(usize::MAX);
    let wanted: SequenceSet = found
        .iter()
        .rev()
        .skip(skipped)
        .take(usize::try_from(size).unwrap_or(usize::MAX))
        .collect();
    if !wanted.is_empty() {
        let number = shared.memory.number(&opened.folder).await?;
        let session = opened.session()?;
        answer.messages = entries(session, number, &wanted).await?;
        threads::fill(shared, session, number, &mut answer.messages).await?;
    }
    Ok(answer)
}

/// The UIDs of what is found in the open folder.
///
/// # Errors
/// As [`search`].
pub async fn find(
    shared: &Arc<Shared>,
    opened: &mut Opened,
    search: &Search,
) -> Result<SequenceSet, BackendError> {
    let exists = opened.exists;
    let offers = program::Offers::of(opened.session()?);
    let (key, thread) = match Program::compile(search, offers, exists)? {
        Program::Nothing => return Ok(SequenceSet::new()),
        Program::Search(key) => (key, None),
        Program::Thread { thread, rest } => (rest, Some(thread)),
    };
    if exists == 0 {
        return Ok(SequenceSet::new());
    }
    let found = opened.session()?.search(&key).await.map_err(refused)?;
    let Some(thread) = thread else {
        return Ok(found);
    };
    // A conversation that only we know of.
    let number = shared.memory.number(&opened.folder).await?;
    let uids: Vec<u32> = found.iter().collect();
    let threads = threads::of(shared, opened.session()?, number, &uids, UNNAMED).await?;
    let belongs = |uid: &u32| threads.get(uid) == Some(&Some(thread));
    Ok(uids.into_iter().filter(belongs).collect())
}

fn refused(error: Error) -> BackendError {
    match error.code() {
        Some("BADCHARSET") => BackendError::Input {
            status: 422,
            message: "The mail server can search for ASCII text only".to_owned(),
            code: "MissingServerExtension",
        },
        _ => command_error(error),
    }
}

async fn entries(
    session: &mut Conn,
    folder: u32,
    uids: &SequenceSet,
) -> Result<Vec<Message>, BackendError> {
    let is_found = |fetch: &Fetch| fetch.uid.is_some_and(|uid| uids.contains(uid));
    let ids = Ids::Uid(uids.clone());
    let mut messages = listing::entries(session, folder, ids, is_found).await?;
    messages.sort_unstable_by_key(|message| std::cmp::Reverse(message.uid));
    Ok(messages)
}
