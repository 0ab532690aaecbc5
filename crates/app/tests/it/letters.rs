//! Messages from templates, one for each of many recipients, with links that tell of their readers.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use posthouse_app::{LinkFault, LinkVisit};
use posthouse_model::{ApiError, suppression::SuppressionSource};
use posthouse_store::{accounts, events};
use posthouse_testkit::eventually;
use serde_json::{Value, json};
use std::time::Duration;

use crate::{
    sending::{queued, to},
    support::{Hall, ask},
};

both!(
    a_template_makes_the_message,
    every_recipient_of_a_merge_gets_a_message,
    who_left_a_list_gets_none,
    readers_are_told_of,
    a_key_belongs_to_what_was_asked_for,
);

async fn submit(hall: &Hall, body: Value) -> Result<Value, ApiError> {
    let mut body = body;
    if body.get("mailMerge").is_none() && body.get("to").is_none() {
        body["to"] = json!([{ "name": "Bob", "address": "bob@example.net" }]);
    }
    hall.call("postV1AccountAccountSubmit", to("own", body))
        .await
}

/// The text of a queued message with its transfer encoding undone where that is quoted-printable.
async fn text(hall: &Hall, answer: &Value) -> String {
    let (_, text) = queued(hall, answer).await;
    text.replace("=\r\n", "").replace("=3D", "=")
}

async fn set(hall: &Hall, settings: Value) {
    hall.call("postV1Settings", ask().body(settings))
        .await
        .unwrap();
}

async fn a_template_makes_the_message(hall: &Hall) {
    hall.sending_account("own").await;
    hall.sending_account("other").await;
    set(hall, json!({ "serviceUrl": "https://mail.example.com" })).await;
    let template = |account: Value| {
        let body = json!({
            "account": account, "name": "t", "format": "markdown",
            "content": {
                "subject": "Hi {{params.name}}", "html": "# For {{params.name}}\n\n{{account.name}} at {{service.url}}{{rcpt.address}}",
                "text": "Dear {{params.name}}", "previewText": "{{params.name}} & more",
            },
        });
        async move {
            let made = hall.call("postV1TemplatesTemplate", ask().body(body)).await;
            made.unwrap()["id"].as_str().unwrap().to_owned()
        }
    };
    let id = template(json!("own")).await;
    let render = json!({ "params": { "name": "A<b>" } });
    let sent = submit(
        hall,
        json!({ "template": id, "render": render, "subject": "not this" }),
    )
    .await
    .unwrap();
    let message = text(hall, &sent).await;
    for piece in [
        "Subject: Hi A<b>\r\n",
        "Dear A<b>",
        "<h1>For A&lt;b&gt;</h1>",
        "<p>Ann at <a href=\"https://mail.example.com\">https://mail.example.com</a></p>",
        "A&lt;b&gt; &amp; more",
    ] {
        assert!(message.contains(piece), "{piece} in {message}");
    }
    // As it stands, where rendering is refused.
    let sent = submit(hall, json!({ "template": id, "render": false })).await;
    let message = text(hall, &sent.unwrap()).await;
    assert!(message.contains("Subject: Hi {{params.name}}"), "{message}");
    // Of one's own, or shared.
    let strange = template(json!("other")).await;
    let missing = submit(hall, json!({ "template": strange }))
        .await
        .unwrap_err();
    assert_eq!(
        (missing.status, missing.code_str()),
        (404, Some("TemplateNotFound"))
    );
    let shared = template(Value::Null).await;
    submit(hall, json!({ "template": shared })).await.unwrap();
    // The body's own parts, rendered.
    let body = json!({ "subject": "{{params.x}}", "html": "<b>{{params.x}}</b>", "render": { "params": { "x": "&" } } });
    let message = text(hall, &submit(hall, body).await.unwrap()).await;
    assert!(
        message.contains("Subject: &\r\n") && message.contains("<b>&amp;</b>"),
        "{message}"
    );
    let broken = json!({ "subject": "fine", "html": "a\n{{#each params}}", "render": {} });
    let refused = submit(hall, broken).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.message.as_str()),
        (422, "Failed rendering html template")
    );
    assert!(refused.envelope()["details"]["line"].is_number());
}

async fn every_recipient_of_a_merge_gets_a_message(hall: &Hall) {
    hall.sending_account("own").await;
    let sent = submit(hall, json!({
        "subject": "For {{params.nick}}", "html": "<p>{{params.nick}}</p>", "messageId": "<all@example.com>",
        "attachments": [{ "filename": "a.txt", "content": "YQ==" }],
        "mailMerge": [
            { "to": { "name": "Bob", "address": "bob@example.net" }, "params": { "nick": "B" }, "messageId": "<b@example.com>" },
            { "to": { "address": "eve@example.net" }, "sendAt": "2098-01-01T00:00:00.000Z" },
            { "to": { "address": "bad@example.net" }, "messageId": "<a b\r\nc>" },
        ],
    }))
    .await
    .unwrap();
    let told = sent["mailMerge"].as_array().unwrap();
    assert_eq!(told.len(), 3);
    assert_eq!(
        (&told[0]["success"], &told[0]["messageId"]),
        (&json!(true), &json!("<b@example.com>"))
    );
    assert_eq!(
        told[0]["to"],
        json!({ "name": "Bob", "address": "bob@example.net" })
    );
    let first = text(hall, &told[0]).await;
    assert!(first.contains("Subject: For B\r\n") && first.contains("To: Bob <bob@example.net>"));
    assert!(first.contains("a.txt"));
    assert_eq!(told[1]["sendAt"], "2098-01-01T00:00:00.000Z");
    let (stored, second) = queued(hall, &told[1]).await;
    assert_eq!(stored.entry.job.envelope.to, ["eve@example.net"]);
    assert!(
        second.contains("Subject: For \r\n") || second.contains("Subject: For\r\n"),
        "{second}"
    );
    assert!(!second.contains("all@example.com"), "{second}");
    assert_eq!(
        (&told[2]["success"], &told[2]["statusCode"]),
        (&json!(false), &json!(400))
    );
    assert!(told[2].get("queueId").is_none() && told[2]["error"].is_string());
    assert_eq!(hall.call("getV1Outbox", ask()).await.unwrap()["total"], 2);
}

async fn who_left_a_list_gets_none(hall: &Hall) {
    hall.sending_account("own").await;
    let merge = |base: Value| {
        let mut body = json!({
            "subject": "News", "html": "<a href='{{rcpt.unsubscribeUrl}}'>{{rcpt.name}}</a>", "listId": "news-letter",
            "mailMerge": [
                { "to": { "name": "Bob", "address": "Bob@example.net" } },
                { "to": { "address": "eve@example.net" } },
            ],
        });
        if !base.is_null() {
            body["baseUrl"] = base;
        }
        submit(hall, body)
    };
    let nowhere = merge(Value::Null).await.unwrap_err();
    assert_eq!(
        (nowhere.status, nowhere.code_str()),
        (500, Some("MissingServiceURLSetup"))
    );
    let block = json!({ "account": "own", "recipient": "eve@example.net", "reason": "asked" });
    let list = ask().path("listId", "news-letter").body(block);
    hall.call("postV1BlocklistListid", list).await.unwrap();
    let told = merge(json!("https://go.example.com")).await.unwrap()["mailMerge"].clone();
    assert_eq!(
        told[1]["skipped"],
        json!({ "reason": "asked", "listId": "news-letter" })
    );
    assert!(told[1].get("queueId").is_none());
    let message = text(hall, &told[0]).await;
    let header = message
        .split("\r\n\r\n")
        .next()
        .unwrap()
        .replace("\r\n ", "");
    assert!(
        header.contains("List-ID: <news-letter.go.example.com>")
            || header.contains("List-Id: <news-letter.go.example.com>"),
        "{header}"
    );
    assert!(
        header.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"),
        "{header}"
    );
    let url = header
        .split("https://go.example.com/unsubscribe?")
        .nth(1)
        .unwrap();
    let url = url.split('>').next().unwrap();
    assert!(message.contains(">Bob</a>"), "{message}");

    // The link leads off the list, and back.
    let (data, sig) = url.split_once("&sig=").unwrap();
    let visit = visit(data.strip_prefix("data=").unwrap(), sig);
    let leaving = hall.app.leaving(&visit.data, &visit.sig).await.unwrap();
    assert_eq!(
        (
            leaving.recipient.as_str(),
            leaving.list.as_str(),
            leaving.left
        ),
        ("bob@example.net", "news-letter", false)
    );
    for _ in 0..2 {
        let left = hall
            .app
            .leave(&visit, SuppressionSource::OneClick)
            .await
            .unwrap();
        assert!(left.left);
    }
    let list = hall
        .call("getV1BlocklistListid", ask().path("listId", "news-letter"))
        .await
        .unwrap();
    let entry = &list["addresses"][1];
    assert_eq!(
        (&entry["recipient"], &entry["source"], &entry["reason"]),
        (
            &json!("bob@example.net"),
            &json!("one-click"),
            &json!("unsubscribe")
        )
    );
    assert_eq!(
        (&entry["remoteAddress"], &entry["userAgent"]),
        (&json!("192.0.2.9"), &json!("Reader/1.0"))
    );
    assert_eq!(entry["messageId"], told[0]["messageId"]);
    assert!(!hall.app.come_back(&visit).await.unwrap().left);
    let told = told_of(hall, "listUnsubscribe").await;
    assert_eq!(told.len(), 1, "leaving twice is told once");
    assert_eq!(
        (&told[0]["listId"], &told[0]["recipient"]),
        (&json!("news-letter"), &json!("bob@example.net"))
    );
    assert_eq!(told_of(hall, "listSubscribe").await.len(), 1);
    let again = merge(json!("https://go.example.com")).await.unwrap();
    assert!(again["mailMerge"][0]["queueId"].is_string());
}

fn visit(data: &str, sig: &str) -> LinkVisit {
    LinkVisit {
        data: data.to_owned(),
        sig: sig.to_owned(),
        address: "192.0.2.9".parse().unwrap(),
        user_agent: Some("Reader/1.0".to_owned()),
        counts: true,
    }
}

/// The data of the account's events of a type.
async fn told_of(hall: &Hall, event: &str) -> Vec<Value> {
    let account = posthouse_model::AccountId::new("own");
    assert!(accounts::exists(hall.app.store(), &account).await.unwrap());
    let all = events::of_account(hall.app.store(), &account, 0, 1000)
        .await
        .unwrap();
    let of_type = all.iter().filter(|one| one.kind.as_str() == event);
    of_type
        .map(|one| serde_json::from_str::<Value>(&one.payload).unwrap()["data"].clone())
        .collect()
}

async fn readers_are_told_of(hall: &Hall) {
    hall.sending_account("own").await;
    set(
        hall,
        json!({ "serviceUrl": "https://mail.example.com/", "trackClicks": true }),
    )
    .await;
    let html =
        "<body><a href='http://example.org/?a=1&amp;b=2'>x</a> <a href='mailto:a@b.c'>y</a></body>";
    let sent = submit(hall, json!({ "html": html, "trackOpens": true }))
        .await
        .unwrap();
    let message = text(hall, &sent).await;
    assert!(
        message.contains("mailto:a@b.c") && !message.contains("href='http://example.org"),
        "{message}"
    );
    let part = |after: &str| {
        let (_, rest) = message.split_once(after).unwrap();
        let query = rest
            .split(['\'', '"'])
            .next()
            .unwrap()
            .replace("&amp;", "&");
        let (data, sig) = query
            .strip_prefix("data=")
            .unwrap()
            .split_once("&sig=")
            .unwrap();
        visit(data, sig)
    };
    let click = part("https://mail.example.com/redirect?");
    let open = part("https://mail.example.com/open.gif?");
    assert_eq!(
        hall.app.clicked(&click),
        Ok("http://example.org/?a=1&b=2".to_owned())
    );
    assert_eq!(hall.app.opened(&open), Ok(()));
    let told = eventually("what readers did", Duration::from_secs(10), || async {
        let (clicks, opens) = (
            told_of(hall, "trackClick").await,
            told_of(hall, "trackOpen").await,
        );
        (clicks.len() == 1 && opens.len() == 1).then(|| (clicks[0].clone(), opens[0].clone()))
    })
    .await;
    assert_eq!(
        told.0,
        json!({
            "messageId": sent["messageId"], "url": "http://example.org/?a=1&b=2", "remoteAddress": "192.0.2.9", "userAgent": "Reader/1.0",
        })
    );
    assert_eq!(told.1["messageId"], sent["messageId"]);

    // Each link does what it is for, and nobody else writes one.
    assert_eq!(hall.app.opened(&click), Err(LinkFault::Malformed));
    assert_eq!(hall.app.clicked(&open), Err(LinkFault::Malformed));
    let forged = BASE64_URL_SAFE_NO_PAD
        .encode(r#"{"act":"click","url":"http://evil/","acc":"own","msg":"<x>"}"#);
    assert_eq!(
        hall.app.clicked(&visit(&forged, &click.sig)),
        Err(LinkFault::Signature)
    );
    assert_eq!(
        hall.app.clicked(&visit("%", &click.sig)),
        Err(LinkFault::Malformed)
    );
    assert_eq!(
        hall.app
            .leaving(&click.data, &click.sig)
            .await
            .unwrap_err()
            .status,
        400
    );
    assert_eq!(
        hall.app
            .leaving(&forged, &click.sig)
            .await
            .unwrap_err()
            .status,
        403
    );
    // A crawler reads nothing for anybody.
    let mut crawler = open.clone();
    crawler.address = "66.249.66.1".parse().unwrap();
    assert_eq!(hall.app.opened(&crawler), Ok(()));
    // Nothing of it in a dry run, or where it is refused.
    let plain = submit(hall, json!({ "html": html, "trackClicks": false }))
        .await
        .unwrap();
    assert!(
        text(hall, &plain)
            .await
            .contains("href='http://example.org")
    );
    let dry = submit(hall, json!({ "html": html, "dryRun": true }))
        .await
        .unwrap();
    let preview = base64::prelude::BASE64_STANDARD
        .decode(dry["preview"].as_str().unwrap())
        .unwrap();
    assert!(!String::from_utf8(preview).unwrap().contains("redirect?"));
    assert_eq!(told_of(hall, "trackOpen").await.len(), 1);
}

async fn a_key_belongs_to_what_was_asked_for(hall: &Hall) {
    hall.sending_account("own").await;
    let send = |text: &'static str| {
        let body = json!({ "to": [{ "address": "bob@example.net" }], "text": text });
        hall.call("postV1AccountAccountSubmit", to("own", body).key("k"))
    };
    let first = send("one").await.unwrap();
    assert_eq!(send("one").await.unwrap()["queueId"], first["queueId"]);
    let other = send("two").await.unwrap_err();
    assert_eq!(
        (other.status, other.code_str()),
        (422, Some("IdempotencyKeyReused"))
    );
    let merge = json!({ "text": "x", "mailMerge": [{ "to": { "address": "a@example.net" } }] });
    let merge = || {
        hall.call(
            "postV1AccountAccountSubmit",
            to("own", merge.clone()).key("many"),
        )
    };
    let (one, two) = (merge().await.unwrap(), merge().await.unwrap());
    assert_eq!(one["mailMerge"], two["mailMerge"]);
    assert_eq!(
        (&one["idempotency"]["status"], &two["idempotency"]["status"]),
        (&json!("MISS"), &json!("HIT"))
    );
    assert_eq!(hall.call("getV1Outbox", ask()).await.unwrap()["total"], 2);
}
