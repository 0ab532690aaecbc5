//! Attachments: given in the body, or taken from a message of the mailbox.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use posthouse_engine::Answered;
use posthouse_mime::{Disposition, OutgoingAttachment};
use posthouse_model::{
    ApiError, Caller,
    command::{Answer, BodyHead, Command},
};
use tokio::time::timeout_at;

use super::{decode, reference::Parent};
use crate::{App, CallInput, input::Fields, reading::unexpected};

impl App {
    /// All attachments of a message.
    pub(super) async fn attachments(
        &self,
        caller: &Caller,
        input: &CallInput,
        body: Fields<'_>,
        parent: Option<&Parent>,
    ) -> Result<Vec<OutgoingAttachment>, ApiError> {
        let mut attachments = Vec::new();
        let mut room = self.config().max_attachment;
        for (index, given) in body.list("attachments").iter().enumerate() {
            let given = Fields::of(given);
            let (head, content) = match given.filled("reference") {
                Some(id) => self.fetch(caller, input, id, &mut room).await?,
                None => {
                    let content = decode(given.text("content").unwrap_or_default());
                    let content = content.ok_or_else(|| {
                        let label = format!("\"attachments[{index}].content\"");
                        let message = format!("{label} must be a valid base64 string");
                        ApiError::invalid_field("content", &message)
                    })?;
                    (BodyHead::default(), content)
                }
            };
            let text = |key: &str| given.filled(key).map(str::to_owned);
            attachments.push(OutgoingAttachment {
                filename: text("filename").or(head.filename),
                content_type: text("contentType").or_else(|| known(head.content_type)),
                disposition: match given.text("contentDisposition") {
                    Some("inline") => Some(Disposition::Inline),
                    Some("attachment") => Some(Disposition::Attachment),
                    _ => None,
                },
                cid: text("cid"),
                content,
            });
        }
        for attachment in parent.into_iter().flat_map(|parent| &parent.attachments) {
            // What lies in an attached message comes with that message.
            if attachment.encoded_in_message {
                continue;
            }
            let (head, content) = self.fetch(caller, input, &attachment.id, &mut room).await?;
            attachments.push(OutgoingAttachment {
                filename: head.filename.or_else(|| attachment.filename.clone()),
                content_type: known(head.content_type),
                disposition: attachment.inline.then_some(Disposition::Inline),
                cid: attachment.content_id.clone(),
                content,
            });
        }
        Ok(attachments)
    }

    /// Reads an attachment of the mailbox into the room that is left.
    async fn fetch(
        &self,
        caller: &Caller,
        input: &CallInput,
        id: &str,
        room: &mut u64,
    ) -> Result<(BodyHead, Bytes), ApiError> {
        let attachment = id.to_owned();
        let deadline = self.context(caller, input).deadline;
        let answered = self
            .ask(caller, input, Command::GetAttachment { attachment })
            .await?;
        let Answered {
            answer: Answer::Body(head),
            body: Some(mut stream),
        } = answered
        else {
            return Err(unexpected());
        };
        let too_large = || {
            let limit = self.config().max_attachment;
            ApiError::new(
                413,
                format!("Referenced attachments are larger than {limit} bytes"),
            )
        };
        let mut content = BytesMut::new();
        loop {
            let chunk = timeout_at(deadline, stream.next())
                .await
                .map_err(|_| ApiError::timeout())?;
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|error| {
                tracing::info!(%error, "a referenced attachment cannot be read");
                ApiError::new(
                    502,
                    "The mail server broke off while an attachment was read",
                )
            })?;
            *room = room.checked_sub(chunk.len() as u64).ok_or_else(too_large)?;
            content.extend_from_slice(&chunk);
        }
        Ok((head, content.freeze()))
    }
}

/// A media type, if there is one.
fn known(content_type: String) -> Option<String> {
    Some(content_type).filter(|content_type| !content_type.is_empty())
}
