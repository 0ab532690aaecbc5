//! What a start writes.

use posthouse_app::{App, AppConfig, StartError, commands};
use posthouse_store::{Store, settings};
use serde_json::{Value, json};

use crate::support::{postgres_config, sqlite_config};

async fn value(store: &Store, key: &str) -> Value {
    settings::get(store, key).await.unwrap().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defaults_are_drawn_once_and_runs_are_counted() {
    for (config, _folder) in [sqlite_config(), postgres_config().await] {
        let start = |app: AppConfig| {
            let config = config.clone();
            async move {
                let store = Store::open(config).await.unwrap();
                let app = App::start(store, app).await.unwrap();
                app.shutdown(std::time::Duration::from_secs(5)).await;
                app.store().clone()
            }
        };
        let store = start(AppConfig::default()).await;
        let secret = value(&store, "serviceSecret").await;
        let id = value(&store, "serviceId").await;
        for drawn in [&secret, &id] {
            assert!(
                drawn.as_str().is_some_and(|text| text.len() == 32),
                "{drawn}"
            );
        }
        assert_eq!(
            value(&store, "cookiePassword")
                .await
                .as_str()
                .unwrap()
                .len(),
            44
        );
        assert_eq!(value(&store, "notifyTextSize").await, 2_097_152);
        assert_eq!(value(&store, "enableApiProxy").await, true);
        assert_eq!(value(&store, "disableTokens").await, Value::Null);
        assert_eq!(value(&store, "run").await, 1);
        store.close().await.unwrap();

        let mut app = AppConfig::default();
        app.seeds.insert("enableApiProxy".to_owned(), json!(false));
        app.seeds.insert("disableTokens".to_owned(), json!(true));
        app.prepared_settings = Some(json!({"notifyText": "false", "noSuchKey": 1}));
        let store = start(app).await;
        assert_eq!(value(&store, "serviceSecret").await, secret);
        assert_eq!(value(&store, "run").await, 2);
        // A seed only fills what is empty, a prepared value is written at every start.
        assert_eq!(value(&store, "enableApiProxy").await, true);
        assert_eq!(value(&store, "disableTokens").await, true);
        assert_eq!(value(&store, "notifyText").await, false);
        store.close().await.unwrap();

        // Who asks for tokens gets them, also on a store that was open to all.
        let store = start(AppConfig {
            require_tokens: true,
            ..AppConfig::default()
        })
        .await;
        assert_eq!(value(&store, "disableTokens").await, false);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn prepared_values_are_checked() {
    let (config, _folder) = sqlite_config();
    let store = Store::open(config).await.unwrap();
    for (settings, token) in [
        (Some(json!({"notifyTextSize": -1})), None),
        (Some(json!({"serviceSecret": "******"})), None),
        (Some(json!([])), None),
        (None, Some("nonsense")),
    ] {
        let app = AppConfig {
            prepared_settings: settings.clone(),
            prepared_token: token.map(str::to_owned),
            ..AppConfig::default()
        };
        let error = App::start(store.clone(), app).await.map(drop).unwrap_err();
        match settings {
            Some(_) => assert!(matches!(error, StartError::Settings(_)), "{error}"),
            None => assert!(matches!(error, StartError::Token(_)), "{error}"),
        }
    }
    let (value, _) = commands::issue_token(&store, commands::IssueToken::default())
        .await
        .unwrap();
    let text = commands::export_token(&store, &value.expose())
        .await
        .unwrap();
    commands::revoke_token(&store, &value.expose())
        .await
        .unwrap();
    let app = AppConfig {
        prepared_token: Some(text),
        ..AppConfig::default()
    };
    App::start(store.clone(), app).await.unwrap();
    assert_eq!(commands::list_tokens(&store).await.unwrap().len(), 1);
}
