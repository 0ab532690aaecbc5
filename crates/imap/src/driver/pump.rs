//! Moving bytes between the stream and the session.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::{Connection, Error};
use crate::session::{Event, Output};

/// Bytes read at once. They live on the stack of one poll: a connection that waits holds no buffer.
const READ_SIZE: usize = 64 * 1024;

/// When to give up: a command as a whole, and silence within it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) whole: Instant,
    pub(super) silence: Duration,
}

impl Deadline {
    pub(super) fn next(self) -> Instant {
        self.whole.min(Instant::now() + self.silence)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// The deadline of an ordinary command that starts now.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline {
            whole: Instant::now() + self.timeouts.total,
            silence: self.timeouts.command,
        }
    }

    /// The next event of the session; reads and writes as needed.
    pub(super) async fn next_event(&mut self, deadline: Deadline) -> Result<Event, Error> {
        loop {
            match self.session.next_event() {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(error) => {
                    self.broken = true;
                    return Err(error.into());
                }
            }
            self.pump(deadline.next()).await?;
        }
    }

    /// Waits until bytes moved, at most until `until`.
    pub(super) async fn pump(&mut self, until: Instant) -> Result<(), Error> {
        // After BYE there is nothing to come but the end.
        let until = match self.session.bye() {
            Some(_) => until.min(Instant::now() + self.timeouts.closing),
            None => until,
        };
        let moved = std::future::poll_fn(|cx| self.poll_pump(cx));
        match tokio::time::timeout_at(until, moved).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.broken = true;
                Err(self.closing_words(error))
            }
            Err(_) => {
                self.broken = true;
                Err(self.closing_words(Error::Timeout))
            }
        }
    }

    /// What the server said before it hung up explains more than the hang-up.
    fn closing_words(&mut self, error: Error) -> Error {
        match self.session.bye() {
            Some(bye) => Error::bye(bye),
            None => error,
        }
    }

    /// Writes what waits to be written and reads what is there. Ready as soon as anything moved.
    pub(super) fn poll_pump(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let wrote = self.poll_write_out(cx)?;
        match self.poll_read_in(cx) {
            Poll::Pending if wrote => Poll::Ready(Ok(())),
            other => other,
        }
    }

    /// Writes queued bytes as far as the stream takes them; true if any went out.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        let mut wrote = false;
        while let Some(Output::Bytes(bytes)) = self.session.output() {
            match Pin::new(&mut self.io).poll_write(cx, bytes) {
                Poll::Ready(Ok(0)) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Poll::Ready(Ok(count)) => {
                    self.session.wrote(count);
                    self.count_out(count);
                    self.needs_flush = true;
                    wrote = true;
                }
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Pending => return Ok(wrote),
            }
        }
        if self.needs_flush
            && let Poll::Ready(done) = Pin::new(&mut self.io).poll_flush(cx)
        {
            done?;
            self.needs_flush = false;
        }
        Ok(wrote)
    }

    fn poll_read_in(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut space = [const { MaybeUninit::<u8>::uninit() }; READ_SIZE];
        let mut buf = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        if buf.filled().is_empty() {
            return Poll::Ready(Err(Error::Closed));
        }
        self.session.feed(buf.filled());
        Poll::Ready(Ok(()))
    }

    /// Writes bytes of an upload, reading what the server says meanwhile.
    pub(super) async fn write_body(
        &mut self,
        mut data: &[u8],
        deadline: Deadline,
    ) -> Result<(), Error> {
        while !data.is_empty() {
            let wrote = std::future::poll_fn(|cx| self.poll_write_body(cx, data));
            let count = match tokio::time::timeout_at(deadline.next(), wrote).await {
                Ok(Ok(count)) => count,
                Ok(Err(error)) => {
                    self.broken = true;
                    return Err(self.closing_words(error));
                }
                Err(_) => {
                    self.broken = true;
                    return Err(Error::Timeout);
                }
            };
            data = data.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn poll_write_body(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        match Pin::new(&mut self.io).poll_write(cx, data) {
            Poll::Ready(Ok(0)) => {
                Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()))
            }
            Poll::Ready(Ok(count)) => {
                self.count_out(count);
                self.needs_flush = true;
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            // A server that has much to say may stop reading until it is heard.
            Poll::Pending => match ready!(self.poll_read_in(cx)) {
                Ok(()) => Poll::Ready(Ok(0)),
                Err(error) => Poll::Ready(Err(error)),
            },
        }
    }

    fn count_out(&self, count: usize) {
        if let Some(observer) = self.session.observer() {
            observer.bytes_out(count);
        }
    }
}
