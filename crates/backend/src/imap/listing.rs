//! A page of a folder, newest first (behaviour 10.2). Pages are ranges of sequence numbers, so a
//! page deep in a large folder costs as much as the first.

use std::sync::Arc;

use posthouse_imap::{Fetch, FetchItem, Ids, SequenceSet};
use posthouse_mime::report::auto_reply;
use posthouse_model::{
    command::ListMessages,
    message::{Message, MessagePage},
};

use super::{
    connect::{Conn, command_error},
    ids::{MessageId, encode_cursor, parse_cursor},
    mailbox::Shared,
    names, open, shape,
    structure::Parts,
    threads,
};
use crate::BackendError;

/// A page of messages.
///
/// # Errors
/// `FolderNotFound`, `InvalidCursorType`, `InvalidCursorValue`, and what connecting may say.
pub async fn list_messages(
    shared: &Arc<Shared>,
    request: &ListMessages,
) -> Result<MessagePage, BackendError> {
    let page = match &request.cursor {
        Some(cursor) => parse_cursor(cursor)?,
        None => request.page,
    };
    let size = request.page_size.clamp(1, 1000);
    let path = open::resolve(shared, &request.path).await?;
    let mut opened = open::open(shared, &path).await?;
    let total = u64::from(opened.exists);
    let mut answer = page_of(total, page, size);
    let Some((first, last)) = range(total, page, size) else {
        return Ok(answer);
    };
    let number = shared.memory.number(&opened.folder).await?;
    let session = opened.session()?;
    let ids = Ids::Seq(SequenceSet::range(first, last));
    // News about messages beyond the page come with sequence numbers too.
    let is_of_page = |fetch: &Fetch| (first..=last).contains(&fetch.seq);
    answer.messages = entries(session, number, ids, is_of_page).await?;
    answer.messages.reverse();
    threads::fill(shared, session, number, &mut answer.messages).await?;
    Ok(answer)
}

/// A page without its messages.
pub fn page_of(total: u64, page: u64, size: u64) -> MessagePage {
    let pages = total.div_ceil(size).max(1);
    MessagePage {
        total,
        page,
        pages,
        next_page_cursor: (page.saturating_add(1) < pages).then(|| encode_cursor(page + 1)),
        prev_page_cursor: (page > 0).then(|| encode_cursor(page.min(pages) - 1)),
        messages: Vec::new(),
    }
}

/// Messages of the open folder as lists show them, in their order there: those whose replies are `wanted`.
///
/// # Errors
/// What the server may say.
pub async fn entries(
    session: &mut Conn,
    folder: u32,
    ids: Ids,
    wanted: impl Fn(&Fetch) -> bool,
) -> Result<Vec<Message>, BackendError> {
    let mut items = shape::items(session);
    let headers = [&shape::ADDRESS_HEADERS[..], &auto_reply::HEADERS[..]].concat();
    items.push(FetchItem::header_fields(&headers));
    let fetched = session.fetch(ids, &items).await.map_err(command_error)?;
    let mut found: Vec<(MessageId, Fetch, Parts)> = shape::join(fetched)
        .into_iter()
        .filter(wanted)
        .filter_map(|fetch| {
            let uid = fetch.uid?;
            let id = MessageId { folder, uid };
            let root = fetch.body_structure.as_ref();
            let parts = root.map(|root| Parts::new(id, root)).unwrap_or_default();
            Some((id, fetch, parts))
        })
        .collect();
    let mut doubtful: Vec<(u32, &mut Parts)> = found
        .iter_mut()
        .map(|(id, _, parts)| (id.uid, parts))
        .filter(|(_, parts)| !parts.doubtful.is_empty())
        .collect();
    names::complete(session, &mut doubtful).await?;
    let entry = |(id, fetch, parts): &(MessageId, Fetch, Parts)| {
        let headers = shape::headers(fetch);
        let mut message = shape::message(*id, fetch, &headers, parts, false);
        message.is_auto_reply = auto_reply::is_auto_reply(message.subject.as_deref(), &headers);
        message
    };
    Ok(found.iter().map(entry).collect())
}

/// Sequence numbers of a page counted from the newest message; `None` beyond the end.
fn range(total: u64, page: u64, size: u64) -> Option<(u32, u32)> {
    let skipped = page.checked_mul(size)?;
    let last = total.checked_sub(skipped).filter(|last| *last > 0)?;
    let first = last.saturating_sub(size) + 1;
    Some((u32::try_from(first).ok()?, u32::try_from(last).ok()?))
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn pages_are_ranges_from_the_end() {
        for (total, page, size, expected) in [
            (0, 0, 20, None),
            (1, 0, 20, Some((1, 1))),
            (45, 0, 20, Some((26, 45))),
            (45, 2, 20, Some((1, 5))),
            (45, 3, 20, None),
            (40, 2, 20, None),
            (100_000, 4999, 20, Some((1, 20))),
            (5, u64::MAX, 20, None),
        ] {
            assert_eq!(range(total, page, size), expected, "{total} {page}");
        }
    }
}
