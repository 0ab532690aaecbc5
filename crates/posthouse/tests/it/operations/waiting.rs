//! How long a caller waits, when the mail server takes its time (behaviour sections 0 and 1).

use std::time::{Duration, Instant};

use posthouse_testkit::{
    Answer, FaultProxy, ImapClient, Mode, Server, env, imap_addr, unique_user,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{BINARY, LIMIT};

/// More callers at once than an account has sessions.
const CALLERS: usize = 16;

#[tokio::test]
async fn callers_of_a_stalled_server_get_their_504_in_time_and_their_answer_later() {
    let mut server = Server::builder(BINARY)
        .env("EENGINE_TIMEOUT", "1000")
        .start()
        .await;
    let proxy = FaultProxy::start(imap_addr()).await;
    let user = unique_user();
    let mut imap = ImapClient::login_at(imap_addr(), &user, env::IMAP_PASSWORD).await;
    imap.append("INBOX", "", &super::message("one", "")).await;
    let client = server.client().await;
    let account = json!({
        "account": user, "name": "Test", "email": format!("{user}@example.com"),
        "imap": { "host": "127.0.0.1", "port": proxy.addr().port(), "secure": false,
                  "auth": { "user": user, "pass": env::IMAP_PASSWORD } },
    });
    client.post("/v1/account", &account).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let path = format!("/v1/account/{user}/messages?path=INBOX");
    let page = client.get(&path).await.ok();
    let id = page["messages"][0]["id"].as_str().unwrap().to_owned();
    let text = format!("/v1/account/{user}/message/{id}/source");

    proxy.set(Mode::Blackhole);
    let wait = |headers: &'static [(&str, &str)]| {
        let (client, path, text) = (client.clone(), path.clone(), text.clone());
        async move {
            let began = Instant::now();
            let mut calls = JoinSet::new();
            for call in 0..CALLERS {
                let path = [&path, &text][call % 2].clone();
                let client = client.clone();
                calls.spawn(async move { client.request("GET", &path, headers, None).await });
            }
            (calls.join_all().await, began.elapsed())
        }
    };
    let told = |answer: &Answer| {
        let body = answer.expect(504);
        assert_eq!(body["statusCode"], 504, "{body}");
        assert_eq!(body["error"], "Gateway Time-out", "{body}");
        assert_eq!(body["code"], "Timeout", "{body}");
        assert_ne!(body["message"], Value::Null, "{body}");
    };
    let (answers, took) = wait(&[]).await;
    answers.iter().for_each(told);
    // They wait side by side, not one after the other.
    let whole = Duration::from_secs(1)..Duration::from_secs(4);
    assert!(whole.contains(&took), "{CALLERS} callers: {took:?}");
    // Who asks for more time gets it; who asks for less gets what everybody has.
    let (answers, took) = wait(&[("x-ee-timeout", "3000")]).await;
    answers.iter().for_each(told);
    assert!(took >= Duration::from_secs(3), "{took:?}");
    let (answers, took) = wait(&[("x-ee-timeout", "5")]).await;
    answers.iter().for_each(told);
    assert!(took >= Duration::from_secs(1), "{took:?}");

    // The server comes back: so do the answers, to callers who give it the time to connect.
    proxy.set(Mode::Pass);
    let (answers, _) = wait(&[("x-ee-timeout", "30000")]).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let health = client.get(&format!("/v1/account/{user}")).await.ok();
    assert_eq!(health["state"], "connected", "{health}");
}
