//! Request bodies: type, size, time, form.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Api, hasty};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn only_json_is_taken() {
    let api = Api::start().await;
    let client = api.client().await;
    let body = || Some(b"{\"trackOpens\":false}".to_vec());
    for (kind, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=utf-16", 415),
    ] {
        let headers = [("Content-Type", kind)];
        let answer = client
            .request("POST", "/v1/settings", &headers, body())
            .await;
        assert_eq!(
            answer.expect(status)["statusCode"].as_u64(),
            (status != 200).then_some(u64::from(status)),
            "{kind}"
        );
    }
    let none = client.request("POST", "/v1/settings", &[], body()).await;
    assert_eq!(none.status, 200, "no type counts as JSON");
    let packed = [JSON, ("Content-Encoding", "gzip")];
    assert_eq!(
        client
            .request("POST", "/v1/settings", &packed, body())
            .await
            .status,
        415
    );
}

#[tokio::test]
async fn what_is_no_json_is_refused_without_being_quoted() {
    let api = Api::start().await;
    let client = api.client().await;
    for text in [
        "{\"pass\":\"hunter2\"",
        "hunter2",
        "{\"a\":1}x",
        "\u{feff}{}",
        "[1,]",
    ] {
        let answer = client
            .request("POST", "/v1/settings", &[JSON], Some(text.into()))
            .await;
        assert_eq!(
            answer.expect(400),
            json!({ "statusCode": 400, "error": "Bad Request", "message": "Invalid request payload JSON format" })
        );
    }
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let answer = client
        .request("POST", "/v1/settings", &[JSON], Some(deep.into()))
        .await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object() {
    let api = Api::start().await;
    let client = api.client().await;
    let answer = client
        .request("POST", "/v1/verifyAccount", &[JSON], Some(Vec::new()))
        .await;
    let other = client.post("/v1/verifyAccount", &json!({})).await;
    assert_eq!(answer.status, other.status);
    assert_eq!(answer.json(), other.json());
}

#[tokio::test]
async fn sizes_are_limited() {
    let api = Api::with(hasty(), &[]).await;
    let client = api.client().await;
    let body = |size: usize| Some(format!("{{\"x\":\"{}\"}}", "a".repeat(size)).into_bytes());
    // 2 MiB for most operations, what is configured for those that carry a message.
    for (path, size, status) in [
        ("/v1/settings", 1 << 20, 400),
        ("/v1/settings", 3 << 20, 413),
        ("/v1/account/nobody/submit", 5 << 20, 413),
        ("/v1/account/nobody/message", 5 << 20, 413),
    ] {
        let answer = client.request("POST", path, &[JSON], body(size)).await;
        assert_eq!(answer.expect(status)["statusCode"], status, "{path}");
    }
    let answer = client
        .request("POST", "/v1/account/nobody/submit", &[JSON], body(3 << 20))
        .await;
    assert_ne!(answer.status, 413);

    // The same without a length.
    let chunk = "a".repeat(1 << 20);
    let mut text = String::new();
    for _ in 0..3 {
        text.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    }
    text.push_str("0\r\n\r\n");
    let headers = [JSON, ("Transfer-Encoding", "chunked")];
    let answer = client
        .request("POST", "/v1/settings", &headers, Some(text.into()))
        .await;
    assert_eq!(answer.expect(413)["statusCode"], 413);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let api = Api::with(hasty(), &[]).await;
    let token = api.token("*").await;
    let start = Instant::now();
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    let head = format!(
        "POST /v1/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"statusCode\":408"), "{answer}");
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn without_admission_no_body_is_waited_for() {
    let api = Api::start().await;
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    let head = "POST /v1/settings HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer, b"HTTP/1.1 401");
}

#[tokio::test]
async fn a_head_that_dribbles_is_given_up_and_an_endless_one_refused() {
    let api = Api::with(hasty(), &[]).await;
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nX-Slow: ")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the connection stays open");

    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nX-Long: ")
        .await
        .unwrap();
    // The server may close while this is written.
    let _ = stream.write_all(&vec![b'a'; 200 << 10]).await;
    let mut answer = vec![0; 12];
    if stream.read_exact(&mut answer).await.is_ok() {
        assert_eq!(answer, b"HTTP/1.1 431");
    }
}
