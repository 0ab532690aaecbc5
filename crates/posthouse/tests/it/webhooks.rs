//! Webhooks as their receiver sees them.

use std::time::Duration;

use posthouse_testkit::{HookReply, HookSink, Server, imap_append, mail, unique_user};
use serde_json::json;

use crate::{BINARY, LIMIT, account, webhooks_to};

#[tokio::test]
async fn deliveries_are_signed_stamped_and_carry_custom_headers() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let url = hooks
        .url("/hook")
        .replace("http://", "http://us%40er:pass@");
    let settings = json!({
        "webhooksEnabled": true, "webhooks": url, "webhookEvents": ["accountAdded"],
        "serviceSecret": "a shared secret", "serviceUrl": "https://mail.example.com/some/path",
        "webhooksCustomHeaders": [{ "key": "X-Tenant", "value": "blue" }],
    });
    client.post("/v1/settings", &settings).await.ok();
    let user = unique_user();
    client.post("/v1/account", &account(&user)).await.ok();
    let hook = hooks.wait_for_event(&user, "accountAdded", LIMIT).await;
    assert_eq!(hook.header("content-type"), Some("application/json"));
    assert_eq!(hook.header("x-tenant"), Some("blue"));
    assert_eq!(hook.header("x-ee-wh-attempts-made"), Some("0"));
    // As written in the URL: percent-encoding is not decoded.
    assert_eq!(hook.header("authorization"), Some("Basic dXMlNDBlcjpwYXNz"));
    assert_eq!(hook.json()["serviceUrl"], "https://mail.example.com");
    let output = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", "a shared secret", "-binary"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            use std::io::Write;
            child.stdin.take().unwrap().write_all(&hook.body)?;
            child.wait_with_output()
        })
        .unwrap();
    use base64::Engine;
    let expected = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(output.stdout);
    assert_eq!(hook.header("x-ee-wh-signature"), Some(expected.as_str()));
    // Only what was asked for.
    server.wait_state(&user, "connected", LIMIT).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(
        hooks
            .hooks()
            .iter()
            .all(|hook| hook.event() == "accountAdded")
    );
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_with_the_same_event_id_and_order_is_kept() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    hooks.reply_next(1, &HookReply::status(500));
    let client = server.client().await;
    client.post("/v1/account", &account(&user)).await.ok();
    hooks
        .wait_for_event(&user, "accountInitialized", LIMIT)
        .await;
    let told = hooks.hooks();
    let first: Vec<_> = told
        .iter()
        .filter(|hook| hook.event() == "accountAdded")
        .collect();
    assert_eq!(first.len(), 2);
    assert_eq!(
        first[0].header("x-ee-wh-event-id"),
        first[1].header("x-ee-wh-event-id")
    );
    assert_eq!(first[1].header("x-ee-wh-attempts-made"), Some("1"));
    // The head held its lane: nothing overtook it.
    assert_eq!(told[1].event(), "accountAdded");
}

#[tokio::test]
async fn events_survive_kill() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    let client = server.client().await;
    client.post("/v1/account", &account(&user)).await.ok();
    hooks
        .wait_for_event(&user, "accountInitialized", LIMIT)
        .await;
    let total = 60;
    for number in 0..total {
        let id = format!("{number}.{user}@example.com");
        imap_append(
            &user,
            "INBOX",
            &mail::plain(&id, &format!("no {number}"), "x\r\n"),
        )
        .await;
        if number % 20 == 10 {
            server.restart().await;
        }
    }
    hooks
        .wait_for(LIMIT, |hook| {
            hook.json()["data"]["subject"] == format!("no {}", total - 1)
        })
        .await;
    let mut seen = std::collections::BTreeMap::new();
    for hook in hooks.hooks() {
        if hook.event() == "messageNew" {
            let subject = hook.json()["data"]["subject"].as_str().unwrap().to_owned();
            let event = hook.header("x-ee-wh-event-id").unwrap().to_owned();
            // A delivery may be repeated when its answer was lost; the event may not.
            assert_eq!(seen.entry(subject).or_insert(event.clone()), &event);
        }
    }
    assert_eq!(seen.len(), total, "{:?}", seen.keys());
}
