//! Sources and attachments as streams (behaviour 10.4): partial fetches into a window of two
//! chunks, so that neither memory nor a session is held for a reader that is slow.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use posthouse_imap::{FetchItem, Quirk, SectionData};
use posthouse_mime::decode::TransferDecoder;
use posthouse_model::command::BodyHead;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, timeout},
};

use super::{
    connect::command_error,
    detail::fetch_one,
    ids::{AttachmentId, MessageId},
    mailbox::Shared,
    names,
    open::{self, Opened},
    pool::Bulk,
    structure::{Parts, content_type, filename_of},
};
use crate::{BackendError, Body};

/// The most that is read of a message or attachment, bytes.
const MAX_SIZE: u64 = 250 << 20;

/// Bytes of a chunk: at first and at least, and at most.
const CHUNK: (u32, u32) = (64 << 10, 1 << 20);

/// Chunks that wait for the reader.
const WINDOW: usize = 2;

/// A chunk that came faster than this is followed by a larger one, one that took longer than the
/// second by a smaller one.
const PACE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(3));

/// A reader that takes nothing for so long is cut.
const READER: Duration = Duration::from_secs(60);

/// The source of a message.
///
/// # Errors
/// `MessageNotFound`, 413 `MessageTooLarge`, and what connecting may say.
pub async fn source(shared: &Arc<Shared>, id: &str) -> Result<Body, BackendError> {
    let id = MessageId::parse(id)?;
    let mut opened = open::open_for(shared, id).await?;
    let items = [FetchItem::Uid, FetchItem::Size];
    let fetch = fetch_one(opened.session()?, id.uid, &items).await?;
    let head = BodyHead {
        content_type: "message/rfc822".to_owned(),
        filename: Some("message.eml".to_owned()),
        // RFC822.SIZE is wrong on some servers: it must not become a promise.
        size: None,
    };
    let reading = Reading {
        shared: Arc::clone(shared),
        id,
        section: String::new(),
        decoder: None,
    };
    reading.start(opened, head, fetch.size.unwrap_or(0))
}

/// An attachment, decoded.
///
/// # Errors
/// `MessageNotFound`, 413 `MessageTooLarge`, and what connecting may say.
pub async fn attachment(shared: &Arc<Shared>, id: &str) -> Result<Body, BackendError> {
    let id = AttachmentId::parse(id)?;
    let mut opened = open::open_for(shared, id.message).await?;
    let items = [FetchItem::Uid, FetchItem::BodyStructure];
    let fetch = fetch_one(opened.session()?, id.message.uid, &items).await?;
    let root = fetch.body_structure.as_ref();
    let part = root
        .and_then(|root| {
            root.walk()
                .find(|part| part.part == id.part && !part.is_multipart())
        })
        .ok_or_else(|| BackendError::NotFound {
            message: "Requested attachment was not found".to_owned(),
            code: "AttachmentNotFound",
        })?;
    let mut head = BodyHead {
        content_type: content_type(part),
        filename: None,
        size: None,
    };
    // The name as listings have it.
    let mut parts = root
        .map(|root| Parts::new(id.message, root))
        .unwrap_or_default();
    parts.doubtful.retain(|(place, _)| {
        let leaf = parts.files.get(*place);
        leaf.is_some_and(|leaf| leaf.part == id.part)
    });
    let alone = &mut [(id.message.uid, &mut parts)];
    names::complete(opened.session()?, alone).await?;
    let place = parts.files.iter().position(|leaf| leaf.part == id.part);
    head.filename = match place.and_then(|place| parts.attachments.get(place)) {
        Some(attachment) => attachment.filename.clone(),
        None => {
            let disposition = part.disposition.as_ref();
            filename_of(part, disposition.map_or(&[], |d| &d.params))
        }
    };
    let reading = Reading {
        shared: Arc::clone(shared),
        id: id.message,
        section: id.part,
        decoder: part.encoding.as_deref().map(TransferDecoder::new),
    };
    reading.start(opened, head, part.size.unwrap_or(0))
}

struct Reading {
    shared: Arc<Shared>,
    id: MessageId,
    section: String,
    decoder: Option<TransferDecoder>,
}

type Chunks = mpsc::Sender<io::Result<Bytes>>;

impl Reading {
    fn start(self, opened: Opened, head: BodyHead, size: u64) -> Result<Body, BackendError> {
        if size > MAX_SIZE {
            return Err(too_large());
        }
        let (chunks, taken) = mpsc::channel(WINDOW);
        tokio::spawn(self.run(opened, chunks));
        // The end of the channel alone is no proof that all was read: the last item says so.
        let stream = stream::unfold(Some(taken), |taken| async move {
            let mut taken = taken?;
            match taken.recv().await {
                Some(Ok(bytes)) if bytes.is_empty() => None,
                Some(Ok(bytes)) => Some((Ok(bytes), Some(taken))),
                Some(Err(error)) => Some((Err(error), None)),
                None => Some((Err(io::ErrorKind::UnexpectedEof.into()), None)),
            }
        });
        Ok(Body {
            head,
            stream: stream.boxed(),
        })
    }

    async fn run(mut self, opened: Opened, chunks: Chunks) {
        if let Err(error) = self.read(opened, &chunks).await {
            let _ = timeout(READER, chunks.send(Err(io::Error::other(error)))).await;
        }
    }

    async fn read(&mut self, mut opened: Opened, chunks: &Chunks) -> Result<(), BackendError> {
        if opened.session()?.quirks().has(Quirk::PartialFetchWrong) {
            return self.read_at_once(opened, chunks).await;
        }
        let mut opened = Bulk::try_get(&self.shared).map(|bulk| (opened, bulk));
        let mut origin = 0u64;
        let mut size = CHUNK.0;
        loop {
            let (mut session, bulk) = match opened.take() {
                Some(held) => held,
                None => {
                    // The right first: who waits for it must hold no session.
                    let bulk = Bulk::get(&self.shared).await?;
                    (open::open_for(&self.shared, self.id).await?, bulk)
                }
            };
            let begun = Instant::now();
            let data = self.fetch(&mut session, origin, size).await?;
            let read = data.len() as u64;
            let last = read < u64::from(size);
            size = next_size(size, begun.elapsed());
            origin += read;
            if origin > MAX_SIZE {
                return Err(too_large());
            }
            if last || self.shared.pool.is_wanted() {
                // Back to the pool; the next chunk queues like everybody else.
                drop((session, bulk));
            } else {
                opened = Some((session, bulk));
            }
            let mut bytes = data;
            if let Some(decoder) = &mut self.decoder {
                let mut decoded = Vec::with_capacity(bytes.len());
                decoder.push(&bytes, &mut decoded);
                bytes = decoded.into();
            }
            if !bytes.is_empty() && !give(chunks, bytes, &mut opened).await {
                return Ok(());
            }
            if last {
                break;
            }
        }
        if let Some(decoder) = self.decoder.take() {
            let mut rest = Vec::new();
            decoder.finish(&mut rest);
            if !rest.is_empty() && !give(chunks, rest.into(), &mut opened).await {
                return Ok(());
            }
        }
        // An empty chunk says that this was all.
        give(chunks, Bytes::new(), &mut opened).await;
        Ok(())
    }

    /// Reads all in one answer, from a server whose chunks cannot be trusted. The session is held until
    /// the reader has taken it all: no further ahead than what waits for him.
    async fn read_at_once(&mut self, opened: Opened, chunks: &Chunks) -> Result<(), BackendError> {
        let (mut opened, _bulk) = match Bulk::try_get(&self.shared) {
            Some(bulk) => (opened, bulk),
            None => {
                // The right first: who waits for it must hold no session.
                drop(opened);
                let bulk = Bulk::get(&self.shared).await?;
                (open::open_for(&self.shared, self.id).await?, bulk)
            }
        };
        let session = opened.session()?;
        let body = session
            .fetch_stream(self.id.uid, &self.section, None)
            .await
            .map_err(command_error)?;
        let mut body = body.ok_or_else(BackendError::message_not_found)?;
        let mut read = 0;
        while let Some(data) = body.chunk().await.map_err(command_error)? {
            read += data.len() as u64;
            if read > MAX_SIZE {
                return Err(too_large());
            }
            let bytes = match &mut self.decoder {
                Some(decoder) => {
                    let mut decoded = Vec::with_capacity(data.len());
                    decoder.push(&data, &mut decoded);
                    Bytes::from(decoded)
                }
                None => data,
            };
            let given = bytes.is_empty()
                || matches!(timeout(READER, chunks.send(Ok(bytes))).await, Ok(Ok(())));
            if !given {
                return Ok(());
            }
        }
        drop(body);
        let mut rest = Vec::new();
        if let Some(decoder) = self.decoder.take() {
            decoder.finish(&mut rest);
        }
        let mut nothing = None;
        if rest.is_empty() || give(chunks, rest.into(), &mut nothing).await {
            give(chunks, Bytes::new(), &mut nothing).await;
        }
        Ok(())
    }

    async fn fetch(
        &self,
        opened: &mut Opened,
        origin: u64,
        size: u32,
    ) -> Result<Bytes, BackendError> {
        let item = FetchItem::Body {
            section: self.section.clone(),
            partial: Some((origin, size)),
        };
        let uid = self.id.uid;
        let pieces = opened
            .session()?
            .fetch(uid, &[FetchItem::Uid, item])
            .await
            .map_err(command_error)?;
        let section = pieces
            .iter()
            .filter(|fetch| fetch.uid == Some(uid))
            .find_map(|fetch| fetch.section(&self.section));
        match section.map(|section| &section.data) {
            Some(SectionData::Bytes(data)) => Ok(data.clone()),
            // Beyond the end some servers give NIL.
            Some(SectionData::Nil) => Ok(Bytes::new()),
            Some(SectionData::Omitted(_)) => Err(too_large()),
            None => Err(BackendError::message_not_found()),
        }
    }
}

/// Hands a chunk over; false when the reader is gone or too slow. While it waits for the reader no
/// session is held.
async fn give(chunks: &Chunks, bytes: Bytes, held: &mut Option<(Opened, Bulk)>) -> bool {
    match chunks.try_send(Ok(bytes)) {
        Ok(()) => true,
        Err(TrySendError::Closed(_)) => false,
        Err(TrySendError::Full(bytes)) => {
            *held = None;
            matches!(timeout(READER, chunks.send(bytes)).await, Ok(Ok(())))
        }
    }
}

fn next_size(size: u32, took: Duration) -> u32 {
    if took < PACE.0 {
        size.saturating_mul(2).min(CHUNK.1)
    } else if took > PACE.1 {
        (size / 2).max(CHUNK.0)
    } else {
        size
    }
}

fn too_large() -> BackendError {
    BackendError::Input {
        status: 413,
        message: "The message or attachment is larger than what can be downloaded".to_owned(),
        code: "MessageTooLarge",
    }
}
