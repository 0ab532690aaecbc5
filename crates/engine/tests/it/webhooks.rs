//! Deliveries: order, retries, what is final, and that endpoints do not delay each other.

use std::{collections::HashSet, time::Duration};

use posthouse_backend::fake::FakeMessage;
use posthouse_engine::EngineConfig;
use posthouse_model::{AccountId, AccountState, EventType, account::AccountConfig};
use posthouse_store::{Batch, accounts, deliveries, deliveries::Logged, events, settings};
use posthouse_testkit::{HookReply, HookSink, eventually};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{House, LIMIT, Process, imap_account};

both!(
    a_failing_head_holds_its_lane_and_is_retried,
    a_redirect_is_final,
    a_blocked_address_is_final,
    an_endpoint_that_stalls_delays_no_other,
    a_slow_receiver_and_a_dead_one_delay_nobody,
    a_restart_keeps_what_waits,
    a_changed_target_takes_effect_for_what_waits,
    what_is_gone_is_not_asked_again,
    a_pause_asked_for_holds_for_all_accounts,
    a_receiver_that_is_down_is_probed_by_one_delivery,
    more_at_once_where_that_is_asked_for,
    events_without_a_receiver_are_kept,
    a_proxy_that_cannot_be_used_is_not_passed_by,
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

async fn a_slow_receiver_and_a_dead_one_delay_nobody(house: &House) {
    const GOOD: usize = 98;
    const EVENTS: usize = 5;
    // More lanes than there are workers lead to receivers that do not answer before the test is over.
    let config = EngineConfig {
        webhook_timeout: 10 * LIMIT,
        ..EngineConfig::default()
    };
    let slow_lanes = config.webhook_workers + 16;
    let process = house.start_with(config).await;
    let account = |name: String, path: String| AccountConfig {
        webhooks: Some(house.hooks.url(&path)),
        name,
        ..AccountConfig::default()
    };
    let slow = HookReply::status(200).after(5 * LIMIT);
    house.hooks.reply_at("/slow", slow);
    house.hooks.reply_at("/dead", HookReply::stall());
    let mut bad: Vec<_> = (0..slow_lanes)
        .map(|number| account(format!("slow{number}"), "/slow".to_owned()))
        .collect();
    bad.push(account("dead".to_owned(), "/dead".to_owned()));
    let mut events = Vec::new();
    for account in &bad {
        process.register(account).await;
        events.push(process.record(account, json!({})).await);
    }
    eventually("the receivers that do not answer", LIMIT, || async {
        let hooks = house.hooks.hooks();
        let paths: HashSet<_> = hooks.iter().map(|hook| hook.path.as_str()).collect();
        (paths == HashSet::from(["/slow", "/dead"])).then_some(())
    })
    .await;
    let good: Vec<_> = (0..GOOD)
        .map(|number| account(format!("good{number}"), format!("/good/{number}")))
        .collect();
    for account in &good {
        process.register(account).await;
    }
    for number in 0..EVENTS {
        for account in &good {
            process.record(account, json!({ "number": number })).await;
        }
    }
    let told = eventually("the others", LIMIT, || async {
        let mut hooks = house.hooks.hooks();
        hooks.retain(|hook| hook.path.starts_with("/good/"));
        (hooks.len() == GOOD * EVENTS).then_some(hooks)
    })
    .await;
    for account in &good {
        let told = told.iter().filter(|hook| hook.account() == account.name);
        let numbers: Vec<_> = told
            .map(|hook| hook.json()["data"]["number"].clone())
            .collect();
        assert_eq!(numbers, (0..EVENTS).map(|n| json!(n)).collect::<Vec<_>>());
    }
    // All of that while not one of them had answered.
    for event in &events {
        let logged = deliveries::of_event(process.store(), event).await.unwrap();
        assert_eq!(
            (logged[0].attempts, logged[0].state.as_str()),
            (0, "pending")
        );
    }
    assert!(process.endpoints().down().is_empty());
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

/// The deliveries of the first event of a type, once they are settled.
async fn settled(process: &Process, id: &AccountId, kind: EventType) -> Vec<Logged> {
    eventually("settled deliveries", LIMIT, || async {
        let events = events::of_account(process.store(), id, 0, 100)
            .await
            .unwrap();
        let event = events.iter().find(|event| event.kind == kind)?;
        let logged = deliveries::of_event(process.store(), &event.id)
            .await
            .unwrap();
        let over = |one: &Logged| matches!(one.state.as_str(), "done" | "failed");
        (!logged.is_empty() && logged.iter().all(over)).then_some(logged)
    })
    .await
}

async fn what_is_gone_is_not_asked_again(house: &House) {
    house.fake("ann");
    house.hooks.reply_next(1, &HookReply::status(410));
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    let logged = settled(&process, &id, EventType::AuthenticationSuccess).await;
    assert_eq!(
        (logged[0].state.as_str(), logged[0].attempts),
        ("failed", 1)
    );
    let history = logged[0].history.as_ref().unwrap();
    assert_eq!(history[0]["status"], 410);
    assert_eq!(history[0]["attempt"], 1);
    // The others are still wanted.
    let others = settled(&process, &id, EventType::AccountInitialized).await;
    assert_eq!(others[0].state, "done");
    assert_eq!(others[0].history.as_ref().unwrap()[0]["status"], 200);
}

async fn a_pause_asked_for_holds_for_all_accounts(house: &House) {
    house.fake("ann");
    house.fake("bob");
    let busy = HookReply::status(429).with_header("Retry-After", "3");
    house.hooks.reply_next(1, &busy);
    let process = house.start().await;
    process.register(&imap_account("ann")).await;
    house
        .hooks
        .wait_for_event("ann", "authenticationSuccess", LIMIT)
        .await;
    process.register(&imap_account("bob")).await;
    house
        .hooks
        .wait_for_event("bob", "authenticationSuccess", LIMIT)
        .await;
    house
        .hooks
        .wait_for_event("ann", "accountInitialized", LIMIT)
        .await;
    let hooks = house.hooks.hooks();
    assert_eq!(hooks[0].account(), "ann");
    assert_eq!(
        hooks[0].header("webhook-id"),
        hooks[0].header("x-ee-wh-event-id")
    );
    for hook in &hooks[1..] {
        let waited = hook.at.duration_since(hooks[0].at);
        assert!(waited >= Duration::from_millis(2900), "{waited:?}");
    }
}

async fn a_receiver_that_is_down_is_probed_by_one_delivery(house: &House) {
    house.set(&[("webhookOrderHold", json!(3600))]).await;
    house.hooks.reply(HookReply::status(500));
    let process = house.start().await;
    let names: Vec<_> = (0..12).map(|number| format!("acc{number}")).collect();
    for name in &names {
        house.fake(name);
        process.register(&imap_account(name)).await;
    }
    eventually("an open breaker", LIMIT, || async {
        (!process.endpoints().down().is_empty()).then_some(())
    })
    .await;
    // What was under way arrives; then one probe comes after 5 s, the next 10 s after it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.hooks.clear();
    tokio::time::sleep(Duration::from_secs(7)).await;
    let asked = house.hooks.hooks().len();
    assert!(asked <= 2, "{asked} deliveries to a receiver that is down");
    house.hooks.reply(HookReply::status(200));
    for name in &names {
        house
            .hooks
            .wait_for_event(name, "accountInitialized", LIMIT)
            .await;
    }
    assert!(process.endpoints().down().is_empty());
}

async fn more_at_once_where_that_is_asked_for(house: &House) {
    let fake = house.fake("ann");
    house.set(&[("webhookConcurrency", json!(8))]).await;
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    house
        .hooks
        .wait_for_event("ann", "accountInitialized", LIMIT)
        .await;
    house.hooks.clear();
    house
        .hooks
        .reply(HookReply::status(200).after(Duration::from_millis(500)));
    for number in 0..16 {
        fake.push(FakeMessage::new(&format!("m{number}")));
    }
    process.wait_events(&id, EventType::MessageNew, 16).await;
    let hooks = eventually("all", LIMIT, || async {
        let hooks = house.hooks.hooks();
        (hooks.len() >= 16).then_some(hooks)
    })
    .await;
    let took = hooks[15].at.duration_since(hooks[0].at);
    assert!(
        took < Duration::from_secs(4),
        "one after the other: {took:?}"
    );
}

async fn events_without_a_receiver_are_kept(house: &House) {
    house.set(&[("webhooksEnabled", json!(false))]).await;
    house.fake("ann");
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process
        .wait_events(&id, EventType::AccountInitialized, 1)
        .await;
    let events = events::of_account(process.store(), &id, 0, 10)
        .await
        .unwrap();
    assert!(
        events
            .iter()
            .any(|event| event.kind == EventType::AuthenticationSuccess)
    );
    let logged = deliveries::of_event(process.store(), &events[0].id)
        .await
        .unwrap();
    assert!(logged.is_empty());
    assert!(house.hooks.hooks().is_empty());
}

async fn a_proxy_that_cannot_be_used_is_not_passed_by(house: &House) {
    house
        .set(&[
            ("httpProxyEnabled", json!(true)),
            ("httpProxyUrl", json!("http://127.0.0.1:9")),
        ])
        .await;
    house.fake("ann");
    let process = house.start().await;
    process.register(&imap_account("ann")).await;
    eventually("the error flag", LIMIT, || async {
        let flag = settings::get(process.store(), "webhookErrorFlag")
            .await
            .unwrap();
        flag.filter(|flag| flag["code"].is_string())
    })
    .await;
    assert!(house.hooks.hooks().is_empty());
    house.set(&[("httpProxyEnabled", json!(false))]).await;
    house
        .hooks
        .wait_for_event("ann", "authenticationSuccess", LIMIT)
        .await;
}
