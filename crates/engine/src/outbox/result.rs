//! What an attempt came to, committed with the events that tell of it.

use posthouse_model::{
    EventType,
    account::{AccountConfig, SmtpStatus},
    outbox::{Progress, ProgressError, ProgressStatus},
};
use posthouse_store::{
    accounts, gateways,
    outbox::{self, After},
    stats,
};
use serde_json::{Value, json};

use super::{
    delivery::Sent,
    outcome::{Failure, next_attempt},
    worker::{WorkError, Worker},
};
use crate::{event::NewEvent, random};

impl Worker<'_> {
    /// Commits that the server took the message.
    pub(super) async fn sent(
        &self,
        config: &AccountConfig,
        sent: &Sent,
        follows: bool,
    ) -> Result<(), WorkError> {
        let now = self.engine.store().now();
        let job = &self.message.entry.job;
        let response = sent.accepted.response();
        let mut recorder = self.engine.recorder();
        let rewritten = provider_message_id(&response);
        let mut data = json!({
            "messageId": rewritten.as_deref().unwrap_or(&job.message_id),
            "response": response,
            "queueId": self.lease.id,
            "envelope": job.envelope,
            "networkRouting": sent.routing,
        });
        if let (Some(_), Some(map)) = (&rewritten, data.as_object_mut()) {
            map.insert(
                "originalMessageId".to_owned(),
                job.message_id.clone().into(),
            );
        }
        let progress = Progress {
            status: ProgressStatus::SmtpCompleted,
            response: Some(response.clone()),
            error: None,
            ambiguous: self.is_ambiguous(false),
        };
        // First the guard of the lease: a cancelled message changes nothing.
        outbox::set_progress(&mut recorder.batch, &self.lease, &progress)?;
        recorder.event(
            self.account(),
            Some(config),
            NewEvent::new(EventType::MessageSent, data),
        );
        let status = SmtpStatus {
            created: Some(now),
            status: "ok".to_owned(),
            response: Some(response),
            response_code: Some(sent.accepted.reply.code),
            network_routing: Some(sent.routing.clone()),
            ..SmtpStatus::default()
        };
        match &job.gateway {
            Some(gateway) => gateways::delivered(&mut recorder.batch, gateway, now),
            None => accounts::set_smtp_status(&mut recorder.batch, self.account(), &status)?,
        }
        stats::add(&mut recorder.batch, "submit:success", now, 1);
        if !follows {
            outbox::finish(&mut recorder.batch, &self.lease, &self.message.blob);
        }
        recorder.commit().await?;
        self.count("completed");
        Ok(())
    }

    fn count(&self, status: &str) {
        self.engine
            .metrics()
            .queues_processed
            .with_label_values(&["submit", status])
            .inc();
    }

    /// Commits a failed attempt with the events that tell of it.
    pub(super) async fn failed(
        &self,
        config: &AccountConfig,
        failure: &Failure,
        routing: Value,
    ) -> Result<(), WorkError> {
        let entry = &self.message.entry;
        let now = self.engine.store().now();
        let made = entry.attempts_made.saturating_add(1);
        let next = next_attempt(made, entry.attempts, failure.permanent, now, random());
        let progress = Progress {
            status: ProgressStatus::Error,
            response: failure.response.clone(),
            error: Some(ProgressError {
                message: failure.message.clone(),
                code: Some(failure.code.clone()),
                status_code: failure.response_code,
            }),
            ambiguous: self.is_ambiguous(failure.ambiguous),
        };
        let after = next.map_or(After::Fail, After::Retry);
        let mut recorder = self.engine.recorder();
        outbox::give_up_attempt(&mut recorder.batch, &self.lease, after, &progress, now)?;
        let data = json!({
            "queueId": self.lease.id,
            "envelope": entry.job.envelope,
            "messageId": entry.job.message_id,
            "error": failure.message,
            "errorCode": failure.code,
            "smtpResponse": failure.response,
            "smtpResponseCode": failure.response_code,
            "smtpCommand": failure.command,
            "networkRouting": routing,
            "job": {
                "id": self.lease.id,
                "attemptsMade": made,
                "attempts": entry.attempts,
                "nextAttempt": next.map_or(json!(false), |next| json!(next)),
            },
        });
        recorder.event(
            self.account(),
            Some(config),
            NewEvent::new(EventType::MessageDeliveryError, data),
        );
        if next.is_none() {
            let mut data = json!({
                "messageId": entry.job.message_id,
                "queueId": self.lease.id,
                "error": format!("Error: {}", failure.message),
                "networkRouting": routing,
            });
            // It may have been delivered all the same.
            if progress.ambiguous == Some(true) {
                data["ambiguous"] = json!(true);
            }
            recorder.event(
                self.account(),
                Some(config),
                NewEvent::new(EventType::MessageFailed, data),
            );
            stats::add(&mut recorder.batch, "submit:fail", now, 1);
        }
        let status = SmtpStatus {
            created: Some(now),
            status: "error".to_owned(),
            response: failure
                .response
                .clone()
                .or_else(|| Some(failure.message.clone())),
            response_code: failure.response_code,
            code: Some(failure.code.clone()),
            command: failure.command.clone(),
            description: Some(failure.message.clone()),
            network_routing: Some(routing),
        };
        match &entry.job.gateway {
            Some(gateway) => gateways::failed(&mut recorder.batch, gateway, &status, now)?,
            None => accounts::set_smtp_status(&mut recorder.batch, self.account(), &status)?,
        }
        recorder.commit().await?;
        tracing::info!(
            account = %self.account(), queue_id = %self.lease.id, attempt = made,
            error = failure.message, "a message was not delivered"
        );
        if next.is_none() {
            self.count("failed");
            let metrics = self.engine.metrics();
            metrics.events.with_label_values(&["smtpSubmitFail"]).inc();
        }
        Ok(())
    }
}

/// The `Message-ID` that a provider put in place of ours, as its reply tells (behaviour 11.2).
fn provider_message_id(response: &str) -> Option<String> {
    let id = response.strip_prefix("250 2.0.0 OK <")?;
    let id = id.split('>').next().filter(|id| id.contains('@'))?;
    Some(format!("<{id}>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_that_rewrite_ids() {
        assert_eq!(
            provider_message_id("250 2.0.0 OK <abc@eurprd.prod.outlook.com> [Hostname=x]"),
            Some("<abc@eurprd.prod.outlook.com>".to_owned())
        );
        assert_eq!(provider_message_id("250 2.0.0 Ok: queued as 4F1"), None);
    }
}
