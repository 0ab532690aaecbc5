//! The outbox by the API: messages that failed are sent again, accounts keep to their rates.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use posthouse_testkit::{Client, Fault, Phase, Server, SmtpSink, eventually, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, with_smtp};

/// An account that only sends.
async fn sender(client: &Client, sink: &SmtpSink) -> String {
    let user = unique_user();
    let mut body = with_smtp(account(&user), sink);
    body.as_object_mut().map(|map| map.remove("imap"));
    client.post("/v1/account", &body).await.ok();
    user
}

/// Queues a message; the path of its entry.
async fn submit(client: &Client, user: &str, to: &str) -> String {
    let body = json!({ "to": [{ "address": to }], "subject": "s", "text": "t" });
    let path = format!("/v1/account/{user}/submit");
    let queued = client.post(&path, &body).await.ok();
    format!("/v1/outbox/{}", queued["queueId"].as_str().unwrap())
}

async fn gone(client: &Client, entry: &str) {
    eventually("the message gone", LIMIT, || async {
        (client.get(entry).await.status == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_failed_message_can_be_sent_again() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = sender(&client, &sink).await;
    sink.refuse_recipient("r@example.net", Fault::reply(550));
    let entry = submit(&client, &user, "r@example.net").await;
    let failed = eventually("a failed message", LIMIT, || async {
        let shown = client.get(&entry).await.ok();
        (shown["state"] == "failed").then_some(shown)
    })
    .await;
    assert_eq!(failed["progress"]["status"], "error");
    assert_eq!(failed["nextAttempt"], false);
    let listed = client.get("/v1/outbox").await.ok();
    assert_eq!(listed["messages"][0]["state"], "failed");

    sink.clear();
    let again = client.post(&format!("{entry}/retry"), &json!({})).await;
    assert_eq!(again.ok()["queued"], true);
    let mails = sink.wait_for(1, LIMIT).await;
    assert_eq!(mails[0].to, ["r@example.net"]);
    gone(&client, &entry).await;
    let again = client.post(&format!("{entry}/retry"), &json!({})).await;
    assert_eq!(
        (again.status, &again.json()["code"]),
        (404, &json!("NotFound"))
    );
}

#[tokio::test]
async fn a_message_that_has_not_failed_is_not_sent_again() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = sender(&client, &sink).await;
    // Under way for a moment, then waiting for its next attempt.
    sink.fail(Phase::Rcpt, Fault::Delay(Duration::from_secs(3)));
    sink.fail(Phase::Dot, Fault::reply(451));
    let entry = submit(&client, &user, "r@example.net").await;
    for state in ["sending", "queued"] {
        eventually(state, LIMIT, || async {
            (client.get(&entry).await.ok()["state"] == state).then_some(())
        })
        .await;
        let again = client.post(&format!("{entry}/retry"), &json!({})).await;
        assert_eq!(
            (again.status, &again.json()["code"]),
            (409, &json!("NotFailed"))
        );
    }
}

/// A message once it waits for the turn of its account: for a moment it is in the hands of whoever looks whether it is due.
async fn turn(client: &Client, path: &str) -> Value {
    eventually("a message that waits for its turn", LIMIT, || async {
        let entry = client.get(path).await.ok();
        let due = entry["nextAttempt"].as_str();
        due.is_some_and(|due| due > entry["created"].as_str().unwrap())
            .then_some(entry)
    })
    .await
}

#[tokio::test]
async fn accounts_keep_to_their_rates() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = sender(&client, &sink).await;
    let path = format!("/v1/account/{user}");
    let set = async |path: &str, body: Value| {
        let answer = if path.ends_with("settings") {
            client.post(path, &body).await
        } else {
            client.put(path, &body).await
        };
        answer.ok();
    };
    set(
        "/v1/settings",
        json!({ "sendRate": 1, "sendRateWindow": 86_400 }),
    )
    .await;
    let shown = client
        .get("/v1/settings?sendRate=true&sendRateWindow=true")
        .await
        .ok();
    assert_eq!(shown, json!({ "sendRate": 1, "sendRateWindow": 86_400 }));

    let first = submit(&client, &user, "one@example.net").await;
    gone(&client, &first).await;
    let second = submit(&client, &user, "two@example.net").await;
    let third = submit(&client, &user, "three@example.net").await;
    let waiting = turn(&client, &second).await;
    assert_eq!(
        (&waiting["state"], &waiting["attemptsMade"]),
        (&json!("queued"), &json!(0))
    );
    turn(&client, &third).await;
    let stats = client.get("/v1/settings/queue/submit").await.ok();
    assert_eq!(stats["jobs"]["delayed"], 2);

    // More of its own: at once, as nothing was sent for long enough.
    set(&path, json!({ "sendRate": 86_400_000 / 1000 })).await;
    assert_eq!(client.get(&path).await.ok()["sendRate"], 86_400);
    gone(&client, &second).await;
    gone(&client, &third).await;
    // The rate of the setting again, then none.
    set(&path, json!({ "sendRate": null })).await;
    assert_eq!(client.get(&path).await.ok().get("sendRate"), None);
    let fourth = submit(&client, &user, "four@example.net").await;
    turn(&client, &fourth).await;
    set("/v1/settings", json!({ "sendRate": 0 })).await;
    gone(&client, &fourth).await;
    assert_eq!(sink.mails().len(), 4);
}

#[tokio::test]
async fn extensions_are_asked_for_where_they_are_needed() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = sender(&client, &sink).await;
    let plain = submit(&client, &user, "r@b\u{fc}cher.example").await;
    gone(&client, &plain).await;
    let raw = BASE64_STANDARD.encode(
        "From: a@example.com\r\nTo: r@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nh\u{e9}llo\r\n",
    );
    let path = format!("/v1/account/{user}/submit");
    client.post(&path, &json!({ "raw": raw })).await.ok();
    let mails = sink.wait_for(2, LIMIT).await;
    assert_eq!(mails[0].to, ["r@xn--bcher-kva.example"]);
    for word in ["BODY=", "SMTPUTF8"] {
        assert!(
            !mails[0].from_parameters.contains(word),
            "{}",
            mails[0].from_parameters
        );
    }
    let parameters = &mails[1].from_parameters;
    assert!(parameters.contains("BODY=8BITMIME"), "{parameters}");
    assert!(!parameters.contains("SMTPUTF8"), "{parameters}");
}
