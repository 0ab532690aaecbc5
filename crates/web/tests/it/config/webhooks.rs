//! The test call on the page of webhooks.

use posthouse_testkit::{HookReply, HookSink};

use crate::support::Console;

const PATH: &str = "/admin/config/webhooks/test";

#[tokio::test]
async fn a_test_call_shows_what_was_sent_and_answered() {
    let console = Console::start().await;
    let sink = HookSink::start().await;
    let url = sink.url("/hook");
    let save = [
        ("webhooks", url.as_str()),
        ("webhooksCustomHeaders.name", "X-Key"),
        ("webhooksCustomHeaders.value", "header-secret"),
    ];
    console.form("/admin/config/webhooks", &save).await;
    let fields = [
        ("url", url.as_str()),
        ("event", "messageSent"),
        ("headers.name", "X-Key"),
        ("headers.value", "******"),
        ("headers.name", "X-More"),
        ("headers.value", "more"),
    ];
    let answer = console.form(PATH, &fields).await;
    assert!(answer.expect(200).contains("Delivered."), "{}", answer.text);
    assert!(answer.has("x-ee-wh-signature"));
    assert!(!answer.has("header-secret"));
    let hooks = sink.hooks();
    let hook = hooks.first().unwrap();
    assert_eq!(hook.event(), "messageSent");
    assert_eq!(hook.header("X-Key"), Some("header-secret"));
    assert_eq!(hook.header("X-More"), Some("more"));
    assert!(hook.header("X-EE-Wh-Signature").is_some());
}

#[tokio::test]
async fn a_failed_test_call_says_what_to_do() {
    let console = Console::start().await;
    let sink = HookSink::start().await;
    sink.reply(HookReply::status(404));
    let fields = [("url", &*sink.url("/hook")), ("event", "messageNew")];
    let answer = console.form(PATH, &fields).await;
    assert!(answer.expect(200).contains("Not delivered"));
    assert!(
        answer.has("Check the path of the address"),
        "{}",
        answer.text
    );
    let answer = console
        .form(PATH, &[("url", ""), ("event", "messageNew")])
        .await;
    assert!(answer.expect(200).contains("id=\"test-url-errors\""));
    let other = [
        ("url", "https://******:******@example.com/"),
        ("event", "messageNew"),
    ];
    assert!(
        console
            .form(PATH, &other)
            .await
            .has("id=\"test-url-errors\"")
    );
    assert_eq!(sink.hooks().len(), 1);
}

#[tokio::test]
async fn the_answer_of_a_receiver_cannot_inject_anything() {
    let console = Console::start().await;
    let target = "http://127.0.0.1:1/\"><script>alert(1)</script>";
    let answer = console
        .form(PATH, &[("url", target), ("event", "<script>")])
        .await;
    assert!(!answer.has("<script>"), "{}", answer.text);
}
