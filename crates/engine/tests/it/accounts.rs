//! States, failures and calls of accounts; no account touches another.

use std::time::Duration;

use posthouse_backend::{
    BackendError,
    fake::{Act, FakeMessage},
};
use posthouse_engine::EngineConfig;
use posthouse_model::{
    AccountState, EventType,
    command::{Answer, Command},
    message::MessageOptions,
};
use posthouse_store::{Batch, accounts};
use posthouse_testkit::eventually;
use tokio::time::Instant;

use crate::support::{House, LIMIT, imap_account, smtp_account};

both!(
    the_same_error_is_told_once_and_recovery_is_told,
    a_lost_connection_is_set_up_again_before_anybody_is_told,
    a_panic_is_restarted_and_touches_nobody,
    a_server_that_hangs_delays_no_other_server,
    a_message_that_hangs_leaves_its_account_stoppable,
    a_deposed_owner_writes_nothing,
    calls_are_refused_by_state,
    calls_end_at_their_deadline,
    authentication_that_fails_for_long_disables_imap,
);

fn refused() -> BackendError {
    BackendError::Connection {
        response: "connect ECONNREFUSED".to_owned(),
        code: "ECONNREFUSED".to_owned(),
    }
}

fn denied() -> BackendError {
    BackendError::Authentication {
        response: "Invalid credentials".to_owned(),
        code: "AUTHENTICATIONFAILED".to_owned(),
        token_request: None,
    }
}

async fn the_same_error_is_told_once_and_recovery_is_told(house: &House) {
    let fake = house.fake("ann");
    for error in [refused(), refused(), denied()] {
        fake.script(Act::Fail(error));
    }
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    let told = process.wait_events(&id, EventType::ConnectError, 1).await;
    assert_eq!(told[0]["serverResponseCode"], "ECONNREFUSED");
    assert_eq!(told[0]["response"], "connect ECONNREFUSED");
    let told = process
        .wait_events(&id, EventType::AuthenticationError, 1)
        .await;
    assert_eq!(told[0]["serverResponseCode"], "AUTHENTICATIONFAILED");
    let stored = accounts::get(process.store(), &id).await.unwrap().unwrap();
    assert_eq!(stored.account.state, AccountState::AuthenticationError);
    let last = stored.account.status.last_error.unwrap();
    assert_eq!(last.response, "Invalid credentials");

    // Nobody has to wait for the next try.
    process.call(&id, Command::Reconnect, LIMIT).await.unwrap();
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
            EventType::ConnectError,
            EventType::AuthenticationError,
            EventType::AuthenticationSuccess,
            EventType::AccountInitialized,
        ]
    );
    let stored = accounts::get(process.store(), &id).await.unwrap().unwrap();
    assert_eq!(stored.account.status.last_error, None);
}

async fn a_lost_connection_is_set_up_again_before_anybody_is_told(house: &House) {
    let fake = house.fake("ann");
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    fake.script(Act::Fail(refused()));
    fake.push(FakeMessage::new("meanwhile"));
    process.wait_events(&id, EventType::MessageNew, 1).await;
    assert_eq!(fake.connects(), 2);
    assert!(
        process
            .events_of(&id, EventType::ConnectError)
            .await
            .is_empty()
    );
}

async fn a_panic_is_restarted_and_touches_nobody(house: &House) {
    let bad = house.fake("bad");
    let good = house.fake("good");
    let process = house.start().await;
    let bad_id = process.register(&imap_account("bad")).await;
    let good_id = process.register(&imap_account("good")).await;
    process.wait_state(&bad_id, AccountState::Connected).await;
    process.wait_state(&good_id, AccountState::Connected).await;

    bad.script(Act::Panic);
    eventually("the panic", LIMIT, || async {
        (process.metrics().actor_restarts.get() == 1).then_some(())
    })
    .await;
    bad.push(FakeMessage::new("after the panic"));
    let began = Instant::now();
    good.push(FakeMessage::new("as ever"));
    process
        .wait_events(&good_id, EventType::MessageNew, 1)
        .await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(good.connects(), 1);

    process.wait_events(&bad_id, EventType::MessageNew, 1).await;
    assert_eq!(bad.connects(), 2);
    assert_eq!(
        process
            .events_of(&bad_id, EventType::MessageNew)
            .await
            .len(),
        1
    );
}

async fn a_server_that_hangs_delays_no_other_server(house: &House) {
    let process = house
        .start_with(EngineConfig {
            connecting: 2,
            ..EngineConfig::default()
        })
        .await;
    let mut hanging = Vec::new();
    for number in 0..5 {
        let name = format!("hangs{number}");
        let fake = house.fake(&name);
        fake.script(Act::Hang);
        let mut config = imap_account(&name);
        config.imap.as_mut().unwrap().host = Some("dead.example.com".to_owned());
        hanging.push(process.register(&config).await);
    }
    for id in &hanging {
        process.wait_state(id, AccountState::Connecting).await;
    }
    let good = house.fake("good");
    let id = process.register(&imap_account("good")).await;
    let began = Instant::now();
    process.wait_state(&id, AccountState::Connected).await;
    good.push(FakeMessage::new("as ever"));
    process.wait_events(&id, EventType::MessageNew, 1).await;
    assert!(began.elapsed() < Duration::from_secs(3));

    // What waits or hangs hears that it is to stop.
    let began = Instant::now();
    process.shutdown(Duration::from_secs(10)).await;
    assert!(began.elapsed() < Duration::from_secs(3));
}

async fn a_message_that_hangs_leaves_its_account_stoppable(house: &House) {
    let fake = house.fake("ann");
    fake.set_stuck(true);
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    fake.push(FakeMessage::new("never read"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    process.call(&id, Command::Reconnect, LIMIT).await.unwrap();
    eventually("a new connection", LIMIT, || async {
        (fake.connects() == 2).then_some(())
    })
    .await;
    let began = Instant::now();
    process.shutdown(Duration::from_secs(10)).await;
    assert!(began.elapsed() < Duration::from_secs(3));
}

async fn a_deposed_owner_writes_nothing(house: &House) {
    let fake = house.fake("ann");
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    let before = process.events(&id).await;

    let other = house.store().await;
    let epoch = accounts::get(&other, &id).await.unwrap().unwrap().epoch;
    let mut batch = Batch::new();
    accounts::take_over(&mut batch, &id, "other", epoch);
    other.commit(batch).await.unwrap();
    assert_eq!(process.state(&id).await, AccountState::Init);

    fake.push(FakeMessage::new("not yours"));
    fake.script(Act::Fail(denied()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(process.events(&id).await, before);
    assert_eq!(process.state(&id).await, AccountState::Init);
    assert_eq!(
        accounts::cursor(&other, &id).await.unwrap().as_deref(),
        Some("history-0")
    );
    // Nor does it come back by being asked.
    process.account_changed(&id);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(fake.connects(), 1);
}

async fn calls_are_refused_by_state(house: &House) {
    let read = || Command::ListMailboxes { counters: false };
    let within = Duration::from_secs(5);
    let process = house.start().await;
    let refused_id = {
        let fake = house.fake("refused");
        fake.script(Act::Fail(refused()));
        process.register(&imap_account("refused")).await
    };
    let denied_id = {
        let fake = house.fake("denied");
        fake.script(Act::Fail(denied()));
        process.register(&imap_account("denied")).await
    };
    let sink = posthouse_testkit::SmtpSink::start().await;
    let sending_id = process.register(&smtp_account("sending", &sink)).await;
    process
        .wait_state(&refused_id, AccountState::ConnectError)
        .await;
    process
        .wait_state(&denied_id, AccountState::AuthenticationError)
        .await;
    for (id, code, state) in [
        (&refused_id, "ConnectionError", "connectError"),
        (&denied_id, "AuthenticationFails", "authenticationError"),
        (&sending_id, "NotSyncing", "unset"),
    ] {
        let error = process.call(id, read(), within).await.err().unwrap();
        assert_eq!(error.status, 503, "{id}");
        let body = error.envelope();
        assert_eq!(body["code"], code);
        assert_eq!(body["state"], state);
    }
    let nobody = posthouse_model::AccountId::new("nobody");
    let error = process.call(&nobody, read(), within).await.err().unwrap();
    assert_eq!(error.status, 404);

    process
        .wait_state(&refused_id, AccountState::Connected)
        .await;
    let answer = process.call(&refused_id, read(), within).await.unwrap();
    assert!(matches!(answer.answer, Answer::Mailboxes(list) if list.len() == 2));
}

async fn calls_end_at_their_deadline(house: &House) {
    let fake = house.fake("ann");
    fake.set_stuck(true);
    let message = fake.put(FakeMessage::new("slow"));
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    let command = Command::GetMessage {
        message,
        options: MessageOptions::default(),
    };
    let began = Instant::now();
    let within = Duration::from_millis(300);
    let error = process.call(&id, command, within).await.err().unwrap();
    assert_eq!(error.status, 504);
    assert!(began.elapsed() < Duration::from_secs(2));
}

async fn authentication_that_fails_for_long_disables_imap(house: &House) {
    let fake = house.fake("ann");
    for _ in 0..3 {
        fake.script(Act::Fail(denied()));
    }
    let process = house
        .start_with(EngineConfig {
            max_auth_failure: Duration::from_secs(1),
            ..EngineConfig::default()
        })
        .await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Unset).await;
    let stored = accounts::get(process.store(), &id).await.unwrap().unwrap();
    assert_eq!(stored.account.config.imap.unwrap().disabled, Some(true));
    let last = stored.account.status.last_error.unwrap();
    assert!(last.response.contains("disabled"), "{}", last.response);
    assert_eq!(
        process
            .events_of(&id, EventType::AuthenticationError)
            .await
            .len(),
        1
    );
}
