//! Stopping: requests in flight finish, others are not begun.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Api, ApiConfig};

const BODY: &str = "{\"trackOpens\":false}";

async fn half_a_request(api: &Api) -> TcpStream {
    let token = api.token("*").await;
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    let head = format!(
        "POST /v1/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        BODY.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&BODY.as_bytes()[..5]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream
}

#[tokio::test]
async fn requests_in_flight_finish() {
    let api = Api::start().await;
    let mut idle = TcpStream::connect(api.addr).await.unwrap();
    let mut stream = half_a_request(&api).await;
    api.stop.cancel();

    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(2), idle.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "an idle connection is closed at once");
    assert!(
        TcpStream::connect(api.addr).await.is_err(),
        "still accepting"
    );
    assert!(!api.task.is_finished());

    stream.write_all(&BODY.as_bytes()[5..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    tokio::time::timeout(Duration::from_secs(2), api.task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn what_does_not_finish_is_cut() {
    let config = ApiConfig {
        drain: Duration::from_millis(200),
        ..ApiConfig::default()
    };
    let api = Api::with(config, &[]).await;
    let mut stream = half_a_request(&api).await;
    let start = Instant::now();
    api.stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), api.task)
        .await
        .unwrap()
        .unwrap();
    assert!(start.elapsed() >= Duration::from_millis(200));
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection lives on");
}
