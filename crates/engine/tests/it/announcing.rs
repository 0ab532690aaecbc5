//! New messages become events: each once, in order, whatever dies when.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use posthouse_backend::{
    BackendError,
    fake::{Act, FakeMessage},
};
use posthouse_model::{AccountState, EventType};
use posthouse_store::{announce, events};
use posthouse_testkit::eventually;
use serde_json::Value;

use crate::support::{House, LIMIT, imap_account};

both!(
    every_message_is_announced_once_over_kills,
    a_death_between_index_and_event_repeats_nothing,
    a_message_that_vanishes_is_told_missing,
    a_message_deleted_before_its_second_try_keeps_nobody_busy,
    a_message_on_which_the_server_breaks_off_stops_no_other,
    initialized_is_told_once,
);

fn lost() -> BackendError {
    BackendError::Connection {
        response: "gone".to_owned(),
        code: "ECONNRESET".to_owned(),
    }
}

/// Numbers that look random and are the same every time.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    *seed >> 33
}

async fn every_message_is_announced_once_over_kills(house: &House) {
    const ROUNDS: usize = 12;
    let fake = house.fake("ann");
    fake.set_chunk(7);
    let mut process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    let mut pushed = Vec::new();
    let mut seed = 42;
    for round in 0..ROUNDS {
        for number in 0..next(&mut seed) % 25 {
            pushed.push(fake.push(FakeMessage::new(&format!("r{round}n{number}"))));
        }
        if next(&mut seed).is_multiple_of(3) {
            fake.script(Act::Fail(lost()));
        }
        tokio::time::sleep(Duration::from_millis(next(&mut seed) % 150)).await;
        process.kill().await;
        if next(&mut seed).is_multiple_of(2) {
            pushed.push(fake.push(FakeMessage::new(&format!("between{round}"))));
        }
        process = house.start().await;
        tokio::time::sleep(Duration::from_millis(next(&mut seed) % 150)).await;
    }
    let announced = process
        .wait_events(&id, EventType::MessageNew, pushed.len())
        .await;
    let announced: Vec<_> = announced
        .iter()
        .map(|data| data["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(announced, pushed, "each once, in the order of arrival");
    assert_eq!(
        process
            .events_of(&id, EventType::AccountInitialized)
            .await
            .len(),
        1
    );
    assert!(
        announce::list::<Value>(process.store(), &id, None, 10)
            .await
            .unwrap()
            .is_empty()
    );

    // Every event arrives; first attempts are in the order of the events.
    let all = events::of_account(process.store(), &id, 0, 10_000)
        .await
        .unwrap();
    let order: HashMap<String, i64> = all
        .iter()
        .map(|event| (event.id.to_string(), event.seq))
        .collect();
    let limit = Duration::from_secs(100);
    eventually("every webhook", limit, || async {
        let got: HashSet<_> = house
            .hooks
            .hooks()
            .iter()
            .map(|hook| {
                hook.header("X-EE-Wh-Event-Id")
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect();
        order.keys().all(|id| got.contains(id)).then_some(())
    })
    .await;
    let mut seen = HashSet::new();
    let mut last = 0;
    for hook in house.hooks.hooks() {
        let event = hook.header("X-EE-Wh-Event-Id").unwrap().to_owned();
        let seq = order[&event];
        if seen.insert(event) {
            assert!(seq > last, "event {seq} came after {last}");
            last = seq;
        }
    }
}

async fn a_death_between_index_and_event_repeats_nothing(house: &House) {
    let fake = house.fake("ann");
    fake.set_stuck(true);
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    let message = fake.push(FakeMessage::new("between"));
    // The index knows it, the event is not there yet.
    eventually("the marker", LIMIT, || async {
        let markers = announce::list::<Value>(process.store(), &id, None, 10)
            .await
            .unwrap();
        (markers.len() == 1).then_some(())
    })
    .await;
    assert!(
        process
            .events_of(&id, EventType::MessageNew)
            .await
            .is_empty()
    );
    process.kill().await;
    fake.set_stuck(false);
    let process = house.start().await;
    let told = process.wait_events(&id, EventType::MessageNew, 1).await;
    assert_eq!(told[0]["id"], message);
    // And once more, with nothing left to tell.
    process.kill().await;
    let process = house.start().await;
    process.wait_state(&id, AccountState::Connected).await;
    fake.push(FakeMessage::new("after"));
    let told = process.wait_events(&id, EventType::MessageNew, 2).await;
    assert_eq!(told.len(), 2);
}

async fn a_message_that_vanishes_is_told_missing(house: &House) {
    let gone = house.fake("gone");
    let late = house.fake("late");
    let process = house.start().await;
    let gone_id = process.register(&imap_account("gone")).await;
    let late_id = process.register(&imap_account("late")).await;
    process.wait_state(&gone_id, AccountState::Connected).await;
    process.wait_state(&late_id, AccountState::Connected).await;

    late.fail_verb(BackendError::message_not_found());
    late.push(FakeMessage::new("late"));
    let message = gone.push(FakeMessage::new("gone"));
    gone.remove(&message);

    let told = process
        .wait_events(&late_id, EventType::MessageNew, 1)
        .await;
    assert_eq!(told[0]["missingRetries"], 1);
    assert!(told[0]["missingDelay"].as_u64().unwrap() >= 900);
    let told = process
        .wait_events(&gone_id, EventType::MessageMissing, 1)
        .await;
    assert_eq!(told[0]["id"], message);
    assert_eq!(told[0]["missingRetries"], 5);
    assert!(told[0]["missingDelay"].as_u64().unwrap() >= 5_000);
    assert!(
        process
            .events_of(&gone_id, EventType::MessageNew)
            .await
            .is_empty()
    );
}

async fn a_message_deleted_before_its_second_try_keeps_nobody_busy(house: &House) {
    let fake = house.fake("ann");
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    fake.fail_verb(BackendError::message_not_found());
    let message = fake.push(FakeMessage::new("gone"));
    let marked = || async {
        let marked = announce::list::<Value>(process.store(), &id, None, 10);
        marked.await.unwrap().len()
    };
    eventually("the marker", LIMIT, || async {
        (marked().await == 1).then_some(())
    })
    .await;
    fake.delete(&message);
    eventually("no marker", LIMIT, || async {
        (marked().await == 0).then_some(())
    })
    .await;
    // The second try is due a second after the first.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let waits = fake.waits();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(fake.waits() - waits < 5, "{} turns", fake.waits() - waits);
    fake.push(FakeMessage::new("after"));
    let told = process.wait_events(&id, EventType::MessageNew, 1).await;
    assert_eq!(told[0]["missingRetries"], Value::Null);
}

async fn initialized_is_told_once(house: &House) {
    let fake = house.fake("ann");
    fake.put(FakeMessage::new("old"));
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    let told = process
        .wait_events(&id, EventType::AccountInitialized, 1)
        .await;
    assert_eq!(told[0]["initialized"], true);
    process.kill().await;
    let process = house.start().await;
    process.wait_state(&id, AccountState::Connected).await;
    let kinds: Vec<_> = process
        .events(&id)
        .await
        .iter()
        .map(|event| event.1)
        .collect();
    assert_eq!(
        kinds,
        [
            EventType::AuthenticationSuccess,
            EventType::AccountInitialized
        ],
        "what was there before is no news"
    );
}

async fn a_message_on_which_the_server_breaks_off_stops_no_other(house: &House) {
    let fake = house.fake("ann");
    fake.break_on("poison");
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    let poison = fake.push(FakeMessage::new("poison"));
    let good = fake.push(FakeMessage::new("good"));
    let announced = process.wait_events(&id, EventType::MessageNew, 1).await;
    assert_eq!(announced[0]["id"], good);
    let missing = process.wait_events(&id, EventType::MessageMissing, 1).await;
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0]["id"], poison);
    assert_eq!(process.state(&id).await, AccountState::Connected);
}
