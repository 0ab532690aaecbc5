//! Dialling through proxies.

use std::net::Ipv4Addr;

use posthouse_net::{Dial, EgressPolicy, NetError, Proxy, Security};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::certs::authority;

/// A server that greets and echoes.
async fn target() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tcp.write_all(b"220 hi\r\n").await.unwrap();
            let (mut read, mut write) = tcp.into_split();
            tokio::io::copy(&mut read, &mut write).await.ok();
        }
    });
    port
}

/// A CONNECT proxy that demands `expected` as authorization.
async fn connect_proxy(expected: Option<&'static str>, answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut tcp = BufReader::new(tcp);
        let mut line = String::new();
        tcp.read_line(&mut line).await.unwrap();
        let authority = line
            .strip_prefix("CONNECT ")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        let mut authorization = None;
        loop {
            line.clear();
            tcp.read_line(&mut line).await.unwrap();
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.strip_prefix("Proxy-Authorization: ") {
                authorization = Some(value.trim().to_owned());
            }
        }
        assert_eq!(authorization.as_deref(), expected);
        tcp.write_all(answer.as_bytes()).await.unwrap();
        if answer.contains(" 200 ") {
            let mut upstream = TcpStream::connect(authority).await.unwrap();
            tokio::io::copy_bidirectional(&mut tcp, &mut upstream)
                .await
                .ok();
        }
    });
    port
}

async fn check(proxy: &str, host: &str, port: u16) -> Result<(), NetError> {
    let dial = Dial {
        proxy: Some(proxy.parse()?),
        ..Dial::new(host, port, Security::Plain)
    };
    let mut stream = dial.connect().await?;
    let mut greeting = [0; 8];
    stream.read_exact(&mut greeting).await?;
    assert_eq!(&greeting, b"220 hi\r\n");
    stream.write_all(b"ping").await?;
    stream.flush().await?;
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await?;
    assert_eq!(&echo, b"ping");
    Ok(())
}

#[tokio::test]
async fn http_connect_passes_credentials_and_leaves_the_greeting() {
    let port = target().await;
    let proxy = connect_proxy(
        Some("Basic dXNlcjpwQHNz"),
        "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n",
    )
    .await;
    check(
        &format!("http://user:p%40ss@127.0.0.1:{proxy}"),
        "127.0.0.1",
        port,
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_policy_holds_behind_a_proxy_which_is_asked_for_the_checked_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().port();
    let asked = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut tcp = BufReader::new(tcp);
        let mut line = String::new();
        tcp.read_line(&mut line).await.unwrap();
        line
    });
    let dial = |policy| Dial {
        proxy: Some(format!("http://127.0.0.1:{at}").parse().unwrap()),
        policy,
        ..Dial::new("localhost", 143, Security::Plain)
    };
    let blocked = dial(EgressPolicy::Private).connect().await.unwrap_err();
    assert_eq!(blocked.code(), "EEGRESSBLOCKED");
    dial(EgressPolicy::LinkLocal).connect().await.unwrap_err();
    let line = asked.await.unwrap();
    let target = line.split(' ').nth(1).unwrap();
    assert!(["127.0.0.1:143", "[::1]:143"].contains(&target), "{target}");
}

#[tokio::test]
async fn a_refusing_or_absent_proxy_is_named_as_the_cause() {
    let proxy = connect_proxy(None, "HTTP/1.1 407 Authentication required\r\n\r\n").await;
    let error = check(&format!("http://127.0.0.1:{proxy}"), "127.0.0.1", 9)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "EPROXY");
    assert!(error.to_string().contains("407"));
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let error = check(&format!("socks5://127.0.0.1:{port}"), "127.0.0.1", 9)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "EPROXY");
}

#[tokio::test]
async fn tls_runs_inside_a_tunnel() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = authority.acceptor.clone();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut tls = acceptor.accept(tcp).await.unwrap();
        tls.write_all(b"inside").await.unwrap();
        tls.shutdown().await.unwrap();
    });
    let proxy = connect_proxy(None, "HTTP/1.0 200 OK\r\n\r\n").await;
    let dial = Dial {
        proxy: Some(format!("http://127.0.0.1:{proxy}").parse().unwrap()),
        tls: authority.profile.clone(),
        ..Dial::new("localhost", port, Security::Tls)
    };
    let mut text = String::new();
    let mut stream = dial.connect().await.unwrap();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "inside");
}

#[tokio::test]
async fn tls_runs_inside_tls() {
    let authority = authority();
    let (client, server) = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        (client, listener.accept().await.unwrap().0)
    };
    let acceptor = authority.acceptor.clone();
    let data = vec![7; 1_000_000];
    let copy = data.clone();
    tokio::spawn(async move {
        let outer = acceptor.accept(server).await.unwrap();
        let mut inner = acceptor.accept(outer).await.unwrap();
        inner.write_all(&copy).await.unwrap();
        inner.shutdown().await.unwrap();
    });
    let deadline = std::time::Duration::from_secs(10);
    let mut stream = posthouse_net::Stream::from(client);
    for _ in 0..2 {
        stream = stream
            .start_tls("localhost", &authority.profile, deadline)
            .await
            .unwrap();
    }
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert!(received == data);
}

#[tokio::test]
async fn socks5_sends_the_name_and_the_password() {
    let port = target().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut head = [0; 2];
        tcp.read_exact(&mut head).await.unwrap();
        let mut methods = vec![0; head[1].into()];
        tcp.read_exact(&mut methods).await.unwrap();
        assert!(methods.contains(&2));
        tcp.write_all(&[5, 2]).await.unwrap();
        let mut auth = [0; 7];
        tcp.read_exact(&mut auth).await.unwrap();
        assert_eq!(&auth, b"\x01\x02me\x02pw");
        tcp.write_all(&[1, 0]).await.unwrap();
        let mut request = [0; 5];
        tcp.read_exact(&mut request).await.unwrap();
        assert_eq!(&request[..4], &[5, 1, 0, 3]);
        let mut name = vec![0; usize::from(request[4]) + 2];
        tcp.read_exact(&mut name).await.unwrap();
        let (name, port) = name.split_at(name.len() - 2);
        assert_eq!(name, b"localhost");
        let port = u16::from_be_bytes([port[0], port[1]]);
        let mut upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        tcp.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1])
            .await
            .unwrap();
        tokio::io::copy_bidirectional(&mut tcp, &mut upstream)
            .await
            .ok();
    });
    check(
        &format!("socks://me:pw@127.0.0.1:{proxy}"),
        "localhost",
        port,
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn socks4_resolves_here_and_socks4a_there() {
    for (scheme, tail) in [("socks4", &b""[..]), ("socks4a", &b"localhost\0"[..])] {
        let port = target().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 8 + 3 + tail.len()];
            tcp.read_exact(&mut request).await.unwrap();
            assert_eq!(&request[..2], &[4, 1]);
            let address: [u8; 4] = request[4..8].try_into().unwrap();
            if tail.is_empty() {
                assert_eq!(address, [127, 0, 0, 1]);
            } else {
                assert_eq!(address[..3], [0, 0, 0]);
            }
            assert_eq!(&request[8..11], b"me\0");
            assert_eq!(&request[11..], tail);
            let port = u16::from_be_bytes([request[2], request[3]]);
            let mut upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .unwrap();
            tcp.write_all(&[0, 0x5a, 0, 0, 0, 0, 0, 0]).await.unwrap();
            tokio::io::copy_bidirectional(&mut tcp, &mut upstream)
                .await
                .ok();
        });
        check(
            &format!("{scheme}://me@127.0.0.1:{proxy}"),
            "localhost",
            port,
        )
        .await
        .unwrap();
    }
}

#[test]
fn urls_are_parsed_and_passwords_not_shown() {
    for (url, host, port) in [
        ("http://proxy.example", "proxy.example", 80),
        ("https://proxy.example", "proxy.example", 443),
        ("socks://proxy.example", "proxy.example", 1080),
        ("socks4a://proxy.example:9050", "proxy.example", 9050),
        ("socks5h://[::1]:99", "[::1]", 99),
    ] {
        let proxy: Proxy = url.parse().unwrap();
        assert_eq!((proxy.host(), proxy.port()), (host, port));
    }
    let proxy: Proxy = "socks5://me:hunter2@proxy.example".parse().unwrap();
    assert!(!format!("{proxy:?}").contains("hunter2"));
    for wrong in ["ftp://x", "nonsense", "", "http://"] {
        assert_eq!(wrong.parse::<Proxy>().unwrap_err().code(), "EPROXY");
    }
}
