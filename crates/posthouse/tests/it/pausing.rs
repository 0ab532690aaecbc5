//! Queues that are paused: nothing is lost, nothing is sent, and a restart changes neither.

use std::time::Instant;

use posthouse_testkit::{HookSink, Server, SmtpSink, eventually, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, postgres::schema, webhooks_to, with_smtp};

#[tokio::test]
async fn what_waits_in_paused_queues_survives_kill_on_sqlite() {
    pausing(Server::start(BINARY).await).await;
}

#[tokio::test]
async fn what_waits_in_paused_queues_survives_kill_on_postgres() {
    let server = Server::builder(BINARY)
        .database(&schema().await)
        .env("EENGINE_SECRET", "a secret of the tests");
    pausing(server.start().await).await;
}

/// An account that only sends.
fn sending(user: &str, sink: &SmtpSink) -> Value {
    let mut account = with_smtp(account(user), sink);
    account.as_object_mut().unwrap().remove("imap");
    account
}

async fn pause(server: &mut Server, queue: &str, paused: bool) {
    let client = server.client().await;
    let path = format!("/v1/settings/queue/{queue}");
    let answer = client.put(&path, &json!({ "paused": paused })).await.ok();
    assert_eq!(answer, json!({ "queue": queue, "paused": paused }));
}

async fn pausing(mut server: Server) {
    let hooks = HookSink::start().await;
    let sink = SmtpSink::start().await;
    webhooks_to(&mut server, &hooks).await;
    let (user, other) = (unique_user(), unique_user());
    let client = server.client().await;
    client
        .post("/v1/account", &sending(&user, &sink))
        .await
        .ok();
    hooks.wait_for_event(&user, "accountAdded", LIMIT).await;
    pause(&mut server, "submit", true).await;
    pause(&mut server, "notify", true).await;
    client
        .post("/v1/account", &sending(&other, &sink))
        .await
        .ok();
    let submit = format!("/v1/account/{user}/submit");
    let body = json!({ "to": [{ "address": "r@example.net" }], "subject": "s", "text": "t" });
    let queued = client.post(&submit, &body).await.ok();

    // Both are shown, before a crash and after it.
    for killed in [false, true] {
        if killed {
            server.kill();
            server.restart().await;
        }
        let client = server.client().await;
        for queue in ["notify", "submit"] {
            let path = format!("/v1/settings/queue/{queue}");
            let shown = eventually("a waiting job", LIMIT, || async {
                let shown = client.get(&path).await.ok();
                (shown["jobs"]["waiting"] == 1).then_some(shown)
            })
            .await;
            assert_eq!(shown["paused"], true, "{queue}");
            let stats = client.get("/v1/stats").await.ok();
            let stats = &stats["queues"][queue];
            assert_eq!(
                (&stats["isPaused"], &stats["waiting"]),
                (&true.into(), &1.into())
            );
            assert_eq!(stats["total"], 1);
        }
        let documents = client.get("/v1/settings/queue/documents").await.ok();
        assert_eq!(documents["paused"], false);
    }

    // A queue that is resumed goes on at once, the other stays.
    let resumed = Instant::now();
    pause(&mut server, "notify", false).await;
    let hook = hooks.wait_for_event(&other, "accountAdded", LIMIT).await;
    assert!(hook.at > resumed, "delivered from a paused queue");
    assert_eq!(hook.header("x-ee-wh-attempts-made"), Some("0"));
    assert!(sink.mails().is_empty(), "sent from a paused queue");
    let resumed = Instant::now();
    pause(&mut server, "submit", false).await;
    let hook = hooks.wait_for_event(&user, "messageSent", LIMIT).await;
    assert!(hook.at > resumed);
    assert_eq!(hook.json()["data"]["queueId"], queued["queueId"]);
    assert_eq!(sink.mails().len(), 1);
    let told: Vec<_> = hooks.hooks().iter().map(|hook| hook.event()).collect();
    assert_eq!(told, ["accountAdded", "accountAdded", "messageSent"]);
}
