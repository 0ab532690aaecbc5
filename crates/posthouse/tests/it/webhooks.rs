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

/// HTML with an image, an invitation, a small file and a larger one.
const RICH: &str = "From: a@example.com\r\nSubject: Rich\r\nMessage-ID: <rich@example.com>\r\n\
Auto-Submitted: auto-replied\r\nList-Id: <list.example.com>\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=out\r\n\r\n\
--out\r\nContent-Type: multipart/related; boundary=in\r\n\r\n\
--in\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
<p onclick=\"steal()\">Come <img src=\"cid:logo@x\"> <a href=\"javascript:steal()\">here</a></p><script>steal()</script>\r\n\
--in\r\nContent-Type: image/gif; name=logo.gif\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n\
R0lGODlh\r\n--in--\r\n\
--out\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n\
BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:event-1\r\nSUMMARY:Planning\r\n\
ORGANIZER:mailto:a@example.com\r\nDTSTART:20260501T080000Z\r\nDTEND:20260501T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n\
--out\r\nContent-Type: text/plain; name=note.txt\r\nContent-Disposition: attachment\r\n\r\n\
note\r\n\
--out\r\nContent-Type: application/octet-stream; name=big.bin\r\n\r\n\
%BIG%\r\n--out--\r\n";

#[tokio::test]
async fn a_new_message_carries_what_the_settings_ask_for() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let client = server.client().await;
    let user = unique_user();
    client.post("/v1/account", &account(&user)).await.ok();
    hooks
        .wait_for_event(&user, "accountInitialized", LIMIT)
        .await;
    let raw = RICH.replace("%BIG%", &"x".repeat(2000));
    imap_append(&user, "INBOX", raw.as_bytes()).await;
    let bare = hooks
        .wait_for_event(&user, "messageNew", LIMIT)
        .await
        .json();
    let bare = &bare["data"];
    assert_eq!(bare["isAutoReply"], true);
    assert_eq!(bare.get("headers"), None);
    assert_eq!(bare.get("calendarEvents"), None);
    assert_eq!(bare["attachments"][2].get("content"), None);
    assert!(bare["text"]["html"].as_str().unwrap().contains("<script>"));

    let settings = json!({
        "notifyAttachments": true, "notifyAttachmentSize": 1000, "notifyCalendarEvents": true,
        "notifyWebSafeHtml": true, "notifyHeaders": ["List-Id"],
    });
    client.post("/v1/settings", &settings).await.ok();
    let raw = raw.replace("Subject: Rich", "Subject: Richer");
    imap_append(&user, "INBOX", raw.as_bytes()).await;
    let hook = hooks.wait_for(LIMIT, |hook| hook.json()["data"]["subject"] == "Richer");
    let event = hook.await.json();
    let data = &event["data"];
    assert_eq!(data["isAutoReply"], true);
    assert_eq!(
        data["headers"],
        json!({ "list-id": ["<list.example.com>"] })
    );
    let contents: Vec<_> = data["attachments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.get("content").map(|content| content.as_str().unwrap()))
        .collect();
    let calendar = contents[1];
    assert_eq!(
        contents,
        [Some("R0lGODlh"), calendar, Some("bm90ZQ=="), None]
    );
    assert_eq!(
        data["calendarEvents"],
        json!([{
            "eventId": "event-1", "attachment": data["attachments"][1]["id"], "method": "REQUEST",
            "summary": "Planning", "timezone": "UTC", "startDate": "2026-05-01T08:00:00.000Z",
            "endDate": "2026-05-01T09:00:00.000Z", "organizer": "mailto:a@example.com",
            "filename": "invite.ics", "contentType": "text/calendar", "encoding": "base64",
            "content": calendar,
        }])
    );
    let html = "<div class=\"ee-message\" style=\"contain: content; overflow: auto;\"><p>Come <img src=\"data:image/gif;base64,R0lGODlh\"> \
                <a target=\"_blank\" rel=\"noopener noreferrer\">here</a></p></div>";
    assert_eq!(data["text"]["html"].as_str().map(str::trim), Some(html));
    assert_eq!(data["text"]["webSafe"], true);

    // The same HTML for whoever asks for the message.
    let message = format!(
        "/v1/account/{user}/message/{}",
        data["id"].as_str().unwrap()
    );
    let detail = client
        .get(&format!("{message}?webSafeHtml=true"))
        .await
        .ok();
    assert_eq!(detail["text"]["html"], data["text"]["html"]);
    assert_eq!(detail["text"]["webSafe"], true);
    let detail = client
        .get(&format!(
            "{message}?webSafeHtml=true&embedAttachedImages=false"
        ))
        .await
        .ok();
    let html = detail["text"]["html"].as_str().unwrap();
    assert!(html.contains("src=\"cid:logo@x\""), "{html}");
}

/// What a poller of the event log sees: everything once, in order, with what became of it.
#[tokio::test]
async fn the_event_log_is_read_and_replayed() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    let client = server.client().await;
    client.post("/v1/account", &account(&user)).await.ok();
    let hook = hooks
        .wait_for_event(&user, "accountInitialized", LIMIT)
        .await;
    let id = hook.header("webhook-id").unwrap().to_owned();
    let path = format!("/v1/events?account={user}&pageSize=2");
    let mut seen = Vec::new();
    let mut cursor = String::new();
    let end = tokio::time::Instant::now() + LIMIT;
    while !seen.iter().any(|kind| kind == "accountInitialized") {
        assert!(tokio::time::Instant::now() < end, "{seen:?}");
        let page = client.get(&format!("{path}{cursor}")).await.ok();
        for event in page["events"].as_array().unwrap() {
            assert_eq!(event["payload"]["event"], event["type"]);
            seen.push(event["type"].as_str().unwrap().to_owned());
        }
        if let Some(text) = page["cursor"].as_str() {
            cursor = format!("&cursor={text}");
        }
        if page["more"] != true {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    assert_eq!(seen[0], "accountAdded");
    let event = client.get(&format!("/v1/events/{id}")).await.ok();
    let delivery = &event["deliveries"][0];
    assert_eq!(delivery["state"], "delivered", "{event:#}");
    assert_eq!(delivery["attempts"][0]["status"], 200);
    assert_eq!(delivery["endpoint"], "default");

    // Once more, by hand, then all of them.
    hooks.clear();
    let again = client
        .post(&format!("/v1/events/{id}/redeliver"), &json!({}))
        .await
        .ok();
    let hook = hooks
        .wait_for(LIMIT, |hook| hook.header("webhook-id") == Some(id.as_str()))
        .await;
    assert_eq!(
        hook.header("x-ee-wh-id"),
        again["deliveries"][0]["id"].as_str()
    );
    hooks.clear();
    let replay =
        json!({ "account": user, "since": "2020-01-01T00:00:00.000Z", "type": "accountAdded" });
    let replayed = client.post("/v1/events/replay", &replay).await.ok();
    assert_eq!(
        (&replayed["queued"], &replayed["more"]),
        (&json!(1), &json!(false))
    );
    hooks.wait_for_event(&user, "accountAdded", LIMIT).await;

    // Faults are named.
    let unknown = client
        .get("/v1/events/00000000-0000-4000-8000-000000000000")
        .await;
    assert_eq!(
        (unknown.status, &unknown.json()["code"]),
        (404, &json!("EventNotFound"))
    );
    let wrong = client.get("/v1/events?cursor=nonsense").await;
    assert_eq!(wrong.status, 400);
    let wrong = client
        .post("/v1/events/replay", &json!({ "endpoint": "nowhere" }))
        .await;
    assert_eq!(wrong.status, 400);
}

/// The signatures as the public test vector of the standard's own libraries computes them, and a secret that is changed.
#[tokio::test]
async fn standard_signatures_hold_for_two_secrets() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let client = server.client().await;
    let (new, old) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "the older secret");
    let secrets = json!({ "serviceSecret": new, "previousServiceSecret": old });
    client.post("/v1/settings", &secrets).await.ok();
    let shown = client
        .get("/v1/settings?previousServiceSecret=true")
        .await
        .ok();
    assert_eq!(shown["previousServiceSecret"], true, "masked");
    let user = unique_user();
    client.post("/v1/account", &account(&user)).await.ok();
    let hook = hooks.wait_for_event(&user, "accountAdded", LIMIT).await;
    let signed = format!(
        "{}.{}.{}",
        hook.header("webhook-id").unwrap(),
        hook.header("webhook-timestamp").unwrap(),
        String::from_utf8(hook.body.clone()).unwrap()
    );
    use base64::Engine;
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let new_key = base64::prelude::BASE64_STANDARD.decode(&new[6..]).unwrap();
    let signatures: Vec<_> = [hex(&new_key), hex(old.as_bytes())]
        .iter()
        .map(|key| {
            // openssl, so that it is not our own code that agrees with itself.
            let mut child = std::process::Command::new("openssl")
                .args([
                    "dgst",
                    "-sha256",
                    "-mac",
                    "HMAC",
                    "-macopt",
                    &format!("hexkey:{key}"),
                    "-binary",
                ])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            use std::io::Write;
            child
                .stdin
                .take()
                .unwrap()
                .write_all(signed.as_bytes())
                .unwrap();
            let digest = child.wait_with_output().unwrap().stdout;
            format!("v1,{}", base64::prelude::BASE64_STANDARD.encode(digest))
        })
        .collect();
    assert_eq!(
        hook.header("webhook-signature"),
        Some(signatures.join(" ").as_str())
    );
}
