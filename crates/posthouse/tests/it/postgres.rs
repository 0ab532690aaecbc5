//! The main job on PostgreSQL, and what a restart keeps.

use posthouse_testkit::{
    HookSink, Server, SmtpSink, eventually, imap_append, imap_messages, mail, postgres_url,
    unique_user,
};
use serde_json::json;

use crate::{BINARY, LIMIT, account, webhooks_to, with_smtp};

/// A schema of the test's own, as a connection URL.
pub async fn schema() -> String {
    let server = postgres_url();
    let schema = unique_user().replace('-', "_");
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(&format!("CREATE SCHEMA {schema}"))
        .await
        .unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    format!("{server}{separator}options=-c%20search_path%3D{schema}")
}

#[tokio::test]
async fn the_main_job_runs_on_postgres_and_goes_on_after_a_kill() {
    let hooks = HookSink::start().await;
    let sink = SmtpSink::start().await;
    let url = schema().await;
    let mut server = Server::builder(BINARY)
        .database(&url)
        .env("EENGINE_SECRET", "a secret of the tests")
        .start()
        .await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    let client = server.client().await;
    let registered = client
        .post("/v1/account", &with_smtp(account(&user), &sink))
        .await
        .ok();
    assert_eq!(registered, json!({ "account": user, "state": "new" }));
    server.wait_state(&user, "connected", LIMIT).await;

    let first = mail::plain("first", "First", "Hello\r\n");
    imap_append(&user, "INBOX", &first).await;
    let told = hooks.wait_for_event(&user, "messageNew", LIMIT).await;
    assert_eq!(told.json()["data"]["subject"], "First");
    let submit = format!("/v1/account/{user}/submit");
    let body = json!({ "to": [{ "address": "r@example.net" }], "subject": "out", "text": "t" });
    let queued = client.post(&submit, &body).await.ok();
    let told = hooks.wait_for_event(&user, "messageSent", LIMIT).await;
    assert_eq!(told.json()["data"]["queueId"], queued["queueId"]);
    assert_eq!(sink.mails().len(), 1);
    eventually("the copy in Sent", LIMIT, || async {
        imap_messages(&user, "Sent").await.into_iter().next()
    })
    .await;

    // A message and a submission meet a process that is not there.
    let later = json!({
        "to": [{ "address": "r@example.net" }], "subject": "later", "text": "t",
        "sendAt": "2038-01-01T00:00:00.000Z",
    });
    let later = client.post(&submit, &later).await.ok();
    server.kill();
    hooks.clear();
    let second = mail::plain("second", "Second", "Hello\r\n");
    imap_append(&user, "INBOX", &second).await;
    server.restart().await;
    let client = server.client().await;
    server.wait_state(&user, "connected", LIMIT).await;
    // The lane of a process that died is free when its lease has run out.
    let told = hooks
        .wait_for_event(&user, "messageNew", LIMIT + LIMIT)
        .await;
    assert_eq!(told.json()["data"]["subject"], "Second");
    let events: Vec<_> = hooks.hooks().iter().map(|hook| hook.event()).collect();
    assert!(
        !events.iter().any(|event| event == "accountInitialized"),
        "{events:?}"
    );
    let id = later["queueId"].as_str().unwrap();
    let kept = client.get(&format!("/v1/outbox/{id}")).await.ok();
    assert_eq!(kept["subject"], "later");
    assert_eq!(kept["nextAttempt"], "2038-01-01T00:00:00.000Z");
    let page = client
        .get(&format!("/v1/account/{user}/messages?path=INBOX"))
        .await
        .ok();
    assert_eq!(page["total"], 2);
}

#[tokio::test]
async fn another_secret_is_refused() {
    let url = schema().await;
    let start = |secret: &'static str| {
        Server::builder(BINARY)
            .database(&url)
            .env("EENGINE_SECRET", secret)
    };
    let mut server = start("one").start().await;
    assert!(server.stop().await.success());
    let output = std::process::Command::new(BINARY)
        .args(["serve", "--port", "0", "--database", &url])
        .env("EENGINE_SECRET", "another")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("secret"), "{said}");
}
