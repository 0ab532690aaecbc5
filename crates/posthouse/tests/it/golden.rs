//! Messages as they leave, each held against a file of `tests/golden`. `POSTHOUSE_GOLDEN=write` writes the files anew; what
//! then differs is for a person to look at.

use std::{env, fs, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use posthouse_testkit::{Client, Server, SmtpSink, imap_append, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, with_smtp};

const PARENT: &str = "From: \"Bob, the builder\" <bob@example.net>\r\nTo: Ann <ann@example.com>\r\nCc: cleo@example.org\r\n\
    Subject: Plan\r\nMessage-ID: <plan@example.net>\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=m\r\n\r\n\
    --m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
    --a\r\nContent-Type: text/plain\r\n\r\nLook at this\r\n> older\r\n\r\n\
    --a\r\nContent-Type: text/html\r\n\r\n<p>Look at <b>this</b></p>\r\n--a--\r\n\
    --m\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=data.csv\r\n\r\n1,2\r\n--m--\r\n";
const DRAFT: &str = "From: me@example.com\r\nTo: bob@example.net\r\nBcc: hidden@example.net\r\nSubject: Draft\r\n\
    Message-ID: <draft@example.com>\r\nX-Unsent: 1\r\nDate: Mon, 01 Jan 2018 00:00:00 +0000\r\n\r\nAs it stands\r\n";
const PIXEL: &str =
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

struct Press {
    client: Client,
    sink: SmtpSink,
    user: String,
    parent: Value,
    wrong: Vec<String>,
}

impl Press {
    async fn preview(&mut self, name: &str, mut body: Value) {
        body["dryRun"] = json!(true);
        let path = format!("/v1/account/{}/submit", self.user);
        let answer = self.client.post(&path, &self.filled(body)).await.ok();
        let raw = BASE64_STANDARD
            .decode(answer["preview"].as_str().unwrap())
            .unwrap();
        self.hold(name, raw);
    }

    /// As it reaches the next server.
    async fn sent(&mut self, name: &str, body: Value) {
        let before = self.sink.mails().len();
        let path = format!("/v1/account/{}/submit", self.user);
        let body = self.filled(body);
        self.client.post(&path, &body).await.ok();
        let mut mails = self.sink.wait_for(before + 1, LIMIT).await;
        self.hold(name, mails.remove(before).data);
    }

    /// With what is the same in all.
    fn filled(&self, mut body: Value) -> Value {
        let map = body.as_object_mut().unwrap();
        let mut default = |key: &str, value: Value| {
            map.entry(key).or_insert(value);
        };
        default(
            "from",
            json!({ "name": "Ann", "address": "ann@example.com" }),
        );
        default("messageId", json!("<golden@example.com>"));
        default("sendAt", json!("2024-01-02T03:04:05.000Z"));
        if body["reference"].is_object() {
            body["reference"]["message"] = self.parent.clone();
        }
        if body["mailMerge"].is_array() {
            for key in ["messageId", "sendAt"] {
                let own = body.as_object_mut().and_then(|map| map.remove(key));
                body["mailMerge"][0][key] = json!(own);
            }
        } else if body["to"].is_null() {
            body["to"] = json!([{ "address": "bob@example.net" }]);
        }
        body
    }

    fn hold(&mut self, name: &str, raw: Vec<u8>) {
        let text = self.normal(String::from_utf8(raw).unwrap());
        let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
            .join(format!("{name}.eml"));
        if env::var("POSTHOUSE_GOLDEN").is_ok_and(|word| word == "write") {
            fs::write(&file, &text).unwrap();
        }
        let known = fs::read_to_string(&file).unwrap_or_default();
        if known != text {
            self.wrong.push(format!(
                "{name}.eml is\n{known}\nbut the message is\n{text}"
            ));
        }
    }

    /// Without what is different each time: seeds of boundaries, signed links.
    fn normal(&self, text: String) -> String {
        let mut text = text.replace("\r\n", "\n").replace(&self.user, "USER");
        while let Some(seed) = seed(&text) {
            text = text.replace(&seed, "SEED");
        }
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("?data=") {
            let end = after.find(['"', '>', '\'']).unwrap_or(after.len());
            out.push_str(before);
            out.push_str("?data=SIGNED");
            rest = &after[end..];
        }
        out + rest
    }
}

/// The first word of 32 hexadecimal digits.
fn seed(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut words = words.filter(|word| word.len() == 32);
    words
        .find(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned)
}

#[tokio::test]
async fn messages_are_what_they_were() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let user = unique_user();
    imap_append(&user, "INBOX", PARENT.as_bytes()).await;
    let client = server.client().await;
    client
        .post("/v1/account", &with_smtp(account(&user), &sink))
        .await
        .ok();
    let settings = json!({ "serviceUrl": "https://mail.example.com" });
    client.post("/v1/settings", &settings).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let page = client
        .get(&format!("/v1/account/{user}/messages?path=INBOX"))
        .await
        .ok();
    let content =
        json!({ "subject": "Hello {{params.who}}", "html": "<p>Hello <b>{{params.who}}</b></p>" });
    let template = json!({ "account": null, "name": "t", "content": content });
    let template = client.post("/v1/templates/template", &template).await.ok()["id"].clone();
    let parent = page["messages"][0]["id"].clone();
    let mut press = Press {
        client,
        sink,
        user,
        parent,
        wrong: Vec::new(),
    };

    press
        .preview("plain", json!({ "subject": "Plain", "text": "One\nTwo" }))
        .await;
    press
        .preview(
            "html",
            json!({ "subject": "Both", "text": "Grüße", "html": "<p>Gr&uuml;&szlig;e</p>" }),
        )
        .await;
    let file =
        json!({ "filename": "Übersicht.txt", "content": "bm90ZQ==", "contentType": "text/plain" });
    press
        .preview(
            "attachment",
            json!({ "text": "See file", "attachments": [file] }),
        )
        .await;
    let html = format!("<p><img src=\"{PIXEL}\"></p>");
    press.preview("inline-image", json!({ "html": html })).await;
    press
        .preview(
            "reply",
            json!({ "reference": { "action": "reply" }, "text": "Yes" }),
        )
        .await;
    let inline = json!({ "action": "reply-all", "inline": true });
    press
        .preview(
            "reply-all-inline",
            json!({ "reference": inline, "html": "<p>Yes</p>", "locale": "de" }),
        )
        .await;
    let forward = json!({ "action": "forward", "inline": true, "forwardAttachments": true });
    press
        .preview(
            "forward-inline",
            json!({ "reference": forward, "text": "Look" }),
        )
        .await;
    press
        .preview(
            "preview-text",
            json!({ "html": "<body><p>Long</p></body>", "previewText": "Short & good" }),
        )
        .await;
    let render = json!({ "format": "html", "params": { "who": "<Bob>" } });
    press
        .preview(
            "template",
            json!({ "template": template, "render": render }),
        )
        .await;
    let render = json!({ "format": "markdown", "params": { "who": "Bob" } });
    let body = json!({ "subject": "M {{params.who}}", "html": "# Hi {{params.who}}\n\n* one\n* two", "render": render });
    press.preview("markdown", body).await;
    let to = json!({ "name": "Zoë Müller, Dr.", "address": "zoe@bücher.example" });
    press
        .preview(
            "names",
            json!({ "to": [to, { "name": "山田 太郎", "address": "t@example.jp" }], "text": "x" }),
        )
        .await;
    press
        .preview(
            "smtputf8",
            json!({ "to": [{ "address": "jürgen@example.com" }], "text": "x" }),
        )
        .await;
    let raw = BASE64_STANDARD
        .encode("Subject: old\r\nX-Kept: yes\r\nX-EE-Delivery-Attempts: 2\r\n\r\nRaw body\r\n");
    press
        .preview(
            "raw",
            json!({ "raw": raw, "subject": "new", "headers": { "X-New": "1" } }),
        )
        .await;

    // What is only there when it is sent.
    let entry = json!([{ "to": { "name": "Bob", "address": "bob@example.net" }, "params": { "who": "Bob" } }]);
    let merge = json!({ "subject": "Hi {{params.who}}", "text": "Leave: {{rcpt.unsubscribeUrl}}", "mailMerge": entry, "listId": "news" });
    press.sent("mail-merge", merge).await;
    let html = "<p><a href=\"https://example.org/\">x</a></p>";
    press
        .sent(
            "tracking",
            json!({ "html": html, "trackOpens": true, "trackClicks": true }),
        )
        .await;
    let raw = format!("Subject: r\r\nContent-Type: text/html\r\n\r\n{html}\r\n");
    let raw = BASE64_STANDARD.encode(raw);
    press
        .sent(
            "raw-tracking",
            json!({ "raw": raw, "trackOpens": true, "trackClicks": true }),
        )
        .await;
    let stored =
        json!({ "path": "\\Drafts", "flags": ["\\Draft"], "raw": BASE64_STANDARD.encode(DRAFT) });
    let path = format!("/v1/account/{}/message", press.user);
    let id = press.client.post(&path, &stored).await.ok()["id"].clone();
    let path = format!("{path}/{}/submit", id.as_str().unwrap());
    let before = press.sink.mails().len();
    press
        .client
        .post(&path, &json!({ "sendAt": "2024-01-02T03:04:05.000Z" }))
        .await
        .ok();
    let draft = press.sink.wait_for(before + 1, LIMIT).await.remove(before);
    press.hold("draft", draft.data);

    assert!(press.wrong.is_empty(), "{}", press.wrong.join("\n\n"));
}
