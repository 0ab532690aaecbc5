//! `POST /v1/account/{account}/message` (behaviour 10.5): a message is stored in a folder.

use std::io;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use posthouse_backend::BodyStream;
use posthouse_model::{
    ApiError, Caller,
    command::{Answer, Append, Command},
};
use serde_json::{Map, json};
use tokio::sync::mpsc;

use super::compose::{Composed, Given, compose_stored, given_raw};
use crate::{App, CallInput, Reply, reading::unexpected};

/// Pieces of a message that are made before somebody takes them.
const AHEAD: usize = 4;

impl App {
    /// Stores a message.
    pub(crate) async fn upload_message(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let body = input.body();
        let id = input.account()?;
        let config = self.known_config(&id).await?;
        let reference = self.reference(caller, input, &config, body).await?;
        let parent = reference
            .as_ref()
            .and_then(|reference| reference.parent.as_ref());
        let given = match given_raw(body, &input.lifted)? {
            Some(raw) => Given::Raw(raw),
            None => Given::Parts(self.attachments(caller, input, body, parent).await?),
        };
        let composed = compose_stored(body, &config, parent, given)?;
        let message_id = composed.message_id.clone();
        let append = Append {
            path: body.text("path").unwrap_or_default().to_owned(),
            flags: body.strings("flags").unwrap_or_default(),
            internal_date: body.time("internalDate")?,
            size: composed.size(),
            unless_message_id: None,
        };
        let account = self.engine().account(&id).await?;
        let command = Command::Append(append);
        let answered = account
            .call(
                &self.context(caller, input),
                command,
                Some(stream(composed)),
            )
            .await
            .map_err(failed)?;
        let Answer::Appended {
            path,
            id,
            uid,
            uid_validity,
        } = answered.answer
        else {
            return Err(unexpected());
        };
        let mut answer = Map::new();
        if let Some(id) = id {
            answer.insert("id".to_owned(), json!(id));
        }
        answer.insert("path".to_owned(), json!(path));
        if let Some(uid) = uid {
            answer.insert("uid".to_owned(), json!(uid));
        }
        if let Some(uid_validity) = uid_validity {
            answer.insert("uidValidity".to_owned(), json!(uid_validity.to_string()));
        }
        if !message_id.is_empty() {
            answer.insert("messageId".to_owned(), json!(message_id));
        }
        if let Some(reference) = reference {
            answer.insert("reference".to_owned(), reference.answer);
        }
        Reply::json(&answer)
    }
}

/// The message, encoded while it is taken.
fn stream(composed: Composed) -> BodyStream {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(AHEAD);
    tokio::task::spawn_blocking(move || {
        for chunk in composed.chunks() {
            if sender.blocking_send(Ok(chunk)).is_err() {
                break;
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    })
    .boxed()
}

/// A server that refuses the message: 502 `UploadFail`, whatever its reason.
fn failed(error: ApiError) -> ApiError {
    if error.status != 502 {
        return error;
    }
    error.code("UploadFail")
}
