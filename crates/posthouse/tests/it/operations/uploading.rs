//! Messages stored in folders.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::House;

#[tokio::test]
async fn a_finished_message_is_stored_byte_for_byte() {
    let mut house = House::on("Dovecot").await;
    let raw = b"From: a@example.com\r\nSubject:  odd   spacing \r\nX-EE-Send-At: never\r\n\r\n.\r\n\xe4\xf6 8-bit\r\n..\r\n\r\n";
    let body = json!({
        "path": "\\Drafts", "raw": BASE64_STANDARD.encode(raw), "flags": ["\\Seen", "\\Draft", "$mine"],
        "internalDate": "2021-07-08T07:06:34.000Z",
    });
    let stored = house.client.post(&house.path("/message"), &body).await.ok();
    assert_eq!(stored["path"], "Drafts");
    assert!(
        stored["uid"].is_u64() && stored["uidValidity"].is_string(),
        "{stored}"
    );
    let there = house.imap.messages("Drafts").await;
    assert_eq!(there[0].raw, raw);
    let id = stored["id"].as_str().unwrap();
    let detail = house
        .client
        .get(&house.path(&format!("/message/{id}")))
        .await
        .ok();
    assert_eq!(detail["date"], "2021-07-08T07:06:34.000Z");
    assert_eq!(detail["draft"], true);
    let mut flags: Vec<_> = detail["flags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f.as_str().unwrap())
        .collect();
    flags.sort_unstable();
    assert_eq!(flags, ["$mine", "\\Draft", "\\Seen"]);
    let source = house
        .client
        .get(&house.path(&format!("/message/{id}/source")))
        .await;
    assert_eq!(source.body, raw);
}

#[tokio::test]
async fn a_message_is_built_from_its_parts() {
    let mut house = House::on("Dovecot").await;
    house
        .imap
        .append("INBOX", "", &super::message("question", ""))
        .await;
    let asked = house.ids("INBOX").await.remove(0);
    let file: Vec<u8> = (0..=255)
        .cycle()
        .take(700_000)
        .map(|n: u16| n as u8)
        .collect();
    let body = json!({
        "path": "Drafts", "to": [{ "name": "Bob", "address": "bob@example.net" }],
        "bcc": [{ "address": "hidden@example.net" }], "text": "Grüße", "html": "<p>Grüße</p>",
        "attachments": [{ "filename": "naïve.bin", "content": BASE64_STANDARD.encode(&file) }],
        "reference": { "message": asked, "action": "reply" }, "headers": { "X-One": "1" },
    });
    let stored = house.client.post(&house.path("/message"), &body).await.ok();
    assert_eq!(
        stored["reference"],
        json!({ "message": asked, "success": true })
    );
    let id = stored["id"].as_str().unwrap();
    let detail = house
        .client
        .get(&house.path(&format!("/message/{id}?textType=*")))
        .await
        .ok();
    assert_eq!(detail["messageId"], stored["messageId"]);
    assert_eq!(detail["subject"], "Re: question");
    assert_eq!(detail["inReplyTo"], "<question@example.com>");
    assert_eq!(
        detail["bcc"][0]["address"], "hidden@example.net",
        "a draft keeps its hidden recipients"
    );
    assert_eq!(
        detail["text"]["plain"].as_str().unwrap().trim_end(),
        "Grüße"
    );
    assert_eq!(detail["attachments"][0]["filename"], "naïve.bin");
    let attachment = detail["attachments"][0]["id"].as_str().unwrap();
    let got = house
        .client
        .get(&house.path(&format!("/attachment/{attachment}")))
        .await;
    assert_eq!(got.body, file);
}

#[tokio::test]
async fn what_cannot_be_stored_is_said() {
    let house = House::on("Dovecot").await;
    let upload = house.path("/message");
    let nowhere = json!({ "path": "Nowhere", "text": "x" });
    assert_eq!(
        house.client.post(&upload, &nowhere).await.expect(404)["code"],
        "FolderNotFound"
    );
    for body in [
        json!({ "text": "x" }),
        json!({ "path": "INBOX", "raw": "%%%" }),
        json!({ "path": "INBOX", "text": "x", "flags": ["a b"] }),
        json!({ "path": "INBOX", "text": "x", "internalDate": "soon" }),
        json!({ "path": "INBOX", "text": "x", "headers": { "Bad Name": "x" } }),
    ] {
        house.client.post(&upload, &body).await.expect(400);
    }
    let missing =
        json!({ "path": "INBOX", "text": "x", "reference": { "message": "AAAAAQAACnA" } });
    assert_eq!(
        house.client.post(&upload, &missing).await.expect(404)["code"],
        "ReferenceNotFound"
    );
    assert!(house.ids("INBOX").await.is_empty());
}
