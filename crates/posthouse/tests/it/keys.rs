//! Idempotency keys over HTTP, across kills.

use posthouse_testkit::{Answer, Client, Server, imap_messages, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account};

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    ];
    client
        .request("POST", path, &headers, Some(body.to_string().into_bytes()))
        .await
}

#[tokio::test]
async fn what_was_made_under_a_key_is_made_once_across_kills() {
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = unique_user();
    client.post("/v1/account", &account(&user)).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let upload = format!("/v1/account/{user}/message");
    let letter = json!({ "path": "INBOX", "subject": "s", "text": "t", "from": { "address": "a@example.com" } });
    let template =
        json!({ "account": null, "name": "n", "content": { "subject": "s", "text": "t" } });
    let path = "/v1/templates/template";
    let first = post(&client, path, "k", &template).await;
    assert_eq!(first.header("idempotency-status"), Some("MISS"));
    let stored = post(&client, &upload, "k", &letter).await;
    assert_eq!(stored.header("idempotency-status"), Some("MISS"));
    server.restart().await;
    let client = server.client().await;
    for (path, body, known) in [
        (path, &template, first.ok()),
        (upload.as_str(), &letter, stored.ok()),
    ] {
        let again = post(&client, path, "k", body).await;
        assert_eq!(again.header("idempotency-status"), Some("HIT"));
        assert_eq!(again.ok(), known);
    }
    assert_eq!(client.get("/v1/templates").await.ok()["total"], 1);
    assert_eq!(imap_messages(&user, "INBOX").await.len(), 1);
    let mut other = template.clone();
    other["name"] = json!("other");
    let reused = post(&client, path, "k", &other).await.expect(422);
    assert_eq!(reused["code"], "IdempotencyKeyReused");
    // What keys mean nothing to has no such header.
    server.wait_state(&user, "connected", LIMIT).await;
    let searched = post(
        &client,
        &format!("/v1/account/{user}/search?path=INBOX"),
        "k",
        &json!({ "search": {} }),
    )
    .await;
    assert_eq!(
        (searched.status, searched.header("idempotency-status")),
        (200, None)
    );
    // In the document they are a header like others.
    let document = client.get("/swagger.json").await.ok();
    let parameters = document["paths"][path]["post"]["parameters"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        parameters
            .iter()
            .any(|one| one["name"] == "idempotency-key" && one["in"] == "header")
    );
}
