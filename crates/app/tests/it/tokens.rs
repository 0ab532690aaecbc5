//! The use cases of access tokens.

use posthouse_app::Credential;
use posthouse_model::{Caller, Scope, token::TokenValue};
use serde_json::json;

use crate::support::{Hall, ask, bearer, sqlite};

both!(from_creation_to_revocation, lists_know_who_asks);

async fn from_creation_to_revocation(hall: &Hall) {
    hall.sending_account("own").await;
    let body = json!({
        "account": "own", "description": "of a test", "scopes": ["api", "smtp"],
        "metadata": "{\"a\":1}", "ip": "10.0.0.1",
        "restrictions": {"addresses": ["192.0.2.0/24"], "rateLimit": {"maxRequests": 5, "timeWindow": 60}},
        "permissions": {"actions": ["read"]},
        "expires": "2099-01-01T00:00:00.000Z",
    });
    let reply = hall
        .reply_as(&Caller::system(), "postV1Tokens", ask().body(body.clone()))
        .await
        .unwrap();
    assert!(reply.no_store);
    let made = hall.call("postV1Token", ask().body(body)).await.unwrap();
    let value = made["token"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(value.parse::<TokenValue>().unwrap().id().to_string(), id);
    for name in [value, id] {
        let shown = hall
            .call("getV1TokensToken", ask().path("token", name))
            .await
            .unwrap();
        assert_eq!(shown["id"], id);
        assert_eq!(shown["account"], "own");
        assert_eq!(shown["restrictions"]["rateLimit"]["maxRequests"], 5);
        assert_eq!(shown["permissions"], json!({"actions": ["read"]}));
        assert_eq!(shown["expires"], "2099-01-01T00:00:00.000Z");
        assert_eq!(shown["metadata"], "{\"a\":1}");
        assert!(!shown.to_string().contains(value));
    }
    assert!(
        hall.admit(bearer(value), "getV1AccountAccount", Some("own"))
            .await
            .is_ok()
    );
    let gone = hall
        .call("deleteV1TokensToken", ask().path("token", id))
        .await
        .unwrap();
    assert_eq!(gone["deleted"], true);
    let error = hall
        .call("getV1TokensToken", ask().path("token", value))
        .await
        .unwrap_err();
    assert_eq!(error.status, 404);
}

async fn lists_know_who_asks(hall: &Hall) {
    let root = hall.token_of(Scope::Api, None).await;
    let bound = hall.token_of(Scope::Api, Some("own")).await;
    hall.token_of(Scope::Smtp, Some("other")).await;
    let total = |answer: &serde_json::Value| answer["total"].as_u64().unwrap();
    let list = hall.call("getV1Tokens", ask()).await.unwrap();
    assert_eq!(
        (total(&list), &list["account"], &list["pages"]),
        (1, &json!(null), &json!(1))
    );
    assert_eq!(
        list["tokens"][0]["id"],
        root.parse::<TokenValue>().unwrap().id().to_string()
    );
    let list = hall
        .call("getV1Tokens", ask().query("account", "own"))
        .await
        .unwrap();
    assert_eq!((total(&list), &list["account"]), (1, &json!("own")));
    let list = hall
        .call("getV1TokensAccountAccount", ask().path("account", "other"))
        .await
        .unwrap();
    assert_eq!(total(&list), 1);
    let caller = hall
        .admit(bearer(&bound), "getV1Tokens", Some("own"))
        .await
        .unwrap()
        .caller;
    let list = hall
        .call_as(&caller, "getV1Tokens", ask().query("account", "own"))
        .await
        .unwrap();
    assert_eq!((total(&list), &list["account"]), (1, &json!("own")));
    assert!(
        hall.admit(bearer(&bound), "getV1Tokens", Some("other"))
            .await
            .is_err()
    );
    assert!(
        hall.admit(bearer(&bound), "getV1Tokens", None)
            .await
            .is_err()
    );
    let none = hall
        .call("getV1Tokens", ask().query("query", "no such text"))
        .await
        .unwrap();
    assert_eq!(total(&none), 0);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused() {
    let hall = sqlite().await;
    for body in [
        json!({"scopes": ["api"], "description": "x"}),
        json!({"scopes": ["api"], "description": "x", "permissions": {}}),
        json!({"scopes": ["api"], "description": "x", "permissions": null}),
        json!({"scopes": ["api"], "description": "x", "permissions": {"actions": []}}),
        json!({"description": "x", "permissions": {"actions": ["read"]}, "scopes": ["*"]}),
        json!({"description": "x", "permissions": {"actions": ["read"]}, "scopes": ["metrics"]}),
        json!({"scopes": ["api"], "description": "x", "permissions": {"groups": ["admin"]}}),
        json!({"scopes": ["api"], "description": "x", "permissions": {"actions": ["read"]}, "expires": "2001-01-01"}),
    ] {
        let error = hall
            .call("postV1Tokens", ask().body(body.clone()))
            .await
            .unwrap_err();
        assert_eq!(error.status, 400, "{body}");
    }
    let body = json!({"scopes": ["api"], "description": "x", "account": "nobody"});
    let error = hall
        .call("postV1Tokens", ask().body(body))
        .await
        .unwrap_err();
    assert_eq!(error.code_str(), Some("AccountNotFound"));
    assert_eq!(hall.call("getV1Tokens", ask()).await.unwrap()["total"], 0);
}

#[tokio::test]
async fn the_value_is_nowhere_in_the_store() {
    let hall = sqlite().await;
    hall.sending_account("own").await;
    hall.call("postV1Settings", ask().body(json!({"tokenAuditLog": true})))
        .await
        .unwrap();
    let body = json!({"scopes": ["api"], "account": "own", "description": "x"});
    let made = hall.call("postV1Tokens", ask().body(body)).await.unwrap();
    let value = made["token"].as_str().unwrap().to_owned();
    hall.admit(bearer(&value), "getV1AccountAccount", Some("own"))
        .await
        .unwrap();
    hall.admit(
        Credential::Query(value.clone()),
        "getV1AccountAccount",
        Some("x"),
    )
    .await
    .unwrap_err();
    hall.call("getV1TokensTokenLog", ask().path("token", &value))
        .await
        .unwrap();
    let raw = value.parse::<TokenValue>().unwrap();
    let folder = hall.folder.path().to_owned();
    hall.app.shutdown(std::time::Duration::from_secs(5)).await;
    hall.app.store().close().await.unwrap();
    let mut files = 0;
    let id = made["id"].as_str().unwrap().as_bytes();
    let mut ids = 0;
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
            assert!(
                !holds(value.as_bytes()) && !holds(raw.bytes()),
                "{}",
                path.display()
            );
            assert!(!holds(b"smtp secret"), "{}", path.display());
            ids += usize::from(holds(id));
            files += 1;
        }
    }
    assert!(files > 1 && ids == 1, "{files} {ids}");
}
