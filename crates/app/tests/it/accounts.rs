//! Accounts from registration to deletion.

use posthouse_model::{AccountId, Scope};
use posthouse_store::{accounts, events};
use serde_json::{Value, json};

use crate::support::{Hall, ask, bearer, sqlite};

both!(
    from_registration_to_deletion,
    masks_come_back_unchanged,
    lists
);

fn imap(id: &Value) -> Value {
    json!({
        "account": id, "name": "Ann", "email": "ann@example.com", "path": "*",
        "webhooks": "https://u:hook-secret@127.0.0.1:9/",
        "webhooksCustomHeaders": [{"key": "X-Key", "value": "header-secret"}],
        "imap": { "host": "127.0.0.1", "port": 9, "secure": false, "auth": { "user": "ann", "pass": "imap-secret" } },
        "smtp": { "host": "127.0.0.1", "port": 9, "secure": false, "auth": { "user": "ann", "pass": "smtp-secret" } },
    })
}

async fn stored(hall: &Hall, id: &str) -> accounts::StoredAccount {
    accounts::get(hall.app.store(), &AccountId::new(id))
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn ids_that_are_steps_of_a_path_are_refused() {
    let hall = sqlite().await;
    for id in [".", ".."] {
        let link = json!({"account": id, "redirectUrl": "https://app.example.com/"});
        let url = json!({"serviceUrl": "https://mail.example.com"});
        hall.call("postV1Settings", ask().body(url)).await.unwrap();
        for (operation, body) in [
            ("postV1Account", imap(&json!(id))),
            ("postV1AuthenticationForm", link),
        ] {
            let error = hall.call(operation, ask().body(body)).await.unwrap_err();
            assert_eq!(error.status, 400, "{operation} {id}");
            assert_eq!(error.extra["fields"][0]["key"], "account");
        }
        let stored = accounts::get(hall.app.store(), &AccountId::new(id)).await;
        assert!(stored.unwrap().is_none());
    }
    let dots = imap(&json!("..."));
    hall.call("postV1Account", ask().body(dots)).await.unwrap();
}

async fn from_registration_to_deletion(hall: &Hall) {
    hall.call(
        "postV1Settings",
        ask().body(json!({"webhooksEnabled": true})),
    )
    .await
    .unwrap();
    let answer = hall
        .call("postV1Account", ask().body(imap(&json!("own"))))
        .await
        .unwrap();
    assert_eq!(answer, json!({"account": "own", "state": "new"}));
    let answer = hall
        .call("postV1Account", ask().body(imap(&json!("own"))))
        .await
        .unwrap();
    assert_eq!(answer["state"], "existing");
    let drawn = hall
        .call("postV1Account", ask().body(imap(&json!(null))))
        .await
        .unwrap();
    let drawn = drawn["account"].as_str().unwrap();
    assert!(
        drawn.len() == 16
            && drawn
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    );

    let shown = hall
        .call(
            "getV1AccountAccount",
            ask().path("account", "own").query("quota", "true"),
        )
        .await
        .unwrap();
    assert_eq!(
        (&shown["path"], &shown["type"], &shown["quota"]),
        (&json!("*"), &json!("imap"), &json!(false))
    );
    assert_eq!(
        shown["imap"]["auth"],
        json!({"user": "ann", "pass": "******"})
    );
    assert_eq!(shown["webhooks"], "https://******:******@127.0.0.1:9/");
    assert!(!shown.to_string().contains("secret"), "{shown}");
    assert_eq!(shown["counters"]["events"]["accountAdded"], 1);

    let token = hall.token_of(Scope::Api, Some("own")).await;
    hall.admit(bearer(&token), "getV1AccountAccount", Some("own"))
        .await
        .unwrap();
    let body = json!({"to": [{"address": "x@example.com"}], "sendAt": "2099-01-01T00:00:00.000Z"});
    hall.call(
        "postV1AccountAccountSubmit",
        ask().path("account", "own").body(body),
    )
    .await
    .unwrap();
    let answer = hall
        .call("deleteV1AccountAccount", ask().path("account", "own"))
        .await
        .unwrap();
    assert_eq!(answer, json!({"account": "own", "deleted": true}));
    assert!(
        hall.admit(bearer(&token), "getV1AccountAccount", Some("own"))
            .await
            .is_err()
    );
    assert_eq!(hall.call("getV1Outbox", ask()).await.unwrap()["total"], 0);
    for id in [
        "getV1AccountAccount",
        "deleteV1AccountAccount",
        "getV1AccountAccountMailboxes",
    ] {
        let error = hall
            .call(id, ask().path("account", "own"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.status, error.code_str()),
            (404, Some("AccountNotFound")),
            "{id}"
        );
    }
    // Registration and deletion are told in the batch that does them.
    let told = events::of_account(hall.app.store(), &AccountId::new("own"), 0, 100)
        .await
        .unwrap();
    let told: Vec<_> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(told.first(), Some(&"accountAdded"));
    assert_eq!(told.last(), Some(&"accountDeleted"));
    // The same id can be used again.
    let answer = hall
        .call("postV1Account", ask().body(imap(&json!("own"))))
        .await
        .unwrap();
    assert_eq!(answer["state"], "new");
}

async fn masks_come_back_unchanged(hall: &Hall) {
    hall.call("postV1Account", ask().body(imap(&json!("own"))))
        .await
        .unwrap();
    let before = stored(hall, "own").await.account.config;
    let shown = hall
        .call("getV1AccountAccount", ask().path("account", "own"))
        .await
        .unwrap();
    let back = json!({
        "name": "Changed", "webhooks": shown["webhooks"],
        "webhooksCustomHeaders": shown["webhooksCustomHeaders"],
        "imap": shown["imap"], "smtp": shown["smtp"],
    });
    let put = |body: Value| ask().path("account", "own").body(body);
    let answer = hall.call("putV1AccountAccount", put(back)).await.unwrap();
    assert_eq!(answer, json!({"account": "own"}));
    let mut same = before.clone();
    same.name = "Changed".to_owned();
    assert_eq!(stored(hall, "own").await.account.config, same);

    let body =
        json!({"imap": {"partial": true, "auth": {"user": "bob", "pass": "new"}}, "smtp": false});
    hall.call("putV1AccountAccount", put(body)).await.unwrap();
    let config = stored(hall, "own").await.account.config;
    let imap = config.imap.unwrap();
    assert_eq!(
        (imap.host.as_deref(), imap.port),
        (Some("127.0.0.1"), Some(9))
    );
    assert_eq!(imap.auth.unwrap().pass.unwrap().expose(), "new");
    assert!(config.smtp.is_none());

    let before = stored(hall, "own").await;
    for body in [
        json!({"name": "x", "smtp": {"host": "h", "port": 25, "auth": {"user": "u", "pass": "******"}}}),
        json!({"name": "x", "webhooks": "https://******:******@elsewhere/"}),
        json!({"name": "x", "proxy": "socks5://******:******@h:1080"}),
    ] {
        let error = hall
            .call("putV1AccountAccount", put(body.clone()))
            .await
            .unwrap_err();
        assert_eq!(error.status, 400, "{body}");
        assert_eq!(stored(hall, "own").await.version, before.version);
    }
}

async fn lists(hall: &Hall) {
    for id in ["a", "b", "c"] {
        hall.sending_account(id).await;
    }
    let list = |query: &[(&str, &str)]| {
        let ask = query
            .iter()
            .fold(ask(), |ask, (name, value)| ask.query(name, value));
        async move { hall.call("getV1Accounts", ask).await.unwrap() }
    };
    let all = list(&[("pageSize", "2")]).await;
    assert_eq!(
        (&all["total"], &all["pages"], &all["query"], &all["state"]),
        (&json!(3), &json!(2), &json!(false), &json!("*"))
    );
    let ids: Vec<_> = all["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["account"].clone())
        .collect();
    assert_eq!(ids, ["a", "b"]);
    let entry = &all["accounts"][0];
    assert_eq!(
        (&entry["type"], &entry["state"], &entry["lastError"]),
        (&json!("sending"), &json!("unset"), &json!(null))
    );
    assert_eq!(entry["counters"]["events"]["accountAdded"], 1);
    assert!(!entry.to_string().contains("secret") && entry.get("smtp").is_none());
    assert_eq!(
        list(&[("page", "1"), ("pageSize", "2")]).await["accounts"][0]["account"],
        "c"
    );
    assert_eq!(list(&[("query", "ANN@example")]).await["total"], 3);
    assert_eq!(list(&[("query", "nobody")]).await["total"], 0);
    assert_eq!(list(&[("state", "connected")]).await["total"], 0);
    assert_eq!(list(&[("state", "unset")]).await["state"], "unset");
}

#[tokio::test]
async fn what_is_not_built_is_said() {
    let hall = sqlite().await;
    for oauth2 in [
        json!({"authorize": true, "provider": "gmail", "auth": {"user": "a"}}),
        json!({"provider": "AAABhaBPHscAAAAH", "auth": {"user": "a"}}),
    ] {
        let body = json!({"account": "x", "name": "x", "oauth2": oauth2});
        let error = hall
            .call("postV1Account", ask().body(body))
            .await
            .unwrap_err();
        assert_eq!(error.status, 501);
    }
    hall.sending_account("x").await;
    let at = || ask().path("account", "x");
    let signatures = hall
        .call("getV1AccountAccountServersignatures", at())
        .await
        .unwrap();
    assert_eq!(signatures["signaturesSupported"], false);
    let error = hall
        .call("getV1AccountAccountOauthtoken", at())
        .await
        .unwrap_err();
    assert_eq!(
        (error.status, error.code_str()),
        (403, Some("ApiEndpointDisabled"))
    );
    for (id, key) in [
        ("putV1AccountAccountReconnect", "reconnect"),
        ("putV1AccountAccountSync", "sync"),
    ] {
        let answer = hall.call(id, at().body(json!({key: true}))).await.unwrap();
        assert_eq!(answer, json!({key: true}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_answers_200_whatever_fails() {
    let hall = sqlite().await;
    let body = json!({
        "imap": { "host": "127.0.0.1", "port": 9, "auth": { "user": "ann", "pass": "x" } },
        "smtp": { "host": "127.0.0.1", "port": 9, "auth": { "user": "ann", "pass": "x" } },
    });
    let answer = hall
        .call("postV1Verifyaccount", ask().body(body))
        .await
        .unwrap();
    assert_eq!(answer["imap"]["success"], false);
    assert_eq!(answer["smtp"]["success"], false);
    assert!(answer["smtp"]["code"].is_string(), "{answer}");
    assert_eq!(hall.call("getV1Accounts", ask()).await.unwrap()["total"], 0);
}
