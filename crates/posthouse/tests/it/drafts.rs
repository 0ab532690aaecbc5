//! Drafts of the mailbox that are sent.

use std::time::Duration;

use posthouse_testkit::{
    Client, Fault, FaultProxy, Mode, Phase, Server, SmtpSink, eventually, imap_addr, imap_messages,
    unique_user,
};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, with_smtp};

const DRAFT: &str = "From: Me <me@example.com>\r\nTo: Bob <bob@example.net>\r\nBcc: hidden@example.net\r\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <draft-1@example.com>\r\nX-Unsent: 1\r\n\
    Date: Mon, 01 Jan 2018 00:00:00 +0000\r\nX-EE-Delivery-Attempts: 3\r\n\
    In-Reply-To: <parent@example.com>\r\nX-Odd:  kept  as it is\r\n\r\nBody  \r\n.\r\nwith odd lines\n";

/// Stores a draft; its id.
async fn store(client: &Client, user: &str, path: &str, flags: &[&str], raw: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let body = json!({ "path": path, "flags": flags, "raw": BASE64_STANDARD.encode(raw) });
    let path = format!("/v1/account/{user}/message");
    let stored = client.post(&path, &body).await.ok();
    stored["id"].as_str().unwrap().to_owned()
}

async fn started(server: &mut Server, account: Value) -> (String, Client) {
    let client = server.client().await;
    client.post("/v1/account", &account).await.ok();
    let user = account["account"].as_str().unwrap().to_owned();
    server.wait_state(&user, "connected", LIMIT).await;
    (user, client)
}

/// How many messages stand in a folder, which may not be there.
async fn count(client: &Client, user: &str, folder: &str) -> Value {
    let path = format!("/v1/account/{user}/messages?path={folder}");
    let answer = client.get(&path).await;
    match answer.status {
        404 => json!(0),
        _ => answer.ok()["total"].clone(),
    }
}

async fn empty_outbox(client: &Client) {
    eventually("an empty outbox", LIMIT, || async {
        (client.get("/v1/outbox").await.ok()["total"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_draft_is_sent_and_gone() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let (user, client) = started(&mut server, with_smtp(account(&unique_user()), &sink)).await;
    let id = store(&client, &user, "\\Drafts", &["\\Draft", "\\Seen"], DRAFT).await;
    let path = format!("/v1/account/{user}/message/{id}/submit");
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "once"),
    ];
    let first = client
        .request("POST", &path, &headers, Some(b"{}".to_vec()))
        .await
        .ok();
    assert_eq!(first["response"], "Queued for delivery");
    assert_eq!(first["messageId"], "<draft-1@example.com>");
    assert_eq!(first["idempotency"]["status"], "MISS");
    let again = client
        .request("POST", &path, &headers, Some(b"{}".to_vec()))
        .await
        .ok();
    assert_eq!(again["idempotency"]["status"], "HIT");
    assert_eq!(again["queueId"], first["queueId"]);
    let other = br#"{"deliveryAttempts":1}"#.to_vec();
    client
        .request("POST", &path, &headers, Some(other))
        .await
        .expect(422);

    let mails = sink.wait_for(1, LIMIT).await;
    assert_eq!(mails[0].from, "me@example.com");
    assert_eq!(mails[0].to, ["bob@example.net", "hidden@example.net"]);
    let sent = mails[0].text();
    let (header, body) = sent.split_at(sent.find("\r\n\r\n").unwrap() + 2);
    assert_eq!(body, "\r\nBody  \r\n.\r\nwith odd lines\r\n");
    for gone in ["Bcc:", "X-Unsent", "X-EE-", "2018"] {
        assert!(!header.contains(gone), "{gone} in {header}");
    }
    for kept in [
        "X-Odd:  kept  as it is\r\n",
        "In-Reply-To: <parent@example.com>\r\n",
    ] {
        assert!(header.contains(kept), "{kept} in {header}");
    }
    empty_outbox(&client).await;
    assert_eq!(sink.mails().len(), 1);
    for (folder, messages) in [("Drafts", 0), ("Trash", 0), ("Sent", 1)] {
        assert_eq!(count(&client, &user, folder).await, messages, "{folder}");
    }
    let copy = imap_messages(&user, "Sent").await.remove(0);
    let text = String::from_utf8_lossy(&copy.raw).into_owned();
    assert!(text.contains("Bcc: hidden@example.net\r\n"), "{text}");
    assert!(!copy.flags.iter().any(|flag| flag == "\\Draft"));
}

#[tokio::test]
async fn without_a_copy_the_draft_goes_to_the_trash() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let (user, client) = started(&mut server, with_smtp(account(&unique_user()), &sink)).await;
    let id = store(&client, &user, "\\Drafts", &["\\Draft"], DRAFT).await;
    let body = json!({ "copy": false, "envelope": { "from": "other@example.com", "to": ["only@example.net"] } });
    let path = format!("/v1/account/{user}/message/{id}/submit");
    client.post(&path, &body).await.ok();
    let mails = sink.wait_for(1, LIMIT).await;
    assert_eq!(mails[0].from, "other@example.com");
    assert_eq!(mails[0].to, ["only@example.net"]);
    empty_outbox(&client).await;
    for (folder, messages) in [("Drafts", 0), ("Trash", 1), ("Sent", 0)] {
        assert_eq!(count(&client, &user, folder).await, messages, "{folder}");
    }
}

#[tokio::test]
async fn a_draft_that_is_its_own_copy_stays() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let (user, client) = started(&mut server, with_smtp(account(&unique_user()), &sink)).await;
    let id = store(&client, &user, "\\Drafts", &["\\Draft"], DRAFT).await;
    let path = format!("/v1/account/{user}/message/{id}/submit");
    client
        .post(&path, &json!({ "sentMailPath": "Drafts" }))
        .await
        .ok();
    sink.wait_for(1, LIMIT).await;
    empty_outbox(&client).await;
    assert_eq!(count(&client, &user, "Drafts").await, 1);
}

#[tokio::test]
async fn what_is_no_draft_is_not_sent() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let (user, client) = started(&mut server, with_smtp(account(&unique_user()), &sink)).await;
    let submit = |id: String| format!("/v1/account/{user}/message/{id}/submit");
    let ordinary = store(&client, &user, "INBOX", &[], DRAFT).await;
    let refused = client.post(&submit(ordinary), &json!({})).await.expect(400);
    assert_eq!(refused["code"], "MessageNotDraft");
    let lonely = "From: me@example.com\r\nSubject: s\r\n\r\nBody\r\n";
    let lonely = store(&client, &user, "\\Drafts", &["\\Draft"], lonely).await;
    let refused = client.post(&submit(lonely), &json!({})).await.expect(400);
    assert_eq!(refused["code"], "DraftHasNoRecipients");
    let gone = client
        .post(&submit("AAAAAQAACnA".to_owned()), &json!({}))
        .await
        .expect(404);
    assert_eq!(gone["code"], "MessageNotFound");
    assert_eq!(client.get("/v1/outbox").await.ok()["total"], 0);
    assert_eq!(count(&client, &user, "Drafts").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_draft_survives_kill() {
    let sink = SmtpSink::start().await;
    let proxy = FaultProxy::start_plain(imap_addr()).await;
    let mut server = Server::start(BINARY).await;
    let mut registered = with_smtp(account(&unique_user()), &sink);
    registered["imap"]["port"] = json!(proxy.addr().port());
    let (user, client) = started(&mut server, registered).await;
    let id = store(&client, &user, "\\Drafts", &["\\Draft"], DRAFT).await;
    // The mailbox goes away after the draft was read, and before it is sent.
    sink.fail_times(Phase::Mail, Fault::Delay(Duration::from_secs(2)), 1);
    let path = format!("/v1/account/{user}/message/{id}/submit");
    let queued = client.post(&path, &json!({})).await.ok();
    proxy.set(Mode::Refuse);
    proxy.cut_all();
    let path = format!("/v1/outbox/{}", queued["queueId"].as_str().unwrap());
    eventually("the mail server's word", LIMIT, || async {
        (client.get(&path).await.ok()["progress"]["status"] == "smtp-completed").then_some(())
    })
    .await;
    server.kill();
    assert_eq!(imap_messages(&user, "Drafts").await.len(), 1);
    proxy.set(Mode::Pass);
    server.restart().await;
    let client = server.client().await;
    empty_outbox(&client).await;
    assert_eq!(imap_messages(&user, "Drafts").await.len(), 0);
    assert_eq!(imap_messages(&user, "Sent").await.len(), 1);
    assert_eq!(sink.mails().len(), 1);
}
