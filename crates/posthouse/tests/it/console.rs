//! The way into the console: the set-up code, `posthouse password`, the prepared password.

use std::process::Command;

use posthouse_testkit::Server;
use serde_json::json;

use crate::BINARY;

/// The status of a login by JSON from this machine.
async fn login(server: &Server, password: &str) -> u16 {
    let page = request(server, "GET", "/admin/login", &[], "").await;
    let crumb = page
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: crumb=")?.split(';').next())
        .expect("a crumb")
        .to_owned();
    let body = json!({ "username": "admin", "password": password }).to_string();
    let answer = request(
        server,
        "POST",
        "/admin/login",
        &[
            format!("cookie: crumb={crumb}"),
            format!("x-csrf-token: {crumb}"),
            "content-type: application/json".to_owned(),
        ],
        &body,
    )
    .await;
    let status = answer.split(' ').nth(1).expect("a status");
    status.parse().expect("a status")
}

/// A request over a socket of its own; head and body of the answer as text.
async fn request(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[String],
    body: &str,
) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        server.addr(),
        body.len()
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.push_str(body);
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).replace("\r\n", "\n")
}

#[tokio::test]
async fn a_password_is_set_beside_a_running_server_and_its_hash_prepares_another() {
    let mut server = Server::start(BINARY).await;
    let log = server.log();
    assert!(
        log.contains("/admin\n") && log.contains("no password yet"),
        "{log}"
    );
    let code = log
        .lines()
        .map(str::trim)
        .find(|line| line.len() == 14 && line.matches('-').count() == 2)
        .expect("a set-up code");
    assert!(!code.contains(['0', 'O', '1', 'I']), "{code}");
    // This machine needs no code.
    let page = request(&server, "GET", "/admin/setup", &[], "").await;
    assert!(page.contains("Set a password"), "{page}");
    let through = ["x-forwarded-for: 127.0.0.1".to_owned()];
    let page = request(&server, "GET", "/admin/setup", &through, "").await;
    assert!(
        page.contains("Set-up code") && !page.contains(code),
        "{page}"
    );

    let password = server.command(&["password"]).await;
    assert_eq!(password.len(), 32, "the password alone: {password:?}");
    posthouse_testkit::eventually(
        "the password opens the console",
        std::time::Duration::from_secs(5),
        || async { (login(&server, &password).await == 200).then_some(()) },
    )
    .await;
    assert_eq!(login(&server, "another password").await, 403);

    let hash = server
        .command(&["password", "-p", "correct horse", "-r"])
        .await;
    assert!(!hash.ends_with('\n') && !hash.contains("correct"));
    server.stop().await;
    let mut other = Server::builder(BINARY)
        .env("EENGINE_PREPARED_PASSWORD", &hash)
        .start()
        .await;
    assert!(!other.log().contains("no password yet"));
    assert_eq!(login(&other, "correct horse").await, 200);
    other.stop().await;
}

#[test]
fn a_password_or_hash_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str], prepared: &str| {
        Command::new(BINARY)
            .args(args)
            .args(["--data-dir", folder.path().to_str().unwrap()])
            .current_dir(folder.path())
            .env_clear()
            .env("EENGINE_PREPARED_PASSWORD", prepared)
            .output()
            .unwrap()
    };
    let short = run(&["password", "-p", "short"], "");
    assert_eq!(short.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&short.stderr).contains("8 to 256 characters"));
    let bad = run(&["serve", "--port", "0"], "bm90IGEgaGFzaA");
    assert_eq!(bad.status.code(), Some(1));
    let told = String::from_utf8_lossy(&bad.stderr);
    assert!(told.contains("prepared password"), "{told}");
}

#[tokio::test]
async fn the_console_answers_listed_addresses_alone() {
    let mut server = Server::builder(BINARY)
        .env("EENGINE_ADMIN_ACCESS_ADDRESSES", "192.0.2.0/24 10.1.2.3")
        .start()
        .await;
    for path in ["/admin", "/admin/login", "/admin/setup"] {
        let answer = request(&server, "GET", path, &[], "").await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    let landing = request(&server, "GET", "/", &[], "").await;
    assert!(landing.starts_with("HTTP/1.1 200"), "{landing}");
    server.stop().await;
}
