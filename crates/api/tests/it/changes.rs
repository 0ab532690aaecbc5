//! The change stream (behaviour 6) on the wire.

use std::time::Duration;

use posthouse_app::commands::IssueToken;
use posthouse_model::AccountId;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpStream, tcp::OwnedWriteHalf},
    time::timeout,
};

use crate::Api;

const LIMIT: Duration = Duration::from_secs(10);

/// A reader of the stream, behind the head of the answer.
struct Reader {
    head: Vec<String>,
    lines: Lines<BufReader<tokio::net::tcp::OwnedReadHalf>>,
    _write: OwnedWriteHalf,
}

impl Reader {
    async fn open(api: &Api, token: &str) -> Self {
        let (read, mut write) = TcpStream::connect(api.addr).await.unwrap().into_split();
        let request = format!(
            "GET /v1/changes HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        write.write_all(request.as_bytes()).await.unwrap();
        let mut reader = Self {
            head: Vec::new(),
            lines: BufReader::new(read).lines(),
            _write: write,
        };
        loop {
            let line = reader.line().await.unwrap();
            if line.is_empty() {
                return reader;
            }
            reader.head.push(line.to_ascii_lowercase());
        }
    }

    async fn line(&mut self) -> Option<String> {
        timeout(LIMIT, self.lines.next_line()).await.unwrap().ok()?
    }

    /// The next line that begins so.
    async fn find(&mut self, start: &str) -> String {
        loop {
            let line = self.line().await.expect("the stream ended");
            if line.starts_with(start) {
                return line;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_of_states() {
    let api = Api::start().await;
    let token = api.token("api").await;
    let mut reader = Reader::open(&api, &token).await;
    assert_eq!(reader.head[0], "http/1.1 200 ok");
    for header in [
        "content-type: text/event-stream; charset=utf-8",
        "cache-control: no-cache",
        "x-accel-buffering: no",
    ] {
        assert!(
            reader.head.iter().any(|line| line == header),
            "{:?}",
            reader.head
        );
    }
    let greeting = reader.find(": ").await;
    assert_eq!(
        greeting,
        format!(": Posthouse v{}", env!("CARGO_PKG_VERSION"))
    );
    let account = json!({
        "account": "ann", "name": "Ann", "email": "ann@example.com",
        "imap": { "host": "127.0.0.1", "port": 9, "auth": { "user": "ann", "pass": "x" } },
    });
    api.client().await.post("/v1/account", &account).await.ok();
    loop {
        assert_eq!(reader.find("event: ").await, "event: message");
        let line = reader.line().await.unwrap();
        let change: serde_json::Value =
            serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(change["account"], "ann");
        assert_eq!(change["type"], "state");
        if change["key"] == "connectError" {
            assert_eq!(
                change["payload"]["error"]["serverResponseCode"],
                "ECONNREFUSED"
            );
            assert_eq!(change["stateLabel"]["type"], "danger");
            break;
        }
    }
    // The server does not wait for it.
    api.stop.cancel();
    timeout(Duration::from_secs(3), api.task)
        .await
        .unwrap()
        .unwrap();
    while reader.line().await.is_some() {}
}

#[tokio::test]
async fn a_revoked_token_ends_its_stream() {
    let api = Api::start().await;
    let token = api.token("api").await;
    let mut reader = Reader::open(&api, &token).await;
    reader.find(": ").await;
    api.client()
        .await
        .delete(&format!("/v1/tokens/{token}"))
        .await
        .ok();
    let ended = timeout(Duration::from_secs(3), async {
        while reader.line().await.is_some_and(|line| line != "0") {}
    });
    ended.await.unwrap();
}

#[tokio::test]
async fn a_token_of_one_account_hears_nothing() {
    let api = Api::start().await;
    let account = json!({ "account": "ann", "name": "Ann", "email": "ann@example.com" });
    api.client().await.post("/v1/account", &account).await.ok();
    let bound = api
        .issue(IssueToken {
            account: Some(AccountId::new("ann")),
            ..IssueToken::default()
        })
        .await;
    let client = api.anonymous().with_token(&bound);
    client.get("/v1/changes").await.expect(403);
}
