//! The TLS pump against a server of another make.

use std::io::ErrorKind;
use std::time::Duration;

use posthouse_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::certs::{Authority, authority, with_versions};

const SOON: Duration = Duration::from_secs(10);

async fn pair(authority: &Authority) -> (Stream, TlsStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = authority.acceptor.clone();
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.unwrap()
    });
    let tcp = TcpStream::connect(address).await.unwrap();
    let client = Stream::from(tcp)
        .start_tls("localhost", &authority.profile, SOON)
        .await
        .unwrap();
    (client, server.await.unwrap())
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn carries_data_both_ways_under_each_version() {
    for (version, name) in [
        (&rustls::version::TLS12, "TLSv1.2"),
        (&rustls::version::TLS13, "TLSv1.3"),
    ] {
        let authority = with_versions(&[version]);
        let (mut client, mut server) = pair(&authority).await;
        assert!(client.is_tls());
        assert_eq!(client.tls_version(), Some(name));
        client.write_all(b"hello").await.unwrap();
        client.flush().await.unwrap();
        let mut buf = [0; 5];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"hello");
        server.write_all(b"world").await.unwrap();
        client.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"world");
    }
}

#[tokio::test]
async fn large_transfers_run_in_both_directions_at_once() {
    let authority = authority();
    let (client, server) = pair(&authority).await;
    let data = pattern(8 * 1024 * 1024);
    let (mut client_read, mut client_write) = tokio::io::split(client);
    let (mut server_read, mut server_write) = tokio::io::split(server);
    let send = |data: Vec<u8>| async move {
        client_write.write_all(&data).await.unwrap();
        client_write.flush().await.unwrap();
        client_write
    };
    let reply = |data: Vec<u8>| async move {
        server_write.write_all(&data).await.unwrap();
        server_write.flush().await.unwrap();
        server_write
    };
    let mut at_server = vec![0; data.len()];
    let mut at_client = vec![0; data.len()];
    let all = async {
        tokio::join!(
            tokio::spawn(send(data.clone())),
            tokio::spawn(reply(data.clone())),
            server_read.read_exact(&mut at_server),
            client_read.read_exact(&mut at_client),
        )
    };
    let (sent, replied, server_got, client_got) =
        timeout(Duration::from_secs(60), all).await.unwrap();
    // The halves live until both directions are done.
    let _halves = (sent.unwrap(), replied.unwrap());
    server_got.unwrap();
    client_got.unwrap();
    assert!(at_server == data);
    assert!(at_client == data);
}

#[tokio::test]
async fn a_slow_peer_holds_the_writer_back_without_loss() {
    let authority = authority();
    let (mut client, mut server) = pair(&authority).await;
    let data = pattern(6 * 1024 * 1024);
    let copy = data.clone();
    let mut writer = tokio::spawn(async move {
        client.write_all(&copy).await.unwrap();
        client.shutdown().await.unwrap();
        client
    });
    // The kernel's buffers fill; the writer must wait, not grow.
    assert!(
        timeout(Duration::from_millis(300), &mut writer)
            .await
            .is_err()
    );
    let mut received = Vec::new();
    let mut buf = vec![0; 100_000];
    loop {
        let n = timeout(SOON, server.read(&mut buf)).await.unwrap().unwrap();
        if n == 0 {
            break;
        }
        received.extend_from_slice(&buf[..n]);
    }
    assert!(received == data);
    writer.await.unwrap();
}

#[tokio::test]
async fn after_our_close_notify_the_answer_can_still_be_read() {
    let authority = authority();
    let (mut client, mut server) = pair(&authority).await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut question = Vec::new();
    server.read_to_end(&mut question).await.unwrap();
    assert_eq!(question, b"question");
    server.write_all(b"answer").await.unwrap();
    server.shutdown().await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, client.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer, b"answer");
    let error = client.write_all(b"more").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn an_end_without_close_notify_is_an_error() {
    let authority = authority();
    let (mut client, server) = pair(&authority).await;
    let (tcp, _) = server.into_inner();
    drop(tcp);
    timeout(SOON, client.readable()).await.unwrap().ok();
    let mut buf = [0; 10];
    let error = client.read(&mut buf).await.unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
    ));
}

#[tokio::test]
async fn readable_waits_for_data_and_sees_what_is_buffered() {
    let authority = authority();
    let (mut client, mut server) = pair(&authority).await;
    // TLS 1.3 tickets are on the wire already: they are no data.
    let idle = timeout(Duration::from_millis(200), client.readable()).await;
    assert!(idle.is_err(), "nothing was sent");
    server.write_all(b"abcdef").await.unwrap();
    server.flush().await.unwrap();
    timeout(SOON, client.readable()).await.unwrap().unwrap();
    let mut buf = [0; 2];
    for expected in [b"ab", b"cd", b"ef"] {
        timeout(SOON, client.readable()).await.unwrap().unwrap();
        client.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, expected);
    }
    let idle = timeout(Duration::from_millis(100), client.readable()).await;
    assert!(idle.is_err(), "everything was read");
    server.shutdown().await.unwrap();
    timeout(SOON, client.readable()).await.unwrap().unwrap();
    assert_eq!(client.read(&mut buf).await.unwrap(), 0);
}

#[tokio::test]
async fn a_plain_stream_waits_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut client = Stream::from(tcp);
    assert!(!client.is_tls());
    let idle = timeout(Duration::from_millis(100), client.readable()).await;
    assert!(idle.is_err());
    server.write_all(b"x").await.unwrap();
    timeout(SOON, client.readable()).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_unknown_authority_is_refused_and_accepted_only_when_told() {
    let known = authority();
    let other = authority();
    for (profile, accepted) in [
        (known.profile.clone(), true),
        (other.profile.clone(), false),
        (posthouse_net::TlsProfile::insecure(), true),
        (
            posthouse_net::TlsProfile {
                server_name: Some("elsewhere.example".into()),
                ..known.profile.clone()
            },
            false,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let acceptor = known.acceptor.clone();
        let server = tokio::spawn(async move { acceptor.accept(server).await.is_ok() });
        let result = Stream::from(tcp)
            .start_tls("localhost", &profile, SOON)
            .await;
        assert_eq!(result.is_ok(), accepted, "{profile:?}");
        if let Err(error) = result {
            assert_eq!(error.code(), "ETLS");
            assert!(!error.is_temporary());
        }
        server.await.unwrap();
    }
}

#[tokio::test]
async fn tls_1_2_is_refused_where_1_3_is_demanded() {
    let authority = with_versions(&[&rustls::version::TLS12]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let acceptor = authority.acceptor.clone();
    tokio::spawn(async move { acceptor.accept(server).await.is_ok() });
    let profile = posthouse_net::TlsProfile {
        min_version: posthouse_net::tls::TlsVersion::Tls13,
        ..authority.profile.clone()
    };
    let error = Stream::from(tcp)
        .start_tls("localhost", &profile, SOON)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ETLS");
}

#[tokio::test]
async fn a_silent_peer_ends_the_handshake_at_its_deadline() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (_server, _) = listener.accept().await.unwrap();
    let error = Stream::from(tcp)
        .start_tls("localhost", &authority.profile, Duration::from_millis(200))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ETIMEDOUT");
    assert!(error.is_temporary());
}

#[test]
fn equal_profiles_share_one_configuration() {
    let one = posthouse_net::TlsProfile::insecure()
        .client_config()
        .unwrap();
    let named = posthouse_net::TlsProfile {
        server_name: Some("other.example".into()),
        ..posthouse_net::TlsProfile::insecure()
    };
    let two = named.client_config().unwrap();
    assert!(std::sync::Arc::ptr_eq(&one, &two));
}
