//! Every operation on mailboxes and messages, through the API, on real IMAP servers.

mod changing;
mod folders;
mod searching;
mod uploading;
mod waiting;

use posthouse_testkit::{Client, ImapClient, Server, cyrus_addr, env, imap_addr, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT};

/// An account that is connected, and a client of its own on its mailbox.
struct House {
    _server: Server,
    client: Client,
    imap: ImapClient,
    /// `/v1/account/{account}`.
    base: String,
}

impl House {
    /// On a server of this name.
    async fn on(name: &str) -> Self {
        let addr = match name {
            "Cyrus" => cyrus_addr(),
            _ => imap_addr(),
        };
        let mut server = Server::start(BINARY).await;
        let user = unique_user();
        let imap = ImapClient::login_at(addr, &user, env::IMAP_PASSWORD).await;
        let client = server.client().await;
        let account = json!({
            "account": user, "name": "Test", "email": format!("{user}@example.com"),
            "imap": { "host": addr.ip().to_string(), "port": addr.port(), "secure": false,
                      "auth": { "user": user, "pass": env::IMAP_PASSWORD } },
        });
        client.post("/v1/account", &account).await.ok();
        server.wait_state(&user, "connected", LIMIT).await;
        Self {
            _server: server,
            client,
            imap,
            base: format!("/v1/account/{user}"),
        }
    }

    /// A path of this account.
    fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.base)
    }

    /// What a search finds: its subjects, newest first.
    async fn found(&self, search: Value) -> Vec<String> {
        let body = json!({ "search": search });
        let page = self
            .client
            .post(&self.path("/search?path=INBOX&pageSize=1000"), &body)
            .await
            .ok();
        subjects(&page)
    }

    /// The ids of a folder, newest first.
    async fn ids(&self, folder: &str) -> Vec<String> {
        let page = self
            .client
            .get(&self.path(&format!("/messages?path={folder}&pageSize=1000")))
            .await
            .ok();
        let list = page["messages"].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|entry| entry["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn subjects(page: &Value) -> Vec<String> {
    let list = page["messages"].as_array().cloned().unwrap_or_default();
    assert!(
        page["total"].as_u64().unwrap() >= list.len() as u64,
        "{page}"
    );
    list.iter()
        .map(|entry| entry["subject"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// A message with a subject of its own.
fn message(subject: &str, more: &str) -> Vec<u8> {
    format!(
        "From: Ann <ann@example.com>\r\nTo: bob@example.net\r\nSubject: {subject}\r\n\
         Message-ID: <{}@example.com>\r\nDate: Tue, 3 Nov 2026 10:00:00 +0000\r\n{more}\r\nBody of {subject}\r\n",
        subject.replace(' ', "-")
    )
    .into_bytes()
}
