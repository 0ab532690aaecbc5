//! An account from registration to deletion, on a real IMAP server.

use std::time::Duration;

use posthouse_testkit::{HookSink, Server, imap_addr, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, webhooks_to};

#[tokio::test]
async fn lifecycle_is_told_by_webhooks() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    let client = server.client().await;

    let answer = client.post("/v1/account", &account(&user)).await.ok();
    assert_eq!(answer, json!({ "account": user, "state": "new" }));
    server.wait_state(&user, "connected", LIMIT).await;

    let added = hooks.wait_for_event(&user, "accountAdded", LIMIT).await;
    assert_eq!(added.json()["data"], json!({ "account": user }));
    let success = hooks
        .wait_for_event(&user, "authenticationSuccess", LIMIT)
        .await;
    assert_eq!(success.json()["data"], json!({ "user": user }));
    let ready = hooks
        .wait_for_event(&user, "accountInitialized", LIMIT)
        .await;
    assert_eq!(ready.json()["data"], json!({ "initialized": true }));
    assert!(ready.header("x-ee-wh-event-id").is_some());
    assert!(ready.header("x-ee-wh-signature").is_some());

    let shown = client.get(&format!("/v1/account/{user}")).await.ok();
    assert_eq!(shown["state"], "connected");
    assert_eq!(shown["type"], "imap");
    assert_eq!(shown["imap"]["auth"]["pass"], "******");
    assert_eq!(shown["lastError"], Value::Null);
    assert_eq!(shown["connections"], 1);
    // A caller gets a connection of its own, which is kept for the next one.
    let mailboxes = format!("/v1/account/{user}/mailboxes?counters=true");
    client.get(&mailboxes).await.ok();
    let shown = client.get(&format!("/v1/account/{user}")).await.ok();
    assert_eq!(shown["connections"], 2);
    let metrics = client.get("/metrics").await.text();
    let counted = |line: &str| line.starts_with("imap_responses{") && line.contains("\"OK\"");
    assert!(metrics.lines().any(counted), "{metrics}");

    // The same id again is an update.
    let again = client.post("/v1/account", &account(&user)).await.ok();
    assert_eq!(again["state"], "existing");

    // A restart follows the account again without telling anybody that it is new.
    server.wait_state(&user, "connected", LIMIT).await;
    hooks.clear();
    assert!(server.stop().await.success());
    server.restart().await;
    server.wait_state(&user, "connected", LIMIT).await;

    let client = server.client().await;
    let deleted = client.delete(&format!("/v1/account/{user}")).await.ok();
    assert_eq!(deleted["deleted"], true);
    hooks.wait_for_event(&user, "accountDeleted", LIMIT).await;
    client.get(&format!("/v1/account/{user}")).await.expect(404);
    let told: Vec<_> = hooks.hooks().iter().map(|hook| hook.event()).collect();
    assert!(!told.contains(&"accountInitialized".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_wrong_password_is_told_once_and_heals_by_update() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    let client = server.client().await;
    let mut wrong = account(&user);
    wrong["imap"]["auth"]["pass"] = json!("not the password");
    client.post("/v1/account", &wrong).await.ok();
    let failed = server.wait_state(&user, "authenticationError", LIMIT).await;
    assert_eq!(
        failed["lastError"]["serverResponseCode"],
        "AUTHENTICATIONFAILED"
    );
    let told = hooks
        .wait_for_event(&user, "authenticationError", LIMIT)
        .await;
    assert_eq!(
        told.json()["data"]["serverResponseCode"],
        "AUTHENTICATIONFAILED"
    );

    // Operations on messages say why they cannot be done.
    let refused = client
        .get(&format!("/v1/account/{user}/messages?path=INBOX"))
        .await
        .expect(503);
    assert_eq!(refused["code"], "AuthenticationFails");
    assert_eq!(refused["state"], "authenticationError");

    // The next attempt with the same outcome is not told again.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let count = hooks
        .hooks()
        .iter()
        .filter(|hook| hook.event() == "authenticationError")
        .count();
    assert_eq!(count, 1);

    let patch = json!({ "imap": { "partial": true, "auth": { "user": user, "pass": "pass" } } });
    client
        .put(&format!("/v1/account/{user}"), &patch)
        .await
        .ok();
    let healed = server.wait_state(&user, "connected", LIMIT).await;
    assert_eq!(healed["lastError"], Value::Null);
    assert_eq!(healed["imap"]["host"], "127.0.0.1");
    hooks
        .wait_for_event(&user, "authenticationSuccess", LIMIT)
        .await;
}

#[tokio::test]
async fn an_unreachable_server_is_a_connect_error() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    let mut lost = account(&user);
    // Nothing listens on the discard port.
    lost["imap"]["port"] = json!(9);
    server.client().await.post("/v1/account", &lost).await.ok();
    let failed = server.wait_state(&user, "connectError", LIMIT).await;
    assert_eq!(failed["lastError"]["serverResponseCode"], "ECONNREFUSED");
    hooks.wait_for_event(&user, "connectError", LIMIT).await;
}

#[tokio::test]
async fn verify_says_what_works_without_registering() {
    let server = &mut Server::start(BINARY).await;
    let client = server.client().await;
    let user = unique_user();
    let imap = imap_addr();
    let body = |pass: &str| {
        json!({
            "mailboxes": true,
            "imap": { "host": imap.ip().to_string(), "port": imap.port(), "secure": false,
                      "auth": { "user": user, "pass": pass } },
            "smtp": { "host": "127.0.0.1", "port": 9, "secure": false,
                      "auth": { "user": user, "pass": pass } },
        })
    };
    let good = client.post("/v1/verifyAccount", &body("pass")).await.ok();
    assert_eq!(good["imap"]["success"], true);
    assert_eq!(good["smtp"]["success"], false);
    assert!(
        good["mailboxes"]
            .as_array()
            .is_some_and(|list| list.iter().any(|mailbox| mailbox["path"] == "INBOX"))
    );
    let bad = client.post("/v1/verifyAccount", &body("wrong")).await.ok();
    assert_eq!(bad["imap"]["success"], false);
    assert_eq!(client.get("/v1/accounts").await.ok()["total"], 0);
}
