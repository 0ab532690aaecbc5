//! The server as a process: first start, lock, signals, what it leaves behind.

use std::{
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use posthouse_testkit::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::BINARY;

const FIRST: &str = "First access token";

/// The tokens in a text.
fn tokens(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .filter(|word| word.len() == 64)
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_first_token_is_printed_once() {
    let mut server = Server::start(BINARY).await;
    let log = server.log();
    assert_eq!(log.matches(FIRST).count(), 1, "{log}");
    let printed = tokens(&log);
    assert_eq!(printed.len(), 1, "{log}");
    assert!(log.contains(&format!("http://{}", server.addr())), "{log}");
    let client = server.anonymous().with_token(&printed[0]);
    assert_eq!(client.get("/v1/stats").await.status, 200);
    assert_eq!(client.get("/metrics").await.status, 200);

    server.stop().await;
    server.restart().await;
    assert_eq!(server.log().matches(FIRST).count(), 1, "printed again");
    assert_eq!(client.get("/v1/stats").await.status, 200);

    // Also when nobody has a token any more.
    server.command(&["tokens", "revoke", &printed[0]]).await;
    server.stop().await;
    server.restart().await;
    assert_eq!(server.log().matches(FIRST).count(), 1, "printed again");
}

#[tokio::test]
async fn an_open_store_is_warned_of() {
    const WARNING: &str = "the API is open to everybody";
    let open = Server::builder(BINARY)
        .env("EENGINE_REQUIRE_API_AUTH", "false")
        .start()
        .await;
    assert!(open.log().contains(WARNING), "{}", open.log());
    assert_eq!(open.anonymous().get("/v1/stats").await.status, 200);
    drop(open);
    let mut server = Server::start(BINARY).await;
    assert!(!server.log().contains(WARNING), "{}", server.log());
    assert_eq!(server.anonymous().get("/v1/stats").await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn believing_everybody_about_addresses_is_warned_of() {
    const WARNING: &str = "X-Forwarded-For is believed from everybody";
    let server = Server::start(BINARY).await;
    assert!(server.log().contains(WARNING), "{}", server.log());
    for (name, value) in [
        ("EENGINE_API_PROXY_ADDRESSES", "127.0.0.1"),
        ("EENGINE_API_PROXY", "false"),
    ] {
        let server = Server::builder(BINARY).env(name, value).start().await;
        assert!(!server.log().contains(WARNING), "{name}");
    }
}

#[tokio::test]
async fn a_token_issued_before_the_first_start_is_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = Command::new(BINARY)
        .args(["tokens", "issue", "--data-dir"])
        .arg(&data)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(tokens(&String::from_utf8(output.stdout).unwrap()).len(), 1);
    let mut child = Command::new(BINARY)
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(&data)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    terminate(child.id());
    let status = child.wait().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut text).unwrap();
    assert!(status.success());
    assert!(
        text.contains("listens on") && !text.contains(FIRST),
        "{text}"
    );
}

#[tokio::test]
async fn sigterm_leaves_a_clean_private_store() {
    let mut server = Server::start(BINARY).await;
    let data = server.data_dir();
    let token = server.issue_token("*", None).await;
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let status = server.stop().await;
    assert!(status.success(), "{status}");
    let mut left: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .inspect(|path| assert_eq!(mode(path), 0o600, "{}", path.display()))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    left.sort();
    // No write-ahead log: everything is in the one file.
    assert_eq!(left, ["posthouse.db", "posthouse.db-lock", "posthouse.key"]);
    let bytes = std::fs::read(data.join("posthouse.db")).unwrap();
    assert!(
        !bytes.windows(64).any(|part| part == token.as_bytes()),
        "the token lies in the store"
    );
}

#[tokio::test]
async fn requests_in_flight_survive_sigterm_and_a_second_signal_ends_at_once() {
    let mut server = Server::start(BINARY).await;
    let token = server.issue_token("*", None).await;
    let body = "{\"trackOpens\":false}";
    let open = || async {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let head = format!(
            "POST /v1/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{{",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        stream
    };
    let mut stream = open().await;
    terminate(server.pid());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        TcpStream::connect(server.addr()).await.is_err(),
        "still accepting"
    );
    stream.write_all(&body.as_bytes()[1..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    server.restart().await;
    let _stream = TcpStream::connect(server.addr()).await.unwrap();
    let mut held = TcpStream::connect(server.addr()).await.unwrap();
    let head = format!(
        "POST /v1/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
    );
    held.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    terminate(server.pid());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    let status = server.stop().await;
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(status.code(), Some(1));
}

#[tokio::test]
async fn an_embedded_store_takes_one_server() {
    let server = Server::start(BINARY).await;
    let output = Command::new(BINARY)
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(server.data_dir())
        .current_dir(server.data_dir())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains(&format!("another Posthouse (process {})", server.pid())),
        "{text}"
    );
    assert_eq!(server.anonymous().get("/health").await.status, 200);
}

#[tokio::test]
async fn a_killed_server_starts_again() {
    let mut server = Server::start(BINARY).await;
    let token = server.issue_token("*", None).await;
    server.kill();
    server.restart().await;
    let client = server.anonymous().with_token(&token);
    assert_eq!(client.get("/v1/stats").await.status, 200);
}

#[tokio::test]
async fn authentication_can_be_switched_off_for_a_new_store() {
    let server = Server::builder(BINARY)
        .env("EENGINE_REQUIRE_API_AUTH", "false")
        .start()
        .await;
    assert_eq!(server.anonymous().get("/v1/stats").await.status, 200);
}

#[tokio::test]
async fn logs_are_lines_of_json_without_tokens() {
    let mut server = Server::builder(BINARY)
        .env("EENGINE_LOG_LEVEL", "trace")
        .start()
        .await;
    let token = server.issue_token("*", None).await;
    let client = server.anonymous().with_token(&token);
    assert_eq!(client.get("/v1/stats").await.status, 200);
    let path = format!("/v1/stats?access_token={token}");
    assert_eq!(server.anonymous().get(&path).await.status, 200);
    assert_eq!(
        client.get(&format!("/v1/tokens/{token}/log")).await.status,
        200
    );
    server.stop().await;
    let log = server.log();
    assert!(!log.contains(&token));
    let lines: Vec<serde_json::Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let served = lines
        .iter()
        .find(|line| line["route"] == "/v1/stats" && line["status"] == 200);
    let caller = served.unwrap()["caller"].as_str().unwrap();
    assert!(
        caller.starts_with("token ") && caller.len() == 14,
        "{caller}"
    );
}

fn terminate(pid: u32) {
    let status = Command::new("kill")
        .args(["-TERM", &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
