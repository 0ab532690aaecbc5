//! Reading a section of a message as a stream: partial fetches, each handed on while it arrives. A slow reader holds no
//! session, and no more memory than the portion he was too slow for.

use std::{collections::VecDeque, io, mem, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use posthouse_imap::Quirk;
use posthouse_mime::decode::TransferDecoder;
use posthouse_model::command::BodyHead;
use tokio::{
    sync::{Semaphore, SemaphorePermit, mpsc},
    time::{Instant, timeout},
};

use super::{
    connect::command_error,
    ids::MessageId,
    mailbox::Shared,
    open::{self, Opened},
    pool::Bulk,
};
use crate::{BackendError, Body};

/// The most that is read of a message or attachment, bytes.
const MAX_SIZE: u64 = 250 << 20;

/// Bytes of a portion, which is what one partial fetch asks for: at least and at first, and at most. The larger it is the
/// less its round trip costs, and the more has to be kept for a reader who falls behind in its middle.
const PORTION: (u32, u32) = (64 << 10, 1 << 20);

/// What portions of all readers together may have beyond the least, in units of the least: 3 MB.
static LARGER: Semaphore = Semaphore::const_new(48);

/// A portion that came faster than this is followed by a larger one, one that took longer than the
/// second by a smaller one.
const PACE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(3));

/// Bytes of a piece, which is what the reader gets at once.
const PIECE: usize = 32 << 10;

/// Pieces that wait for the reader.
const WINDOW: usize = 2;

/// How long the server waits in the middle of a portion for the reader, before the rest is put aside for him.
const PATIENCE: Duration = Duration::from_millis(20);

/// A reader that takes nothing for so long is cut.
const READER: Duration = Duration::from_secs(60);

/// A section of a message to be read.
pub struct Reading {
    /// The mailbox.
    pub shared: Arc<Shared>,
    /// The message.
    pub id: MessageId,
    /// The section (RFC 9051 section 6.4.5); empty for the whole message.
    pub section: String,
    /// Undoes its transfer encoding.
    pub decoder: Option<TransferDecoder>,
}

impl Reading {
    /// Begins to read on a session that has the folder open. `size` is what the server says of the section, 0 if nothing.
    ///
    /// # Errors
    /// 413 `MessageTooLarge`.
    pub fn start(self, opened: Opened, head: BodyHead, size: u64) -> Result<Body, BackendError> {
        if size > MAX_SIZE {
            return Err(too_large());
        }
        let (pieces, taken) = mpsc::channel(WINDOW);
        tokio::spawn(self.run(opened, size, Reader::new(pieces)));
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

    async fn run(mut self, opened: Opened, size: u64, mut reader: Reader) {
        if let Err(error) = self.read(opened, size, &mut reader).await {
            let failed = reader.pieces.send(Err(io::Error::other(error)));
            let _ = timeout(READER, failed).await;
        }
    }

    async fn read(
        &mut self,
        mut opened: Opened,
        size: u64,
        reader: &mut Reader,
    ) -> Result<(), BackendError> {
        let whole = opened.session()?.quirks().has(Quirk::PartialFetchWrong);
        // Where others have all rights the session goes back before this one queues.
        let mut held = Bulk::try_get(&self.shared).map(|bulk| (opened, bulk));
        let mut origin = 0u64;
        let mut portion = Portion::first();
        loop {
            let (mut session, bulk) = match held.take() {
                Some(held) => held,
                None => {
                    // The right first: who waits for it must hold no session.
                    let bulk = Bulk::get(&self.shared).await?;
                    (open::open_for(&self.shared, self.id).await?, bulk)
                }
            };
            let partial = (!whole).then_some((origin, portion.bytes));
            let begun = Instant::now();
            let read = self.portion(&mut session, partial, origin, reader).await?;
            origin += read;
            let last = match partial {
                None => true,
                // More than was asked for: all there is, whatever was asked.
                Some((0, asked)) if read > u64::from(asked) => true,
                Some((_, asked)) if read > u64::from(asked) => return Err(not_partial()),
                // Less than was asked for is the end, unless the server promised more: then only nothing is.
                Some((_, asked)) => read == 0 || (read < u64::from(asked) && origin >= size),
            };
            portion.adapt(begun.elapsed(), reader.is_late());
            if last || reader.is_gone() {
                break;
            }
            if !reader.is_late() && !self.shared.pool.is_wanted() {
                held = Some((session, bulk));
                continue;
            }
            // Back to the pool; the next portion queues like everybody else.
            drop((session, bulk));
            reader.catch_up().await;
        }
        if let Some(decoder) = self.decoder.take() {
            let mut rest = Vec::new();
            decoder.finish(&mut rest);
            reader.put(rest.into());
        }
        reader.end().await;
        Ok(())
    }

    /// Reads one portion to its end, or all where there is none; how many bytes that were.
    async fn portion(
        &mut self,
        opened: &mut Opened,
        partial: Option<(u64, u32)>,
        origin: u64,
        reader: &mut Reader,
    ) -> Result<u64, BackendError> {
        let session = opened.session()?;
        let body = session
            .fetch_stream(self.id.uid, &self.section, partial)
            .await
            .map_err(command_error)?;
        let mut body = body.ok_or_else(BackendError::message_not_found)?;
        let mut read = 0;
        while let Some(data) = body.chunk().await.map_err(command_error)? {
            read += data.len() as u64;
            if origin + read > MAX_SIZE {
                return Err(too_large());
            }
            match &mut self.decoder {
                Some(decoder) => {
                    let mut decoded = Vec::with_capacity(data.len());
                    decoder.push(&data, &mut decoded);
                    reader.put(decoded.into());
                }
                None => reader.put(data),
            }
            // A portion ends soon and goes on without the reader; all in one answer goes only as fast as he takes it.
            let patience = if partial.is_some() { PATIENCE } else { READER };
            reader.give(patience).await;
            if partial.is_none() && (reader.is_late() || reader.is_gone()) {
                return Err(BackendError::Timeout);
            }
        }
        Ok(read)
    }
}

/// How much is asked for at once.
struct Portion {
    bytes: u32,
    /// The part beyond the least, of what all have in common.
    _larger: Option<SemaphorePermit<'static>>,
}

impl Portion {
    fn first() -> Self {
        Self::of(PORTION.0)
    }

    /// A portion of that size, or of the least where others have taken what there is.
    fn of(bytes: u32) -> Self {
        let units = (bytes / PORTION.0).saturating_sub(1);
        match LARGER.try_acquire_many(units) {
            Ok(larger) => Self {
                bytes,
                _larger: Some(larger),
            },
            Err(_) => Self {
                bytes: PORTION.0,
                _larger: None,
            },
        }
    }

    fn adapt(&mut self, took: Duration, late: bool) {
        let size = next_size(self.bytes, took, late);
        if size != self.bytes {
            // What it has is given back before more is asked for.
            self._larger = None;
            *self = Self::of(size);
        }
    }
}

/// The next size after a portion of this one that took so long, and whose reader fell behind or not.
fn next_size(size: u32, took: Duration, late: bool) -> u32 {
    if late {
        PORTION.0
    } else if took < PACE.0 {
        size.saturating_mul(2).min(PORTION.1)
    } else if took > PACE.1 {
        (size / 2).max(PORTION.0)
    } else {
        size
    }
}

/// The way to whoever reads.
struct Reader {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    /// What is not a whole piece yet.
    piece: BytesMut,
    /// Pieces that he was too slow for.
    behind: VecDeque<Bytes>,
    gone: bool,
}

impl Reader {
    fn new(pieces: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self {
            pieces,
            piece: BytesMut::new(),
            behind: VecDeque::new(),
            gone: false,
        }
    }

    fn is_late(&self) -> bool {
        !self.behind.is_empty()
    }

    fn is_gone(&self) -> bool {
        self.gone || self.pieces.is_closed()
    }

    /// Adds bytes behind those that wait.
    fn put(&mut self, data: Bytes) {
        if self.gone {
            return;
        }
        if self.piece.is_empty() && data.len() >= PIECE {
            self.behind.push_back(data);
            return;
        }
        self.piece.extend_from_slice(&data);
        if self.piece.len() >= PIECE {
            self.behind.push_back(mem::take(&mut self.piece).freeze());
        }
    }

    /// Hands over what waits while each piece is taken within that time; once one was not, only what is taken at once.
    async fn give(&mut self, patience: Duration) {
        let mut patience = if self.behind.len() > 1 {
            Duration::ZERO
        } else {
            patience
        };
        while let Some(piece) = self.behind.pop_front() {
            let room = match self.pieces.try_reserve() {
                Ok(room) => Ok(Ok(room)),
                Err(_) => timeout(patience, self.pieces.reserve()).await,
            };
            match room {
                Ok(Ok(room)) => room.send(Ok(piece)),
                Ok(Err(_)) => {
                    self.gone = true;
                    self.behind.clear();
                    return;
                }
                Err(_) => {
                    self.behind.push_front(piece);
                    return;
                }
            }
            patience = patience.min(PATIENCE);
        }
    }

    /// Waits until he has taken all that was put aside; one who takes nothing for too long is gone.
    async fn catch_up(&mut self) {
        while let Some(piece) = self.behind.pop_front() {
            let given = timeout(READER, self.pieces.send(Ok(piece))).await;
            if !matches!(given, Ok(Ok(()))) {
                self.gone = true;
                self.behind.clear();
            }
        }
    }

    /// Hands over the rest, and an empty piece that says that this was all.
    async fn end(&mut self) {
        let rest = mem::take(&mut self.piece).freeze();
        if !rest.is_empty() {
            self.behind.push_back(rest);
        }
        self.behind.push_back(Bytes::new());
        self.catch_up().await;
    }
}

fn too_large() -> BackendError {
    BackendError::Input {
        status: 413,
        message: "The message or attachment is larger than what can be downloaded".to_owned(),
        code: "MessageTooLarge",
    }
}

fn not_partial() -> BackendError {
    BackendError::Connection {
        response: "The mail server sent more of the message than it was asked for".to_owned(),
        code: "EPROTOCOL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn portions_grow_with_a_fast_server_and_shrink_for_a_slow_reader() {
        let quick = Duration::from_millis(5);
        let mut size = PORTION.0;
        for _ in 0..4 {
            size = next_size(size, quick, false);
        }
        assert_eq!(size, PORTION.1);
        assert_eq!(next_size(size, quick, false), PORTION.1);
        assert_eq!(next_size(size, Duration::from_secs(1), false), PORTION.1);
        assert_eq!(
            next_size(size, Duration::from_secs(4), false),
            PORTION.1 / 2
        );
        assert_eq!(next_size(size, quick, true), PORTION.0);
        assert_eq!(
            next_size(PORTION.0, Duration::from_secs(4), false),
            PORTION.0
        );
    }

    #[tokio::test]
    async fn pieces_come_in_order_and_whole() {
        let (pieces, mut taken) = mpsc::channel(WINDOW);
        let mut reader = Reader::new(pieces);
        let sent: Vec<u8> = (0..400_000u32).map(|n| (n % 251) as u8).collect();
        let chunks: Vec<Bytes> = sent.chunks(7_001).map(Bytes::copy_from_slice).collect();
        let (late, is_late) = tokio::sync::oneshot::channel();
        let giving = tokio::spawn(async move {
            for chunk in chunks {
                reader.put(chunk);
                reader.give(Duration::ZERO).await;
            }
            late.send(reader.is_late()).unwrap();
            reader.end().await;
            assert!(!reader.is_gone());
        });
        // Nobody took anything until now.
        assert!(is_late.await.unwrap());
        let mut got = Vec::new();
        while let Some(Ok(piece)) = taken.recv().await {
            if piece.is_empty() {
                break;
            }
            got.extend_from_slice(&piece);
        }
        assert!(got == sent);
        giving.await.unwrap();
    }
}
