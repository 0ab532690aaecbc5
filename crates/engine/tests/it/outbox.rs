//! Queued messages: retried, given up, resent when nobody knows, cancelled, followed up once.

use std::time::Duration;

use posthouse_backend::{BackendError, fake::FakeMessage};
use posthouse_model::{
    AccountState, EventType,
    outbox::{Job, JobReference, ProgressStatus},
};
use posthouse_store::{
    Batch,
    outbox::{self, Work},
};
use posthouse_testkit::{Fault, Phase, SmtpSink, eventually};
use serde_json::json;

use crate::support::{House, LIMIT, imap_account, smtp_account};

both!(
    a_refusal_for_a_while_is_retried,
    a_refusal_for_good_is_final,
    a_cut_after_the_last_byte_is_ambiguous,
    what_may_have_been_sent_can_be_held,
    a_cut_before_the_last_byte_is_not,
    a_cancelled_message_is_not_sent,
    a_message_cancelled_while_it_is_sent_stops_before_the_last_byte,
    follow_ups_are_done_once,
    one_account_takes_only_its_share_of_the_workers,
);

async fn a_refusal_for_a_while_is_retried(house: &House) {
    let sink = SmtpSink::start().await;
    sink.fail_times(Phase::Rcpt, Fault::reply(451), 1);
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let queue_id = process.submit(&id, "later", Job::default()).await;
    let told = process
        .wait_events(&id, EventType::MessageDeliveryError, 1)
        .await;
    assert_eq!(told[0]["queueId"], queue_id.as_str());
    assert_eq!(told[0]["smtpResponseCode"], 451);
    assert_eq!(told[0]["job"]["attemptsMade"], 1);
    assert_eq!(told[0]["job"]["attempts"], 5);
    assert!(told[0]["job"]["nextAttempt"].is_string());
    let stored = outbox::get(process.store(), &queue_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.entry.progress.status, ProgressStatus::Error);
    assert_eq!(stored.entry.progress.ambiguous, None);

    let told = process.wait_events(&id, EventType::MessageSent, 1).await;
    assert_eq!(told[0]["messageId"], "<later@example.com>");
    assert_eq!(told[0]["envelope"]["to"][0], "b@example.com");
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("Bcc"), None);
    assert!(
        process
            .events_of(&id, EventType::MessageFailed)
            .await
            .is_empty()
    );
    eventually("an empty outbox", LIMIT, || async {
        let left = outbox::get(process.store(), &queue_id).await.unwrap();
        left.is_none().then_some(())
    })
    .await;
}

async fn a_refusal_for_good_is_final(house: &House) {
    let sink = SmtpSink::start().await;
    sink.fail(Phase::Rcpt, Fault::reply(550));
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let queue_id = process.submit(&id, "never", Job::default()).await;
    let told = process.wait_events(&id, EventType::MessageFailed, 1).await;
    assert_eq!(told[0]["queueId"], queue_id.as_str());
    assert!(told[0]["error"].as_str().unwrap().starts_with("Error: "));
    let told = process
        .wait_events(&id, EventType::MessageDeliveryError, 1)
        .await;
    assert_eq!(told[0]["job"]["nextAttempt"], false);
    let stored = outbox::get(process.store(), &queue_id)
        .await
        .unwrap()
        .unwrap();
    assert!(stored.failed);
    assert_eq!(stored.entry.attempts_made, 1);
}

async fn a_cut_after_the_last_byte_is_ambiguous(house: &House) {
    let sink = SmtpSink::start().await;
    sink.fail_times(Phase::Dot, Fault::Cut, 1);
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let queue_id = process.submit(&id, "perhaps", Job::default()).await;
    process
        .wait_events(&id, EventType::MessageDeliveryError, 1)
        .await;
    let stored = outbox::get(process.store(), &queue_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.entry.progress.ambiguous, Some(true));
    process.wait_events(&id, EventType::MessageSent, 1).await;
    let mails = sink.mails();
    assert_eq!(mails.len(), 2, "it is sent again, as nobody knows");
    assert_eq!(mails[0].data, mails[1].data, "under the same Message-ID");
    for kind in [EventType::MessageDeliveryError, EventType::MessageSent] {
        let told = process.events_of(&id, kind).await;
        let doubts: Vec<_> = told.iter().map(|data| &data["ambiguous"]).collect();
        assert_eq!(doubts, [true], "{kind:?}");
    }
}

async fn what_may_have_been_sent_can_be_held(house: &House) {
    house.set(&[("ambiguousDelivery", json!("hold"))]).await;
    let sink = SmtpSink::start().await;
    sink.fail_times(Phase::Dot, Fault::Cut, 1);
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let held = process.submit(&id, "perhaps", Job::default()).await;
    let failed = process.wait_events(&id, EventType::MessageFailed, 1).await;
    assert_eq!(
        (&failed[0]["queueId"], &failed[0]["ambiguous"]),
        (&json!(held), &json!(true))
    );
    let stored = outbox::get(process.store(), &held).await.unwrap().unwrap();
    assert!(stored.held);
    assert_eq!(stored.entry.progress.ambiguous, Some(true));
    // What surely was not sent is tried again as ever.
    sink.fail_times(Phase::Data, Fault::Cut, 1);
    process.submit(&id, "surely", Job::default()).await;
    process.wait_events(&id, EventType::MessageSent, 1).await;
}

async fn a_cut_before_the_last_byte_is_not(house: &House) {
    let sink = SmtpSink::start().await;
    sink.fail_times(Phase::Data, Fault::Cut, 1);
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let queue_id = process.submit(&id, "surely", Job::default()).await;
    process
        .wait_events(&id, EventType::MessageDeliveryError, 1)
        .await;
    let stored = outbox::get(process.store(), &queue_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.entry.progress.ambiguous, None);
    process.wait_events(&id, EventType::MessageSent, 1).await;
    assert_eq!(sink.mails().len(), 1);
}

async fn a_cancelled_message_is_not_sent(house: &House) {
    let sink = SmtpSink::start().await;
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let soon = process.store().now().after(Duration::from_secs(2));
    let cancelled = process
        .submit_at(&id, "cancelled", Job::default(), soon)
        .await;
    process.submit_at(&id, "kept", Job::default(), soon).await;
    let mut batch = Batch::new();
    outbox::delete(&mut batch, &cancelled);
    process.store().commit(batch).await.unwrap();
    let mails = sink.wait_for(1, LIMIT).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sink.mails().len(), 1);
    assert_eq!(mails[0].header("Subject").as_deref(), Some("kept"));
}

async fn a_message_cancelled_while_it_is_sent_stops_before_the_last_byte(house: &House) {
    let sink = SmtpSink::start().await;
    sink.fail_times(Phase::Data, Fault::Delay(Duration::from_secs(1)), 1);
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let queue_id = process.submit(&id, "cancelled", Job::default()).await;
    eventually("DATA", LIMIT, || async {
        (sink.count(Phase::Data) == 1).then_some(())
    })
    .await;
    let mut batch = Batch::new();
    outbox::delete(&mut batch, &queue_id);
    process.store().commit(batch).await.unwrap();
    process.submit(&id, "next", Job::default()).await;
    process.wait_events(&id, EventType::MessageSent, 1).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("Subject").as_deref(), Some("next"));
    assert_eq!(process.events(&id).await.len(), 1);
}

async fn follow_ups_are_done_once(house: &House) {
    let sink = SmtpSink::start().await;
    let fake = house.fake("ann");
    let question = fake.put(FakeMessage::new("question"));
    let process = house.start().await;
    let mut config = smtp_account("ann", &sink);
    config.imap = imap_account("ann").imap;
    let id = process.register(&config).await;
    process.wait_state(&id, AccountState::Connected).await;
    // The first try to store the copy fails.
    fake.fail_verb(BackendError::Timeout);
    let job = Job {
        reference: Some(JobReference {
            message: question.clone(),
            add_flags: vec!["\\Answered".to_owned()],
        }),
        ..Job::default()
    };
    let queue_id = process.submit(&id, "answer", job).await;
    process.wait_events(&id, EventType::MessageSent, 1).await;
    let stored = outbox::get(process.store(), &queue_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.entry.progress.status, ProgressStatus::SmtpCompleted);
    eventually("an empty outbox", LIMIT, || async {
        let left = outbox::get(process.store(), &queue_id).await.unwrap();
        left.is_none().then_some(())
    })
    .await;
    assert_eq!(sink.mails().len(), 1);
    let copies = fake.messages("Sent");
    assert_eq!(copies.len(), 1);
    assert_eq!(copies[0].message.flags, ["\\Seen"]);
    let copy = String::from_utf8_lossy(&copies[0].source).into_owned();
    assert!(copy.contains("Bcc: c@example.com"));
    assert_eq!(fake.messages("INBOX")[0].message.flags, ["\\Answered"]);
    assert_eq!(
        process.events_of(&id, EventType::MessageSent).await.len(),
        1
    );
}

/// The copy of a large message takes longer to store than its lease holds: it must not lapse.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_copy_keeps_its_lease() {
    const LEASE: Duration = Duration::from_secs(60);
    let house = crate::support::sqlite().await;
    let sink = SmtpSink::start().await;
    let fake = house.fake("ann");
    fake.slow_append(Duration::from_secs(25));
    let process = house.start().await;
    let mut config = smtp_account("ann", &sink);
    config.imap = imap_account("ann").imap;
    let id = process.register(&config).await;
    process.wait_state(&id, AccountState::Connected).await;
    process.submit(&id, "large", Job::default()).await;
    process.wait_events(&id, EventType::MessageSent, 1).await;
    let store = process.store();
    let lapses = store.now().after(LEASE);
    tokio::time::sleep(Duration::from_secs(22)).await;
    let stolen = outbox::claim(store, Work::Send, "another", lapses, LEASE, 10, &[]).await;
    assert!(stolen.unwrap().is_empty(), "the lease was not renewed");
    assert_eq!(fake.messages("Sent").len(), 0);
    eventually("the copy", LIMIT, || async {
        (fake.messages("Sent").len() == 1).then_some(())
    })
    .await;
}

/// Marked, then killed: the next process knows that it may have been sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_after_the_last_byte_is_ambiguous() {
    let house = crate::support::sqlite().await;
    let sink = SmtpSink::start().await;
    sink.fail_times(Phase::Dot, Fault::Stall, 1);
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let queue_id = process.submit(&id, "perhaps", Job::default()).await;
    sink.wait_for(1, LIMIT).await;
    process.kill().await;
    // The second time it is refused for a while, so that it can be looked at.
    sink.fail_times(Phase::Rcpt, Fault::reply(451), 1);
    let process = house.start().await;
    process
        .wait_events(&id, EventType::MessageDeliveryError, 1)
        .await;
    let stored = outbox::get(process.store(), &queue_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.entry.progress.ambiguous, Some(true));
    process.wait_events(&id, EventType::MessageSent, 1).await;
    let mails = sink.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
}

/// The same where nothing is sent that may have been.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_after_the_last_byte_can_be_held() {
    let house = crate::support::sqlite().await;
    house.set(&[("ambiguousDelivery", json!("hold"))]).await;
    let sink = SmtpSink::start().await;
    sink.fail_times(Phase::Dot, Fault::Stall, 1);
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let queue_id = process.submit(&id, "perhaps", Job::default()).await;
    sink.wait_for(1, LIMIT).await;
    process.kill().await;
    let process = house.start().await;
    let failed = process.wait_events(&id, EventType::MessageFailed, 1).await;
    assert_eq!(
        (&failed[0]["queueId"], &failed[0]["ambiguous"]),
        (&json!(queue_id), &json!(true))
    );
    assert_eq!(sink.mails().len(), 1);
}

async fn one_account_takes_only_its_share_of_the_workers(house: &House) {
    let slow = SmtpSink::start().await;
    slow.fail(Phase::Data, Fault::Delay(Duration::from_millis(300)));
    let quick = SmtpSink::start().await;
    let process = house.start().await;
    let many = process.register(&smtp_account("many", &slow)).await;
    let one = process.register(&smtp_account("one", &quick)).await;
    for number in 0..24 {
        process
            .submit(&many, &format!("bulk {number}"), Job::default())
            .await;
    }
    eventually("the bulk under way", LIMIT, || async {
        (slow.open_connections() > 0).then_some(())
    })
    .await;
    process.submit(&one, "urgent", Job::default()).await;
    quick.wait_for(1, LIMIT).await;
    assert!(slow.mails().len() < 24, "the bulk went first");
    let mut most = 0;
    eventually("all of the bulk", LIMIT, || {
        most = most.max(slow.open_connections());
        let done = slow.mails().len() == 24;
        async move { done.then_some(()) }
    })
    .await;
    assert!(most <= 4, "{most} connections to one server");
}
