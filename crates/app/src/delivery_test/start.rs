//! The message on its way.

use posthouse_mime::{Outgoing, build};
use posthouse_model::{
    AccountId, ApiError, Caller,
    account::AccountConfig,
    message::Address,
    outbox::{Job, Progress, ProgressStatus, QueueId, SmtpEnvelope, Source},
};
use posthouse_store::{
    Batch, StoreError,
    blob::BlobWriter,
    delivery_tests::{self, DeliveryTest},
    outbox::{self, NewMessage},
};
use serde_json::json;
use uuid::Uuid;

use super::{KEPT, address_of, token};
use crate::{App, CallInput, Reply, gateways, internal};

impl App {
    /// `POST /v1/delivery-test/account/{account}`.
    pub(crate) async fn start_delivery_test(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let id = input.account()?;
        let body = input.body();
        let receiver = match body.filled("to") {
            Some(other) => AccountId::new(other),
            None => id.clone(),
        };
        if caller.account.as_ref().is_some_and(|own| *own != receiver) {
            return Err(ApiError::new(
                403,
                "This access token may only receive the test in its own account",
            ));
        }
        let config = self.known_config(&id).await?;
        let gateway = body.filled("gateway");
        if let Some(gateway) = gateway
            && self.stored_gateway(gateway).await?.is_none()
        {
            return Err(gateways::not_found());
        }
        let own = config.smtp.as_ref().and_then(|smtp| smtp.host.as_ref());
        if gateway.is_none() && own.is_none() && config.oauth2.is_none() {
            return Err(ApiError::not_found(
                "The account has no SMTP server to send with",
                "SMTPUnavailable",
            ));
        }
        let to = if receiver == id {
            mailbox(&config)
        } else {
            mailbox(&self.known_config(&receiver).await?)
        }?;
        let Some(from) = address_of(&config) else {
            return Err(ApiError::new(400, "The account has no email address"));
        };
        let test = self
            .queue_test(&id, receiver, &config, from, to, gateway)
            .await?;
        Reply::json(&json!({ "success": true, "deliveryTest": test }))
    }

    async fn queue_test(
        &self,
        account: &AccountId,
        receiver: AccountId,
        config: &AccountConfig,
        from: String,
        to: String,
        gateway: Option<&str>,
    ) -> Result<String, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("queueing a delivery test", error);
        let now = self.store().now();
        let id = Uuid::new_v4().to_string();
        let subject = format!("Delivery test {}", token(&id));
        let built = build(&Outgoing {
            from: Some(Address {
                name: Some(config.name.clone()).filter(|name| !name.is_empty()),
                address: from.clone(),
            }),
            to: vec![Address {
                name: None,
                address: to.clone(),
            }],
            subject: Some(subject.clone()),
            text: Some(format!(
                "This message was sent by Posthouse to see how messages from {from} arrive.\n\n\
                 It can be deleted once the result is shown.\n"
            )),
            // No answer of a machine is wanted (RFC 3834).
            headers: vec![
                ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
                ("X-Posthouse-Delivery-Test".to_owned(), id.clone()),
            ],
            ..Outgoing::default()
        })
        .map_err(|error| ApiError::new(400, error.to_string()))?;
        let queue_id = QueueId::generate(now).map_err(|error| failed(&error))?;
        let write = async {
            let mut writer = BlobWriter::new(self.store())?;
            for chunk in built.chunks() {
                writer.push(chunk).await?;
            }
            writer.finish().await
        };
        let blob = write.await.map_err(|error: StoreError| failed(&error))?;
        let job = Job {
            message_id: built.message_id().to_owned(),
            envelope: SmtpEnvelope {
                from: from.clone(),
                to: vec![to],
            },
            subject: Some(subject),
            copy: Some(false),
            gateway: gateway.map(str::to_owned),
            ..Job::default()
        };
        let mut batch = Batch::new();
        let message = NewMessage {
            id: &queue_id,
            account,
            source: Source::Test,
            scheduled: now,
            // Whoever waits for the result wants to know at once that it failed.
            attempts: 1,
            progress: &Progress {
                status: ProgressStatus::Queued,
                response: None,
                error: None,
                ambiguous: None,
            },
            job: &job,
            blob: &blob,
        };
        outbox::enqueue(self.store(), &mut batch, &message).map_err(|error| failed(&error))?;
        delivery_tests::insert(
            &mut batch,
            &DeliveryTest {
                id: id.clone(),
                account: account.clone(),
                receiver,
                queue_id: queue_id.clone(),
                sender: from,
                message_id: job.message_id.clone(),
                result: None,
                created: now,
                expires: now.after(KEPT),
            },
        );
        self.store()
            .commit(batch)
            .await
            .map_err(|error| failed(&error))?;
        self.engine().wake_outbox();
        let queued = &self.metrics().events;
        queued.with_label_values(&["smtpSubmitQueued"]).inc();
        Ok(id)
    }
}

/// The address of an account whose mailbox can be read.
fn mailbox(config: &AccountConfig) -> Result<String, ApiError> {
    let reads = config.oauth2.is_some()
        || config
            .imap
            .as_ref()
            .is_some_and(|imap| imap.disabled != Some(true));
    match address_of(config).filter(|_| reads) {
        Some(address) => Ok(address),
        None => Err(ApiError::invalid_field(
            "to",
            "\"to\" must be an account with an email address and a mailbox that can be read",
        )),
    }
}
