//! Run-time settings and queue settings.

use posthouse_model::ApiError;
use posthouse_store::settings;
use serde_json::{Value, json};

use crate::support::{Hall, ask, sqlite};

both!(what_is_set_is_shown_masked_and_holds_at_once);

async fn set(hall: &Hall, body: Value) -> Result<Value, ApiError> {
    hall.call("postV1Settings", ask().body(body)).await
}

async fn get(hall: &Hall, keys: &[&str]) -> Value {
    let ask = keys.iter().fold(ask(), |ask, key| ask.query(key, "true"));
    hall.call("getV1Settings", ask).await.unwrap()
}

async fn what_is_set_is_shown_masked_and_holds_at_once(hall: &Hall) {
    let body = json!({
        "webhooks": "https://user:hook-secret@example.com/hook",
        "webhooksCustomHeaders": [{"key": "Authorization", "value": "header-secret"}, {"key": "X", "value": ""}],
        "smtpServerPassword": "listener-secret",
        "serviceUrl": "https://mail.example.com/some/path",
        "scriptEnv": "{\"b\":1}",
        "notifyTextSize": "1000",
    });
    let updated = set(hall, body).await.unwrap();
    assert_eq!(updated["updated"].as_array().unwrap().len(), 6);
    assert_eq!(hall.app.settings().number("notifyTextSize"), Some(1000));
    let keys = [
        "webhooks",
        "webhooksCustomHeaders",
        "smtpServerPassword",
        "openAiAPIKey",
        "serviceUrl",
        "scriptEnv",
    ];
    let shown = get(hall, &keys).await;
    assert_eq!(
        shown,
        json!({
            "webhooks": "https://******:******@example.com/hook",
            "webhooksCustomHeaders": [{"key": "Authorization", "value": "******"}, {"key": "X", "value": ""}],
            "smtpServerPassword": true,
            "openAiAPIKey": false,
            "serviceUrl": "https://mail.example.com",
            "scriptEnv": "{\n  \"b\": 1\n}",
        })
    );
    // What was read can be sent back.
    let back = json!({
        "webhooks": shown["webhooks"], "webhooksCustomHeaders": shown["webhooksCustomHeaders"],
        "notifyText": false,
    });
    set(hall, back).await.unwrap();
    assert_eq!(get(hall, &keys).await, shown);
    let stored = settings::get(hall.app.store(), "webhooks")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored, "https://user:hook-secret@example.com/hook");
    let headers = settings::get(hall.app.store(), "webhooksCustomHeaders")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(headers[0]["value"], "header-secret");
    assert!(!hall.app.settings().bool("notifyText"));
}

#[tokio::test]
async fn all_faults_are_told_and_nothing_is_changed() {
    let hall = sqlite().await;
    let error = set(
        &hall,
        json!({"notifyTextSize": "many", "nonsense": 1, "inboxNewOnly": true}),
    )
    .await
    .unwrap_err();
    assert_eq!(error.extra["fields"].as_array().unwrap().len(), 2);
    for body in [
        json!({"inboxNewOnly": true, "webhooks": "https://******:******@other.example/"}),
        json!({"inboxNewOnly": true, "serviceSecret": "******", "scriptEnv": "{"}),
        json!({"inboxNewOnly": true, "disableTokens": true}),
        json!({"inboxNewOnly": true, "run": 7}),
    ] {
        let error = set(&hall, body.clone()).await.unwrap_err();
        assert_eq!(
            (error.status, error.message.as_str()),
            (400, "Invalid input"),
            "{body}"
        );
    }
    assert!(!hall.app.settings().bool("inboxNewOnly"));
}

#[tokio::test]
async fn only_what_is_asked_for_is_shown() {
    let hall = sqlite().await;
    assert_eq!(get(&hall, &[]).await, json!({}));
    let shown = get(&hall, &["eventTypes", "notifyText", "serviceSecret"]).await;
    assert_eq!(shown["notifyText"], true);
    assert_eq!(shown["serviceSecret"], true);
    assert!(
        shown["eventTypes"]
            .as_array()
            .unwrap()
            .contains(&json!("messageNew"))
    );
    assert_eq!(shown.as_object().unwrap().len(), 3);
    let everything: Vec<_> = posthouse_model::settings::SETTINGS
        .iter()
        .filter(|setting| setting.is_public())
        .map(|setting| setting.key)
        .collect();
    let shown = get(&hall, &everything).await;
    assert_eq!(shown.as_object().unwrap().len(), everything.len());
}

#[tokio::test]
async fn queues() {
    let hall = sqlite().await;
    for queue in ["notify", "submit", "documents"] {
        let answer = hall
            .call("getV1SettingsQueueQueue", ask().path("queue", queue))
            .await
            .unwrap();
        let jobs = json!({"active": 0, "delayed": 0, "paused": 0, "waiting": 0});
        assert_eq!(
            answer,
            json!({"queue": queue, "jobs": jobs, "paused": false})
        );
    }
    let put = |paused: bool| {
        ask()
            .path("queue", "notify")
            .body(json!({"paused": paused}))
    };
    let answer = hall
        .call("putV1SettingsQueueQueue", put(false))
        .await
        .unwrap();
    assert_eq!(answer["paused"], false);
    assert_eq!(
        hall.call("putV1SettingsQueueQueue", put(true))
            .await
            .unwrap_err()
            .status,
        501
    );
}
