//! `POST /v1/account/{account}/submit` (behaviour 11.1): the message is built, and durable in the
//! outbox before the answer is given.

mod attach;
mod compose;
mod reference;
mod upload;

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use posthouse_model::{
    AccountId, ApiError, Caller, Timestamp,
    caller::Identity,
    outbox::{Job, Progress, ProgressStatus, QueueId, SmtpEnvelope, Source},
};
use posthouse_store::{
    Batch, answers,
    blob::{BlobRef, BlobWriter},
    gateways,
    outbox::{self, NewMessage},
};
use serde_json::{Map, Value, json};

use crate::{App, CallInput, Reply, input::Fields, internal};
use compose::Composed;

/// How long the answer to an idempotency key is kept.
const KEY_TTL: Duration = Duration::from_secs(86_400);
/// Attempts where the setting says nothing.
const ATTEMPTS: u64 = 10;

impl App {
    /// Queues a message.
    pub(crate) async fn submit(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let body = input.body();
        let route = ["proxy", "localAddress"];
        if !caller.may_route() && route.iter().any(|key| body.filled(key).is_some()) {
            return Err(ApiError::new(
                403,
                "This access token may not choose the network route of a message",
            ));
        }
        let id = input.account()?;
        let config = self.known_account(&id).await?.account.config;
        refuse_unbuilt(body)?;
        let dry = body.is("dryRun");
        let key = input.idempotency_key.as_deref().filter(|_| !dry);
        if let Some(key) = key
            && let Some(answer) = self.remembered(&id, key).await?
        {
            return Ok(answer);
        }
        let reference = self.reference(caller, input, &config, body).await?;
        let referred = reference
            .as_ref()
            .and_then(|reference| reference.parent.as_ref());
        let attachments = self.attachments(caller, input, body, referred).await?;
        let composed = compose::compose(body, &config, referred, attachments)?;
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
        let gateway = body.filled("gateway").or(composed.gateway.as_deref());
        let gateway = self.known_gateway(&id, gateway).await?;
        let sends = config.smtp.as_ref().is_some_and(|smtp| smtp.host.is_some());
        if !sends && gateway.is_none() {
            return Err(ApiError::not_found(
                "The account has no SMTP server to send with",
                "SMTPUnavailable",
            ));
        }
        let job = Job {
            message_id: composed.message_id.clone(),
            envelope: composed.envelope.clone(),
            subject: composed.subject.clone(),
            copy: body.bool("copy"),
            sent_mail_path: body.filled("sentMailPath").map(str::to_owned),
            gateway,
            proxy: body.filled("proxy").map(str::to_owned),
            local_address: body.filled("localAddress").map(str::to_owned),
            dsn: body.value("dsn").cloned(),
            reference: reference.and_then(|reference| reference.job),
            idempotency_key: key.map(str::to_owned),
        };
        self.enqueue(caller, &id, &composed, &job, body, answer, key)
            .await
    }

    #[allow(clippy::too_many_arguments)]
    async fn enqueue(
        &self,
        caller: &Caller,
        account: &AccountId,
        composed: &Composed,
        job: &Job,
        body: Fields<'_>,
        mut answer: Map<String, Value>,
        key: Option<&str>,
    ) -> Result<Reply, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("queueing a message", error);
        let now = self.store().now();
        let queue_id = QueueId::generate(now).map_err(|error| failed(&error))?;
        let scheduled = composed.send_at.unwrap_or(now);
        let attempts = body
            .number("deliveryAttempts")
            .or(composed.attempts.map(u64::from))
            .or_else(|| self.settings().number("deliveryAttempts"))
            .unwrap_or(ATTEMPTS);
        answer.insert("response".to_owned(), json!("Queued for delivery"));
        answer.insert("sendAt".to_owned(), json!(scheduled));
        answer.insert("queueId".to_owned(), json!(queue_id));
        let blob = self.store_message(composed).await?;
        let mut batch = Batch::new();
        if let Some(key) = key {
            let expires = now.after(KEY_TTL);
            answers::put(&mut batch, account, key, &answer, now, expires)
                .map_err(|error| failed(&error))?;
        }
        let message = NewMessage {
            id: &queue_id,
            account,
            source: match caller.identity {
                Identity::Administrator(_) => Source::Ui,
                _ => Source::Api,
            },
            scheduled,
            attempts: u32::try_from(attempts.max(1)).unwrap_or(u32::MAX),
            progress: &Progress {
                status: ProgressStatus::Queued,
                response: None,
                error: None,
                ambiguous: None,
            },
            job,
            blob: &blob,
        };
        outbox::enqueue(self.store(), &mut batch, &message).map_err(|error| failed(&error))?;
        match self.store().commit(batch).await {
            Ok(_) => {}
            // The same key came twice at once, and the other was first.
            Err(error) if error.is_guard(answers::GUARD) => {
                let key = key.unwrap_or_default();
                return self
                    .remembered(account, key)
                    .await?
                    .ok_or_else(ApiError::internal);
            }
            Err(error) => return Err(failed(&error)),
        }
        self.engine().wake_outbox();
        let queued = self
            .metrics()
            .events
            .with_label_values(&["smtpSubmitQueued"]);
        queued.inc();
        if let Some(key) = key {
            let status = json!({ "key": key, "status": "MISS" });
            answer.insert("idempotency".to_owned(), status);
        }
        Reply::json(&answer)
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

    /// The answer that was given to an idempotency key.
    async fn remembered(&self, account: &AccountId, key: &str) -> Result<Option<Reply>, ApiError> {
        let now = self.store().now();
        let found: Option<Map<String, Value>> = answers::get(self.store(), account, key, now)
            .await
            .map_err(|error| internal("reading an idempotency key", &error))?;
        let Some(mut answer) = found else {
            return Ok(None);
        };
        let status = json!({ "key": key, "status": "HIT" });
        answer.insert("idempotency".to_owned(), status);
        Reply::json(&answer).map(Some)
    }

    async fn store_message(&self, composed: &Composed) -> Result<BlobRef, ApiError> {
        let write = async {
            let mut writer = BlobWriter::new(self.store())?;
            for chunk in composed.chunks() {
                writer.push(chunk).await?;
            }
            writer.finish().await
        };
        write
            .await
            .map_err(|error: posthouse_store::StoreError| internal("storing a message", &error))
    }
}

/// 501 with the name of a field whose feature does not exist yet.
fn not_built(field: &str) -> ApiError {
    ApiError::new(
        501,
        format!("\"{field}\" is not available in this version of Posthouse"),
    )
    .code("NotImplemented")
}

/// Refuses what would otherwise be left out in silence.
fn refuse_unbuilt(body: Fields<'_>) -> Result<(), ApiError> {
    for field in ["template", "listId"] {
        if body.filled(field).is_some() {
            return Err(not_built(field));
        }
    }
    for field in ["trackingEnabled", "trackOpens", "trackClicks", "render"] {
        if body.is(field) || body.fields(field).is_some() {
            return Err(not_built(field));
        }
    }
    if body.value("mailMerge").is_some() {
        return Err(not_built("mailMerge"));
    }
    let inline = body
        .fields("reference")
        .is_some_and(|reference| reference.is("inline"));
    if inline {
        return Err(not_built("reference.inline"));
    }
    Ok(())
}

/// Bytes of base64 text; blanks and line breaks in it, and missing padding, are forgiven.
fn decode(text: &str) -> Option<Bytes> {
    use base64::{
        alphabet,
        engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    };
    const FORGIVING: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let decoded = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let text: Vec<u8> = text
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        FORGIVING.decode(text)
    } else {
        FORGIVING.decode(text)
    };
    decoded.ok().map(Bytes::from)
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
