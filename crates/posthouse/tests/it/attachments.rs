//! Large attachments that are given in the body of a request, which are decoded while it arrives.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use posthouse_testkit::{Answer, Client, Random, Server, SmtpSink, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, with_smtp};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Bytes that compress badly, the same for a seed.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..size)
        .map(|_| u8::try_from(random.below(256)).unwrap())
        .collect()
}

fn letter(contents: &[&str]) -> Value {
    let attachments: Vec<_> = contents
        .iter()
        .enumerate()
        .map(|(number, content)| json!({ "filename": format!("{number}.bin"), "content": content }))
        .collect();
    json!({ "to": [{ "address": "bob@example.net" }], "text": "See files", "attachments": attachments })
}

async fn submit(client: &Client, user: &str, key: &str, body: Vec<u8>, chunked: bool) -> Answer {
    let mut headers = vec![JSON, ("Idempotency-Key", key)];
    let mut sent = body;
    if chunked {
        headers.push(("Transfer-Encoding", "chunked"));
        let mut pieces = Vec::new();
        for piece in sent.chunks(50_021) {
            pieces.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            pieces.extend_from_slice(piece);
            pieces.extend_from_slice(b"\r\n");
        }
        pieces.extend_from_slice(b"0\r\n\r\n");
        sent = pieces;
    }
    let path = format!("/v1/account/{user}/submit");
    client.request("POST", &path, &headers, Some(sent)).await
}

/// The attachments of a message as it was sent.
fn attached(raw: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8(raw.to_vec()).unwrap();
    let parts = text.split("Content-Disposition: attachment").skip(1);
    parts
        .map(|part| {
            let (_, body) = part.split_once("\r\n\r\n").unwrap();
            let lines = body.lines().take_while(|line| !line.starts_with("--"));
            BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
        })
        .collect()
}

#[tokio::test]
async fn they_arrive_byte_for_byte_and_once_under_a_key() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = unique_user();
    let account = with_smtp(account(&user), &sink);
    client.post("/v1/account", &account).await.ok();
    let files = [noise(1, 3_000_001), noise(2, 80_000), noise(3, 10)];
    let texts = files.each_ref().map(|file| BASE64_STANDARD.encode(file));
    let [first, second, third] = &texts;
    // As some clients write it: lines, and slashes that need no escape.
    let lines: Vec<_> = second.as_bytes().chunks(76).collect();
    let second = String::from_utf8(lines.join(&b"\r\n"[..])).unwrap();
    let body = letter(&[first, &second, third]).to_string();
    let escaped = body.replace('/', "\\/");

    let made = submit(&client, &user, "k", body.clone().into_bytes(), false).await;
    assert_eq!(made.header("idempotency-status"), Some("MISS"));
    let made = made.ok();
    let mails = sink.wait_for(1, LIMIT).await;
    assert!(attached(&mails[0].data) == files, "other bytes arrived");

    server.restart().await;
    let client = server.client().await;
    for (body, chunked) in [(body.clone(), false), (body, true), (escaped, true)] {
        let again = submit(&client, &user, "k", body.into_bytes(), chunked).await;
        assert_eq!(again.header("idempotency-status"), Some("HIT"));
        assert_eq!(again.ok()["queueId"], made["queueId"]);
    }
    let mut other = files[0].clone();
    other[1_500_000] ^= 1;
    let other = letter(&[&BASE64_STANDARD.encode(other), &second, third]).to_string();
    let reused = submit(&client, &user, "k", other.into_bytes(), false).await;
    assert_eq!(reused.expect(422)["code"], "IdempotencyKeyReused");

    // Each message of a mail merge has them.
    let mut merge = letter(&[first]);
    merge.as_object_mut().unwrap().remove("to");
    merge["mailMerge"] =
        json!([{ "to": { "address": "a@example.net" } }, { "to": { "address": "b@example.net" } }]);
    let path = format!("/v1/account/{user}/submit");
    client.post(&path, &merge).await.ok();
    let mails = sink.wait_for(3, LIMIT).await;
    for mail in &mails[1..] {
        assert!(attached(&mail.data) == files[..1], "other bytes arrived");
    }

    // A finished message.
    let finished = format!(
        "From: a@example.com\r\nTo: b@example.net\r\n\r\n{}",
        "line\r\n".repeat(50_000)
    );
    let raw = json!({ "raw": BASE64_STANDARD.encode(&finished) });
    client.post(&path, &raw).await.ok();
    let mails = sink.wait_for(4, LIMIT).await;
    let (_, text) = finished.split_once("\r\n\r\n").unwrap();
    assert!(mails[3].data.ends_with(text.as_bytes()));
}

#[tokio::test]
async fn what_is_wrong_with_them_is_said_as_of_small_ones() {
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = unique_user();
    let account = with_smtp(account(&user), &sink);
    client.post("/v1/account", &account).await.ok();
    let long = BASE64_STANDARD.encode(noise(4, 99_999));
    let path = format!("/v1/account/{user}/submit");
    for (small, large) in [
        ("%", format!("%{long}")),
        ("QUJD%", format!("{long}%")),
        ("QUJDQ", format!("{long}Q")),
        ("QQ==QQ==", format!("{long}QQ==QQ==")),
        ("é\"\\", format!("{long}é\"\\")),
    ] {
        let good = "QUJD";
        let expected = client.post(&path, &letter(&[good, small])).await;
        let found = client.post(&path, &letter(&[&long, &large])).await;
        let said = found.expect(400);
        assert_eq!(said, expected.expect(400), "{small}");
        assert!(
            said.to_string().contains("attachments[1].content"),
            "{said}"
        );
        let expected = client.post(&path, &json!({ "raw": small })).await;
        let found = client.post(&path, &json!({ "raw": large })).await;
        assert_eq!(found.expect(400), expected.expect(400), "{small}");
    }
    let longest = "A".repeat(5 << 20);
    for (content, status) in [(longest.clone(), 200), (longest + "A", 400)] {
        let mut body = letter(&[&content]);
        body["dryRun"] = json!(true);
        let answer = client.post(&path, &body).await.expect(status);
        if status == 400 {
            let said = "\"attachments[0].content\" length must be less than or equal to 5242880 characters long";
            assert_eq!(answer["fields"][0]["message"], said);
        }
    }
    for broken in [
        format!(r#"{{"attachments":[{{"content":"{long}"#),
        format!("{{\"attachments\":[{{\"content\":\"{long}\n\"}}]}}"),
        format!(r#"{{"attachments":[{{"content":"{long}\q"}}]}}"#),
    ] {
        let answer = client
            .request("POST", &path, &[JSON], Some(broken.into()))
            .await;
        let said = answer.expect(400);
        assert_eq!(said["message"], "Invalid request payload JSON format");
    }
    assert_eq!(sink.mails().len(), 0);
}
