//! From `/submit` to the mail server.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use posthouse_testkit::{
    Fault, HookSink, Phase, Server, SmtpSink, eventually, imap_append, imap_messages, mail,
    unique_user,
};
use serde_json::json;

use crate::{BINARY, LIMIT, account, webhooks_to, with_smtp};

#[tokio::test]
async fn a_submitted_message_is_delivered_copied_and_told() {
    let hooks = HookSink::start().await;
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    imap_append(
        &user,
        "INBOX",
        &mail::plain("asked", "Question", "Well?\r\n"),
    )
    .await;
    let client = server.client().await;
    client
        .post("/v1/account", &with_smtp(account(&user), &sink))
        .await
        .ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let page = client
        .get(&format!("/v1/account/{user}/messages?path=INBOX"))
        .await
        .ok();
    let question = page["messages"][0]["id"].clone();

    let queued = client
        .post(
            &format!("/v1/account/{user}/submit"),
            &json!({
                "reference": { "message": question, "action": "reply" },
                "to": [{ "name": "Bob", "address": "bob@example.net" }],
                "bcc": [{ "address": "hidden@example.net" }],
                "text": "Quite so. ✓",
                "html": "<p>Quite so. ✓</p>",
                "headers": { "X-Custom": "kept" },
                "attachments": [{ "filename": "note.txt", "content": "bm90ZQ==",
                                  "contentType": "text/plain" }],
            }),
        )
        .await
        .ok();
    assert_eq!(queued["response"], "Queued for delivery");
    let message_id = queued["messageId"].as_str().unwrap_or_default().to_owned();
    assert!(queued["queueId"].as_str().is_some_and(|id| id.len() == 19));

    let mails = sink.wait_for(1, LIMIT).await;
    let sent = &mails[0];
    assert_eq!(sent.to, ["bob@example.net", "hidden@example.net"]);
    assert_eq!(
        sent.header("Message-ID").as_deref(),
        Some(message_id.as_str())
    );
    assert_eq!(
        sent.header("In-Reply-To").as_deref(),
        Some("<asked@example.org>")
    );
    assert_eq!(sent.header("Subject").as_deref(), Some("Re: Question"));
    assert_eq!(sent.header("X-Custom").as_deref(), Some("kept"));
    assert_eq!(sent.header("Bcc"), None);

    let told = hooks.wait_for_event(&user, "messageSent", LIMIT).await;
    assert_eq!(told.json()["data"]["queueId"], queued["queueId"]);
    assert_eq!(told.json()["data"]["messageId"], json!(message_id));

    eventually("the copy in Sent", LIMIT, || async {
        imap_messages(&user, "Sent").await.into_iter().next()
    })
    .await;
    let copies = imap_messages(&user, "Sent").await;
    let copy = String::from_utf8_lossy(&copies[0].raw).into_owned();
    assert!(copy.contains("hidden@example.net"), "the copy keeps Bcc");
    eventually("\\Answered", LIMIT, || async {
        let flags = imap_messages(&user, "INBOX").await;
        flags[0]
            .flags
            .iter()
            .any(|flag| flag == "\\Answered")
            .then_some(())
    })
    .await;
    eventually("an empty outbox", LIMIT, || async {
        (client.get("/v1/outbox").await.ok()["total"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn failures_are_retried_told_and_end() {
    let hooks = HookSink::start().await;
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    let client = server.client().await;
    client
        .post("/v1/account", &with_smtp(account(&user), &sink))
        .await
        .ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let submit = format!("/v1/account/{user}/submit");
    let body = |to: &str| json!({ "to": [{ "address": to }], "subject": "s", "text": "t" });

    // A refusal for a while: tried again.
    sink.fail_times(Phase::Data, Fault::reply(451), 1);
    let first = client.post(&submit, &body("later@example.net")).await.ok();
    let error = hooks
        .wait_for_event(&user, "messageDeliveryError", LIMIT)
        .await;
    let data = error.json()["data"].clone();
    assert_eq!(data["queueId"], first["queueId"]);
    assert_eq!(data["smtpResponseCode"], 451);
    assert_eq!(data["job"]["attemptsMade"], 1);
    assert!(data["job"]["nextAttempt"].is_string());
    sink.wait_for(1, LIMIT).await;

    // A refusal for good: over at once.
    hooks.clear();
    sink.refuse_recipient("nobody@example.net", Fault::reply(550));
    let second = client.post(&submit, &body("nobody@example.net")).await.ok();
    let error = hooks
        .wait_for_event(&user, "messageDeliveryError", LIMIT)
        .await;
    assert_eq!(error.json()["data"]["job"]["nextAttempt"], false);
    let failed = hooks.wait_for_event(&user, "messageFailed", LIMIT).await;
    assert_eq!(failed.json()["data"]["queueId"], second["queueId"]);
    assert!(
        failed.json()["data"]["error"]
            .as_str()
            .is_some_and(|text| text.starts_with("Error: "))
    );
    // The first may still be there: its copy is filed after it was delivered.
    let listed = client.get("/v1/outbox").await.ok();
    let listed = listed["messages"].as_array().unwrap();
    let mut listed = listed.iter();
    let entry = listed.find(|entry| entry["queueId"] == second["queueId"]);
    assert_eq!(entry.unwrap()["progress"]["status"], "error");
    let id = second["queueId"].as_str().unwrap_or_default();
    let gone = client.delete(&format!("/v1/outbox/{id}")).await.ok();
    assert_eq!(gone["deleted"], true);

    let metrics = client.get("/metrics").await.text();
    for line in [
        r#"events{event="smtpSubmitQueued"} 2"#,
        r#"events{event="smtpSubmitFail"} 1"#,
        r#"queues_processed{queue="submit",status="completed"} 1"#,
        r#"queues_processed{queue="submit",status="failed"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    let counters = client.get("/v1/stats").await.ok()["counters"].clone();
    assert_eq!(counters["submit:success"], 1);
    assert_eq!(counters["submit:fail"], 1);
}

#[tokio::test]
async fn a_message_in_hand_is_shown_as_such() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let user = unique_user();
    let client = server.client().await;
    let mut body = with_smtp(account(&user), &sink);
    body.as_object_mut().map(|map| map.remove("imap"));
    client.post("/v1/account", &body).await.ok();
    sink.fail_times(Phase::Rcpt, Fault::Delay(Duration::from_secs(3)), 1);
    sink.fail_times(Phase::Dot, Fault::Delay(Duration::from_secs(3)), 1);
    let body = json!({ "to": [{ "address": "r@example.net" }], "subject": "s", "text": "t" });
    let submit = format!("/v1/account/{user}/submit");
    let queued = client.post(&submit, &body).await.ok();
    let path = format!("/v1/outbox/{}", queued["queueId"].as_str().unwrap());
    for status in ["processing", "smtp-starting"] {
        eventually(status, LIMIT, || async {
            let shown = client.get(&path).await.ok();
            assert_eq!(shown["attemptsMade"], 0);
            (shown["progress"]["status"] == status && shown["nextAttempt"] == false).then_some(())
        })
        .await;
    }
    sink.wait_for(1, LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_200_survives_kill() {
    const COUNT: usize = 500;
    const KILLS: usize = 6;
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let user = unique_user();
    let client = server.client().await;
    // A pure sending account: nothing but the outbox is looked at.
    let mut body = with_smtp(account(&user), &sink);
    body.as_object_mut().map(|map| map.remove("imap"));
    client.post("/v1/account", &body).await.ok();

    let accepted = Arc::new(Mutex::new(Vec::new()));
    let mut writers = Vec::new();
    for writer in 0..8 {
        let (client, accepted) = (server.client().await, accepted.clone());
        let path = format!("/v1/account/{user}/submit");
        writers.push(tokio::spawn(async move {
            for number in 0..10_000 {
                if accepted.lock().unwrap().len() >= COUNT {
                    return;
                }
                let subject = format!("kill {writer} {number}");
                let body = json!({
                    "to": [{ "address": "r@example.net" }], "subject": subject, "text": "t",
                });
                let json = [("Content-Type", "application/json")];
                let body = Some(body.to_string().into_bytes());
                match client.try_request("POST", &path, &json, body).await {
                    Ok(answer) if answer.status == 200 => accepted.lock().unwrap().push(subject),
                    // The server is down just now.
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        }));
    }
    for kill in 1..=KILLS {
        eventually("progress", Duration::from_secs(60), || async {
            (accepted.lock().unwrap().len() >= kill * COUNT / (KILLS + 1)).then_some(())
        })
        .await;
        server.restart().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    server.restart().await;
    let accepted: HashSet<String> = accepted.lock().unwrap().drain(..).collect();
    assert!(accepted.len() >= COUNT);
    eventually(
        "every accepted message",
        Duration::from_secs(150),
        || async {
            let seen: HashSet<String> = sink
                .mails()
                .iter()
                .filter_map(|mail| mail.header("Subject"))
                .collect();
            accepted.is_subset(&seen).then_some(())
        },
    )
    .await;
}
