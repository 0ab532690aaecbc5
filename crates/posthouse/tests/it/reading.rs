//! Folders and messages of a real IMAP server through the API.

use posthouse_testkit::{HookSink, Server, imap_append, mail, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, webhooks_to};

const MULTIPART: &str = "From: =?utf-8?Q?Ad=C3=A9le?= <adele@example.com>\r\n\
To: Team: a@example.com, b@example.com;\r\n\
Cc: c@example.com\r\n\
Subject: =?utf-8?B?UXVhcnRlcmx5IHJlcG9ydCDinJM=?=\r\n\
Message-ID: <report@example.com>\r\n\
Date: Tue, 3 Nov 2026 10:00:00 +0000\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=\"out\"\r\n\
\r\n\
--out\r\n\
Content-Type: multipart/alternative; boundary=\"in\"\r\n\
\r\n\
--in\r\n\
Content-Type: text/plain; charset=iso-8859-1\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\
\r\n\
Caf=E9 numbers\r\n\
--in\r\n\
Content-Type: text/html; charset=utf-8\r\n\
\r\n\
<p>Café numbers</p>\r\n\
--in--\r\n\
--out\r\n\
Content-Type: application/pdf; name=\"r.pdf\"\r\n\
Content-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf\r\n\
Content-Transfer-Encoding: base64\r\n\
\r\n\
JVBERi0xLjQgbm90IHJlYWxseQ==\r\n\
--out--\r\n";

#[tokio::test]
async fn folders_listing_detail_text_source_attachment_flags() {
    let mut server = Server::start(BINARY).await;
    let user = unique_user();
    for number in 0..7 {
        let id = format!("{number}.{user}");
        imap_append(
            &user,
            "INBOX",
            &mail::plain(&id, &format!("Mail {number}"), "Hello\r\n"),
        )
        .await;
    }
    imap_append(&user, "INBOX", MULTIPART.as_bytes()).await;
    let client = server.client().await;
    client.post("/v1/account", &account(&user)).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let base = format!("/v1/account/{user}");

    let folders = client
        .get(&format!("{base}/mailboxes?counters=true"))
        .await
        .ok();
    let inbox = &folders["mailboxes"][0];
    assert_eq!(inbox["path"], "INBOX");
    assert_eq!(inbox["specialUse"], "\\Inbox");
    assert_eq!(inbox["status"]["messages"], 8);
    assert!(
        folders["mailboxes"].as_array().is_some_and(|list| list
            .iter()
            .any(|folder| folder["specialUse"] == "\\Sent"
                && folder["specialUseSource"] == "extension"))
    );

    let page = client
        .get(&format!("{base}/messages?path=INBOX&pageSize=3"))
        .await
        .ok();
    assert_eq!(
        (&page["total"], &page["pages"], &page["page"]),
        (&json!(8), &json!(3), &json!(0))
    );
    assert_eq!(page["prevPageCursor"], Value::Null);
    let newest = &page["messages"][0];
    assert_eq!(newest["subject"], "Quarterly report ✓");
    assert_eq!(
        newest["from"],
        json!({ "name": "Adéle", "address": "adele@example.com" })
    );
    assert_eq!(newest["to"][0], json!({ "name": "Team", "address": "" }));
    assert_eq!(newest["unseen"], true);
    assert_eq!(newest.get("flagged"), None);
    assert_eq!(newest["attachments"][0]["filename"], "résumé.pdf");
    let cursor = page["nextPageCursor"].as_str().unwrap_or_default();
    let second = client
        .get(&format!(
            "{base}/messages?path=INBOX&pageSize=3&cursor={cursor}"
        ))
        .await
        .ok();
    assert_eq!(second["page"], 1);
    assert_eq!(second["messages"][0]["subject"], "Mail 4");

    let id = newest["id"].as_str().unwrap_or_default();
    let detail = client
        .get(&format!("{base}/message/{id}?textType=*"))
        .await
        .ok();
    assert_eq!(detail["text"]["plain"], "Café numbers");
    assert_eq!(
        detail["text"]["html"].as_str().map(str::trim),
        Some("<p>Café numbers</p>")
    );
    assert_eq!(detail["path"], "INBOX");
    assert_eq!(
        detail["headers"]["message-id"],
        json!(["<report@example.com>"])
    );
    let text_id = detail["text"]["id"].as_str().unwrap_or_default();
    let text = client.get(&format!("{base}/text/{text_id}")).await.ok();
    assert_eq!(text["plain"], "Café numbers");

    let source = client.get(&format!("{base}/message/{id}/source")).await;
    assert_eq!(source.status, 200);
    assert_eq!(source.body, MULTIPART.as_bytes());
    let attachment = detail["attachments"][0]["id"].as_str().unwrap_or_default();
    let file = client.get(&format!("{base}/attachment/{attachment}")).await;
    assert_eq!(file.body, b"%PDF-1.4 not really");
    assert_eq!(file.header("content-type"), Some("application/pdf"));
    assert!(
        file.header("content-disposition")
            .is_some_and(|value| value.contains("filename*=utf-8''r%C3%A9sum%C3%A9.pdf"))
    );

    let update = json!({ "flags": { "add": ["\\Seen", "\\Flagged"], "delete": ["\\Answered"] } });
    let updated = client
        .put(&format!("{base}/message/{id}"), &update)
        .await
        .ok();
    assert_eq!(updated["flags"], json!({ "add": true, "delete": true }));
    let detail = client.get(&format!("{base}/message/{id}")).await.ok();
    assert_eq!(detail["flagged"], true);
    assert_eq!(detail.get("unseen"), None);

    // What is not there is a 404 with its code.
    for (path, code) in [
        ("messages?path=No%20such%20folder", "FolderNotFound"),
        ("message/zz", "MessageNotFound"),
        ("message/AAAAAQAAAAE_/source", "MessageNotFound"),
        ("attachment/AAAAAQ", "MessageNotFound"),
    ] {
        let missing = client.get(&format!("{base}/{path}")).await.expect(404);
        assert_eq!(missing["code"], code, "{path}");
    }
}

#[tokio::test]
async fn new_mail_is_announced_at_once_and_exactly_once() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let user = unique_user();
    imap_append(&user, "INBOX", &mail::plain("old", "Old", "Was there\r\n")).await;
    let client = server.client().await;
    client.post("/v1/account", &account(&user)).await.ok();
    hooks
        .wait_for_event(&user, "accountInitialized", LIMIT)
        .await;
    imap_append(&user, "INBOX", MULTIPART.as_bytes()).await;
    let hook = hooks.wait_for_event(&user, "messageNew", LIMIT).await;
    let event = hook.json();
    assert_eq!(event["account"], json!(user));
    assert_eq!(event["path"], "INBOX");
    assert_eq!(event["specialUse"], "\\Inbox");
    assert_eq!(event["data"]["subject"], "Quarterly report ✓");
    assert_eq!(event["data"]["text"]["plain"], "Café numbers");
    assert_eq!(event["data"]["messageSpecialUse"], "\\Inbox");

    // While the server is down mail arrives; it is announced when it is back, the old one is not.
    assert!(server.stop().await.success());
    imap_append(&user, "INBOX", &mail::plain("down", "While down", "x\r\n")).await;
    server.restart().await;
    hooks
        .wait_for(LIMIT, |hook| hook.json()["data"]["subject"] == "While down")
        .await;
    let subjects: Vec<_> = hooks
        .hooks()
        .iter()
        .filter(|hook| hook.event() == "messageNew")
        .map(|hook| hook.json()["data"]["subject"].clone())
        .collect();
    assert_eq!(subjects, ["Quarterly report ✓", "While down"]);
}
