//! A mailbox with one message, without a server.

use bytes::Bytes;
use futures_util::{FutureExt, future, stream};
use posthouse_backend::{
    Appended, BackendError, Body, BodyStream, BoxFuture, Capabilities, Follow, Mailbox, Phase,
    Step, SyncState,
};
use posthouse_model::{
    command::{Append, BodyHead, ListMessages, Targets},
    mailbox,
    message::{Message, MessageOptions, MessagePage, MessageUpdate, Text, TextType},
    origin::Origin,
};
use serde_json::json;

/// The id of the only message.
pub const MESSAGE: &str = "message-1";
/// The id of its only attachment.
pub const ATTACHMENT: &str = "attachment-1";

pub struct FakeMailbox;

fn message() -> Message {
    serde_json::from_value(json!({
        "id": MESSAGE, "uid": 7, "subject": "Question", "messageId": "<asked@example.com>",
        "from": { "name": "Bob", "address": "bob@example.net" },
        "to": [{ "address": "ann@example.com" }],
        "headers": { "references": ["<first@example.com>"] },
        "attachments": [{ "id": ATTACHMENT, "contentType": "text/csv", "encodedSize": 8,
                          "embedded": false, "inline": false, "filename": "data.csv" }],
    }))
    .unwrap()
}

fn only(id: &str, known: &str) -> Result<(), BackendError> {
    if id == known {
        Ok(())
    } else {
        Err(BackendError::message_not_found())
    }
}

fn body(content_type: &str, filename: Option<&str>, bytes: &'static [u8]) -> Body {
    Body {
        head: BodyHead {
            content_type: content_type.to_owned(),
            filename: filename.map(str::to_owned),
            size: Some(bytes.len() as u64),
            about: None,
        },
        stream: Box::pin(stream::iter([Ok(Bytes::from_static(bytes))])),
    }
}

fn ready<'a, T: Send + 'a>(
    result: Result<T, BackendError>,
) -> BoxFuture<'a, Result<T, BackendError>> {
    future::ready(result).boxed()
}

impl Mailbox for FakeMailbox {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn list_mailboxes(
        &self,
        _counters: bool,
    ) -> BoxFuture<'_, Result<Vec<mailbox::Mailbox>, BackendError>> {
        ready(Ok(vec![inbox()]))
    }

    fn list_messages<'a>(
        &'a self,
        request: &'a ListMessages,
    ) -> BoxFuture<'a, Result<MessagePage, BackendError>> {
        if request.path != "INBOX" {
            return ready(Err(BackendError::folder_not_found()));
        }
        ready(Ok(MessagePage {
            total: 1,
            page: request.page,
            pages: 1,
            messages: vec![message()],
            ..MessagePage::default()
        }))
    }

    fn message<'a>(
        &'a self,
        id: &'a str,
        _options: &'a MessageOptions,
    ) -> BoxFuture<'a, Result<Message, BackendError>> {
        ready(only(id, MESSAGE).map(|()| message()))
    }

    fn text<'a>(
        &'a self,
        id: &'a str,
        text_type: TextType,
        _max_bytes: Option<u64>,
    ) -> BoxFuture<'a, Result<Text, BackendError>> {
        ready(only(id, "text-1").map(|()| {
            Text {
                id: Some("text-1".to_owned()),
                plain: text_type.plain().then(|| "Well?".to_owned()),
                html: text_type
                    .html()
                    .then(|| "<p onclick=x>Well?</p>".to_owned()),
                ..Text::default()
            }
        }))
    }

    fn source<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Body, BackendError>> {
        ready(only(id, MESSAGE).map(|()| {
            body(
                "message/rfc822",
                None,
                b"Subject: Question\r\n\r\nWell?\r\n",
            )
        }))
    }

    fn attachment<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Body, BackendError>> {
        ready(only(id, ATTACHMENT).map(|()| body("text/csv", Some("data.csv"), b"a,b\n1,2\n")))
    }

    fn update<'a>(
        &'a self,
        targets: &'a Targets,
        _update: &'a MessageUpdate,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        ready(match targets {
            Targets::Message(id) => only(id, MESSAGE).map(|()| 1),
            Targets::Matching { .. } => Ok(1),
        })
    }

    fn append<'a>(
        &'a self,
        append: &'a Append,
        _body: BodyStream,
    ) -> BoxFuture<'a, Result<Appended, BackendError>> {
        ready(Ok(Appended {
            path: append.path.clone(),
            ..Appended::default()
        }))
    }

    fn origins<'a>(
        &'a self,
        _mailbox: u32,
        _uids: &'a [u32],
    ) -> BoxFuture<'a, Result<Vec<(u32, Origin)>, BackendError>> {
        ready(Ok(Vec::new()))
    }

    fn follow(&self, _state: SyncState) -> Box<dyn Follow> {
        Box::new(Following(0))
    }
}

pub fn inbox() -> mailbox::Mailbox {
    mailbox::Mailbox {
        path: "INBOX".to_owned(),
        name: "INBOX".to_owned(),
        delimiter: Some("/".to_owned()),
        listed: true,
        subscribed: true,
        special_use: Some(mailbox::SpecialUse::Inbox),
        ..mailbox::Mailbox::default()
    }
}

struct Following(u32);

impl Follow for Following {
    fn next(&mut self) -> BoxFuture<'_, Result<Step, BackendError>> {
        self.0 += 1;
        let phase = match self.0 {
            1 => Phase::Syncing,
            2 => Phase::Following,
            _ => return future::pending().boxed(),
        };
        ready(Ok(Step {
            phase,
            changes: Vec::new(),
            deltas: Vec::new(),
            mailboxes: (self.0 == 1).then(|| vec![inbox()]),
            trouble: None,
        }))
    }

    fn read<'a>(
        &'a mut self,
        ids: &'a [String],
        _options: &'a MessageOptions,
    ) -> BoxFuture<'a, Result<Vec<Result<Message, BackendError>>, BackendError>> {
        let read = ids.iter().map(|id| only(id, MESSAGE).map(|()| message()));
        ready(Ok(read.collect()))
    }

    fn sources<'a>(
        &'a mut self,
        _ids: &'a [String],
        _limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Result<Bytes, BackendError>>, BackendError>> {
        ready(Ok(Vec::new()))
    }

    fn poke(&mut self) {}
}
