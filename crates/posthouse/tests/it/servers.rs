//! The same mailbox on every real IMAP server of the tests: connected, read, followed.

use posthouse_testkit::{Client, Hook, HookSink, Server, env, mail, unique_user};
use serde_json::{Value, json};

use crate::model::MailServer;
use crate::{BINARY, LIMIT, webhooks_to};

#[tokio::test]
async fn a_mailbox_on_dovecot() {
    a_mailbox_is_read_and_followed(MailServer::dovecot()).await;
}

#[tokio::test]
async fn a_mailbox_on_cyrus() {
    a_mailbox_is_read_and_followed(MailServer::cyrus()).await;
}

async fn a_mailbox_is_read_and_followed(mail: MailServer) {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let client = server.client().await;
    let user = unique_user();
    let mut other = mail.login(&user).await;
    let objectid = other
        .capabilities()
        .await
        .iter()
        .any(|word| word == "OBJECTID");
    other
        .append("INBOX", "\\Seen", &mail::plain("old", "Old", "Was there\n"))
        .await;
    let account = json!({
        "account": user, "name": "Test", "email": format!("{user}@example.com"),
        "imap": { "host": mail.addr.ip(), "port": mail.addr.port(), "secure": false,
                  "auth": { "user": user, "pass": env::IMAP_PASSWORD } },
    });
    client.post("/v1/account", &account).await.ok();
    let told = |event: &'static str, path: &'static str| {
        let matches = move |hook: &Hook| hook.event() == event && hook.json()["path"] == path;
        hooks.wait_for(LIMIT, matches)
    };
    hooks
        .wait_for_event(&user, "accountInitialized", LIMIT)
        .await;
    let base = format!("/v1/account/{user}");

    let folders = client
        .get(&format!("{base}/mailboxes?counters=true"))
        .await
        .ok();
    let folders = folders["mailboxes"].as_array().unwrap();
    assert_eq!(folders[0]["path"], "INBOX");
    assert_eq!(folders[0]["status"]["messages"], 1);
    for special in ["\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive"] {
        let found = folders
            .iter()
            .find(|folder| folder["specialUse"] == special);
        assert_eq!(found.unwrap()["specialUseSource"], "extension", "{special}");
    }
    let page = client
        .get(&format!("{base}/messages?path=INBOX"))
        .await
        .ok();
    assert_eq!(page["messages"][0]["subject"], "Old");
    assert_eq!(page["messages"][0].get("unseen"), None);
    let id = page["messages"][0]["id"].as_str().unwrap().to_owned();
    let detail = client
        .get(&format!("{base}/message/{id}?textType=*"))
        .await
        .ok();
    assert_eq!(
        detail["text"]["plain"].as_str().map(str::trim),
        Some("Was there")
    );

    // What the API changes is on the server.
    let change = json!({ "flags": { "add": ["\\Answered"], "delete": ["\\Seen"] } });
    client
        .put(&format!("{base}/message/{id}"), &change)
        .await
        .ok();
    let flags = other.flags_by_uid("INBOX").await;
    let flags = flags.values().flatten();
    let flags: Vec<_> = flags.filter(|flag| *flag != "\\Recent").collect();
    assert_eq!(flags, ["\\Answered"]);

    // Mail comes; somebody flags it, moves it, and throws it away.
    let uid = other
        .append("INBOX", "", &mail::plain("new", "New", "Hello\n"))
        .await;
    let new = told("messageNew", "INBOX").await.json();
    assert_eq!(
        (&new["data"]["subject"], &new["data"]["uid"]),
        (&json!("New"), &json!(uid))
    );
    assert_eq!(new["data"]["emailId"].is_string(), objectid, "{new}");
    other.command("SELECT INBOX").await;
    other
        .command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Flagged Work)"))
        .await;
    let of_new =
        |hook: &Hook| hook.event() == "messageUpdated" && hook.json()["data"]["uid"] == uid;
    let updated = hooks.wait_for(LIMIT, of_new).await.json();
    assert_eq!(updated["data"]["id"], new["data"]["id"]);
    assert_eq!(updated["path"], "INBOX");
    assert_eq!(
        sorted(&updated["data"]["changes"]["flags"]["added"]),
        ["Work", "\\Flagged"]
    );
    assert_eq!(
        sorted(&updated["data"]["changes"]["flags"]["value"]),
        ["Work", "\\Flagged"]
    );
    hooks.clear();
    other.command(&format!("UID MOVE {uid} Archive")).await;
    let moved = json!({ "from": "INBOX", "to": "Archive" });
    let deleted = told("messageDeleted", "INBOX").await.json();
    assert_eq!(
        (&deleted["data"]["uid"], &deleted["data"]["moved"]),
        (&json!(uid), &moved)
    );
    sync(&client, &base).await;
    let archived = told("messageNew", "Archive").await.json();
    assert_eq!(archived["data"]["moved"], moved);
    assert_eq!(sorted(&archived["data"]["flags"]), ["Work", "\\Flagged"]);
    other.command("SELECT Archive").await;
    other.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    other.command("EXPUNGE").await;
    sync(&client, &base).await;
    let gone = told("messageDeleted", "Archive").await.json();
    assert_eq!(gone["data"]["id"], archived["data"]["id"]);
    assert_eq!(gone["data"].get("moved"), None);
}

async fn sync(client: &Client, base: &str) {
    let sync = json!({ "sync": true });
    client.put(&format!("{base}/sync"), &sync).await.ok();
}

/// Words of a JSON list, in order of the alphabet.
fn sorted(list: &Value) -> Vec<String> {
    let mut words: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    words.sort_unstable();
    words
}
