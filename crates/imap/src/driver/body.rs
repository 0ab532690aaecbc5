//! Bodies as a stream: bytes are handed on as they arrive, nothing is read ahead of the consumer.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::pump::Deadline;
use super::{Connection, Error, Notice};
use crate::command::{Command, Kind};
use crate::fetch::{Fetch, SectionData};
use crate::items::FetchItem;
use crate::response::Untagged;
use crate::session::{Event, Tag};
use crate::set::SequenceSet;
use crate::status::Status;

/// A body on its way. Read it to its end; dropped earlier it leaves the connection unusable.
pub struct BodyStream<'a, S> {
    connection: &'a mut Connection<S>,
    tag: Tag,
    size: u64,
    /// A body that came as a quoted string.
    inline: Option<Bytes>,
    done: bool,
}

impl<S> std::fmt::Debug for BodyStream<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyStream")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

enum Found {
    Literal(u64),
    Inline(Bytes),
    Nothing(Status),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// UID FETCH of one section as a stream; `partial` is first byte and most bytes. `None` when
    /// there is no such message or part.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn fetch_stream(
        &mut self,
        uid: u32,
        section: &str,
        partial: Option<(u64, u32)>,
    ) -> Result<Option<BodyStream<'_, S>>, Error> {
        let item = FetchItem::Body {
            section: section.to_owned(),
            partial,
        };
        let command = Command::new("UID FETCH")
            .kind(Kind::StreamBody)
            .set(&SequenceSet::one(uid))
            .word(format!("(UID {item})"));
        let tag = self.begin(command)?;
        let deadline = self.deadline();
        let (size, inline) = match self.find_body(tag, section, deadline).await? {
            Found::Nothing(status) => {
                self.end("UID FETCH", status)?;
                return Ok(None);
            }
            Found::Literal(size) => (size, None),
            Found::Inline(data) => (data.len() as u64, Some(data)),
        };
        Ok(Some(BodyStream {
            connection: self,
            tag,
            size,
            inline,
            done: false,
        }))
    }

    async fn find_body(
        &mut self,
        tag: Tag,
        section: &str,
        deadline: Deadline,
    ) -> Result<Found, Error> {
        loop {
            match self.next_event(deadline).await? {
                Event::BodyStart { size, .. } => return Ok(Found::Literal(size)),
                Event::Done { tag: done, status } if done == tag => {
                    return Ok(Found::Nothing(status));
                }
                Event::Untagged(Untagged::Fetch(fetch)) => match inline_body(&fetch, section) {
                    Some(data) => return Ok(Found::Inline(data)),
                    None => self.notice(Notice::Untagged(Untagged::Fetch(fetch))),
                },
                Event::Untagged(other) => self.notice(Notice::Untagged(other)),
                _ => {}
            }
        }
    }
}

/// The section where the server sent it as a string, not as a literal.
fn inline_body(fetch: &Fetch, section: &str) -> Option<Bytes> {
    let found = fetch.section(section).or_else(|| fetch.sections.first())?;
    match &found.data {
        SectionData::Bytes(data) => Some(data.clone()),
        // Beyond the end of a body some servers give NIL: it is there, and there is no more of it.
        SectionData::Nil => Some(Bytes::new()),
        SectionData::Omitted(_) => None,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> BodyStream<'_, S> {
    /// Announced length in bytes. Some servers announce one number and send another part of it; the
    /// chunks are what counts.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes, or `None` at the end; then the connection is free again. Nothing is read from
    /// the server between calls. Not safe to drop midway: the connection is lost then.
    ///
    /// # Errors
    /// See [`Error`]. Deadlines count the waiting in this call only.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(data) = self.inline.take().filter(|d| !d.is_empty()) {
            return Ok(Some(data));
        }
        if self.done {
            return Ok(None);
        }
        // The time the consumer takes between calls is not the server's.
        let deadline = self.connection.deadline();
        loop {
            match self.connection.next_event(deadline).await? {
                Event::BodyChunk(data) => return Ok(Some(data)),
                Event::Done { tag, status } if tag == self.tag => {
                    self.done = true;
                    self.connection.end("UID FETCH", status)?;
                    return Ok(None);
                }
                Event::Untagged(untagged) => {
                    // The reply the body came in tells nothing else.
                    let own = matches!(&untagged, Untagged::Fetch(f) if !f.sections.is_empty());
                    if !own {
                        self.connection.notice(Notice::Untagged(untagged));
                    }
                }
                _ => {}
            }
        }
    }

    /// All of it in memory, at most `limit` bytes; what is beyond is read and dropped.
    ///
    /// # Errors
    /// As [`BodyStream::chunk`].
    pub async fn collect(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        while let Some(data) = self.chunk().await? {
            let room = limit.saturating_sub(out.len());
            out.extend_from_slice(data.get(..data.len().min(room)).unwrap_or_default());
        }
        Ok(out)
    }
}
