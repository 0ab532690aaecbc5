//! A body of the mailbox, read within the time of a call.

use bytes::Bytes;
use futures_util::StreamExt;
use posthouse_backend::BodyStream;
use posthouse_engine::Answered;
use posthouse_model::{
    ApiError, Caller,
    command::{Answer, BodyHead, Command},
};
use tokio::time::{Instant, timeout_at};

use crate::{App, CallInput, reading::unexpected};

/// Bytes on their way from the mail server.
pub(super) struct Incoming {
    /// What is known before the first byte.
    pub(super) head: BodyHead,
    stream: BodyStream,
    deadline: Instant,
}

impl App {
    /// Asks for a body.
    ///
    /// # Errors
    /// What the account says.
    pub(super) async fn incoming(
        &self,
        caller: &Caller,
        input: &CallInput,
        command: Command,
    ) -> Result<Incoming, ApiError> {
        let deadline = self.context(caller, input).deadline;
        match self.ask(caller, input, command).await? {
            Answered {
                answer: Answer::Body(head),
                body: Some(stream),
            } => Ok(Incoming {
                head,
                stream,
                deadline,
            }),
            _ => Err(unexpected()),
        }
    }
}

impl Incoming {
    /// The next bytes.
    ///
    /// # Errors
    /// The mail server breaks off (502), or the time is over.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let chunk = timeout_at(self.deadline, self.stream.next())
            .await
            .map_err(|_| ApiError::timeout())?;
        chunk.transpose().map_err(|error| {
            tracing::info!(%error, "a message of the mailbox cannot be read");
            ApiError::new(502, "The mail server broke off while a message was read")
        })
    }
}
