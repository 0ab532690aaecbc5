//! Run-time settings and queue settings.

use posthouse_model::{ApiError, Caller, settings::Group};
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
    for paused in [true, false] {
        let answer = hall.call("putV1SettingsQueueQueue", put(paused)).await;
        assert_eq!(answer.unwrap()["paused"], paused);
        let shown = hall
            .call("getV1SettingsQueueQueue", ask().path("queue", "notify"))
            .await;
        assert_eq!(shown.unwrap()["paused"], paused);
    }
    // A body that says nothing changes nothing.
    hall.call("putV1SettingsQueueQueue", put(true))
        .await
        .unwrap();
    let silent = ask().path("queue", "notify").body(json!({}));
    let answer = hall.call("putV1SettingsQueueQueue", silent).await.unwrap();
    assert_eq!(answer, json!({"queue": "notify", "paused": true}));
    let stats = hall.call("getV1Stats", ask()).await.unwrap();
    assert_eq!(stats["queues"]["notify"]["isPaused"], true);
    assert_eq!(stats["queues"]["submit"]["isPaused"], false);
}

fn wanted(body: Value) -> serde_json::Map<String, Value> {
    body.as_object().unwrap().clone()
}

both!(pages_change_settings_and_take_them_back);

async fn pages_change_settings_and_take_them_back(hall: &Hall) {
    let caller = Caller::system();
    let changed = hall
        .app
        .change_settings(
            &caller,
            &wanted(json!({
                "deliveryAttempts": "7",
                "notifyText": true,
                "webhooks": "https://u:p@example.com/",
                "disableTokens": true,
            })),
        )
        .await
        .unwrap();
    // What has this value already is not told as changed.
    assert_eq!(changed, ["deliveryAttempts", "webhooks", "disableTokens"]);
    assert!(hall.app.settings().bool("disableTokens"));
    let view = |group, key: &str| {
        let views = hall.app.settings_view(group);
        views
            .into_iter()
            .find(|view| view.setting.key == key)
            .unwrap()
    };
    let attempts = view(Group::EmailProcessing, "deliveryAttempts");
    assert_eq!((attempts.value, attempts.default), (json!(7), json!(10)));
    assert!(attempts.changed && attempts.schema.is_some());
    let target = view(Group::Webhooks, "webhooks");
    assert_eq!(target.value, "https://******:******@example.com/");

    let back = wanted(json!({ "deliveryAttempts": null, "webhooks": null, "disableTokens": null }));
    hall.app.change_settings(&caller, &back).await.unwrap();
    let settings = hall.app.settings();
    assert_eq!(settings.number("deliveryAttempts"), Some(10));
    assert_eq!(settings.text("webhooks"), None);
    assert!(!settings.bool("disableTokens"));
    assert!(!view(Group::Webhooks, "webhooks").changed);
}

#[tokio::test]
async fn pages_are_told_every_fault_under_the_key_of_its_setting() {
    let hall = sqlite().await;
    let error = hall
        .app
        .change_settings(
            &Caller::system(),
            &wanted(json!({
                "deliveryAttempts": -1,
                "logs": { "maxLogLines": "many" },
                "webhooksCustomHeaders": [{ "key": "", "value": "" }],
                "webhooks": "https://******:******@example.com/",
                "localAddresses": ["nowhere"],
                "serviceSecret": null,
                "nonsense": 1,
                "run": 1,
                "inboxNewOnly": true,
            })),
        )
        .await
        .unwrap_err();
    let mut keys: Vec<_> = error.extra["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["key"].as_str().unwrap())
        .collect();
    keys.dedup();
    assert_eq!(
        keys,
        [
            "deliveryAttempts",
            "logs",
            "webhooksCustomHeaders",
            "webhooks",
            "localAddresses",
            "serviceSecret",
            "nonsense",
            "run"
        ]
    );
    assert!(!hall.app.settings().bool("inboxNewOnly"));
}

#[tokio::test]
async fn a_new_service_secret_is_shown_once_and_holds_at_once() {
    let hall = sqlite().await;
    let before = hall
        .app
        .settings()
        .text("serviceSecret")
        .unwrap()
        .to_owned();
    let secret = hall
        .app
        .renew_service_secret(&Caller::system())
        .await
        .unwrap();
    assert_eq!(secret.expose().len(), 32);
    assert_ne!(secret.expose(), before);
    let settings = hall.app.settings();
    assert_eq!(settings.text("serviceSecret"), Some(secret.expose()));
    let shown = hall.app.settings_view(Group::Security);
    assert!(!format!("{shown:?}").contains(secret.expose()));
}

#[tokio::test]
async fn the_addresses_of_this_machine_are_listed() {
    let hall = sqlite().await;
    let addresses = hall.app.local_addresses();
    let loopback = addresses.iter().find(|local| local.loopback).unwrap();
    assert!(loopback.address.is_loopback());
}
