//! The console's door as the start of a process sets it: prepared passwords, listed addresses, named proxies.

use std::{net::IpAddr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use posthouse_app::{App, AppConfig, Door, LoginStep, StartError, Visitor, admin::Arrival};
use posthouse_store::{Store, settings};
use serde_json::json;

use crate::{
    admin::{PASSWORD, here, there, with},
    support::{postgres_config, sqlite_config},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_password_is_stored_at_every_start_and_sessions_outlive_one_that_is_the_same() {
    // Made by Python: `hashlib.pbkdf2_hmac("sha256", b"correct horse", bytes(range(16)), 1000, 32)`.
    let record =
        "$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ";
    for (config, _folder) in [sqlite_config(), postgres_config().await] {
        let start = |password: Option<&str>| {
            let (config, password) = (config.clone(), password.map(str::to_owned));
            async move {
                let app = AppConfig {
                    prepared_password: password,
                    ..AppConfig::default()
                };
                App::start(Store::open(config).await.unwrap(), app)
                    .await
                    .unwrap()
            }
        };
        let stop = async |app: App| {
            app.shutdown(Duration::from_secs(5)).await;
            app.store().close().await.unwrap();
        };
        let prepared = BASE64_URL_SAFE_NO_PAD.encode(record);
        let app = start(Some(&prepared)).await;
        let Ok(LoginStep::Done(issued)) = app
            .console()
            .login("admin", PASSWORD, false, &there())
            .await
        else {
            panic!("the prepared password does not open")
        };
        assert_eq!(app.console().door(&here()).await.unwrap(), Door::Login);
        stop(app).await;
        // The same again: the session goes on.
        let app = start(Some(&prepared)).await;
        assert!(matches!(
            app.console().door(&with(&issued)).await.unwrap(),
            Door::Open(_)
        ));
        // Another one in the meantime: the prepared one comes back with the next start.
        let changed = app
            .console()
            .change_password(&with(&issued), Some(PASSWORD), "battery staple")
            .await
            .unwrap();
        stop(app).await;
        let app = start(Some(&prepared)).await;
        assert_eq!(
            app.console().door(&with(&changed)).await.unwrap(),
            Door::Login
        );
        let step = app
            .console()
            .login("admin", PASSWORD, false, &there())
            .await;
        assert!(matches!(step, Ok(LoginStep::Done(_))));
        stop(app).await;
        let stored = start(None).await;
        assert!(stored.console().password_is_set());
        stop(stored).await;
    }
}

#[tokio::test]
async fn a_prepared_password_that_cannot_be_used_stops_the_start() {
    let (config, _folder) = sqlite_config();
    let store = Store::open(config).await.unwrap();
    for bad in ["correct horse", "", "JHBia2RmMg"] {
        let app = AppConfig {
            prepared_password: Some(bad.to_owned()),
            ..AppConfig::default()
        };
        let error = App::start(store.clone(), app).await.map(drop).unwrap_err();
        assert!(matches!(error, StartError::Password(_)), "{error}");
    }
    assert_eq!(settings::get(&store, "authData").await.unwrap(), None);
}

#[tokio::test]
async fn the_console_opens_to_listed_addresses_alone() {
    let (config, _folder) = sqlite_config();
    let store = Store::open(config).await.unwrap();
    let app = AppConfig {
        admin_addresses: vec!["10.0.0.0/8".to_owned(), "192.0.2.7".to_owned()],
        ..AppConfig::default()
    };
    let app = App::start(store.clone(), app).await.unwrap();
    let visitor = |peer: &str, address: &str| Visitor {
        peer: peer.parse().unwrap(),
        address: address.parse().unwrap(),
        proven: peer.parse().unwrap(),
        origin: "http://127.0.0.1:3000".to_owned(),
    };
    let allowed = |peer: &str, passed: &[&str]| {
        let address = passed
            .first()
            .and_then(|entry| entry.trim().parse::<IpAddr>().ok());
        let address = address.map_or_else(|| peer.to_owned(), |address| address.to_string());
        app.console_admits(&visitor(peer, &address), passed)
    };
    assert!(allowed("10.1.2.3", &[]) && allowed("192.0.2.7", &[]));
    assert!(allowed("::ffff:192.0.2.7", &[]) && allowed("10.1.2.3", &["192.0.2.7", " 10.0.0.1"]));
    assert!(!allowed("192.0.2.8", &[]) && !allowed("127.0.0.1", &[]) && !allowed("::1", &[]));
    // No proxy is named, so anybody may have written the header: it can close, not open.
    assert!(!allowed("192.0.2.8", &["10.0.0.1"]) && !allowed("127.0.0.1", &["192.0.2.7"]));
    for passed in [
        &["192.0.2.8"][..],
        &["10.0.0.1", "192.0.2.8"],
        &["192.0.2.8", "10.0.0.1"],
        &["10.0.0.1", "unknown"],
        &[""],
    ] {
        assert!(!allowed("10.1.2.3", passed), "{passed:?}");
    }
    // Proxies that are named are believed.
    let named = AppConfig {
        admin_addresses: vec!["10.0.0.0/8".to_owned()],
        proxies_named: true,
        ..AppConfig::default()
    };
    let named = App::start(store.clone(), named).await.unwrap();
    let passed = ["10.0.0.1", "192.0.2.8"];
    assert!(named.console_admits(&visitor("127.0.0.1", "10.0.0.1"), &passed));
    assert!(!named.console_admits(&visitor("127.0.0.1", "192.0.2.8"), &passed));
    let open = App::start(store, AppConfig::default()).await.unwrap();
    assert!(open.console_admits(&visitor("203.0.113.1", "203.0.113.1"), &["?"]));
    assert!(json!(open.settings().value("authData")).is_null());
}

#[tokio::test]
async fn nobody_is_local_where_there_may_be_a_proxy() {
    let (config, _folder) = sqlite_config();
    let store = Store::open(config).await.unwrap();
    let arrival = Arrival {
        peer: IpAddr::from([127, 0, 0, 1]),
        forwarded: false,
        old: false,
        host: Some("127.0.0.1:3000"),
        origin: None,
        referrer: None,
        bound: None,
    };
    for proxies_named in [false, true] {
        let config = AppConfig {
            proxies_named,
            ..AppConfig::default()
        };
        let app = App::start(store.clone(), config).await.unwrap();
        assert_eq!(app.console().is_local(&arrival), !proxies_named);
    }
}
