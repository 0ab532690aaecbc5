//! Bounces, complaints and delivery reports on a real IMAP server, through webhooks and the API.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
};

use posthouse_contract::validate_answer;
use posthouse_testkit::{
    Client, Hook, HookSink, ImapClient, Server, cyrus_addr, env, imap_addr, reports, unique_user,
};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, webhooks_to};

const LOST: &str = "lost@reef.example";

/// The event of a type about this message.
async fn told(hooks: &HookSink, event: &str, key: &str, value: &Value) -> Value {
    let fits = |hook: &Hook| hook.event() == event && hook.json()["data"][key] == *value;
    hooks.wait_for(LIMIT, fits).await.json()
}

/// The only message of a folder with this `Message-ID`.
async fn listed(client: &Client, user: &str, path: &str, id: &str) -> Value {
    let list = format!("/v1/account/{user}/messages?path={path}");
    let page = client.get(&list).await.ok();
    validate_answer("getV1AccountAccountMessages", 200, &page).unwrap();
    let messages = page["messages"].as_array().unwrap().iter();
    let mut same = messages.filter(|message| message["messageId"] == format!("<{id}>"));
    same.next().unwrap().clone()
}

#[tokio::test]
async fn what_came_back_is_told_and_shown_with_what_was_sent() {
    told_and_shown(imap_addr()).await;
}

/// A server that names messages by ids of its own: the original is searched for.
#[tokio::test]
async fn what_came_back_on_cyrus() {
    told_and_shown(cyrus_addr()).await;
}

async fn told_and_shown(addr: SocketAddr) {
    let hooks = HookSink::start().await;
    let mut server = Server::start(BINARY).await;
    webhooks_to(&mut server, &hooks).await;
    let client = server.client().await;
    let user = unique_user();
    let id = |name: &str| format!("{name}.{user}@gate.example");
    let mut account = account(&user);
    account["imap"]["host"] = json!(addr.ip().to_string());
    account["imap"]["port"] = json!(addr.port());
    let mut imap = ImapClient::login_at(addr, &user, env::IMAP_PASSWORD).await;
    client.post("/v1/account", &account).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    imap.append("Sent", "\\Seen", &reports::original(&id("m1"), LOST))
        .await;
    let sync = format!("/v1/account/{user}/sync");
    client.put(&sync, &json!({ "sync": true })).await.ok();
    let sent = told(
        &hooks,
        "messageNew",
        "messageId",
        &json!(format!("<{}>", id("m1"))),
    )
    .await;
    // All at once, as after a mailing.
    for raw in [
        reports::newsletter(&id("n1")),
        reports::bounce(&id("m1"), LOST),
        reports::delay(&id("m2"), LOST),
        reports::complaint(&id("m1"), "reader@provider.example"),
    ] {
        imap.append("INBOX", "", &raw).await;
    }
    let original = json!(format!("<{}>", id("m1")));

    let bounced = told(&hooks, "messageBounce", "messageId", &original).await;
    assert_eq!(bounced["path"], "INBOX");
    let data = &bounced["data"];
    assert_eq!(data["id"], sent["data"]["id"], "{data}");
    assert_eq!(data["recipient"], LOST);
    assert_eq!(data["action"], "failed");
    assert_eq!(data["response"]["category"], "user_unknown");
    assert_eq!(data["response"]["recommendedAction"], "remove");
    assert_eq!(data["response"]["status"], "5.1.1");
    assert_eq!(data["queueId"], "4F1A22");
    assert_eq!(data["mta"], "mx.reef.example");
    assert_eq!(data["messageHeaders"]["subject"], json!(["Hello"]));
    let new = told(&hooks, "messageNew", "id", &data["bounceMessage"]).await;
    assert_eq!(new["data"]["isBounce"], true);
    assert_eq!(new["data"]["relatedMessageId"], original);

    let complained = hooks
        .wait_for(LIMIT, |hook| hook.event() == "messageComplaint")
        .await
        .json();
    let data = &complained["data"];
    assert_eq!(data["arf"]["feedbackType"], "abuse");
    assert_eq!(
        data["arf"]["originalRcptTo"],
        json!(["reader@provider.example"])
    );
    assert_eq!(data["headers"]["messageId"], original);
    let new = told(&hooks, "messageNew", "id", &data["complaintMessage"]).await;
    assert_eq!(new["data"]["isComplaint"], true);
    assert_eq!(new["data"]["relatedMessageId"], original);

    let late = json!(format!("<report.{}>", id("m2")));
    let late = told(&hooks, "messageNew", "messageId", &late).await;
    assert_eq!(late["data"]["deliveryReport"]["action"], "delayed");
    assert_eq!(late["data"]["isBounce"], Value::Null);
    let letter = json!(format!("<{}>", id("n1")));
    let letter = told(&hooks, "messageNew", "messageId", &letter).await;
    for field in ["isBounce", "isComplaint", "deliveryReport", "headers"] {
        assert_eq!(letter["data"][field], Value::Null, "{field}");
    }

    let detail = sent["data"]["id"].as_str().unwrap();
    let detail = format!("/v1/account/{user}/message/{detail}");
    let detail = client.get(&detail).await.ok();
    validate_answer("getV1AccountAccountMessageMessage", 200, &detail).unwrap();
    let listed = listed(&client, &user, "Sent", &id("m1")).await;
    for shown in [&detail["bounces"], &listed["bounces"]] {
        let mut shown = shown.clone();
        assert!(shown[0]["date"].take().as_str().unwrap().ends_with('Z'));
        assert_eq!(
            shown,
            json!([{
                "message": bounced["data"]["bounceMessage"], "recipient": LOST, "action": "failed",
                "response": {
                    "message": bounced["data"]["response"]["message"], "status": "5.1.1",
                },
                "date": null,
            }])
        );
    }
    // Nothing else was told of reports: all is delivered once the last message is.
    imap.append("INBOX", "", &reports::newsletter(&id("n2")))
        .await;
    let last = json!(format!("<{}>", id("n2")));
    told(&hooks, "messageNew", "messageId", &last).await;
    let count = |event: &str| {
        let hooks = hooks.hooks().into_iter();
        hooks.filter(|hook| hook.event() == event).count()
    };
    assert_eq!((count("messageBounce"), count("messageComplaint")), (1, 1));
}

#[test]
fn the_command_line_says_what_a_file_reports() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bounce.eml");
    let check = |args: &[&str], raw: &[u8]| -> Value {
        std::fs::write(&file, raw).unwrap();
        let output = Command::new(BINARY)
            .arg("check-bounce")
            .args(args)
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::from(std::fs::File::open(&file).unwrap()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let bounce = reports::bounce("m1@gate.example", LOST);
    for args in [&["bounce.eml"][..], &["-f", "bounce.eml"], &["-"]] {
        let told = check(args, &bounce);
        assert_eq!(told["recipient"], LOST);
        assert_eq!(told["messageId"], "<m1@gate.example>");
        assert_eq!(told["response"]["category"], "user_unknown");
    }
    let late = check(&["bounce.eml"], &reports::delay("m2@gate.example", LOST));
    assert_eq!(late["deliveryReport"]["action"], "delayed");
    let complaint = check(
        &["bounce.eml"],
        &reports::complaint("m1@gate.example", LOST),
    );
    assert_eq!(complaint["arf"]["originalRcptTo"], json!([LOST]));
    let letter = check(&["bounce.eml"], &reports::newsletter("n1@weekly.example"));
    assert_eq!(letter, json!({}));
    let missing = Command::new(BINARY)
        .args(["check-bounce", "none.eml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("none.eml"));
}
