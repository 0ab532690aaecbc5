//! The HTTP client for user-given URLs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use posthouse_net::http::{ClientOptions, HeaderMap, Method, Redirects};
use posthouse_net::resolver::{LookUp, LookedUp};
use posthouse_net::{EgressClient, EgressError, EgressPolicy, EgressRequest, EgressResponse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::certs::authority;

pub struct Server {
    pub port: u16,
    pub requests: mpsc::UnboundedReceiver<String>,
    pub connections: Arc<AtomicUsize>,
}

/// Answers every request with `answer`, which brings its own Content-Length. As a proxy it opens any tunnel, and is at its other
/// end as well.
pub async fn server(answer: String) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let (sender, answer) = (sender.clone(), answer.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut buf = [0; 4096];
                loop {
                    let n = tcp.read(&mut buf).await.unwrap_or(0);
                    if n == 0 {
                        return;
                    }
                    seen.extend_from_slice(&buf[..n]);
                    let tunnel = seen.starts_with(b"CONNECT ") && seen.ends_with(b"\r\n\r\n");
                    if tunnel || seen.ends_with(b"END") {
                        let request = String::from_utf8(std::mem::take(&mut seen)).unwrap();
                        sender.send(request).ok();
                        let answer = if tunnel {
                            "HTTP/1.1 200 OK\r\n\r\n"
                        } else {
                            &answer
                        };
                        tcp.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    Server {
        port,
        requests,
        connections,
    }
}

fn client(policy: EgressPolicy) -> EgressClient {
    EgressClient::new(ClientOptions {
        policy,
        body_head: 16,
        user_agent: Some("tester/1".into()),
        ..ClientOptions::default()
    })
    .unwrap()
}

pub async fn post(client: &EgressClient, url: &str) -> Result<EgressResponse, EgressError> {
    let request = EgressRequest {
        method: Method::POST,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{} END"),
        timeout: Duration::from_secs(5),
    };
    client.send(request).await
}

#[tokio::test]
async fn posts_reads_a_head_and_keeps_the_connection() {
    let body = "x".repeat(40_000);
    let mut server = server(format!(
        "HTTP/1.1 201 Created\r\nContent-Length: 40000\r\nX-Seen: yes\r\n\r\n{body}"
    ))
    .await;
    let client = client(EgressPolicy::LinkLocal);
    for _ in 0..3 {
        let url = format!("http://us%40er:p%3Ass@localhost:{}/hook?a=1", server.port);
        let response = post(&client, &url).await.unwrap();
        assert_eq!(response.status, 201);
        assert_eq!(response.headers["x-seen"], "yes");
        assert_eq!(&response.body_head[..], b"xxxxxxxxxxxxxxxx");
        let request = server.requests.recv().await.unwrap();
        let head = request.to_ascii_lowercase();
        assert!(request.starts_with("POST /hook?a=1 HTTP/1.1\r\n"));
        assert!(head.contains("user-agent: tester/1\r\n"));
        assert!(head.contains(&format!("host: localhost:{}\r\n", server.port)));
        // As written: us%40er:p%3Ass.
        assert!(
            request.contains("Basic dXMlNDBlcjpwJTNBc3M=\r\n"),
            "{request}"
        );
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn private_targets_are_blocked_by_literal_and_by_name_before_any_connection() {
    let server = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()).await;
    let strict = client(EgressPolicy::Private);
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.0.0.1.",
    ] {
        let error = post(&strict, &format!("http://{host}:{}/", server.port))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "EEGRESSBLOCKED", "{host}: {error:?}");
        assert!(error.is_final());
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
    let usual = client(EgressPolicy::LinkLocal);
    let error = post(&usual, "http://169.254.169.254/latest/meta-data")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "EEGRESSBLOCKED");
    post(&usual, &format!("http://127.0.0.1:{}/", server.port))
        .await
        .unwrap();
}

#[tokio::test]
async fn redirects_are_followed_only_without_a_policy() {
    let end = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()).await;
    let start = server(format!(
        "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
        end.port
    ))
    .await;
    let url = format!("http://127.0.0.1:{}/", start.port);
    let error = post(&client(EgressPolicy::LinkLocal), &url)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "EREDIRECTNOTFOLLOWED");
    assert_eq!(error.status().unwrap(), 307);
    assert!(error.is_final());
    assert_eq!(end.connections.load(Ordering::SeqCst), 0);
    let response = post(&client(EgressPolicy::Off), &url).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(end.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn failures_have_their_codes_and_hide_the_url() {
    let client = client(EgressPolicy::LinkLocal);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    let silent = free;
    let error = client
        .send(EgressRequest {
            method: Method::GET,
            url: format!("http://127.0.0.1:{port}/").parse().unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: Duration::from_millis(200),
        })
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ETIMEDOUT");
    assert!(!error.is_final());
    drop(silent);
    let error = post(&client, &format!("http://127.0.0.1:{port}/?secret=1"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ECONNREFUSED", "{error:?}");
    assert!(!error.to_string().contains("secret"));
    let error = post(&client, &format!("http://{}.invalid/", "x".repeat(64)))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ENOTFOUND", "{error:?}");
    let error = post(&client, "ftp://example.com/").await.unwrap_err();
    assert_eq!(error.code(), "EINVALIDREQUEST");
    let garbage = server("* OK IMAP ready\r\n".into()).await;
    let error = post(&client, &format!("http://127.0.0.1:{}/", garbage.port))
        .await
        .unwrap_err();
    assert!(!error.is_final(), "{error:?}");
}

#[tokio::test]
async fn https_checks_the_certificate() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = authority.acceptor.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let mut buf = [0; 4096];
            assert!(tls.read(&mut buf).await.unwrap() > 0);
            tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .await
                .unwrap();
            tls.flush().await.unwrap();
        }
    });
    let url = format!("https://localhost:{port}/");
    let error = post(&client(EgressPolicy::LinkLocal), &url)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ETLS", "{error:?}");
    let trusting = EgressClient::new(ClientOptions {
        tls: authority.profile.clone(),
        ..ClientOptions::default()
    })
    .unwrap();
    assert_eq!(post(&trusting, &url).await.unwrap().status, 204);
}

/// Says that every name is this machine.
#[derive(Debug)]
struct Here;

impl LookUp for Here {
    fn look_up<'a>(&'a self, _: &'a str) -> LookedUp<'a> {
        Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) })
    }
}

#[tokio::test]
async fn names_are_asked_of_the_resolver_that_is_given_and_the_policy_holds_for_its_answers() {
    let server = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()).await;
    let url = format!("http://no-such-name.example:{}/", server.port);
    for (policy, reached) in [
        (EgressPolicy::LinkLocal, true),
        (EgressPolicy::Private, false),
    ] {
        let client = EgressClient::new(ClientOptions {
            policy,
            resolver: Some(Arc::new(Here)),
            ..ClientOptions::default()
        })
        .unwrap();
        match post(&client, &url).await {
            Ok(answer) => assert!(reached && answer.status == 200),
            Err(error) => assert!(!reached && error.code() == "EEGRESSBLOCKED", "{error:?}"),
        }
    }
}

#[tokio::test]
async fn redirects_are_handed_out_to_those_who_walk_themselves() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n";
    let server = server(answer.into()).await;
    for policy in [EgressPolicy::LinkLocal, EgressPolicy::Off] {
        let client = EgressClient::new(ClientOptions {
            policy,
            redirects: Redirects::HandedOut,
            ..ClientOptions::default()
        })
        .unwrap();
        let url = format!("http://127.0.0.1:{}/", server.port);
        let answer = post(&client, &url).await.unwrap();
        assert_eq!(answer.status, 302);
        assert_eq!(answer.headers["location"], "http://10.0.0.1/");
    }
}
