//! Sending through a real mail server: what it does with a message, and what comes back of it.

use base64::{Engine, prelude::BASE64_STANDARD};
use posthouse_testkit::{
    Client, Hook, HookSink, Server, env, eventually, imap_messages, unique_user,
};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, webhooks_to};

/// An account that sends by Postfix, with its address there, connected.
async fn sender(server: &mut Server, smtp: Value) -> (Client, String) {
    let client = server.client().await;
    let user = unique_user();
    let mut body = account(&user);
    body["email"] = json!(format!("{user}@sender.test"));
    body["smtp"] = smtp;
    client.post("/v1/account", &body).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    (client, user)
}

fn plain() -> Value {
    let smtp = env::postfix_addr();
    json!({ "host": smtp.ip().to_string(), "port": smtp.port(), "secure": false })
}

/// The port for submission, with a login by this password.
fn submission(pass: &str) -> Value {
    let smtp = env::postfix_submission_addr();
    json!({
        "host": smtp.ip().to_string(), "port": smtp.port(), "secure": false,
        "auth": { "user": "anybody", "pass": pass }, "tls": { "rejectUnauthorized": false },
    })
}

async fn submit(client: &Client, user: &str, body: &Value) -> Value {
    let path = format!("/v1/account/{user}/submit");
    client.post(&path, body).await.ok()
}

/// The only message in somebody's mailbox, once it is there.
async fn arrived(user: &str) -> Vec<u8> {
    eventually("a message that arrives", LIMIT, || async {
        let messages = imap_messages(user, "INBOX").await;
        messages.into_iter().next().map(|message| message.raw)
    })
    .await
}

async fn told(hooks: &HookSink, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let wanted = |hook: &Hook| hook.event() == event && fits(&hook.json()["data"]);
    hooks.wait_for(LIMIT, wanted).await.json()["data"].clone()
}

#[tokio::test]
async fn what_nobody_takes_comes_back_as_a_bounce_of_it() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let (client, user) = sender(&mut server, plain()).await;
    let lost = format!("nobody-{user}@receiver.test");
    let body = json!({ "to": [{ "address": lost }], "subject": "Lost", "text": "x" });
    let queued = submit(&client, &user, &body).await;
    let sent = told(&hooks, "messageSent", |data| {
        data["queueId"] == queued["queueId"]
    })
    .await;
    let bounce = told(&hooks, "messageBounce", |_| true).await;
    assert_eq!(bounce["messageId"], queued["messageId"]);
    assert_eq!(bounce["recipient"], json!(lost));
    assert_eq!(bounce["action"], "failed");
    assert_eq!(bounce["response"]["status"], "5.1.1");
    assert_eq!(bounce["response"]["category"], "user_unknown");
    // Postfix named the message when it took it, and names it so when it comes back.
    let response = sent["response"].as_str().unwrap();
    let number = bounce["queueId"].as_str().unwrap();
    assert!(response.ends_with(number), "{response} {number}");
}

#[tokio::test]
async fn a_report_that_was_asked_for_comes() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let (client, user) = sender(&mut server, plain()).await;
    let reader = unique_user();
    let to = format!("{reader}@receiver.test");
    let body = json!({
        "to": [{ "address": to }], "subject": "Report", "text": "x",
        "dsn": { "id": "envelope-7", "return": "headers", "notify": ["success"] },
    });
    submit(&client, &user, &body).await;
    let new = told(&hooks, "messageNew", |data| {
        data["deliveryReport"].is_object()
    })
    .await;
    let report = &new["deliveryReport"];
    assert_eq!(report["action"], "delivered", "{new:#}");
    assert_eq!(report["finalRecipient"]["value"], json!(to));
    assert_eq!(report["originalEnvelopeId"], "envelope-7");
    arrived(&reader).await;
}

#[tokio::test]
async fn a_message_arrives_as_it_was_queued() {
    let mut server = Server::start(BINARY).await;
    let (client, user) = sender(&mut server, plain()).await;
    let reader = unique_user();
    let long = "x".repeat(990);
    let raw = format!(
        "From: Alice <{user}@sender.test>\r\nTo: {reader}@receiver.test\r\nSubject: Gr=?utf-8?Q?=C3=BC=C3=9Fe?=\r\n\
         Date: Sat, 28 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{reader}@sender.test>\r\nX-Folded: one\r\n\ttwo  \r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         .\r\n..\r\n.dot first\r\nFrom a line\r\ntrailing blanks   \r\n\r\nGrüße, ünverändert ✓\r\n{long}\r\n\r\n\r\nend"
    );
    let raw = format!("{raw}\r\n");
    let body = json!({ "raw": BASE64_STANDARD.encode(&raw) });
    submit(&client, &user, &body).await;
    let found = arrived(&reader).await;
    let found = String::from_utf8(found).unwrap();
    assert!(found.ends_with(&raw), "{found}");
    // Nothing but the fields of those who carried it stands above.
    let above = &found[..found.len() - raw.len()];
    let own = [
        "Return-Path",
        "X-Original-To",
        "Delivered-To",
        "Received",
        "DKIM-Signature",
    ];
    for line in above.lines().filter(|line| !line.starts_with([' ', '\t'])) {
        let name = line.split(':').next().unwrap();
        assert!(own.contains(&name), "{line}");
    }
    assert!(above.contains("DKIM-Signature"));
}

#[tokio::test]
async fn an_address_beyond_ascii_is_carried() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let (client, user) = sender(&mut server, plain()).await;
    let reader = unique_user();
    let body = json!({
        "from": { "name": "Jürgen", "address": "jürgen@sender.test" },
        "to": [{ "address": format!("{reader}@receiver.test") }], "subject": "Grüße", "text": "ü",
    });
    submit(&client, &user, &body).await;
    let raw = arrived(&reader).await;
    let raw = String::from_utf8(raw).unwrap();
    assert!(raw.contains("Return-Path: <jürgen@sender.test>"), "{raw}");
    assert!(raw.contains("with UTF8SMTP"), "{raw}");
    assert!(raw.contains("<jürgen@sender.test>\r\n"), "{raw}");
}

/// One server says beforehand how much it takes, and is not asked; the other refuses when it has seen too much.
#[tokio::test]
async fn what_is_too_large_is_given_up_at_once() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let large = BASE64_STANDARD.encode(vec![7; 1 << 20]);
    let body = json!({
        "to": [{ "address": "anybody@receiver.test" }], "subject": "Large", "text": "x",
        "attachments": [{ "filename": "large.bin", "content": large }],
    });
    let ways = [
        (plain(), Value::Null),
        (submission(env::IMAP_PASSWORD), json!(552)),
    ];
    for (smtp, reply) in ways {
        let (client, user) = sender(&mut server, smtp).await;
        let queued = submit(&client, &user, &body).await;
        let own = |data: &Value| data["queueId"] == queued["queueId"];
        let error = told(&hooks, "messageDeliveryError", own).await;
        assert_eq!(error["smtpResponseCode"], reply, "{error:#}");
        assert_eq!(error["job"]["nextAttempt"], false);
        told(&hooks, "messageFailed", own).await;
    }
}

#[tokio::test]
async fn a_submission_port_wants_tls_and_a_login() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let (client, user) = sender(&mut server, submission(env::IMAP_PASSWORD)).await;
    let reader = unique_user();
    let to = format!("{reader}@receiver.test");
    let body = json!({ "to": [{ "address": to }], "subject": "TLS", "text": "x" });
    submit(&client, &user, &body).await;
    let raw = arrived(&reader).await;
    let raw = String::from_utf8(raw).unwrap();
    assert!(raw.contains("with ESMTPSA"), "{raw}");

    let wrong = json!({ "smtp": submission("wrong") });
    let path = format!("/v1/account/{user}");
    client.put(&path, &wrong).await.ok();
    let queued = submit(&client, &user, &body).await;
    let error = told(&hooks, "messageDeliveryError", |_| true).await;
    assert_eq!(error["queueId"], queued["queueId"]);
    assert_eq!(error["smtpResponseCode"], 535, "{error:#}");
}

#[tokio::test]
async fn fifty_recipients_get_one_message() {
    let mut server = Server::start(BINARY).await;
    let (client, user) = sender(&mut server, plain()).await;
    let readers: Vec<String> = (0..50).map(|_| unique_user()).collect();
    let bcc: Vec<Value> = readers
        .iter()
        .map(|reader| json!({ "address": format!("{reader}@receiver.test") }))
        .collect();
    let body = json!({ "bcc": bcc, "subject": "To all", "text": "x" });
    let queued = submit(&client, &user, &body).await;
    let id = queued["messageId"].as_str().unwrap().to_owned();
    for reader in &readers {
        let raw = arrived(reader).await;
        let raw = String::from_utf8(raw).unwrap();
        assert!(raw.contains(&id), "{raw}");
        assert!(!raw.contains("Bcc:"), "{raw}");
        assert_eq!(imap_messages(reader, "INBOX").await.len(), 1);
    }
}
