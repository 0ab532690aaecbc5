//! Messages that were there before the account: named in the background, so that their moves and conversations are known.

use std::time::Duration;

use posthouse_testkit::{Hook, HookSink, ImapClient, Server, eventually, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, webhooks_to};

fn message(id: &str, parent: Option<&str>) -> Vec<u8> {
    let parent = parent.map_or_else(String::new, |parent| {
        format!("In-Reply-To: <{parent}@test>\r\n")
    });
    format!(
        "From: A <a@example.com>\r\nTo: b@example.com\r\nSubject: {id}\r\n\
         Message-ID: <{id}@test>\r\n{parent}\r\nHello\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn a_message_from_before_is_moved_and_keeps_its_conversation() {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let client = server.client().await;
    let user = unique_user();
    let mut other = ImapClient::login(&user).await;
    other.append("INBOX", "", &message("one", None)).await;
    other
        .append("INBOX", "", &message("two", Some("one")))
        .await;
    client.post("/v1/account", &account(&user)).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let list = format!("/v1/account/{user}/messages?path=INBOX");
    let listed = client.get(&list).await.ok();
    let thread = |listed: &Value, at: usize| listed["messages"][at]["threadId"].clone();
    let first = thread(&listed, 0);
    assert_eq!(first.as_str().map(str::len), Some(16), "{listed}");
    assert_eq!(
        first,
        thread(&listed, 1),
        "a reply is of the same conversation"
    );
    // Both are named by now: by the listing, if not before.
    other.command("SELECT INBOX").await;
    other.command("UID MOVE 2 Archive").await;
    let moved = json!({"from": "INBOX", "to": "Archive"});
    let told = |event: &'static str| {
        let fits = move |hook: &Hook| hook.event() == event;
        hooks.wait_for(LIMIT, fits)
    };
    let deleted = told("messageDeleted").await.json();
    assert_eq!(deleted["data"]["moved"], moved, "{deleted}");
    assert_eq!(deleted["path"], "INBOX");
    let new = told("messageNew").await.json();
    assert_eq!(new["data"]["moved"], moved, "{new}");
    assert_eq!(new["data"]["threadId"], first);
    assert_eq!(new["data"]["seemsLikeNew"], Value::Null);
    // The console says how far the background has come: it has come to the end.
    let folders = format!("/admin/accounts/{user}/folders");
    eventually("all messages named", Duration::from_secs(20), || async {
        let page = client.get(&folders).await.text();
        page.contains("recognised of all of them").then_some(())
    })
    .await;
}
