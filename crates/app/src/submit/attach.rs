//! Attachments: given in the body, or taken from a message of the mailbox.

use bytes::{Bytes, BytesMut};
use posthouse_mime::{Disposition, OutgoingAttachment};
use posthouse_model::{
    ApiError, Caller,
    command::{BodyHead, Command},
};

use super::{content, reference::Parent};
use crate::{App, CallInput, input::Fields};

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
                    let text = given.text("content").unwrap_or_default();
                    let content = content(&input.lifted, text).ok_or_else(|| {
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
        let named = |key: &str, id: &str| {
            let id = id.trim_matches(['<', '>']);
            let mut given = body.list("attachments").iter().map(Fields::of);
            given.any(|given| {
                given
                    .filled(key)
                    .is_some_and(|given| given.trim_matches(['<', '>']) == id)
            })
        };
        let Some(parent) = parent else {
            return Ok(attachments);
        };
        for attachment in &parent.attachments {
            let shown = parent.shows(attachment);
            let cid = attachment.content_id.as_deref();
            // What lies in an attached message comes with that message; what the body brings itself comes once.
            if attachment.encoded_in_message
                || named("reference", &attachment.id)
                || shown && cid.is_some_and(|cid| named("cid", cid))
            {
                continue;
            }
            let (head, content) = self.fetch(caller, input, &attachment.id, &mut room).await?;
            attachments.push(OutgoingAttachment {
                filename: head.filename.or_else(|| attachment.filename.clone()),
                content_type: known(head.content_type),
                // What no text shows must not lie among what one shows: mail programs would hide it.
                disposition: Some(if shown {
                    Disposition::Inline
                } else {
                    Disposition::Attachment
                }),
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
        let mut incoming = self
            .incoming(caller, input, Command::GetAttachment { attachment })
            .await?;
        let too_large = || {
            let limit = self.config().max_attachment;
            ApiError::new(
                413,
                format!("Referenced attachments are larger than {limit} bytes"),
            )
        };
        // All at once: what grows is copied, and a copy of a large file is a large file.
        let about = incoming.head.about.unwrap_or(0).min(*room);
        let mut content = BytesMut::with_capacity(usize::try_from(about).unwrap_or(0));
        while let Some(chunk) = incoming.next().await? {
            *room = room.checked_sub(chunk.len() as u64).ok_or_else(too_large)?;
            content.extend_from_slice(&chunk);
        }
        Ok((incoming.head, content.freeze()))
    }
}

/// A media type, if there is one.
fn known(content_type: String) -> Option<String> {
    Some(content_type).filter(|content_type| !content_type.is_empty())
}
