//! Tokens never reach a log line, whichever way they came.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use serde_json::json;

use crate::Api;

/// Everything that this process logs, at the finest level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn capture() -> Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        lines
    });
    lines.clone()
}

#[tokio::test]
async fn tokens_stay_out_of_logs() {
    let lines = capture();
    let api = Api::start().await;
    let token = api.token("*").await;
    let client = api.anonymous().with_token(&token);
    client.get("/v1/stats").await.ok();
    client
        .get(&format!("/v1/account/logged-account?access_token={token}"))
        .await
        .expect(404);
    api.anonymous()
        .get(&format!("/v1/stats?access_token={token}"))
        .await
        .ok();
    let missing = client
        .get(&format!("/v1/nothing/{token}?access_token={token}"))
        .await;
    assert!(!missing.text().contains(&token));
    client.get(&format!("/v1/tokens/{token}/log")).await;
    client
        .post("/v1/settings", &json!({ "nothing": token }))
        .await
        .expect(400);
    let basic = [("Authorization", "Basic aHVudGVyMjpodW50ZXIy")];
    client
        .request("GET", "/v1/stats", &basic, None)
        .await
        .expect(401);
    client.delete(&format!("/v1/tokens/{token}")).await.ok();

    let text = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    for route in [
        "/v1/stats",
        "/v1/account/{account}",
        "/v1/nothing/(hidden)",
        "/v1/tokens/{token}",
    ] {
        assert!(
            text.contains(&format!("route={route} ")),
            "no line of {route}"
        );
    }
    assert!(text.contains("caller=token "), "the caller is not named");
    for secret in [token.as_str(), "aHVudGVyMjpodW50ZXIy", "logged-account"] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
