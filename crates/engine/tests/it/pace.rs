//! Accounts that send no faster than their rate.

use std::time::Duration;

use posthouse_engine::EngineConfig;
use posthouse_model::{EventType, Timestamp, outbox::Job};
use posthouse_store::{Batch, Database, ManualClock, outbox};
use posthouse_testkit::SmtpSink;
use serde_json::json;

use crate::support::{House, LIMIT, smtp_account};

both!(
    messages_go_out_evenly,
    a_rate_outlives_the_process,
    an_account_has_a_rate_of_its_own,
);

async fn messages_go_out_evenly(house: &House) {
    const COUNT: usize = 8;
    house
        .set(&[("sendRate", json!(50)), ("sendRateWindow", json!(10))])
        .await;
    let sink = SmtpSink::start().await;
    let clock = ManualClock::new(Timestamp::now());
    let process = house.start_at(&clock, EngineConfig::default()).await;
    // Another process sends from the same store, where it can.
    let other = match house.config.database {
        Database::Postgres { .. } => Some(house.start_at(&clock, EngineConfig::default()).await),
        Database::Sqlite { .. } => None,
    };
    let id = process.register(&smtp_account("ann", &sink)).await;
    for number in 0..COUNT {
        process
            .submit(&id, &format!("bulk {number}"), Job::default())
            .await;
    }
    for sent in 1..=COUNT {
        for one in other.iter().chain([&process]) {
            one.wake_outbox();
        }
        let mails = sink.wait_for(sent, LIMIT).await;
        assert_eq!(mails.len(), sent, "more than one at a time");
        clock.advance(Duration::from_millis(199));
        for one in other.iter().chain([&process]) {
            one.wake_outbox();
        }
        process.wait_events(&id, EventType::MessageSent, sent).await;
        assert_eq!(sink.mails().len(), sent, "before its turn");
        clock.advance(Duration::from_millis(1));
    }
    assert!(
        process
            .events_of(&id, EventType::MessageDeliveryError)
            .await
            .is_empty()
    );
}

async fn a_rate_outlives_the_process(house: &House) {
    house
        .set(&[("sendRate", json!(1)), ("sendRateWindow", json!(3600))])
        .await;
    let sink = SmtpSink::start().await;
    let quick = SmtpSink::start().await;
    let clock = ManualClock::new(Timestamp::now());
    let process = house.start_at(&clock, EngineConfig::default()).await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let mut config = smtp_account("free", &quick);
    config.send_rate = Some(0);
    let free = process.register(&config).await;
    let began = clock.now();
    process.submit(&id, "first", Job::default()).await;
    sink.wait_for(1, LIMIT).await;
    let second = process.submit(&id, "second", Job::default()).await;
    let waiting = outbox::get(process.store(), &second)
        .await
        .unwrap()
        .unwrap();
    let hour = began.after(Duration::from_secs(3600));
    assert_eq!(waiting.entry.next_attempt, Some(hour));
    process.submit(&free, "one", Job::default()).await;
    quick.wait_for(1, LIMIT).await;
    process.kill().await;

    clock.advance(Duration::from_secs(3599));
    let process = house.start_at(&clock, EngineConfig::default()).await;
    process.submit(&free, "two", Job::default()).await;
    quick.wait_for(2, LIMIT).await;
    assert_eq!(sink.mails().len(), 1);
    clock.set(hour);
    process.wake_outbox();
    sink.wait_for(2, LIMIT).await;
    let told = process.wait_events(&id, EventType::MessageSent, 2).await;
    assert_eq!(told[1]["messageId"], "<second@example.com>");
}

async fn an_account_has_a_rate_of_its_own(house: &House) {
    let sink = SmtpSink::start().await;
    let clock = ManualClock::new(Timestamp::now());
    let process = house.start_at(&clock, EngineConfig::default()).await;
    let mut config = smtp_account("ann", &sink);
    config.send_rate = Some(1);
    let id = process.register(&config).await;
    for number in 0..5 {
        process
            .submit(&id, &format!("bulk {number}"), Job::default())
            .await;
    }
    sink.wait_for(1, LIMIT).await;
    // Twice as much in the hour: the second has waited long enough, the third has not.
    clock.advance(Duration::from_secs(1800));
    config.send_rate = Some(2);
    let stored = posthouse_store::accounts::get(process.store(), &id).await;
    let version = stored.unwrap().unwrap().version;
    let mut batch = Batch::new();
    posthouse_store::accounts::update_config(process.store(), &mut batch, &id, version, &config)
        .unwrap();
    outbox::repace(&mut batch, Some(&id));
    process.store().commit(batch).await.unwrap();
    process.wake_outbox();
    sink.wait_for(2, LIMIT).await;
    // None at all: everything goes.
    config.send_rate = None;
    let mut batch = Batch::new();
    posthouse_store::accounts::update_config(
        process.store(),
        &mut batch,
        &id,
        version + 1,
        &config,
    )
    .unwrap();
    outbox::repace(&mut batch, Some(&id));
    process.store().commit(batch).await.unwrap();
    assert_eq!(sink.mails().len(), 2);
    process.wake_outbox();
    sink.wait_for(5, LIMIT).await;
}
