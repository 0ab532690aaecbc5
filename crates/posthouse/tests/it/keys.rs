//! Idempotency keys over HTTP, across kills.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use posthouse_testkit::{Answer, Client, Random, Server, eventually, imap_messages, unique_user};
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

/// Posts under a key until it is answered, also while the server is down.
async fn post_until_answered(client: &Client, path: &str, key: &str, body: &Value) -> Value {
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    ];
    let ends = Instant::now() + LIMIT * 4;
    while Instant::now() < ends {
        let bytes = body.to_string().into_bytes();
        match client
            .try_request("POST", path, &headers, Some(bytes))
            .await
        {
            Ok(answer) if answer.status < 500 => return answer.ok(),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("{path} was never answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_amid_the_work_make_nothing_twice() {
    const CALLS: usize = 900;
    const CLIENTS: usize = 8;
    const KILLS: usize = 15;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let total = async |client: &Client, path: &str| {
        let page = client.get(path).await.ok();
        page["total"].as_u64().unwrap()
    };
    // Those that this is asked with.
    let before = total(&client, "/v1/tokens").await;
    let next = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, next) = (client.clone(), next.clone());
            tokio::spawn(async move {
                let mut made = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= CALLS {
                        return made;
                    }
                    let (path, body, id) = match number % 3 {
                        0 => (
                            "/v1/templates/template",
                            json!({ "account": null, "name": "n", "content": { "subject": "s", "text": "t" } }),
                            "id",
                        ),
                        1 => (
                            "/v1/tokens",
                            json!({ "description": "d", "scopes": ["api"], "permissions": { "actions": ["send"] } }),
                            "id",
                        ),
                        _ => ("/v1/account", json!({ "account": null, "name": "n" }), "account"),
                    };
                    let key = format!("k{number}");
                    let answer = post_until_answered(&client, path, &key, &body).await;
                    made.push((number % 3, answer[id].as_str().unwrap().to_owned()));
                }
            })
        })
        .collect();
    let mut random = Random::new(7);
    let mut kills: Vec<_> = (0..KILLS).map(|_| random.below(CALLS * 9 / 10)).collect();
    kills.sort_unstable();
    for kill in kills {
        eventually("calls", LIMIT, || async {
            (next.load(Ordering::SeqCst) >= kill).then_some(())
        })
        .await;
        server.restart().await;
    }
    let mut made = BTreeSet::new();
    for task in clients {
        made.extend(task.await.unwrap());
    }
    assert_eq!(made.len(), CALLS);
    for (kind, path, before) in [
        (0, "/v1/templates", 0),
        (1, "/v1/tokens", before),
        (2, "/v1/accounts", 0),
    ] {
        let known = made.iter().filter(|(of, _)| *of == kind).count();
        let all = total(&client, path).await;
        assert_eq!(all, known as u64 + before, "{path}");
    }
}
