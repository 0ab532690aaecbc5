//! `POST /v1/account/{account}/submit` (behaviour 11.1): messages are built, and durable in the outbox before the answer is
//! given.
//!
//! | Module | Noun |
//! |---|---|
//! | `content` | subject and texts, from templates where there are any |
//! | `letter` | what messages of one call share, and what each has of its own |
//! | `merge` | one message for each recipient |
//! | `compose` | from a body to a message |
//! | `attach` | attachments |
//! | `reference` | the message that is answered or forwarded |
//! | `queue` | messages on their way into the outbox, idempotency keys |
//! | `finished` | messages that were written elsewhere |
//! | `draft` | messages of the mailbox that are sent |
//! | `incoming` | what is read from the mailbox for it |
//! | `upload` | messages that are stored, not sent |

mod attach;
mod compose;
mod content;
mod draft;
mod finished;
mod incoming;
mod letter;
mod merge;
mod queue;
mod reference;
mod upload;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use posthouse_model::{
    AccountId, ApiError, Caller, Timestamp, account::AccountConfig, outbox::SmtpEnvelope,
};
use posthouse_store::gateways;
use serde_json::{Map, json};

use crate::{App, Base64Decoder, CallInput, Lifted, Reply, input::Fields, internal};
use compose::{Given, given_raw};
use letter::{Letter, Personal};
use queue::{Key, Queue, tell};

impl App {
    /// Queues a message, or one for each entry of a mail merge.
    pub(crate) async fn submit(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let _caller = self.engine().callers().enter();
        let body = input.body();
        may_choose_route(caller, body)?;
        let id = input.account()?;
        let config = self.known_config(&id).await?;
        let dry = body.is("dryRun");
        let key = match input.idempotency_key.as_deref().filter(|_| !dry) {
            Some(key) => Some(Key::of(key, &input.valid.body)?),
            None => None,
        };
        if let Some(key) = &key
            && let Some(answer) = self.remembered(&id, key).await?
        {
            return Ok(answer);
        }
        let mut letter = Letter {
            app: self,
            account: &id,
            config: &config,
            body,
            parent: None,
            given: Given::Parts(Vec::new()),
            content: self.content(&id, body).await?,
            gateway: self.known_gateway(&id, body.filled("gateway")).await?,
            reference: None,
            key: input.idempotency_key.clone().filter(|_| !dry),
            dry,
        };
        let merged = body.value("mailMerge").is_some();
        // A finished message may name a gateway itself.
        if !dry && (merged || body.filled("raw").is_none()) {
            can_be_sent(&config, letter.gateway.as_deref())?;
        }
        let reference = self.reference(caller, input, &config, body).await?;
        if let Some(reference) = &reference {
            letter.parent = reference.parent.as_ref();
            letter.reference.clone_from(&reference.job);
        }
        letter.given = match given_raw(body, &input.lifted)? {
            Some(raw) => Given::Raw(raw),
            None => Given::Parts(self.attachments(caller, input, body, letter.parent).await?),
        };
        if merged {
            return letter.merge(caller, key.as_ref()).await;
        }
        let composed = letter.write(&Personal::default())?;
        let mut answer = Map::new();
        answer.insert("messageId".to_owned(), json!(composed.message_id));
        if let Some(reference) = &reference {
            answer.insert("reference".to_owned(), reference.answer.clone());
        }
        if dry {
            answer.insert("response".to_owned(), json!("Dry run"));
            let preview = BASE64_STANDARD.encode(composed.to_bytes());
            answer.insert("preview".to_owned(), json!(preview));
            return Reply::json(&answer);
        }
        if letter.gateway.is_none() {
            letter.gateway = self.known_gateway(&id, composed.gateway.as_deref()).await?;
        }
        can_be_sent(&config, letter.gateway.as_deref())?;
        let mut queue = Queue::new(self, caller, &id);
        let attempts = body.number("deliveryAttempts");
        let queued = queue
            .add(&composed, &letter.job(&composed), attempts)
            .await?;
        tell(&mut answer, &composed.message_id, queued);
        queue.commit(key.as_ref(), answer).await
    }

    /// The gateway that is named; one that does not exist is passed by (behaviour 15.2).
    async fn known_gateway(
        &self,
        account: &AccountId,
        named: Option<&str>,
    ) -> Result<Option<String>, ApiError> {
        let Some(id) = named else { return Ok(None) };
        let known = gateways::get(self.store(), id).await;
        let known = known.map_err(|error| internal("reading a gateway", &error))?;
        if known.is_none() {
            tracing::warn!(%account, gateway = id, "an unknown gateway is passed by");
        }
        Ok(known.map(|gateway| gateway.id))
    }
}

/// Whether the caller may name the way that a message takes, if the body names one.
fn may_choose_route(caller: &Caller, body: Fields<'_>) -> Result<(), ApiError> {
    let route = ["proxy", "localAddress"];
    if caller.may_route() || route.iter().all(|key| body.filled(key).is_none()) {
        return Ok(());
    }
    Err(ApiError::new(
        403,
        "This access token may not choose the network route of a message",
    ))
}

/// Whether there is a server to send with.
fn can_be_sent(config: &AccountConfig, gateway: Option<&str>) -> Result<(), ApiError> {
    let own = config.smtp.as_ref();
    if gateway.is_some() || own.is_some_and(|smtp| smtp.host.is_some()) {
        return Ok(());
    }
    Err(ApiError::not_found(
        "The account has no SMTP server to send with",
        "SMTPUnavailable",
    ))
}

/// The bytes that a text of the body stands for: lifted while it arrived, or base64.
fn content(lifted: &Lifted, text: &str) -> Option<Bytes> {
    if let Some(content) = lifted.get(text) {
        return Some(content);
    }
    let mut decoder = Base64Decoder::for_length(text.len());
    decoder.push(text.as_bytes()).ok()?;
    decoder.finish().ok()
}

/// When a message is to be sent.
fn send_at(body: Fields<'_>) -> Result<Option<Timestamp>, ApiError> {
    body.time("sendAt")
}

/// Sender and recipients as the body overrides them.
fn override_envelope(mut envelope: SmtpEnvelope, body: Fields<'_>) -> SmtpEnvelope {
    if let Some(given) = body.fields("envelope") {
        if let Some(from) = given.text("from") {
            from.clone_into(&mut envelope.from);
        }
        if let Some(to) = given.strings("to").filter(|to| !to.is_empty()) {
            envelope.to = to;
        }
    }
    envelope
}
