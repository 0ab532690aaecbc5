//! What the egress policy is to withstand: names that change their answer, addresses in disguise, redirects; directly and
//! through a proxy.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use posthouse_net::EgressPolicy::{LinkLocal, Private};
use posthouse_net::http::ClientOptions;
use posthouse_net::resolver::{LookUp, LookedUp};
use posthouse_net::{EgressClient, EgressPolicy};

use crate::http::{post, server};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const OK_CLOSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Answers each question with the next of its answers, the last one again and again.
#[derive(Debug)]
struct Script {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Script {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            asked: AtomicUsize::new(0),
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl LookUp for Script {
    fn look_up<'a>(&'a self, _: &'a str) -> LookedUp<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        };
        Box::pin(async { Ok(answer) })
    }
}

fn client(policy: EgressPolicy, resolver: &Arc<Script>, proxy: Option<u16>) -> EgressClient {
    EgressClient::new(ClientOptions {
        policy,
        resolver: Some(resolver.clone()),
        proxy: proxy.map(|port| format!("http://127.0.0.1:{port}").parse().unwrap()),
        ..ClientOptions::default()
    })
    .unwrap()
}

/// The code of a request that must fail.
async fn code(client: &EgressClient, url: &str) -> &'static str {
    match post(client, url).await {
        Ok(answer) => panic!("{url} was answered {}", answer.status),
        Err(error) => error.code(),
    }
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let (good, bad): (&[&str], &[&str]) = (&["127.0.0.1"], &["169.254.169.254"]);
    // Asked once for a connection, and the answer that was checked is the one that is dialled.
    let server = server(OK_CLOSE.into()).await;
    let url = format!("http://rebinding.example:{}/", server.port);
    let script = Script::new(&[good, bad, good, bad]);
    let client_of = client(LinkLocal, &script, None);
    for round in 1..=2 {
        assert_eq!(post(&client_of, &url).await.unwrap().status, 200);
        assert_eq!(script.asked(), 2 * round - 1);
        assert_eq!(code(&client_of, &url).await, "EEGRESSBLOCKED");
        assert_eq!(script.asked(), 2 * round);
        assert_eq!(server.connections.load(Ordering::SeqCst), round);
    }
    // Of several answers only those that are allowed are dialled, wherever they stand.
    for both in [
        &["169.254.169.254", "127.0.0.1"],
        &["127.0.0.1", "169.254.169.254"],
    ] {
        let script = Script::new(&[both]);
        let answer = post(&client(LinkLocal, &script, None), &url).await;
        assert_eq!(answer.unwrap().status, 200);
    }
    // A connection that is kept leads where it led.
    let server = crate::http::server(OK.into()).await;
    let url = format!("http://rebinding.example:{}/", server.port);
    let script = Script::new(&[good, bad]);
    let client = client(LinkLocal, &script, None);
    for _ in 0..3 {
        assert_eq!(post(&client, &url).await.unwrap().status, 200);
    }
    assert_eq!(script.asked(), 1);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

/// 169.254.169.254, as hosts of URLs have it.
const METADATA: &[&str] = &[
    "169.254.169.254",
    "169.254.169.254.",
    "169.254.43518",
    "169.16689662",
    "2852039166",
    "0xA9FEA9FE",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "025177524776",
    "%31%36%39.254.169.254",
    "１６９.254.169.254",
    "169。254。169。254",
    "user@169.254.169.254",
    "good.example:80@169.254.169.254",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2001:0:a9fe:a9fe::1]",
    "[2001:0:808:808::5601:5601]",
    "[fe80::1]",
];

/// Addresses that are not public, besides.
const INSIDE: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "0",
    "0x0",
    "2130706433",
    "017700000001",
    "localhost",
    "LOCALHOST.",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "100.64.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:0:10.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::1]",
    "[2002:a00:1::]",
    "[2001:0:808:808::f5ff:fffe]",
    "[fd00::1]",
    "[fec0::1]",
    "[2001:db8::1]",
    "good.example@127.0.0.1",
];

#[tokio::test]
async fn an_address_in_disguise_is_blocked_directly_and_through_a_proxy() {
    let target = server(OK.into()).await;
    let proxy = server(OK.into()).await;
    // Names are resolved to this machine, as the system has it.
    let script = Script::new(&[&["127.0.0.1"]]);
    for through in [None, Some(proxy.port)] {
        for (policy, hosts) in [
            (LinkLocal, METADATA),
            (Private, METADATA),
            (Private, INSIDE),
        ] {
            let client = client(policy, &script, through);
            for host in hosts {
                for scheme in ["http", "https"] {
                    let url = format!("{scheme}://{host}:{}/", target.port);
                    let code = code(&client, &url).await;
                    assert_eq!(code, "EEGRESSBLOCKED", "{url} under {policy}");
                }
            }
        }
    }
    assert_eq!(target.connections.load(Ordering::SeqCst), 0);
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 0);
    // The proxy itself is the administrator's choice.
    let client = client(Private, &script, Some(proxy.port));
    let answer = post(&client, "http://8.8.8.8/").await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_blocked_directly_and_through_a_proxy() {
    let proxy = server(OK.into()).await;
    for through in [None, Some(proxy.port)] {
        for (policy, address) in [
            (LinkLocal, "169.254.169.254"),
            (LinkLocal, "::ffff:169.254.169.254"),
            (LinkLocal, "64:ff9b::a9fe:a9fe"),
            (LinkLocal, "2002:a9fe:a9fe::1"),
            (LinkLocal, "fd00:ec2::254"),
            (Private, "127.0.0.1"),
            (Private, "10.0.0.1"),
            (Private, "::ffff:10.0.0.1"),
            (Private, "64:ff9b::10.0.0.1"),
            (Private, "2002:a00:1::"),
            (Private, "2001:0:808:808::f5ff:fffe"),
            (Private, "fd00::1"),
        ] {
            let script = Script::new(&[&[address]]);
            let client = client(policy, &script, through);
            for url in ["http://inside.example/", "https://inside.example/"] {
                let code = code(&client, url).await;
                assert_eq!(code, "EEGRESSBLOCKED", "{address} under {policy}");
            }
            assert_eq!(script.asked(), 2, "{address}");
        }
    }
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_address_that_passed() {
    let (good, bad): (&[&str], &[&str]) = (&["8.8.8.8"], &["10.0.0.1"]);
    let mut proxy = server(OK_CLOSE.into()).await;
    // A name that changes its answer; of several answers the one that is allowed; what is an address already.
    let script = Script::new(&[
        good,
        bad,
        &["10.0.0.1", "8.8.8.8"],
        &["2001:4860:4860::8888"],
    ]);
    let client_of = client(Private, &script, Some(proxy.port));
    for (url, tunnel) in [
        ("http://rebinding.example/", Some("8.8.8.8:80")),
        ("http://rebinding.example/", None),
        ("http://half.example:8080/", Some("8.8.8.8:8080")),
        ("http://six.example/", Some("[2001:4860:4860::8888]:80")),
        ("http://1.1.1.1/", Some("1.1.1.1:80")),
    ] {
        let answer = post(&client_of, url).await;
        let Some(tunnel) = tunnel else {
            assert_eq!(answer.unwrap_err().code(), "EEGRESSBLOCKED");
            continue;
        };
        assert_eq!(answer.unwrap().status, 200, "{url}");
        let asked = proxy.requests.recv().await.unwrap();
        assert!(
            asked.starts_with(&format!("CONNECT {tunnel} HTTP/1.1\r\n")),
            "{asked}"
        );
        // The server inside is told the name all the same.
        let inside = proxy.requests.recv().await.unwrap().to_ascii_lowercase();
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        assert!(inside.contains(&format!("host: {host}\r\n")), "{inside}");
    }
    assert_eq!(script.asked(), 4);
    // Without a policy names are the proxy's.
    let answer = post(
        &client(EgressPolicy::Off, &script, Some(proxy.port)),
        "http://any.example/",
    )
    .await;
    assert_eq!(answer.unwrap().status, 200);
    let asked = proxy.requests.recv().await.unwrap();
    assert!(
        asked.starts_with("CONNECT any.example:80 HTTP/1.1\r\n"),
        "{asked}"
    );
    assert_eq!(script.asked(), 4);
}

#[tokio::test]
async fn no_redirect_leads_inside() {
    let inside = server(OK.into()).await;
    let script = Script::new(&[&["127.0.0.1"]]);
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("http://127.0.0.1:{}/", inside.port),
            format!("//2130706433:{}/", inside.port),
            format!("http://localhost:{}/", inside.port),
            "http://169.254.169.254/latest/meta-data".to_owned(),
        ] {
            let answer = format!(
                "HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let outside = server(answer).await;
            let direct = client(LinkLocal, &script, None);
            let url = format!("http://127.0.0.1:{}/", outside.port);
            assert_eq!(code(&direct, &url).await, "EREDIRECTNOTFOLLOWED");
            // As a proxy it answers for a public address.
            let proxied = client(Private, &script, Some(outside.port));
            let answered = code(&proxied, "http://8.8.8.8/").await;
            assert_eq!(answered, "EREDIRECTNOTFOLLOWED");
            assert_eq!(outside.connections.load(Ordering::SeqCst), 2);
        }
    }
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
}
