//! Messages with the one that they answer or forward below their own text.

use base64::{Engine, prelude::BASE64_STANDARD};
use posthouse_testkit::{Client, Server, SmtpSink, imap_append, imap_messages, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, with_smtp};

const PARENT: &str = "From: \"Bob, the <builder>\" <bob@example.net>\r\nTo: Ann <ann@example.com>\r\nCc: cleo@example.org\r\n\
    Subject: Plan\r\nMessage-ID: <plan@example.net>\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=m\r\n\r\n\
    --m\r\nContent-Type: multipart/related; boundary=r\r\n\r\n\
    --r\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
    --a\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n\r\nLook at this: \r\n> older\r\n\r\n\
    --a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>Look at <img src=\"cid:seen@x\">\
    <script>alert(1)</script></p></blockquote></div></body></html>\r\n--a--\r\n\
    --r\r\nContent-Type: image/png\r\nContent-ID: <seen@x>\r\nContent-Transfer-Encoding: base64\r\n\
    Content-Disposition: inline; filename=seen.png\r\n\r\niVBORw0KGgo=\r\n\
    --r\r\nContent-Type: image/png\r\nContent-ID: <unseen@x>\r\nContent-Transfer-Encoding: base64\r\n\
    Content-Disposition: inline; filename=unseen.png\r\n\r\niVBORw0KGgo=\r\n--r--\r\n\
    --m\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=data.csv\r\n\r\n1,2\r\n--m--\r\n";

struct Mailbox {
    client: Client,
    user: String,
    parent: Value,
    // Both end with it.
    _server: Server,
    _sink: SmtpSink,
}

async fn mailbox(raw: &str) -> Mailbox {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let user = unique_user();
    imap_append(&user, "INBOX", raw.as_bytes()).await;
    let client = server.client().await;
    let mut body = with_smtp(account(&user), &sink);
    body["locale"] = json!("de");
    body["tz"] = json!("Europe/Tallinn");
    client.post("/v1/account", &body).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let page = client
        .get(&format!("/v1/account/{user}/messages?path=INBOX"))
        .await
        .ok();
    Mailbox {
        parent: page["messages"][0]["id"].clone(),
        client,
        user,
        _server: server,
        _sink: sink,
    }
}

impl Mailbox {
    /// The message that would be sent.
    async fn preview(&self, mut body: Value) -> Vec<u8> {
        body["reference"]["message"] = self.parent.clone();
        body["reference"]["inline"] = json!(true);
        body["dryRun"] = json!(true);
        let path = format!("/v1/account/{}/submit", self.user);
        let answer = self.client.post(&path, &body).await.ok();
        assert_eq!(answer["reference"]["success"], true);
        BASE64_STANDARD
            .decode(answer["preview"].as_str().unwrap())
            .unwrap()
    }
}

/// Names and Content-IDs of the files of a message, and whether they are inline.
fn files(message: &mail_parser::Message<'_>) -> Vec<(String, bool)> {
    use mail_parser::MimeHeaders;
    let files = message
        .parts
        .iter()
        .filter(|part| part.attachment_name().is_some());
    let inline = |part: &mail_parser::MessagePart<'_>| {
        part.content_disposition()
            .is_some_and(|disposition| disposition.is_inline())
    };
    files
        .map(|part| (part.attachment_name().unwrap().to_owned(), inline(part)))
        .collect()
}

fn read(raw: &[u8]) -> mail_parser::Message<'_> {
    mail_parser::MessageParser::new().parse(raw).unwrap()
}

#[tokio::test]
async fn an_answer_quotes_text_and_html_and_carries_what_the_html_shows() {
    let mailbox = mailbox(PARENT).await;
    for action in ["reply", "reply-all"] {
        let raw = mailbox
            .preview(json!({
                "reference": { "action": action },
                "html": "<html><body><p>Quite <b>so</b>.</p></body></html>", "locale": "en", "tz": "UTC",
            }))
            .await;
        let message = read(&raw);
        assert_eq!(message.subject(), Some("Re: Plan"));
        let html = message.body_html(0).unwrap();
        assert!(
            html.starts_with("<html><body><p>Quite <b>so</b>.</p>"),
            "{html}"
        );
        assert!(
            html.ends_with("</blockquote></div></body></html>"),
            "{html}"
        );
        assert!(html.contains("<img src=\"cid:seen@x\">"), "{html}");
        assert!(!html.contains("alert"), "{html}");
        assert_eq!(html.matches("</blockquote>").count(), 1);
        let text = message.body_text(0).unwrap().replace("\r\n", "\n");
        let expected = "Quite so.\n\nOn November 14, 2023 at 22:13 UTC, Bob, the <builder> <bob@example.net> wrote:\n\n\
                        > Look at this:\n>> older\n";
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(files(&message), [("seen.png".to_owned(), true)]);
    }
    // Of the account are the language and the zone where the body names none; text alone becomes HTML when the other has it.
    let raw = mailbox.preview(json!({ "text": "Ja.\n\n  Ann" })).await;
    let message = read(&raw);
    let text = message.body_text(0).unwrap().replace("\r\n", "\n");
    let line = "Am 15. November 2023 um 00:13 UTC+2 schrieb Bob, the <builder> <bob@example.net>:";
    assert!(
        text.starts_with(&format!("Ja.\n\n  Ann\n\n{line}\n\n> Look")),
        "{text}"
    );
    assert!(message.body_html(0).unwrap().starts_with("<p>Ja.</p>"));
}

#[tokio::test]
async fn a_forward_has_the_header_and_each_file_once() {
    let mailbox = mailbox(PARENT).await;
    let page = format!(
        "/v1/account/{}/message/{}",
        mailbox.user,
        mailbox.parent.as_str().unwrap()
    );
    let detail = mailbox.client.get(&page).await.ok();
    let csv = detail["attachments"].as_array().unwrap().iter();
    let csv = csv
        .clone()
        .find(|file| file["filename"] == "data.csv")
        .unwrap()["id"]
        .clone();
    let forward = json!({ "action": "forward", "forwardAttachments": true });
    let raw = mailbox
        .preview(json!({
            "reference": forward, "to": [{ "address": "dora@example.org" }], "html": "<p>See below</p>",
            "attachments": [{ "reference": csv }],
        }))
        .await;
    let message = read(&raw);
    assert_eq!(message.subject(), Some("Fwd: Plan"));
    let text = message.body_text(0).unwrap().replace("\r\n", "\n");
    assert!(
        text.starts_with(
            "See below\n\n---------- Weitergeleitete Nachricht ----------\n\
             Von: Bob, the <builder> <bob@example.net>\nDatum: 15. November 2023 um 00:13 UTC+2\nBetreff: Plan\n\
             An: Ann <ann@example.com>\nKopie: cleo@example.org\n\nLook at this:"
        ),
        "{text}"
    );
    let html = message.body_html(0).unwrap();
    assert!(
        html.contains("Von: Bob, the &lt;builder&gt; &lt;bob@example.net&gt;<br>"),
        "{html}"
    );
    let mut names = files(&message);
    names.sort();
    let expected = [
        ("data.csv", false),
        ("seen.png", true),
        ("unseen.png", false),
    ];
    assert_eq!(
        names,
        expected.map(|(name, inline)| (name.to_owned(), inline))
    );
    // Without the switch only what the text shows comes along.
    let raw = mailbox
        .preview(json!({ "reference": { "action": "forward" }, "to": [{ "address": "dora@example.org" }] }))
        .await;
    assert_eq!(files(&read(&raw)), [("seen.png".to_owned(), true)]);
}

#[tokio::test]
async fn plain_letters_stay_plain_and_drafts_can_quote() {
    let plain = "From: bob@example.net\r\nTo: ann@example.com\r\nSubject: s\r\nMessage-ID: <p@x>\r\n\
                 Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello\r\n";
    let mailbox = mailbox(plain).await;
    let raw = mailbox
        .preview(json!({ "text": "Hi", "locale": "fr", "tz": "UTC" }))
        .await;
    let message = read(&raw);
    assert_eq!(message.html_body_count(), 1);
    assert_eq!(message.parts.len(), 1, "one part of text");
    let expected =
        "Hi\n\nLe 14 novembre 2023 \u{e0} 22:13 UTC, bob@example.net a \u{e9}crit :\n\n> Hello\n";
    assert_eq!(
        message.body_text(0).unwrap().replace("\r\n", "\n"),
        expected
    );

    let path = format!("/v1/account/{}/message", mailbox.user);
    let reference = json!({ "message": mailbox.parent, "action": "reply", "inline": true });
    let body = json!({ "path": "\\Drafts", "flags": ["\\Draft"], "reference": reference, "text": "Hi", "locale": "fr" });
    mailbox.client.post(&path, &body).await.ok();
    let stored = imap_messages(&mailbox.user, "Drafts").await.remove(0);
    let stored = read(&stored.raw);
    assert_eq!(stored.in_reply_to().as_text(), Some("p@x"));
    assert!(stored.body_text(0).unwrap().contains("> Hello"));

    let raw = BASE64_STANDARD.encode(plain);
    let body = json!({ "reference": reference, "raw": raw, "dryRun": true });
    let path = format!("/v1/account/{}/submit", mailbox.user);
    let refused = mailbox.client.post(&path, &body).await.expect(400);
    assert_eq!(refused["fields"][0]["key"], "inline");
}
