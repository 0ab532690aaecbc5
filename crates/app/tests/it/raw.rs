//! Finished messages: what the body says over them, what they wish, and trackers in their HTML.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    sending::{queued, to},
    support::{Hall, ask, sqlite},
};

const RAW: &str = "Subject: old\r\nTo: old@example.net\r\nCc: kept@example.net\r\nX-Tag: one\r\nX-Tag: two\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\n\
    odd  text http://example.org/ \t\r\n--a\r\nContent-Type: text/html; charset=utf-8\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\n\
    <p>gr=C3=BC=C3=9Fe <a href=3D\"http://example.org/?a=3D1\">x</a></p>\r\n--a--\r\n";

async fn submit(hall: &Hall, raw: &str, mut body: Value) -> Value {
    body["raw"] = json!(BASE64_STANDARD.encode(raw));
    hall.call("postV1AccountAccountSubmit", to("own", body))
        .await
        .unwrap()
}

async fn hall(settings: Value) -> Hall {
    let hall = sqlite().await;
    hall.sending_account("own").await;
    hall.call("postV1Settings", ask().body(settings))
        .await
        .unwrap();
    hall
}

#[tokio::test]
async fn links_and_image_stand_in_the_html_of_a_finished_message() {
    let hall = hall(json!({ "serviceUrl": "https://mail.example.com" })).await;
    let plain = submit(&hall, RAW, json!({})).await;
    let plain = queued(&hall, &plain).await.1;
    assert!(plain.ends_with(RAW.split_once("\r\n\r\n").unwrap().1));

    let sent = submit(
        &hall,
        RAW,
        json!({ "trackOpens": true, "trackClicks": true }),
    )
    .await;
    let text = queued(&hall, &sent).await.1;
    // Only the HTML differs.
    let (before, after) = (text.find("<p>gr=C3").unwrap(), text.find("--a--").unwrap());
    assert!(
        text[..before].contains("odd  text http://example.org/ \t\r\n--a\r\n"),
        "{text}"
    );
    assert!(text[..before].ends_with("Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
    assert_eq!(&text[after..], "--a--\r\n");
    let html = text[before..after].replace("=\r\n", "").replace("=3D", "=");
    assert!(
        html.contains("gr=C3=BC=C3=9Fe <a href=\"https://mail.example.com/redirect?data="),
        "{html}"
    );
    assert_eq!(
        html.matches("https://mail.example.com/open.gif?data=")
            .count(),
        1
    );
    assert!(text.lines().all(|line| line.len() < 80));
    let (_, data) = html.split_once("open.gif?data=").unwrap();
    let data = data.split('&').next().unwrap();
    let data = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(data)
        .unwrap();
    let data: Value = serde_json::from_slice(&data).unwrap();
    assert_eq!(data["msg"], sent["messageId"]);
    assert!(text.contains(&format!(
        "Message-ID: {}\r\n",
        sent["messageId"].as_str().unwrap()
    )));

    // Nobody breaks a signature.
    let signed = format!("DKIM-Signature: v=1; d=example.com\r\n{RAW}");
    let signed = submit(
        &hall,
        &signed,
        json!({ "trackOpens": true, "trackClicks": true }),
    )
    .await;
    assert!(!queued(&hall, &signed).await.1.contains("mail.example.com"));
}

#[tokio::test]
async fn a_message_wishes_for_itself_below_the_body_and_above_the_settings() {
    let settings = json!({ "serviceUrl": "https://mail.example.com", "trackSentMessages": true });
    let hall = hall(settings).await;
    let wishes = "X-EE-Delivery-Attempts: 3\r\nx-ee-send-at: 2098-01-02T03:04:05.000Z\r\nX-EE-Gateway: nobody\r\n";
    for (wish, own, tracked) in [
        (None, json!({}), true),
        (Some("no"), json!({}), false),
        (
            Some("yes"),
            json!({ "trackOpens": false, "trackClicks": false }),
            false,
        ),
        (Some("no"), json!({ "trackOpens": true }), true),
    ] {
        let wish = wish.map(|wish| format!("X-EE-Tracking-Enabled: {wish}\r\n"));
        let raw = format!("{wishes}{}{RAW}", wish.clone().unwrap_or_default());
        let mut body = own.clone();
        body["raw"] = json!(BASE64_STANDARD.encode(raw));
        let asked = ask().path("account", "own").body(body);
        let sent = hall
            .call("postV1AccountAccountSubmit", asked)
            .await
            .unwrap();
        assert_eq!(sent["sendAt"], "2098-01-02T03:04:05.000Z");
        let (stored, text) = queued(&hall, &sent).await;
        assert_eq!(
            (stored.entry.attempts, &stored.entry.job.gateway),
            (3, &None)
        );
        assert!(!text.to_lowercase().contains("x-ee-"), "{text}");
        assert!(
            text.contains("Date: Thu, 02 Jan 2098 03:04:05 +0000\r\n"),
            "{text}"
        );
        assert_eq!(text.contains("mail.example.com"), tracked, "{wish:?} {own}");
    }
}

#[tokio::test]
async fn the_body_stands_over_the_header() {
    let hall = hall(json!({})).await;
    let body = json!({
        "subject": "Gr\u{fc}\u{df}e", "to": [{ "address": "new@example.net" }], "messageId": "<mine@example.com>",
        "from": { "name": "Me", "address": "me@example.com" }, "replyTo": [{ "address": "back@example.com" }],
        "headers": { "x-tag": ["three", "four"], "Subject": "lost", "Content-Type": "text/plain", "Date": "lost", "X-New": "n" },
        "deliveryAttempts": 2,
    });
    let sent = submit(&hall, RAW, body).await;
    let (stored, text) = queued(&hall, &sent).await;
    assert_eq!(stored.entry.attempts, 2);
    assert_eq!(
        stored.entry.job.envelope.to,
        ["new@example.net", "kept@example.net"]
    );
    let header = text.split("\r\n\r\n").next().unwrap();
    let expected = "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\nTo: new@example.net\r\nCc: kept@example.net\r\n\
        X-Tag: three\r\nX-Tag: four\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=a\r\n\
        From: Me <me@example.com>\r\nReply-To: back@example.com\r\nMessage-ID: <mine@example.com>\r\n\
        X-New: n\r\nDate: Fri, 02 Jan 2099 03:04:05 +0000";
    assert_eq!(header.to_lowercase(), expected.to_lowercase());
}
