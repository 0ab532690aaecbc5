//! Sources of new messages, as far as they are looked at: over the connection that found the messages, several at once.

use std::{collections::HashMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use posthouse_imap::{FetchItem, Quirk, SectionData, SequenceSet};

use super::{
    connect::{Conn, command_error},
    download,
    ids::MessageId,
    mailbox::Shared,
};
use crate::BackendError;

/// Reads the beginnings of messages. Those of the folder that is open here are read here, others over sessions of their
/// own.
///
/// # Errors
/// When the connection is lost, or the server refuses to give what is asked for.
pub async fn beginnings(
    shared: &Arc<Shared>,
    session: &mut Conn,
    open: Option<u32>,
    ids: &[String],
    limit: u32,
) -> Result<Vec<Result<Bytes, BackendError>>, BackendError> {
    let parsed = ids.iter().filter_map(|id| MessageId::parse(id).ok());
    let here: Vec<MessageId> = parsed.filter(|id| open == Some(id.folder)).collect();
    let uids: SequenceSet = here.iter().map(|id| id.uid).collect();
    let mut found = if session.quirks().has(Quirk::PartialFetchWrong) {
        one_by_one(session, &here, limit).await?
    } else {
        together(session, uids, limit).await?
    };
    let mut out = Vec::with_capacity(ids.len());
    for id in ids {
        out.push(match MessageId::parse(id) {
            Ok(parsed) if here.contains(&parsed) => found
                .remove(&parsed.uid)
                .ok_or_else(BackendError::message_not_found),
            Ok(_) => elsewhere(shared, id, limit).await,
            Err(error) => Err(error),
        });
    }
    Ok(out)
}

async fn together(
    session: &mut Conn,
    uids: SequenceSet,
    limit: u32,
) -> Result<HashMap<u32, Bytes>, BackendError> {
    let mut found = HashMap::new();
    if uids.is_empty() {
        return Ok(found);
    }
    let item = FetchItem::Body {
        section: String::new(),
        partial: Some((0, limit)),
    };
    let pieces = session.fetch(uids.clone(), &[FetchItem::Uid, item]).await;
    for fetch in pieces.map_err(command_error)? {
        let Some(uid) = fetch.uid.filter(|uid| uids.contains(*uid)) else {
            continue;
        };
        // News of flags come in between.
        let section = fetch.sections.into_iter().find(|one| one.name.is_empty());
        match section.map(|section| section.data) {
            Some(SectionData::Bytes(bytes)) => found.insert(uid, bytes),
            // It is there, but nothing of it is given.
            Some(SectionData::Nil | SectionData::Omitted(_)) => found.insert(uid, Bytes::new()),
            None => continue,
        };
    }
    Ok(found)
}

/// For servers that answer partial fetches wrongly: all of each message, of which the beginning is kept.
async fn one_by_one(
    session: &mut Conn,
    ids: &[MessageId],
    limit: u32,
) -> Result<HashMap<u32, Bytes>, BackendError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = HashMap::new();
    for id in ids {
        let body = session.fetch_stream(id.uid, "", None).await;
        let Some(mut body) = body.map_err(command_error)? else {
            continue;
        };
        let mut kept = BytesMut::new();
        // To its end in any case, or the connection is lost.
        while let Some(mut data) = body.chunk().await.map_err(command_error)? {
            data.truncate(limit.saturating_sub(kept.len()));
            kept.extend_from_slice(&data);
        }
        found.insert(id.uid, kept.freeze());
    }
    Ok(found)
}

async fn elsewhere(shared: &Arc<Shared>, id: &str, limit: u32) -> Result<Bytes, BackendError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    download::source(shared, id).await?.beginning(limit).await
}
