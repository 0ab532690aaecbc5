//! History, protocol log and flush of accounts, on a real IMAP server.

use std::time::Duration;

use futures_util::StreamExt;
use posthouse_app::{AccountFilter, App, AppConfig, ReplyBody};
use posthouse_model::{AccountId, AccountState, Caller, Timestamp};
use posthouse_store::{Batch, Store, events, locks};
use posthouse_testkit::{
    Phase, SmtpSink, env::IMAP_PASSWORD as PASSWORD, eventually, imap_addr, imap_append, mail,
    unique_user,
};
use serde_json::{Value, json};

use crate::support::{Hall, ask};

both!(
    history_tells_of_a_wrong_password,
    a_log_shows_the_login_without_the_password,
    a_log_shows_a_message_only_by_its_size,
    a_log_is_switched_without_a_new_connection,
    a_flush_starts_over_and_can_be_done_again,
    one_flush_at_a_time_on_the_instance,
    a_flush_with_an_early_date_announces_what_is_there,
    accounts_are_paged_with_their_trouble,
);

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The same hall with real mailboxes.
async fn real(hall: &Hall) -> Hall {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(hall.config.clone()).await.unwrap();
    Hall {
        app: App::start(store, AppConfig::default()).await.unwrap(),
        config: hall.config.clone(),
        folder,
    }
}

fn account(user: &str, password: &str) -> Value {
    json!({
        "account": user, "name": "Ann", "email": "ann@example.com",
        "imap": {
            "host": imap_addr().ip().to_string(), "port": imap_addr().port(), "secure": false,
            "auth": { "user": user, "pass": password },
        },
    })
}

async fn state_of(hall: &Hall, id: &str) -> Value {
    let shown = hall.call("getV1AccountAccount", ask().path("account", id));
    shown.await.unwrap()["state"].clone()
}

async fn wait_state(hall: &Hall, id: &str, state: AccountState) {
    eventually(state.as_str(), LIMIT, || async {
        (state_of(hall, id).await == state.as_str()).then_some(())
    })
    .await;
}

async fn connected(hall: &Hall) -> (String, AccountId) {
    let user = unique_user();
    let body = account(&user, PASSWORD);
    hall.call("postV1Account", ask().body(body)).await.unwrap();
    wait_state(hall, &user, AccountState::Connected).await;
    let id = AccountId::new(&user);
    (user, id)
}

async fn put(hall: &Hall, operation: &str, id: &str, body: Value) -> Result<Value, u16> {
    let answer = hall.call(operation, ask().path("account", id).body(body));
    answer.await.map_err(|error| error.status)
}

/// The log as the API answers it.
async fn log(hall: &Hall, id: &str) -> String {
    let reply = hall
        .reply_as(
            &Caller::system(),
            "getV1LogsAccount",
            ask().path("account", id),
        )
        .await
        .unwrap();
    match reply.body {
        ReplyBody::Text { text, filename } => {
            assert_eq!(filename, format!("logs.{id}.txt"));
            text
        }
        ReplyBody::Download(body) => {
            assert_eq!(body.head.filename, Some(format!("logs.{id}.txt")));
            let parts: Vec<_> = body.stream.collect().await;
            let bytes: Vec<u8> = parts.into_iter().flat_map(|part| part.unwrap()).collect();
            String::from_utf8(bytes).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

async fn wait_log(hall: &Hall, id: &str, text: &str) -> String {
    eventually(text, LIMIT, || async {
        let log = log(hall, id).await;
        log.contains(text).then_some(log)
    })
    .await
}

async fn history_tells_of_a_wrong_password(hall: &Hall) {
    let hall = &real(hall).await;
    let user = unique_user();
    let id = AccountId::new(&user);
    let body = account(&user, "wrong password");
    hall.call("postV1Account", ask().body(body)).await.unwrap();
    wait_state(hall, &user, AccountState::AuthenticationError).await;
    let history = hall.app.account_history(&id, 10).await.unwrap();
    let states: Vec<_> = history.iter().map(|entry| entry.state).collect();
    assert_eq!(
        states,
        [
            AccountState::AuthenticationError,
            AccountState::Connecting,
            AccountState::Init
        ]
    );
    let error = history[0].error.as_ref().unwrap();
    assert_eq!(error.server_response_code, "AUTHENTICATIONFAILED");
    assert!(!error.response.is_empty());
    assert!(history[0].time >= history[2].time && history[1].error.is_none());
    let advice = hall.app.account_advice(&id).await.unwrap();
    assert_eq!(advice[0].title, "The user name or password is wrong");

    let right = json!({ "imap": { "partial": true, "auth": { "user": user, "pass": PASSWORD } } });
    put(hall, "putV1AccountAccount", &user, right)
        .await
        .unwrap();
    wait_state(hall, &user, AccountState::Connected).await;
    let history = hall.app.account_history(&id, 1).await.unwrap();
    assert_eq!(history[0].state, AccountState::Connected);
    assert!(hall.app.account_advice(&id).await.unwrap().is_empty());
    hall.call("deleteV1AccountAccount", ask().path("account", &user))
        .await
        .unwrap();
    assert!(hall.app.account_history(&id, 10).await.unwrap().is_empty());
}

async fn a_log_shows_the_login_without_the_password(hall: &Hall) {
    let hall = &real(hall).await;
    let user = unique_user();
    assert_eq!(log(hall, &user).await, format!("No logs found for {user}"));
    let mut body = account(&user, PASSWORD);
    body["logs"] = json!(true);
    hall.call("postV1Account", ask().body(body)).await.unwrap();
    wait_state(hall, &user, AccountState::Connected).await;
    let text = wait_log(hall, &user, "IDLE").await;
    assert!(!text.contains(PASSWORD), "{text}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let login = lines.iter().find(|line| {
        let msg = line["msg"].as_str().unwrap();
        line["src"] == "c" && (msg.contains("AUTHENTICATE") || msg.contains("LOGIN "))
    });
    let login = login.unwrap_or_else(|| panic!("{text}"));
    assert!(login["proto"] == "imap" && login["t"].is_i64());
    assert!(login["msg"].as_str().unwrap().contains("***"), "{login}");
    assert!(lines.iter().any(|line| line["src"] == "s"));
    assert!(lines.iter().all(|line| line["cid"].is_string()));

    let tail = hall.app.account_log_tail(&AccountId::new(&user), 3).await;
    let tail = tail.unwrap();
    assert_eq!(tail.len(), 3);
    assert_eq!(
        Some(tail[2].text.as_str()),
        lines.last().unwrap()["msg"].as_str()
    );
    let id = AccountId::new(&user);
    put(hall, "putV1AccountAccount", &user, json!({ "logs": false }))
        .await
        .unwrap();
    hall.app.clear_account_log(&id).await.unwrap();
    assert_eq!(log(hall, &user).await, format!("No logs found for {user}"));
}

async fn a_log_shows_a_message_only_by_its_size(hall: &Hall) {
    let hall = &real(hall).await;
    let sink = SmtpSink::start().await;
    sink.require_secret("smtp secret");
    let user = unique_user();
    let mut body = account(&user, PASSWORD);
    body["logs"] = json!(true);
    body["copy"] = json!(true);
    body["smtp"] = json!({
        "host": sink.addr().ip().to_string(), "port": sink.addr().port(), "secure": false,
        "auth": { "user": "ann", "pass": "smtp secret" },
    });
    hall.call("postV1Account", ask().body(body)).await.unwrap();
    wait_state(hall, &user, AccountState::Connected).await;
    let message = json!({
        "to": [{ "address": "bob@example.net" }], "subject": "Confidential", "text": "Nobody else reads this",
    });
    put(hall, "postV1AccountAccountSubmit", &user, message)
        .await
        .unwrap();
    sink.wait_for(1, LIMIT).await;
    let text = wait_log(hall, &user, "APPEND").await;
    let text = if text.contains("<message of") {
        text
    } else {
        wait_log(hall, &user, "<message of").await
    };
    assert!(sink.count(Phase::Auth) > 0);
    for part in [
        "RCPT TO:<bob@example.net>",
        "\"proto\":\"smtp\"",
        "AUTH ",
        "***",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for part in ["Nobody else", "smtp secret", PASSWORD] {
        assert!(!text.contains(part), "{part}: {text}");
    }
}

async fn a_log_is_switched_without_a_new_connection(hall: &Hall) {
    let hall = &real(hall).await;
    let (user, id) = connected(hall).await;
    let before = hall.app.account_history(&id, 10).await.unwrap();
    put(hall, "putV1AccountAccount", &user, json!({ "logs": true }))
        .await
        .unwrap();
    put(
        hall,
        "putV1AccountAccountSync",
        &user,
        json!({ "sync": true }),
    )
    .await
    .unwrap();
    let text = wait_log(hall, &user, "DONE").await;
    assert!(
        !text.contains("LOGIN") && !text.contains("AUTHENTICATE"),
        "{text}"
    );
    assert_eq!(hall.app.account_history(&id, 10).await.unwrap(), before);
    put(hall, "putV1AccountAccount", &user, json!({ "logs": false }))
        .await
        .unwrap();
    let written = log(hall, &user).await;
    put(
        hall,
        "putV1AccountAccountSync",
        &user,
        json!({ "sync": true }),
    )
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(log(hall, &user).await, written);
    // The setting for all accounts holds at once, too.
    let all = json!({ "logs": { "all": true, "maxLogLines": 5 } });
    hall.call("postV1Settings", ask().body(all)).await.unwrap();
    put(
        hall,
        "putV1AccountAccountReconnect",
        &user,
        json!({ "reconnect": true }),
    )
    .await
    .unwrap();
    wait_log(hall, &user, "IDLE").await;
    assert!(log(hall, &user).await.lines().count() <= 5);
}

async fn count(hall: &Hall, id: &AccountId, event: &str) -> usize {
    let all = events::of_account(hall.app.store(), id, 0, 1000);
    let all = all.await.unwrap();
    all.iter()
        .filter(|found| found.kind.as_str() == event)
        .count()
}

async fn webhooks_on(hall: &Hall) {
    // Events that go nowhere are only counted.
    let body = json!({ "webhooksEnabled": true, "webhooks": "http://127.0.0.1:9/", "webhookEvents": ["*"] });
    hall.call("postV1Settings", ask().body(body)).await.unwrap();
}

async fn flush(hall: &Hall, id: &str, mut body: Value) -> Result<Value, u16> {
    body["flush"] = json!(true);
    put(hall, "putV1AccountAccountFlush", id, body).await
}

async fn a_flush_starts_over_and_can_be_done_again(hall: &Hall) {
    let hall = &real(hall).await;
    webhooks_on(hall).await;
    let (user, id) = connected(hall).await;
    imap_append(
        &user,
        "INBOX",
        &mail::plain("<one@example.com>", "One", "Text"),
    )
    .await;
    eventually("messageNew", LIMIT, || async {
        (count(hall, &id, "messageNew").await == 1).then_some(())
    })
    .await;
    assert_eq!(
        put(hall, "putV1AccountAccountFlush", &user, json!({}))
            .await
            .unwrap()["flush"],
        false
    );
    assert_eq!(flush(hall, "nobody", json!({})).await, Err(404));
    for round in 1..3 {
        let body = json!({ "imapIndexer": "fast", "syncFrom": "2020-01-01T00:00:00.000Z" });
        assert_eq!(
            flush(hall, &user, body).await.unwrap(),
            json!({ "flush": true })
        );
        // It rests for a while, whoever asks for it.
        wait_state(hall, &user, AccountState::Init).await;
        put(
            hall,
            "putV1AccountAccountReconnect",
            &user,
            json!({ "reconnect": true }),
        )
        .await
        .unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(state_of(hall, &user).await, "init");
        wait_state(hall, &user, AccountState::Connected).await;
        assert_eq!(count(hall, &id, "accountInitialized").await, round + 1);
    }
    let shown = hall
        .call("getV1AccountAccount", ask().path("account", &user))
        .await
        .unwrap();
    assert_eq!(shown["imapIndexer"], "fast");
    assert_eq!(shown["syncFrom"], "2020-01-01T00:00:00.000Z");
    let notify_from: Timestamp = serde_json::from_value(shown["notifyFrom"].clone()).unwrap();
    assert!(notify_from > Timestamp::now().before(Duration::from_secs(60)));
    // What was there is not announced again, what comes is.
    imap_append(
        &user,
        "INBOX",
        &mail::plain("<two@example.com>", "Two", "Text"),
    )
    .await;
    eventually("messageNew", LIMIT, || async {
        (count(hall, &id, "messageNew").await == 2).then_some(())
    })
    .await;
    let state = |entry: &posthouse_app::Transition| entry.state;
    let history: Vec<_> = hall
        .app
        .account_history(&id, 20)
        .await
        .unwrap()
        .iter()
        .map(state)
        .collect();
    let inits = history
        .iter()
        .filter(|state| **state == AccountState::Init)
        .count();
    assert_eq!(inits, 3, "{history:?}");
}

async fn one_flush_at_a_time_on_the_instance(hall: &Hall) {
    hall.connected_account("ann").await;
    let store = hall.beside().await;
    let until = store.now().after(Duration::from_secs(60));
    assert!(
        locks::take(&store, "flush", "another node", until)
            .await
            .unwrap()
    );
    let body = json!({ "flush": true });
    let error = hall
        .call(
            "putV1AccountAccountFlush",
            ask().path("account", "ann").body(body),
        )
        .await
        .unwrap_err();
    assert_eq!((error.status, error.code_str()), (429, Some("LockFail")));
    assert_eq!(state_of(hall, "ann").await, "connected");
    let mut batch = Batch::new();
    locks::release(&mut batch, "flush", "another node");
    store.commit(batch).await.unwrap();
    flush(hall, "ann", json!({})).await.unwrap();
    // The lock is free again at once.
    flush(hall, "ann", json!({})).await.unwrap();
}

async fn a_flush_with_an_early_date_announces_what_is_there(hall: &Hall) {
    let hall = &real(hall).await;
    webhooks_on(hall).await;
    let user = unique_user();
    imap_append(
        &user,
        "INBOX",
        &mail::plain("<one@example.com>", "One", "Text"),
    )
    .await;
    let body = account(&user, PASSWORD);
    hall.call("postV1Account", ask().body(body)).await.unwrap();
    wait_state(hall, &user, AccountState::Connected).await;
    let id = AccountId::new(&user);
    assert_eq!(count(hall, &id, "messageNew").await, 0);
    let body = json!({ "notifyFrom": "2020-01-01T00:00:00.000Z" });
    flush(hall, &user, body).await.unwrap();
    eventually("messageNew", LIMIT, || async {
        (count(hall, &id, "messageNew").await == 1).then_some(())
    })
    .await;
}

async fn accounts_are_paged_with_their_trouble(hall: &Hall) {
    let hall = &real(hall).await;
    let user = unique_user();
    let body = account(&user, "wrong password");
    hall.call("postV1Account", ask().body(body)).await.unwrap();
    wait_state(hall, &user, AccountState::AuthenticationError).await;
    hall.sending_account("sends").await;
    let page = async |filter, query| hall.app.accounts_page(filter, query, 0, 10).await.unwrap();
    let errors = page(AccountFilter::named("errors"), "").await;
    assert_eq!((errors.total, errors.rows.len()), (1, 1));
    let row = &errors.rows[0];
    assert_eq!(
        (row.id.as_str(), row.state),
        (user.as_str(), AccountState::AuthenticationError)
    );
    assert_eq!(
        row.advice.as_ref().unwrap().title,
        "The user name or password is wrong"
    );
    assert_eq!(page(AccountFilter::All, "").await.total, 2);
    let sends = page(AccountFilter::named("unset"), "SEND").await;
    assert_eq!((sends.total, sends.rows[0].kind), (1, "sending"));
    assert_eq!(page(AccountFilter::named("connected"), "").await.total, 0);

    let routing = hall
        .app
        .webhook_routing(&AccountId::new("sends"))
        .await
        .unwrap();
    assert!(!routing.enabled && routing.target.is_none());
    webhooks_on(hall).await;
    let own = json!({ "webhooks": "https://u:p@own.example.com/", "webhooksCustomHeaders": [{ "key": "X-Own", "value": "1" }] });
    put(hall, "putV1AccountAccount", "sends", own)
        .await
        .unwrap();
    let routing = hall
        .app
        .webhook_routing(&AccountId::new("sends"))
        .await
        .unwrap();
    assert!(routing.enabled && routing.own_target);
    assert_eq!(
        routing.target.as_deref(),
        Some("https://******:******@own.example.com/")
    );
    assert_eq!(
        (routing.headers, routing.events),
        (vec!["X-Own".to_owned()], vec!["*".to_owned()])
    );
}
