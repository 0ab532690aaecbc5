//! Dialling.

use std::time::{Duration, Instant};

use posthouse_net::{Dial, EgressPolicy, Security};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::certs::authority;

#[tokio::test]
async fn connects_plain_from_a_chosen_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dial = Dial {
        local_address: Some("127.0.0.2".parse().unwrap()),
        ..Dial::new("localhost", port, Security::Plain)
    };
    let stream = dial.connect().await.unwrap();
    assert_eq!(stream.local_addr().unwrap().ip().to_string(), "127.0.0.2");
    assert_eq!(stream.peer_addr().unwrap().port(), port);
    assert!(!stream.is_tls());
}

#[tokio::test]
async fn connects_with_tls_to_an_address_and_a_name() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = authority.acceptor.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let mut tls = acceptor.accept(tcp).await.unwrap();
            tls.write_all(b"* OK\r\n").await.unwrap();
            tls.flush().await.unwrap();
        }
    });
    for host in ["127.0.0.1", "localhost"] {
        let dial = Dial {
            tls: authority.profile.clone(),
            ..Dial::new(host, port, Security::Tls)
        };
        let mut stream = dial.connect().await.unwrap();
        assert!(stream.is_tls());
        let mut greeting = [0; 6];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"* OK\r\n");
    }
}

#[tokio::test]
async fn failures_have_their_codes() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let refused = Dial::new("127.0.0.1", port, Security::Plain)
        .connect()
        .await;
    assert_eq!(refused.unwrap_err().code(), "ECONNREFUSED");
    // A label of 64 letters cannot exist, so no server is asked.
    let unknown = Dial::new("x".repeat(64) + ".invalid", 25, Security::Plain)
        .connect()
        .await;
    assert_eq!(unknown.unwrap_err().code(), "ENOTFOUND");
    let family = Dial {
        local_address: Some("::1".parse().unwrap()),
        ..Dial::new("127.0.0.1", port, Security::Plain)
    };
    assert_eq!(family.connect().await.unwrap_err().code(), "ESOCKET");
}

#[tokio::test]
async fn a_server_that_never_answers_tls_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dial = Dial {
        deadline: Duration::from_millis(300),
        ..Dial::new("127.0.0.1", port, Security::Tls)
    };
    let start = Instant::now();
    let error = dial.connect().await.unwrap_err();
    assert_eq!(error.code(), "ETIMEDOUT");
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn what_the_policy_forbids_is_not_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dial = |host: &str, policy| Dial {
        policy,
        ..Dial::new(host, port, Security::Plain)
    };
    // The name is judged by the addresses that it leads to.
    for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
        let error = dial(host, EgressPolicy::Private).connect().await;
        assert_eq!(error.unwrap_err().code(), "EEGRESSBLOCKED", "{host}");
    }
    let metadata = dial("169.254.169.254", EgressPolicy::LinkLocal);
    let started = Instant::now();
    let error = metadata.connect().await.unwrap_err();
    assert_eq!(error.code(), "EEGRESSBLOCKED");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(!error.is_temporary());
    let none = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(none.is_err(), "a forbidden address was dialled");
    dial("localhost", EgressPolicy::LinkLocal)
        .connect()
        .await
        .unwrap();
}
