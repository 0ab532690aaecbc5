//! IDLE (RFC 2177): waiting without holding a buffer.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::pump::Deadline;
use super::{Connection, Error, Notice};
use crate::command::{Command, Kind};
use crate::session::Event;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Starts IDLE and waits for the server's consent.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the server does not offer it.
    pub async fn idle_start(&mut self) -> Result<(), Error> {
        if !self.has("IDLE") && !self.has("IMAP4rev2") {
            return Err(Error::Unsupported("IDLE"));
        }
        let tag = self.begin(Command::new("IDLE").kind(Kind::Idle))?;
        let deadline = self.deadline();
        loop {
            match self.next_event(deadline).await? {
                Event::Continuation(_) => {
                    self.busy = false;
                    self.idling = Some(tag);
                    return Ok(());
                }
                Event::Done { tag: done, status } if done == tag => {
                    self.end("IDLE", status)?;
                    // OK at once: IDLE began and ended.
                    self.notice(Notice::IdleEnded);
                    return Ok(());
                }
                Event::Untagged(untagged) => self.notice(Notice::Untagged(untagged)),
                _ => {}
            }
        }
    }

    /// The next thing the server says, or `None` when `until` passes. Earlier notices come first.
    /// Safe to drop at any point. While it waits no buffer is held.
    ///
    /// # Errors
    /// [`Error::Bye`] or [`Error::Closed`] when the server ends the connection.
    pub async fn idle_wait(&mut self, until: Instant) -> Result<Option<Notice>, Error> {
        loop {
            if let Some(notice) = self.idle_next()? {
                return Ok(Some(notice));
            }
            if let Some(bye) = self.session.bye() {
                let error = Error::bye(bye);
                self.broken = true;
                return Err(error);
            }
            let moved = std::future::poll_fn(|cx| self.poll_pump(cx));
            match timeout_at(until, moved).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    self.broken = true;
                    return Err(match self.session.bye() {
                        Some(bye) => Error::bye(bye),
                        None => error,
                    });
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// What is known without waiting. Apart from `idle_wait` to keep that future small.
    fn idle_next(&mut self) -> Result<Option<Notice>, Error> {
        if let Some(notice) = self.notices.pop_front() {
            if self.notices.is_empty() {
                self.notices = Default::default();
            }
            return Ok(Some(notice));
        }
        // A loop, not a recursion: a server may say `+` as often as it likes.
        loop {
            let event = self
                .session
                .next_event()
                .inspect_err(|_| self.broken = true)?;
            match event {
                Some(Event::Untagged(untagged)) => return Ok(Some(Notice::Untagged(untagged))),
                Some(Event::Done { tag, .. }) if self.idling == Some(tag) => {
                    self.idling = None;
                    return Ok(Some(Notice::IdleEnded));
                }
                // `+ still here` of some servers: go on waiting.
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Ends IDLE and waits for the server's confirmation. What arrives meanwhile becomes notices.
    /// Does nothing when IDLE does not run.
    ///
    /// # Errors
    /// [`Error::Timeout`] after the closing deadline: the connection is dead.
    pub async fn idle_done(&mut self) -> Result<(), Error> {
        let Some(tag) = self.idling.take() else {
            return Ok(());
        };
        if self.broken {
            return Err(Error::Broken);
        }
        self.busy = true;
        self.session.answer("DONE", "DONE");
        let deadline = Deadline {
            whole: Instant::now() + self.timeouts.total,
            silence: self.timeouts.closing,
        };
        loop {
            match self.next_event(deadline).await? {
                Event::Done { tag: done, status } if done == tag => {
                    // A NO or BAD here still ends IDLE, which is all that was wanted.
                    let _ = self.end("IDLE", status);
                    return Ok(());
                }
                Event::Untagged(untagged) => self.notice(Notice::Untagged(untagged)),
                _ => {}
            }
        }
    }
}
