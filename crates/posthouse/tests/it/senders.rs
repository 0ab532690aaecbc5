//! Whom a message is sent through: gateways, credentials that stand elsewhere, local addresses.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use posthouse_testkit::{
    Client, Fault, HookSink, Page, Phase, Server, SmtpSink, Website, eventually, unique_user,
};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, webhooks_to};

/// An account that only sends.
fn sender(id: &str, sink: &SmtpSink, auth: Value) -> Value {
    let mut smtp = json!({ "host": "127.0.0.1", "port": sink.addr().port(), "secure": false });
    if let (Some(smtp), Some(auth)) = (smtp.as_object_mut(), auth.as_object()) {
        smtp.extend(auth.clone());
    }
    json!({ "account": id, "name": "Test", "email": "test@example.com", "smtp": smtp })
}

async fn submit(client: &Client, id: &str, subject: &str, more: Value) -> Value {
    let mut body =
        json!({ "to": [{ "address": "bob@example.net" }], "subject": subject, "text": "x" });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    client
        .post(&format!("/v1/account/{id}/submit"), &body)
        .await
        .ok()
}

#[tokio::test]
async fn a_gateway_sends_in_the_place_of_the_account_s_server() {
    let hooks = HookSink::start().await;
    let (own, relay) = (SmtpSink::start().await, SmtpSink::start().await);
    relay.require_secret("relay secret");
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let client = server.client().await;
    let user = unique_user();
    let account = sender(
        &user,
        &own,
        json!({ "auth": { "user": "me", "pass": "own secret" } }),
    );
    client.post("/v1/account", &account).await.ok();
    let gateway = json!({
        "gateway": "relay", "name": "Relay", "host": "127.0.0.1", "port": relay.addr().port(),
        "user": "gw", "pass": "relay secret",
    });
    client.post("/v1/gateway", &gateway).await.ok();

    let queued = submit(&client, &user, "by gateway", json!({ "gateway": "relay" })).await;
    let mails = relay.wait_for(1, LIMIT).await;
    assert_eq!(mails[0].header("Subject").as_deref(), Some("by gateway"));
    assert_eq!(mails[0].auth.as_ref().unwrap().user, "gw");
    let sent = hooks
        .wait_for(LIMIT, |hook| hook.event() == "messageSent")
        .await;
    assert_eq!(sent.json()["data"]["queueId"], queued["queueId"]);
    let shown = client.get("/v1/gateway/relay").await.ok();
    assert_eq!(shown["deliveries"], 1);
    assert!(shown["lastUse"].is_string() && shown.get("lastError").is_none());
    // The account's own server was not tried: nothing is said of it.
    let account = client.get(&format!("/v1/account/{user}")).await.ok();
    assert_eq!(account.get("smtpStatus"), None);

    // A finished message names one in its header.
    let raw = "From: test@example.com\r\nTo: bob@example.net\r\nX-EE-Gateway: relay\r\nSubject: by header\r\n\r\nx\r\n";
    let raw = json!({ "raw": BASE64_STANDARD.encode(raw) });
    client
        .post(&format!("/v1/account/{user}/submit"), &raw)
        .await
        .ok();
    let mails = relay.wait_for(2, LIMIT).await;
    assert_eq!(mails[1].header("Subject").as_deref(), Some("by header"));
    assert_eq!(mails[1].header("X-EE-Gateway"), None);

    // An account without a server of its own sends by it; without one it cannot.
    let bare = unique_user();
    let body = json!({ "account": bare, "name": "Bare", "email": "bare@example.com" });
    client.post("/v1/account", &body).await.ok();
    submit(&client, &bare, "bare", json!({ "gateway": "relay" })).await;
    relay.wait_for(3, LIMIT).await;
    let body = json!({ "to": [{ "address": "bob@example.net" }], "text": "x", "gateway": "none" });
    let path = format!("/v1/account/{bare}/submit");
    let refused = client.post(&path, &body).await.expect(404);
    assert_eq!(refused["code"], "SMTPUnavailable");

    // A refusal is told of the gateway.
    relay.fail_times(Phase::Rcpt, Fault::reply(550), 1);
    submit(&client, &user, "refused", json!({ "gateway": "relay" })).await;
    let failed = eventually("the refusal", LIMIT, || async {
        let shown = client.get("/v1/gateway/relay").await.ok();
        shown.get("lastError").cloned()
    })
    .await;
    assert_eq!(
        (&failed["status"], &failed["responseCode"]),
        (&json!("error"), &json!(550))
    );

    // One that does not exist is passed by.
    assert!(own.mails().is_empty());
    submit(&client, &user, "passed by", json!({ "gateway": "nobody" })).await;
    let mails = own.wait_for(1, LIMIT).await;
    assert_eq!(mails[0].auth.as_ref().unwrap().secret, "own secret");
}

#[tokio::test]
async fn credentials_for_sending_come_from_an_authentication_server() {
    let sink = SmtpSink::start().await;
    sink.require_secret("given");
    let site = Website::default();
    let web = site.listen().await;
    let put = |page: Page| site.put("GET", "127.0.0.1", "/auth", page);
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = unique_user();
    let account = sender(&user, &sink, json!({ "useAuthServer": true }));
    client.post("/v1/account", &account).await.ok();
    let url = format!("http://{}/auth", web.addr());
    let settings = json!({ "authServer": url });
    client.post("/v1/settings", &settings).await.ok();

    put(Page::of(
        json!({ "user": "mail name", "pass": "given" }).to_string(),
    ));
    submit(&client, &user, "one", json!({})).await;
    let mails = sink.wait_for(1, LIMIT).await;
    assert_eq!(mails[0].auth.as_ref().unwrap().user, "mail name");
    let asked = site.requests().pop().unwrap().path;
    assert_eq!(asked, format!("/auth?account={user}&proto=smtp"));

    // A server that fails for a while costs no message; it waits for the next attempt.
    tokio::time::sleep(Duration::from_secs(11)).await; // the idle session is not kept longer
    put(Page::of("down").status(500));
    let queued = submit(&client, &user, "two", json!({})).await;
    let path = format!("/v1/outbox/{}", queued["queueId"].as_str().unwrap());
    let waiting = eventually("a failed attempt", LIMIT, || async {
        let shown = client.get(&path).await.ok();
        (shown["attemptsMade"] == 1).then_some(shown)
    })
    .await;
    assert!(waiting["nextAttempt"].is_string(), "{waiting}");
    put(Page::of(
        json!({ "user": "mail name", "pass": "given" }).to_string(),
    ));
    let mails = sink.wait_for(2, LIMIT).await;
    assert_eq!(mails[1].header("Subject").as_deref(), Some("two"));
}

#[tokio::test]
async fn mail_leaves_from_the_addresses_that_are_set() {
    let sink = SmtpSink::start().await;
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let client = server.client().await;
    let user = unique_user();
    let account = sender(
        &user,
        &sink,
        json!({ "auth": { "user": "a", "pass": "b" } }),
    );
    client.post("/v1/account", &account).await.ok();
    let settings = json!({ "localAddresses": ["127.0.0.9"], "smtpStrategy": "dedicated" });
    client.post("/v1/settings", &settings).await.ok();
    submit(&client, &user, "from there", json!({})).await;
    let sent = hooks
        .wait_for(LIMIT, |hook| hook.event() == "messageSent")
        .await;
    let routing = &sent.json()["data"]["networkRouting"];
    assert_eq!(routing["localAddress"], "127.0.0.9", "{routing}");
    // A message may name another one.
    hooks.clear();
    submit(
        &client,
        &user,
        "its own",
        json!({ "localAddress": "127.0.0.8" }),
    )
    .await;
    let sent = hooks
        .wait_for(LIMIT, |hook| hook.event() == "messageSent")
        .await;
    let routing = &sent.json()["data"]["networkRouting"];
    assert_eq!(routing["localAddress"], "127.0.0.8", "{routing}");
}
