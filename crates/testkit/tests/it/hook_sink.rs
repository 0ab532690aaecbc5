use std::time::Duration;

use posthouse_testkit::{Client, HookReply, HookSink};
use serde_json::json;

#[tokio::test]
async fn keeps_requests_and_answers_as_planned() {
    let sink = HookSink::start().await;
    let client = Client::new(sink.addr());
    let body = json!({ "event": "messageNew", "account": "a", "data": { "subject": "Grüße" } });
    assert_eq!(client.post("/hook", &body).await.status, 200);

    sink.reply_next(1, &HookReply::status(503).with_header("Retry-After", "7"));
    sink.reply_next(1, &HookReply::redirect("/elsewhere"));
    let answer = client.post("/hook", &body).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("7"))
    );
    assert_eq!(
        client.post("/hook", &body).await.header("location"),
        Some("/elsewhere")
    );

    sink.reply_at("/cut", HookReply::cut());
    assert!(
        client
            .try_request("POST", "/cut", &[], Some(b"{}".to_vec()))
            .await
            .is_err()
    );
    assert_eq!(client.post("/hook", &body).await.status, 200);

    let hook = sink
        .wait_for_event("a", "messageNew", Duration::from_secs(1))
        .await;
    assert_eq!(hook.json(), body);
    assert_eq!(
        (
            hook.method.as_str(),
            hook.path.as_str(),
            hook.header("content-type")
        ),
        ("POST", "/hook", Some("application/json"))
    );
    assert_eq!(sink.hooks().len(), 5);
}

#[tokio::test]
async fn an_answer_can_be_late() {
    let sink = HookSink::start().await;
    sink.reply(HookReply::status(200).after(Duration::from_millis(300)));
    let start = std::time::Instant::now();
    assert_eq!(
        Client::new(sink.addr()).post("/", &json!({})).await.status,
        200
    );
    assert!(start.elapsed() >= Duration::from_millis(300));
}
