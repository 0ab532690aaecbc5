//! What an attempt came to, committed with the events that tell of it.

use std::{sync::atomic::Ordering, time::Duration};

use posthouse_model::{
    EventType,
    account::SmtpStatus,
    outbox::{Deferred, Job, Progress, ProgressError, ProgressStatus, SmtpEnvelope},
};
use posthouse_smtp::Rejected;
use posthouse_store::{
    accounts, gateways,
    outbox::{self, After, Work},
    stats,
};
use serde_json::{Value, json};

use super::{
    delivery::Sent,
    outcome::{Failure, next_attempt},
    provider_id::provider_message_id,
    route::SmtpRoute,
    worker::{WorkError, Worker},
};
use crate::{event::NewEvent, random};

/// How soon a message is looked for that may have been sent.
const PROOF: Duration = Duration::from_secs(5);

impl Worker<'_> {
    /// Commits that the server took the message.
    pub(super) async fn sent(&self, route: &SmtpRoute, sent: &Sent) -> Result<(), WorkError> {
        let job = &self.message.entry.job;
        let response = sent.accepted.response();
        let host = route.server.host.as_deref().unwrap_or_default();
        let rewritten = provider_message_id(host, &response);
        let mut data = json!({
            "messageId": rewritten.as_deref().unwrap_or(&job.message_id),
            "response": response,
            "queueId": self.lease.id,
            "envelope": SmtpEnvelope { from: job.envelope.from.clone(), to: sent.accepted.accepted.clone() },
            "networkRouting": sent.routing,
        });
        if rewritten.is_some() {
            data["originalMessageId"] = json!(job.message_id);
        }
        // It was sent again, and may have arrived before.
        if self.ambiguous(false) == Some(true) {
            data["ambiguous"] = json!(true);
        }
        let (deferred, refused) = split(&sent.accepted.rejected);
        if !refused.is_empty() {
            data["rejected"] = refused.into();
        }
        if let Some(deferred) = &deferred {
            data["deferred"] = json!(deferred.to);
        }
        let status = SmtpStatus {
            created: Some(self.engine.store().now()),
            status: "ok".to_owned(),
            response: Some(response.clone()),
            response_code: Some(sent.accepted.reply.code),
            network_routing: Some(sent.routing.clone()),
            ..SmtpStatus::default()
        };
        self.done(data, response, Some(&status), deferred).await
    }

    /// Commits that the message turned out to have been sent.
    pub(super) async fn found(&self, route: &SmtpRoute) -> Result<(), WorkError> {
        self.doubt.store(false, Ordering::Relaxed);
        let job = &self.message.entry.job;
        let response = "Found among the sent messages; the server's answer was lost";
        let data = json!({
            "messageId": job.message_id,
            "response": response,
            "queueId": self.lease.id,
            "envelope": job.envelope,
            "networkRouting": route.describe(None),
            "ambiguous": false,
        });
        self.done(data, response.to_owned(), None, None).await
    }

    /// Commits that the message is on its way, with the event that tells of it.
    async fn done(
        &self,
        data: Value,
        response: String,
        status: Option<&SmtpStatus>,
        deferred: Option<Deferred>,
    ) -> Result<(), WorkError> {
        let now = self.engine.store().now();
        let job = &self.message.entry.job;
        let mut recorder = self.engine.recorder();
        let follows = deferred.is_some() || self.has_follow_up();
        // First the guard of the lease: a cancelled message changes nothing.
        if follows {
            let progress = Progress {
                response: Some(response),
                ambiguous: self.ambiguous(false),
                ..Progress::of(ProgressStatus::SmtpCompleted)
            };
            if deferred.is_some() {
                let job = Job {
                    deferred,
                    ..job.clone()
                };
                outbox::set_job(self.engine.store(), &mut recorder.batch, &self.lease, &job)?;
            }
            outbox::set_sent(&mut recorder.batch, &self.lease, &progress, now)?;
        } else {
            outbox::finish(&mut recorder.batch, &self.lease, &self.message.blob);
        }
        recorder.event(
            self.account(),
            Some(&self.config),
            NewEvent::new(EventType::MessageSent, data),
        );
        match (&job.gateway, status) {
            (Some(gateway), _) => gateways::delivered(&mut recorder.batch, gateway, now),
            (None, Some(status)) => {
                accounts::set_smtp_status(&mut recorder.batch, self.account(), status)?;
            }
            (None, None) => {}
        }
        stats::add(&mut recorder.batch, "submit:success", now, 1);
        recorder.commit().await?;
        if follows {
            self.engine.outbox_wake(Work::FollowUp).notify_one();
        }
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
    pub(super) async fn failed(&self, failure: &Failure, routing: Value) -> Result<(), WorkError> {
        let entry = &self.message.entry;
        let now = self.engine.store().now();
        let made = entry.attempts_made.saturating_add(1);
        let next = next_attempt(made, entry.attempts, failure.permanent, now, random());
        // The last attempt, too, is looked for where it can be, and made once more if it turns out not to have been one.
        let provable = failure.ambiguous && made <= entry.attempts && self.can_look_up();
        let next = next.or_else(|| provable.then(|| now.after(PROOF)));
        let progress = Progress {
            status: ProgressStatus::Error,
            response: failure.response.clone(),
            error: Some(ProgressError {
                message: failure.message.clone(),
                code: Some(failure.code.clone()),
                status_code: failure.response_code,
            }),
            ambiguous: self.ambiguous(failure.ambiguous),
        };
        let after = match next {
            Some(next) => After::Retry(next),
            None if progress.ambiguous == Some(true) && self.holds() => After::Hold,
            None => After::Fail,
        };
        let mut recorder = self.engine.recorder();
        outbox::give_up_attempt(&mut recorder.batch, &self.lease, after, &progress, now)?;
        let doubted = progress.ambiguous == Some(true);
        let mut data = json!({
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
        // It may have been delivered all the same.
        if doubted {
            data["ambiguous"] = json!(true);
        }
        recorder.event(
            self.account(),
            Some(&self.config),
            NewEvent::new(EventType::MessageDeliveryError, data),
        );
        if next.is_none() {
            let mut data = json!({
                "messageId": entry.job.message_id,
                "queueId": self.lease.id,
                "error": format!("Error: {}", failure.message),
                "networkRouting": routing,
            });
            if doubted {
                data["ambiguous"] = json!(true);
            }
            recorder.event(
                self.account(),
                Some(&self.config),
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

/// Recipients whom the server did not take: those whom it may take later, and those refused for good, as events show
/// them. 552 to RCPT is an old way to say that there are too many (RFC 5321 section 4.5.3.1.10).
fn split(rejected: &[Rejected]) -> (Option<Deferred>, Vec<Value>) {
    let too_many = |one: &&Rejected| matches!(one.reply.code, 452 | 552);
    let later = |one: &&Rejected| one.reply.is_transient() || matches!(one.reply.code, 503 | 552);
    let deferred: Vec<&Rejected> = rejected.iter().filter(later).collect();
    let refused = rejected.iter().filter(|one| !later(one)).map(|one| {
        json!({
            "recipient": one.address,
            "response": one.reply.to_string(),
            "responseCode": one.reply.code,
        })
    });
    let refused = refused.collect();
    let deferred = (!deferred.is_empty()).then(|| Deferred {
        at_once: deferred.iter().all(too_many),
        to: deferred.iter().map(|one| one.address.clone()).collect(),
    });
    (deferred, refused)
}

#[cfg(test)]
mod tests {
    use posthouse_smtp::Reply;

    use super::*;

    #[test]
    fn who_is_not_taken_is_told_or_tried_again() {
        let rejected = |address: &str, code| Rejected {
            address: address.to_owned(),
            reply: Reply {
                code,
                lines: vec!["no".to_owned()],
            },
        };
        assert_eq!(split(&[]), (None, Vec::new()));
        let (deferred, refused) = split(&[rejected("a", 550), rejected("b", 450)]);
        assert_eq!(
            deferred,
            Some(Deferred {
                to: vec!["b".to_owned()],
                at_once: false
            })
        );
        assert_eq!(
            refused,
            [json!({"recipient": "a", "response": "550 no", "responseCode": 550})]
        );
        let (deferred, refused) = split(&[rejected("a", 452), rejected("b", 552)]);
        assert!(deferred.is_some_and(|deferred| deferred.at_once && deferred.to == ["a", "b"]));
        assert!(refused.is_empty());
    }
}
