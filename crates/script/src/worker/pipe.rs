//! The worker's end of the pipe: blocking, over standard input and output.

use std::{
    io,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read, write},
};

use crate::{
    frame::{Decoder, FrameError},
    message::{FromWorker, ToWorker},
};

/// Why a worker ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The server's bytes are not what was agreed on.
    #[error("the server sent {0}")]
    Frame(#[from] FrameError),
    /// The pipe, or a limit that cannot be set.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The first message was not the limits, or of another version.
    #[error("the server speaks another version")]
    Version,
    /// No JavaScript runtime could be made.
    #[error("no runtime can be made: {0}")]
    Runtime(String),
}

impl From<Errno> for WorkerError {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

/// What waiting brought.
#[derive(Debug)]
pub(super) enum Received {
    /// A message.
    Message(ToWorker),
    /// The server has closed the pipe, or is gone.
    Closed,
    /// The time is up.
    Late,
}

/// Standard input and output as a stream of messages.
#[derive(Debug)]
pub(super) struct Pipe {
    decoder: Decoder,
    scratch: Vec<u8>,
}

impl Pipe {
    pub(super) fn new() -> Self {
        Self {
            decoder: Decoder::default(),
            scratch: vec![0; 64 << 10],
        }
    }

    /// The next message; waits for it as long as it takes, or until a moment.
    pub(super) fn receive(&mut self, until: Option<Instant>) -> Result<Received, WorkerError> {
        let input = io::stdin();
        loop {
            if let Some(frame) = self.decoder.next()? {
                return Ok(Received::Message(ToWorker::decode(frame)?));
            }
            if let Some(until) = until
                && !readable(&input, until)?
            {
                return Ok(Received::Late);
            }
            match read(&input, self.scratch.as_mut_slice()) {
                Ok(0) => return Ok(Received::Closed),
                Ok(length) => {
                    let read = self.scratch.get(..length).unwrap_or_default();
                    self.decoder.buffer.extend_from_slice(read);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes a message whole.
    pub(super) fn send(&self, message: &FromWorker) -> Result<(), WorkerError> {
        let frame = message.encode()?;
        let output = io::stdout();
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            match write(&output, rest) {
                Ok(length) => rest = rest.get(length..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Waits until there is something to read, or the moment has come.
fn readable(input: &io::Stdin, until: Instant) -> Result<bool, WorkerError> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = left.min(Duration::from_secs(3600));
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(0),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
