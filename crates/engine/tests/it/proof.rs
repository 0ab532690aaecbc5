//! Messages of which it is not known whether they were sent, where the provider's folder of sent messages tells.

use std::time::Duration;

use posthouse_backend::fake::{FakeMailbox, FakeMessage};
use posthouse_engine::EngineConfig;
use posthouse_model::{
    AccountId, AccountState, EventType, Timestamp,
    account::AccountConfig,
    outbox::{Job, QueueId},
};
use posthouse_store::{ManualClock, outbox};
use posthouse_testkit::{Fault, Phase, SmtpSink, eventually};
use serde_json::json;

use crate::support::{House, LIMIT, Process, imap_account, smtp_account};

both!(
    what_is_found_is_not_sent_again,
    what_is_not_found_in_time_is_sent_again,
    the_last_attempt_is_looked_for_too,
    a_gateway_files_nothing,
    a_death_leaves_it_to_be_found,
    a_death_leaves_it_to_be_missed,
);

/// A provider that files what it sent.
struct Provider {
    sink: SmtpSink,
    fake: FakeMailbox,
    clock: ManualClock,
    config: AccountConfig,
}

impl Provider {
    async fn new(house: &House) -> Self {
        let sink = SmtpSink::start().await;
        let fake = house.fake("ann");
        fake.set_files_sent(true);
        let mut config = smtp_account("ann", &sink);
        config.imap = imap_account("ann").imap;
        let clock = ManualClock::new(Timestamp::now());
        Self {
            sink,
            fake,
            clock,
            config,
        }
    }

    async fn start(&self, house: &House) -> Process {
        house.start_at(&self.clock, EngineConfig::default()).await
    }

    async fn register(&self, process: &Process) -> AccountId {
        let id = process.register(&self.config).await;
        process.wait_state(&id, AccountState::Connected).await;
        id
    }

    /// The provider files the message after all.
    fn file(&self, subject: &str) {
        let mut filed = FakeMessage::new(subject);
        filed.message.path = Some("Sent".to_owned());
        filed.message.message_id = Some(format!("<{subject}@example.com>"));
        self.fake.push(filed);
    }

    /// Moves the time on, a little each time, until there is such an event.
    async fn wait(&self, process: &Process, id: &AccountId, kind: EventType) -> serde_json::Value {
        eventually(&format!("{kind}"), LIMIT, || async {
            self.clock.advance(Duration::from_secs(2));
            process.wake_outbox();
            process.events_of(id, kind).await.pop()
        })
        .await
    }
}

async fn ambiguous(process: &Process, id: &QueueId) -> Option<bool> {
    let stored = outbox::get(process.store(), id).await.unwrap().unwrap();
    stored.entry.progress.ambiguous
}

async fn what_is_found_is_not_sent_again(house: &House) {
    // What can be proved is not held.
    house.set(&[("ambiguousDelivery", json!("hold"))]).await;
    let provider = Provider::new(house).await;
    provider.sink.fail_times(Phase::Dot, Fault::Cut, 1);
    let process = provider.start(house).await;
    let id = provider.register(&process).await;
    let queue_id = process.submit(&id, "perhaps", Job::default()).await;
    let told = process
        .wait_events(&id, EventType::MessageDeliveryError, 1)
        .await;
    assert!(told[0]["job"]["nextAttempt"].is_string());
    assert_eq!(ambiguous(&process, &queue_id).await, Some(true));
    provider.file("perhaps");
    let sent = provider.wait(&process, &id, EventType::MessageSent).await;
    assert_eq!(
        (&sent["messageId"], &sent["ambiguous"], &sent["queueId"]),
        (
            &json!("<perhaps@example.com>"),
            &json!(false),
            &json!(queue_id)
        )
    );
    assert_eq!(provider.sink.mails().len(), 1);
    assert_eq!(provider.sink.count(Phase::Mail), 1);
    eventually("an empty outbox", LIMIT, || async {
        let left = outbox::get(process.store(), &queue_id).await.unwrap();
        left.is_none().then_some(())
    })
    .await;
    assert!(
        process
            .events_of(&id, EventType::MessageFailed)
            .await
            .is_empty()
    );
    assert_eq!(provider.fake.messages("Sent").len(), 1);
}

async fn what_is_not_found_in_time_is_sent_again(house: &House) {
    house.set(&[("ambiguousDelivery", json!("hold"))]).await;
    let provider = Provider::new(house).await;
    provider.sink.fail_times(Phase::Dot, Fault::Cut, 1);
    let process = provider.start(house).await;
    let id = provider.register(&process).await;
    let began = provider.clock.now();
    let queue_id = process.submit(&id, "perhaps", Job::default()).await;
    process
        .wait_events(&id, EventType::MessageDeliveryError, 1)
        .await;
    provider.wait(&process, &id, EventType::MessageSent).await;
    let waited = provider.clock.now().since(began);
    assert!(waited >= Duration::from_secs(60), "after {waited:?}");
    assert_eq!(provider.sink.mails().len(), 2);
    let told = process
        .events_of(&id, EventType::MessageDeliveryError)
        .await;
    assert_eq!(told.len(), 1, "a look is no attempt");
    assert_eq!(told[0]["queueId"], queue_id.as_str());
}

async fn the_last_attempt_is_looked_for_too(house: &House) {
    let provider = Provider::new(house).await;
    provider.sink.fail(Phase::Dot, Fault::Cut);
    let process = provider.start(house).await;
    let id = provider.register(&process).await;
    process.submit(&id, "perhaps", Job::default()).await;
    let failed = provider.wait(&process, &id, EventType::MessageFailed).await;
    assert_eq!(failed["ambiguous"], true);
    // Five, and one in place of the fifth, which turned out not to have been one.
    assert_eq!(provider.sink.mails().len(), 6);
}

async fn a_gateway_files_nothing(house: &House) {
    let provider = Provider::new(house).await;
    provider.sink.fail_times(Phase::Dot, Fault::Cut, 1);
    let process = provider.start(house).await;
    let id = provider.register(&process).await;
    let began = provider.clock.now();
    let job = Job {
        gateway: Some("gone".to_owned()),
        ..Job::default()
    };
    process.submit(&id, "perhaps", job).await;
    process
        .wait_events(&id, EventType::MessageDeliveryError, 1)
        .await;
    provider.wait(&process, &id, EventType::MessageSent).await;
    let waited = provider.clock.now().since(began);
    assert!(waited < Duration::from_secs(60), "after {waited:?}");
    assert_eq!(provider.sink.mails().len(), 2);
}

/// A process that died after the last byte; what the next makes of it.
async fn death(house: &House, filed: bool) {
    let provider = Provider::new(house).await;
    provider.sink.fail_times(Phase::Dot, Fault::Stall, 1);
    let process = provider.start(house).await;
    let id = provider.register(&process).await;
    process.submit(&id, "perhaps", Job::default()).await;
    provider.sink.wait_for(1, LIMIT).await;
    let died = provider.clock.now();
    process.kill().await;
    if filed {
        provider.file("perhaps");
    }
    let process = provider.start(house).await;
    let sent = provider.wait(&process, &id, EventType::MessageSent).await;
    let waited = provider.clock.now().since(died);
    if filed {
        assert_eq!(sent["ambiguous"], false);
        assert_eq!(provider.sink.mails().len(), 1);
    } else {
        assert!(waited >= Duration::from_secs(60), "after {waited:?}");
        assert_eq!(provider.sink.mails().len(), 2);
    }
    let events = process.events_of(&id, EventType::MessageSent).await;
    assert_eq!(events.len(), 1);
    assert!(
        process
            .events_of(&id, EventType::MessageDeliveryError)
            .await
            .is_empty()
    );
}

async fn a_death_leaves_it_to_be_found(house: &House) {
    death(house, true).await;
}

async fn a_death_leaves_it_to_be_missed(house: &House) {
    death(house, false).await;
}
