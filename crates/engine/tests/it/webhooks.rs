//! Deliveries: order, retries, what is final, and that endpoints do not delay each other.

use std::time::Duration;

use posthouse_backend::fake::FakeMessage;
use posthouse_model::{AccountState, EventType};
use posthouse_store::{Batch, accounts, deliveries, settings};
use posthouse_testkit::{HookReply, HookSink, eventually};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{House, LIMIT, imap_account};

both!(
    a_failing_head_holds_its_lane_and_is_retried,
    a_redirect_is_final,
    a_blocked_address_is_final,
    an_endpoint_that_stalls_delays_no_other,
    a_restart_keeps_what_waits,
    a_changed_target_takes_effect_for_what_waits,
);

async fn a_failing_head_holds_its_lane_and_is_retried(house: &House) {
    let fake = house.fake("ann");
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    house
        .hooks
        .wait_for_event("ann", "accountInitialized", LIMIT)
        .await;
    house.hooks.clear();
    house.hooks.reply_next(1, &HookReply::status(500));
    fake.push(FakeMessage::new("first"));
    fake.push(FakeMessage::new("second"));
    process.wait_events(&id, EventType::MessageNew, 2).await;
    let told = |count: usize| {
        eventually("deliveries", LIMIT, move || async move {
            let hooks = house.hooks.hooks();
            (hooks.len() >= count).then_some(hooks)
        })
    };
    told(1).await;
    eventually("the error flag", LIMIT, || async {
        settings::get(process.store(), "webhookErrorFlag")
            .await
            .unwrap()
    })
    .await;
    let hooks = told(3).await;
    let subjects: Vec<_> = hooks
        .iter()
        .map(|hook| hook.json()["data"]["subject"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(subjects, ["first", "first", "second"]);
    let header = |at: usize, name: &str| hooks[at].header(name).unwrap().to_owned();
    assert_eq!(header(0, "X-EE-Wh-Event-Id"), header(1, "X-EE-Wh-Event-Id"));
    assert_eq!(header(0, "X-EE-Wh-Id"), header(1, "X-EE-Wh-Id"));
    assert_eq!(header(0, "X-EE-Wh-Attempts-Made"), "0");
    assert_eq!(header(1, "X-EE-Wh-Attempts-Made"), "1");
    let waited = hooks[1].at.duration_since(hooks[0].at);
    assert!(
        (Duration::from_millis(3900)..Duration::from_millis(7000)).contains(&waited),
        "{waited:?}"
    );
    // The next success clears the flag.
    eventually("no error flag", LIMIT, || async {
        let flag = settings::get(process.store(), "webhookErrorFlag")
            .await
            .unwrap();
        flag.is_none_or(|flag| flag.is_null()).then_some(())
    })
    .await;
}

async fn fails_at_once(house: &House, code: &str) {
    let process = house.start().await;
    house.fake("ann");
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    let store = process.store();
    eventually("both given up", LIMIT, || async {
        let counts = deliveries::counts(store, store.now()).await.unwrap();
        (counts.failed == 2 && counts.delayed == 0).then_some(())
    })
    .await;
    let flag = settings::get(store, "webhookErrorFlag")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(flag["code"], code, "{flag}");
}

async fn a_redirect_is_final(house: &House) {
    let to = house.hooks.url("/elsewhere");
    house.hooks.reply_at("/hook", HookReply::redirect(&to));
    fails_at_once(house, "EREDIRECTNOTFOLLOWED").await;
    assert!(house.hooks.hooks().iter().all(|hook| hook.path == "/hook"));
}

async fn a_blocked_address_is_final(house: &House) {
    house
        .set(&[("webhooks", json!("http://169.254.169.254/latest"))])
        .await;
    fails_at_once(house, "EEGRESSBLOCKED").await;
}

async fn an_endpoint_that_stalls_delays_no_other(house: &House) {
    let stalled = HookSink::start().await;
    stalled.reply(HookReply::stall());
    let process = house.start().await;
    for number in 0..5 {
        let name = format!("stalled{number}");
        house.fake(&name);
        let mut config = imap_account(&name);
        config.webhooks = Some(stalled.url("/hook"));
        process.register(&config).await;
    }
    eventually("the stalled ones", LIMIT, || async {
        (stalled.hooks().len() == 5).then_some(())
    })
    .await;
    let fake = house.fake("good");
    let id = process.register(&imap_account("good")).await;
    process.wait_state(&id, AccountState::Connected).await;
    let began = Instant::now();
    fake.push(FakeMessage::new("quick"));
    house
        .hooks
        .wait_for_event("good", "messageNew", LIMIT)
        .await;
    assert!(began.elapsed() < Duration::from_secs(2));
}

async fn a_restart_keeps_what_waits(house: &House) {
    let fake = house.fake("ann");
    house.hooks.reply(HookReply::status(503));
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    for number in 0..20 {
        fake.push(FakeMessage::new(&format!("m{number}")));
    }
    process.wait_events(&id, EventType::MessageNew, 20).await;
    process.shutdown(Duration::from_secs(10)).await;
    process.kill().await;
    house.hooks.clear();
    house.hooks.reply(HookReply::status(200));
    let _process = house.start().await;
    eventually("everything", LIMIT, || async {
        (house.hooks.hooks().len() >= 22).then_some(())
    })
    .await;
    let subjects: Vec<_> = house
        .hooks
        .hooks()
        .iter()
        .filter(|hook| hook.event() == "messageNew")
        .map(|hook| hook.json()["data"]["subject"].as_str().unwrap().to_owned())
        .collect();
    let wanted: Vec<_> = (0..20).map(|number| format!("m{number}")).collect();
    assert_eq!(subjects, wanted);
}

async fn a_changed_target_takes_effect_for_what_waits(house: &House) {
    const COUNT: usize = 24;
    let fake = house.fake("ann");
    let slow = HookReply::status(200).after(Duration::from_millis(300));
    house.hooks.reply_at("/hook", slow);
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    for number in 0..COUNT {
        fake.push(FakeMessage::new(&format!("m{number}")));
    }
    process.wait_events(&id, EventType::MessageNew, COUNT).await;
    let store = process.store();
    let stored = accounts::get(store, &id).await.unwrap().unwrap();
    let mut config = stored.account.config;
    config.webhooks = Some(house.hooks.url("/other"));
    let mut batch = Batch::new();
    accounts::update_config(store, &mut batch, &id, stored.version, &config).unwrap();
    store.commit(batch).await.unwrap();
    process.account_changed(&id);
    let last = house.hooks.wait_for(LIMIT, |hook| {
        hook.path == "/other" && hook.json()["data"]["subject"] == "m23"
    });
    last.await;
    let subjects: Vec<_> = (house.hooks.hooks().iter())
        .filter(|hook| hook.event() == "messageNew")
        .map(|hook| hook.json()["data"]["subject"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..COUNT).map(|number| format!("m{number}")).collect();
    assert_eq!(subjects, expected, "in order, each once");
}
