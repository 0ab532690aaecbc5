use std::time::{Duration, Instant};

use posthouse_testkit::{FaultProxy, Mode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends back what it gets.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    addr
}

async fn ask(stream: &mut TcpStream, text: &[u8]) -> Vec<u8> {
    stream.write_all(text).await.unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn passes_delays_and_swallows() {
    let proxy = FaultProxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(ask(&mut stream, b"hello").await, b"hello");

    proxy.set(Mode::Delay(Duration::from_millis(100)));
    let start = Instant::now();
    assert_eq!(ask(&mut stream, b"later").await, b"later");
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "both directions are delayed"
    );

    proxy.set(Mode::Blackhole);
    let silence =
        tokio::time::timeout(Duration::from_millis(200), ask(&mut stream, b"lost?")).await;
    assert!(silence.is_err());
    proxy.set(Mode::Pass);
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"lost?", "what was held comes after the switch");
}

#[tokio::test]
async fn dribbles_cuts_and_refuses() {
    let proxy = FaultProxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    proxy.set(Mode::Dribble(Duration::from_millis(10)));
    let start = Instant::now();
    assert_eq!(ask(&mut stream, b"0123456789").await, b"0123456789");
    assert!(start.elapsed() >= Duration::from_millis(90));

    proxy.set(Mode::CutAfter(14));
    stream.write_all(b"abcdefgh").await.unwrap();
    let mut rest = Vec::new();
    // A reset instead of an orderly end is a cut too.
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(rest, b"abcd");

    proxy.set(Mode::Refuse);
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    assert!(!matches!(stream.read(&mut [0]).await, Ok(1..)));
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn half_closes_and_cuts_all() {
    let proxy = FaultProxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(ask(&mut stream, b"a").await, b"a");
    proxy.set(Mode::HalfClose);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    stream.write_all(b"still heard").await.unwrap();

    proxy.set(Mode::Pass);
    let mut other = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(ask(&mut other, b"b").await, b"b");
    proxy.cut_all();
    assert!(!matches!(other.read(&mut [0]).await, Ok(1..)));
}

#[tokio::test]
async fn vanishes_without_a_word() {
    let proxy = FaultProxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(ask(&mut stream, b"a").await, b"a");
    proxy.vanish_all();
    stream.write_all(b"anybody?").await.unwrap();
    let wait = Duration::from_millis(300);
    let silence = tokio::time::timeout(wait, stream.read(&mut [0])).await;
    assert!(silence.is_err(), "neither data nor an end: {silence:?}");
    assert_eq!(proxy.open(), 1);
    let mut other = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(ask(&mut other, b"b").await, b"b");
    drop(stream);
    while proxy.open() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn corrupts_some_bits() {
    let proxy = FaultProxy::start(echo().await).await;
    proxy.set(Mode::Corrupt(100));
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    let sent = vec![b'x'; 10_000];
    let got = ask(&mut stream, &sent).await;
    let wrong: Vec<_> = got.iter().filter(|byte| **byte != b'x').collect();
    assert!((50..200).contains(&wrong.len()), "{}", wrong.len());
    assert!(wrong.iter().all(|byte| (**byte ^ b'x').count_ones() == 1));
}
