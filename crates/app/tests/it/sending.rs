//! Submitting: what is queued is what was asked for.

use base64::{Engine, prelude::BASE64_STANDARD};
use posthouse_model::{ApiError, Permissions, outbox::QueueId};
use posthouse_store::{blob, outbox};
use serde_json::{Value, json};

use crate::{
    mailbox::{ATTACHMENT, MESSAGE},
    support::{Ask, Hall, ask, sqlite},
};

both!(
    a_message_is_durable_before_the_answer,
    an_idempotency_key_sends_once
);

/// Far away, so that no worker takes it.
const LATER: &str = "2099-01-02T03:04:05.000Z";

pub fn to(account: &str, mut body: Value) -> Ask {
    body["sendAt"] = json!(LATER);
    ask().path("account", account).body(body)
}

async fn submit(hall: &Hall, body: Value) -> Result<Value, ApiError> {
    hall.call("postV1AccountAccountSubmit", to("own", body))
        .await
}

/// The queued message and its text.
pub async fn queued(hall: &Hall, answer: &Value) -> (outbox::StoredMessage, String) {
    let Ok(id) = answer["queueId"].as_str().unwrap().parse::<QueueId>();
    let stored = outbox::get(hall.app.store(), &id).await.unwrap().unwrap();
    let reader = blob::open(hall.app.store(), &stored.blob)
        .await
        .unwrap()
        .unwrap();
    let bytes = reader.bytes(1 << 30).await.unwrap();
    (stored, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn a_message_is_durable_before_the_answer(hall: &Hall) {
    hall.sending_account("own").await;
    let large = "x".repeat(300_000);
    let answer = submit(
        hall,
        json!({
            "to": [{"name": "Bob", "address": "bob@example.net"}], "bcc": {"address": "hidden@example.net"},
            "replyTo": [{"address": "answers@example.com"}], "subject": "Grüße", "text": "Hello", "html": "<p>Hello</p>",
            "previewText": "in short", "messageId": "<mine@example.com>", "headers": {"X-Custom": "kept"},
            "attachments": [{"filename": "a.txt", "content": BASE64_STANDARD.encode(&large)}],
            "deliveryAttempts": 3, "copy": false, "sentMailPath": "Out",
            "dsn": {"id": "x", "return": "headers", "notify": ["failure"], "recipient": "d@example.com"},
            "proxy": "socks5://u:proxy-secret@127.0.0.1:9", "localAddress": "127.0.0.1",
        }),
    )
    .await
    .unwrap();
    assert_eq!(answer["response"], "Queued for delivery");
    assert_eq!(answer["messageId"], "<mine@example.com>");
    assert_eq!(answer["sendAt"], LATER);
    let (stored, text) = queued(hall, &answer).await;
    let job = &stored.entry.job;
    assert_eq!(job.envelope.from, "ann@example.com");
    assert_eq!(job.envelope.to, ["bob@example.net", "hidden@example.net"]);
    assert_eq!(
        (job.copy, job.sent_mail_path.as_deref()),
        (Some(false), Some("Out"))
    );
    assert_eq!(job.dsn.as_ref().unwrap()["notify"], json!(["failure"]));
    assert_eq!(stored.entry.attempts, 3);
    for line in [
        "From: Ann <ann@example.com>\r\n",
        "To: Bob <bob@example.net>\r\n",
        "Bcc: hidden@example.net\r\n",
        "Reply-To: answers@example.com\r\n",
        "Message-ID: <mine@example.com>\r\n",
        "X-Custom: kept\r\n",
        "in short",
        "a.txt",
    ] {
        assert!(text.contains(line), "{line}");
    }
    assert!(text.len() > 400_000);
    let queue_id = answer["queueId"].as_str().unwrap();
    let shown = hall
        .call("getV1OutboxQueueid", ask().path("queueId", queue_id))
        .await
        .unwrap();
    assert_eq!(shown["subject"], "Grüße");
    assert_eq!(shown["nextAttempt"], LATER);
    assert_eq!(shown["source"], "api");
    assert_eq!(shown["proxy"], "socks5://******:******@127.0.0.1:9");
    assert_eq!(
        hall.call("getV1Outbox", ask()).await.unwrap()["messages"][0],
        shown
    );
    let queue = hall
        .call("getV1SettingsQueueQueue", ask().path("queue", "submit"))
        .await
        .unwrap();
    assert_eq!(queue["jobs"]["delayed"], 1);
    for deleted in [true, false] {
        let answer = hall
            .call("deleteV1OutboxQueueid", ask().path("queueId", queue_id))
            .await
            .unwrap();
        assert_eq!(answer["deleted"], deleted);
    }
    let error = hall
        .call("getV1OutboxQueueid", ask().path("queueId", queue_id))
        .await
        .unwrap_err();
    assert_eq!(error.status, 404);
}

async fn an_idempotency_key_sends_once(hall: &Hall) {
    hall.sending_account("own").await;
    hall.sending_account("other").await;
    let body = json!({"to": [{"address": "bob@example.net"}], "text": "x"});
    let send = |account: &'static str, key: &str| {
        let ask = to(account, body.clone()).key(key);
        async move { hall.call("postV1AccountAccountSubmit", ask).await.unwrap() }
    };
    let first = send("own", "k").await;
    assert_eq!(first["idempotency"], json!({"key": "k", "status": "MISS"}));
    let again = send("own", "k").await;
    assert_eq!(again["idempotency"], json!({"key": "k", "status": "HIT"}));
    assert_eq!(again["queueId"], first["queueId"]);
    assert_ne!(send("other", "k").await["queueId"], first["queueId"]);
    let many = futures_util::future::join_all((0..8).map(|_| send("own", "at once"))).await;
    let ids: std::collections::HashSet<_> = many
        .iter()
        .map(|answer| answer["queueId"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(hall.call("getV1Outbox", ask()).await.unwrap()["total"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn references_are_followed() {
    let hall = sqlite().await;
    hall.connected_account("own").await;
    let reply = submit(
        &hall,
        json!({"reference": {"message": MESSAGE, "action": "reply"}, "text": "Yes"}),
    )
    .await
    .unwrap();
    assert_eq!(
        reply["reference"],
        json!({"message": MESSAGE, "success": true})
    );
    let (stored, text) = queued(&hall, &reply).await;
    assert_eq!(stored.entry.job.envelope.to, ["bob@example.net"]);
    assert!(
        text.contains("In-Reply-To: <asked@example.com>\r\n"),
        "{text}"
    );
    assert!(
        text.contains("References: <first@example.com> <asked@example.com>\r\n"),
        "{text}"
    );
    assert!(text.contains("Subject: Re: Question\r\n"));
    let todo = stored.entry.job.reference.unwrap();
    assert_eq!(
        (todo.message.as_str(), todo.add_flags),
        (MESSAGE, vec!["\\Answered".to_owned()])
    );

    let forward = submit(
        &hall,
        json!({"reference": {"message": MESSAGE, "action": "forward", "forwardAttachments": true},
               "to": [{"address": "carol@example.net"}], "text": "See below",
               "attachments": [{"reference": ATTACHMENT, "filename": "again.csv"}]}),
    )
    .await
    .unwrap();
    let (stored, text) = queued(&hall, &forward).await;
    assert!(text.contains("Subject: Fwd: Question\r\n") && !text.contains("In-Reply-To"));
    // What the body takes itself does not come a second time.
    assert!(
        !text.contains("data.csv") && text.contains("again.csv"),
        "{text}"
    );
    assert_eq!(
        text.matches(&BASE64_STANDARD.encode("a,b\n1,2\n")).count(),
        1
    );
    assert_eq!(
        stored.entry.job.reference.unwrap().add_flags,
        ["\\Answered", "$Forwarded"]
    );

    for reference in [
        json!({"message": "zz"}),
        json!({"message": MESSAGE, "messageId": "<other@example.com>"}),
    ] {
        let body = |forgiving: bool| {
            let mut reference = reference.clone();
            reference["ignoreMissing"] = json!(forgiving);
            json!({"reference": reference, "to": [{"address": "x@example.com"}]})
        };
        let error = submit(&hall, body(false)).await.unwrap_err();
        assert_eq!(
            (error.status, error.code_str()),
            (404, Some("ReferenceNotFound"))
        );
        let answer = submit(&hall, body(true)).await.unwrap();
        assert_eq!(answer["reference"]["success"], false);
    }
}

#[tokio::test]
async fn raw_and_dry_run() {
    let hall = sqlite().await;
    hall.sending_account("own").await;
    let raw = "From: x@example.org\r\nTo: y@example.net\r\nMessage-ID: <raw@example.org>\r\nX-EE-Delivery-Attempts: 2\r\n\r\nBody\r\n";
    let body = json!({"raw": BASE64_STANDARD.encode(raw), "subject": "Added"});
    let answer = submit(&hall, body.clone()).await.unwrap();
    let (stored, text) = queued(&hall, &answer).await;
    assert_eq!(answer["messageId"], "<raw@example.org>");
    assert_eq!(stored.entry.attempts, 2);
    assert_eq!(stored.entry.job.envelope.from, "x@example.org");
    assert!(
        text.ends_with("\r\n\r\nBody\r\n") && text.contains("Subject: Added\r\n"),
        "{text}"
    );
    let mut dry = body;
    dry["dryRun"] = json!(true);
    let answer = submit(&hall, dry).await.unwrap();
    assert_eq!(answer["response"], "Dry run");
    let preview = BASE64_STANDARD
        .decode(answer["preview"].as_str().unwrap())
        .unwrap();
    assert!(String::from_utf8(preview).unwrap().ends_with("Body\r\n"));
    assert_eq!(hall.call("getV1Outbox", ask()).await.unwrap()["total"], 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_and_changes_nothing() {
    let hall = sqlite().await;
    hall.sending_account("own").await;
    let somebody = json!([{"address": "x@example.com"}]);
    for (body, status) in [
        (json!({"text": "x"}), 400),
        (json!({"to": [], "text": "x"}), 400),
        (json!({"to": somebody, "deliveryAttempts": -1}), 400),
        (json!({"to": somebody, "raw": "%"}), 400),
        (
            json!({"to": somebody, "attachments": [{"content": "%"}]}),
            400,
        ),
        (json!({"to": somebody, "headers": {"A B": "x"}}), 400),
        (json!({"to": somebody, "template": "x"}), 404),
        (
            json!({"to": somebody, "raw": "eA==", "trackOpens": true}),
            500,
        ),
        (
            json!({"to": somebody, "render": {}, "subject": "{{#if}"}),
            422,
        ),
        // A link needs an address to lead to.
        (
            json!({"to": somebody, "html": "<p>x</p>", "trackOpens": true}),
            500,
        ),
    ] {
        let error = submit(&hall, body.clone()).await.unwrap_err();
        assert_eq!(error.status, status, "{body}: {error}");
    }
    // Switches that say no are no wish.
    submit(
        &hall,
        json!({"to": somebody, "trackOpens": false, "render": false, "template": ""}),
    )
    .await
    .unwrap();
    assert_eq!(hall.call("getV1Outbox", ask()).await.unwrap()["total"], 1);

    hall.call(
        "putV1AccountAccount",
        ask().path("account", "own").body(json!({"smtp": false})),
    )
    .await
    .unwrap();
    let error = submit(&hall, json!({"to": somebody})).await.unwrap_err();
    assert_eq!(
        (error.status, error.code_str()),
        (404, Some("SMTPUnavailable"))
    );
    let error = hall
        .call(
            "postV1AccountAccountSubmit",
            to("nobody", json!({"to": somebody})),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code_str(), Some("AccountNotFound"));
}

#[tokio::test]
async fn narrowed_callers_choose_no_route() {
    let hall = sqlite().await;
    hall.sending_account("own").await;
    let mut caller = posthouse_model::Caller::system();
    caller.permissions = Permissions::from(Some(json!({"actions": ["send"]})));
    for route in [
        json!({"proxy": "socks5://127.0.0.1:9"}),
        json!({"localAddress": "127.0.0.1"}),
    ] {
        let mut body = json!({"to": [{"address": "x@example.com"}]});
        body.as_object_mut()
            .unwrap()
            .extend(route.as_object().unwrap().clone());
        let error = hall
            .call_as(&caller, "postV1AccountAccountSubmit", to("own", body))
            .await
            .unwrap_err();
        assert_eq!((error.status, error.code_str()), (403, None));
    }
    let body = json!({"to": [{"address": "x@example.com"}]});
    hall.call_as(&caller, "postV1AccountAccountSubmit", to("own", body))
        .await
        .unwrap();
}
