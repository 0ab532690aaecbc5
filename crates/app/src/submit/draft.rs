//! `POST /v1/account/{account}/message/{message}/submit` (behaviour 11.1): a draft is sent as it stands in the mailbox.

use bytes::BytesMut;
use posthouse_mime::raw::{HeaderEdits, Mode};
use posthouse_model::{
    ApiError, Caller,
    account::AccountConfig,
    command::{Answer, Command},
    mailbox::SpecialUse,
    message::{Message, MessageOptions},
    outbox::Job,
};
use posthouse_store::{
    StoreError,
    blob::{BlobRef, BlobWriter},
};
use serde_json::{Map, json};

use super::{
    can_be_sent,
    finished::{self, Finished},
    incoming::Incoming,
    letter::asked_job,
    may_choose_route, override_envelope,
    queue::{Key, Queue, tell},
    send_at,
};
use crate::{
    App, CallInput, Reply,
    input::Fields,
    internal,
    reading::{named, unexpected},
};

/// Longest header of a draft, bytes.
const MAX_HEADER: usize = 1 << 20;
/// What mail programs note in a draft for themselves.
const NOTES: [&str; 7] = [
    "X-Unsent",
    "Fcc",
    "X-Identity-Key",
    "X-Account-Key",
    "X-Mozilla-Draft-Info",
    "X-Mozilla-Status",
    "X-Mozilla-Status2",
];

impl App {
    /// Queues a draft; it is deleted once it was sent.
    ///
    /// # Errors
    /// 400 `MessageNotDraft`, `DraftHasNoRecipients`; what reading a message and submitting one may say.
    pub(crate) async fn submit_draft(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let body = input.body();
        may_choose_route(caller, body)?;
        let id = input.account()?;
        let config = self.known_config(&id).await?;
        let message = named(input, "message");
        let asked = json!([message, input.valid.body]);
        let key = input.idempotency_key.as_deref();
        let key = key.map(|key| Key::of(key, &asked)).transpose()?;
        if let Some(key) = &key
            && let Some(answer) = self.remembered(&id, key).await?
        {
            return Ok(answer);
        }
        let command = Command::GetMessage {
            message: message.clone(),
            options: MessageOptions::default(),
        };
        match self.ask(caller, input, command).await?.answer {
            Answer::Message(found) if is_draft(&found) => {}
            Answer::Message(_) => {
                let message = "The message is no draft: it is neither marked as one nor in the folder of drafts";
                return Err(ApiError::new(400, message).code("MessageNotDraft"));
            }
            _ => return Err(unexpected()),
        }
        let command = Command::GetSource {
            message: message.clone(),
        };
        let mut source = self.incoming(caller, input, command).await?;
        let head = header(&mut source).await?;
        let finished = finish(&head, &config, body)?;
        let envelope = override_envelope(finished.envelope.clone(), body);
        if envelope.to.is_empty() {
            let message = "The draft has no recipients";
            return Err(ApiError::new(400, message).code("DraftHasNoRecipients"));
        }
        let wishes = &finished.edited.wishes;
        let gateway = body.filled("gateway").or(wishes.gateway.as_deref());
        let gateway = self.known_gateway(&id, gateway).await?;
        can_be_sent(&config, gateway.as_deref())?;
        let blob = self.store_draft(&finished, &head, source).await?;
        let job = Job {
            message_id: finished.message_id.clone(),
            envelope,
            subject: finished.subject.clone(),
            gateway,
            draft: Some(message),
            idempotency_key: input.idempotency_key.clone(),
            ..asked_job(body)
        };
        let attempts = body.number("deliveryAttempts");
        let attempts = attempts.or(wishes.delivery_attempts.map(u64::from));
        let mut queue = Queue::new(self, caller, &id);
        let queued = queue.put(&blob, &job, finished.send_at, attempts)?;
        let mut answer = Map::new();
        tell(&mut answer, &finished.message_id, queued);
        queue.commit(key.as_ref(), answer).await
    }

    /// Stores the draft under its new header while the rest of it arrives.
    async fn store_draft(
        &self,
        finished: &Finished,
        head: &[u8],
        mut source: Incoming,
    ) -> Result<BlobRef, ApiError> {
        let failed = |error: StoreError| internal("storing a message", &error);
        let mut writer = BlobWriter::new(self.store()).map_err(failed)?;
        writer.push(&finished.edited.header).await.map_err(failed)?;
        let begun = head.get(finished.edited.body..).unwrap_or_default();
        writer.push(begun).await.map_err(failed)?;
        while let Some(chunk) = source.next().await? {
            writer.push(chunk).await.map_err(failed)?;
        }
        writer.finish().await.map_err(failed)
    }
}

fn is_draft(message: &Message) -> bool {
    message.draft || message.special_use == Some(SpecialUse::Drafts)
}

/// The header that the draft is sent with: its date is that of its sending.
fn finish(head: &[u8], config: &AccountConfig, body: Fields<'_>) -> Result<Finished, ApiError> {
    let mut edits: HeaderEdits = finished::edits(Fields::map(&Map::new()), config, None)?;
    for note in NOTES {
        edits.remove(note);
    }
    finished::finish(head, edits, send_at(body)?, Mode::Replace)
}

/// The start of the message with its whole header.
async fn header(source: &mut Incoming) -> Result<BytesMut, ApiError> {
    let mut head = BytesMut::new();
    while let Some(chunk) = source.next().await? {
        // The empty line may lie across two pieces.
        let seen = head.len().saturating_sub(3);
        head.extend_from_slice(&chunk);
        let new = head.get(seen..).unwrap_or_default();
        let ends = |empty: &[u8]| new.windows(empty.len()).any(|window| window == empty);
        if ends(b"\r\n\r\n") || ends(b"\n\n") {
            break;
        }
        if head.len() > MAX_HEADER {
            let message = format!("The header of the draft is larger than {MAX_HEADER} bytes");
            return Err(ApiError::new(413, message));
        }
    }
    Ok(head)
}
