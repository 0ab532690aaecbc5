//! Restrictions, rate limit, expiry, audit log, tokens in the query, switched-off authentication.

use std::{net::IpAddr, time::Duration};

use posthouse_app::{AppConfig, Credential, Request, commands::IssueToken};
use posthouse_contract::operation;
use posthouse_model::{
    Scope, Timestamp,
    caller::Identity,
    token::{RateLimit, Restrictions, TokenValue},
};
use posthouse_testkit::eventually;
use serde_json::{Value, json};

use crate::support::{Hall, ask, bearer, request, sqlite, sqlite_config};

both!(
    the_rate_limit_is_a_fixed_window,
    the_audit_log_tells_every_use,
    last_use_is_kept
);

fn from(address: &str, token: &str) -> Request {
    Request {
        address: Some(address.parse().unwrap()),
        ..request(bearer(token))
    }
}

async fn restricted(hall: &Hall, restrictions: Restrictions) -> String {
    hall.token(IssueToken {
        restrictions: Some(restrictions),
        ..IssueToken::default()
    })
    .await
}

#[tokio::test]
async fn addresses_and_referrers() {
    let hall = sqlite().await;
    let accounts = operation("getV1Accounts").unwrap();
    let token = restricted(
        &hall,
        Restrictions {
            addresses: Some(vec!["10.0.0.0/8".to_owned(), "2001:db8::1".to_owned()]),
            ..Restrictions::default()
        },
    )
    .await;
    for good in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"] {
        let admitted = hall.admit_request(from(good, &token), accounts, None).await;
        assert!(admitted.is_ok(), "{good}");
    }
    let refusal = hall
        .admit_request(from("192.0.2.1", &token), accounts, None)
        .await
        .unwrap_err();
    assert_eq!(refusal.error.message, "Unauthorized address");
    assert_eq!(refusal.error.extra["remoteAddress"], "192.0.2.1");

    let token = restricted(
        &hall,
        Restrictions {
            referrers: Some(vec!["https://*.example.com/*".to_owned()]),
            ..Restrictions::default()
        },
    )
    .await;
    let mut request = request(bearer(&token));
    let refusal = hall
        .admit_request(request.clone(), accounts, None)
        .await
        .unwrap_err();
    assert_eq!(refusal.error.message, "Unauthorized referrer");
    request.referrer = Some("https://app.example.com/page".to_owned());
    assert!(hall.admit_request(request, accounts, None).await.is_ok());
}

async fn the_rate_limit_is_a_fixed_window(hall: &Hall) {
    let token = restricted(
        hall,
        Restrictions {
            rate_limit: Some(RateLimit {
                max_requests: Some(3),
                // Long enough that the test does not cross its end.
                time_window: Some(1_000_000_000),
            }),
            ..Restrictions::default()
        },
    )
    .await;
    for remaining in [2, 1, 0] {
        let admitted = hall
            .admit(bearer(&token), "getV1Accounts", None)
            .await
            .unwrap();
        let rate = admitted.rate.unwrap();
        assert_eq!((rate.limit, rate.remaining), (3, remaining));
        assert!(rate.reset > 0);
    }
    let refusal = hall
        .admit(bearer(&token), "getV1Accounts", None)
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.error.status, refusal.error.message.as_str()),
        (429, "Rate limit exceeded")
    );
    assert!(refusal.error.extra["ttl"].as_u64().unwrap() > 0);
    assert_eq!(refusal.rate.unwrap().remaining, 0);
    // What an earlier check refuses is not counted.
    let other = hall.token_of(Scope::All, None).await;
    assert!(
        hall.admit(bearer(&other), "getV1Accounts", None)
            .await
            .unwrap()
            .rate
            .is_none()
    );
}

#[tokio::test]
async fn an_expired_token_is_unknown_and_reaped() {
    let hall = sqlite().await;
    let value = hall
        .token(IssueToken {
            expires: Some(Timestamp::now().after(Duration::from_millis(400))),
            ..IssueToken::default()
        })
        .await;
    assert!(
        hall.admit(bearer(&value), "getV1Accounts", None)
            .await
            .is_ok()
    );
    tokio::time::sleep(Duration::from_millis(450)).await;
    let refusal = hall
        .admit(bearer(&value), "getV1Accounts", None)
        .await
        .unwrap_err();
    assert_eq!(refusal.error.message, "Bad token");
    let id = value.parse::<TokenValue>().unwrap().id();
    eventually("the reaping", Duration::from_secs(5), || async {
        let found = posthouse_store::tokens::get(hall.app.store(), &id)
            .await
            .unwrap();
        found.is_none().then_some(())
    })
    .await;
}

async fn the_audit_log_tells_every_use(hall: &Hall) {
    let token = hall.token_of(Scope::Api, Some("own")).await;
    let log = || async {
        let answer = hall
            .call("getV1TokensTokenLog", ask().path("token", &token))
            .await
            .unwrap();
        answer["entries"].as_array().unwrap().clone()
    };
    // Off by default.
    hall.admit(bearer(&token), "getV1AccountAccount", Some("own"))
        .await
        .unwrap();
    assert_eq!(log().await, Vec::<Value>::new());
    hall.call("postV1Settings", ask().body(json!({"tokenAuditLog": true})))
        .await
        .unwrap();
    hall.admit(bearer(&token), "getV1AccountAccount", Some("own"))
        .await
        .unwrap();
    hall.admit(bearer(&token), "getV1AccountAccount", Some("other"))
        .await
        .unwrap_err();
    hall.admit(bearer(&token), "getV1Stats", None)
        .await
        .unwrap_err();
    let entries = log().await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["status"].clone(),
                entry["reason"].clone(),
                entry["account"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!("denied"), json!("account"), json!(null)),
            (json!("denied"), json!("account"), json!("other")),
            (json!("allowed"), json!(null), json!("own")),
        ]
    );
    let entry = &entries[2];
    assert_eq!(entry["path"], "/v1/account/{account}");
    assert_eq!(
        (&entry["method"], &entry["ip"]),
        (&json!("GET"), &json!("192.0.2.7"))
    );
    assert_eq!(
        (&entry["action"], &entry["group"]),
        (&json!("read"), &json!("account"))
    );
}

async fn last_use_is_kept(hall: &Hall) {
    let token = hall.token_of(Scope::Api, None).await;
    let access = || async {
        let answer = hall
            .call("getV1TokensToken", ask().path("token", &token))
            .await
            .unwrap();
        answer["access"].clone()
    };
    assert_eq!(access().await, json!({"time": null, "ip": null}));
    hall.admit(bearer(&token), "getV1Accounts", None)
        .await
        .unwrap();
    assert_eq!(access().await["ip"], "192.0.2.7");
}

#[tokio::test]
async fn tokens_in_the_query_can_be_switched_off() {
    let hall = sqlite().await;
    let token = hall.token_of(Scope::Api, None).await;
    let query = Credential::Query(token.clone());
    assert!(
        hall.admit(query.clone(), "getV1Accounts", None)
            .await
            .is_ok()
    );
    hall.call("postV1Settings", ask().body(json!({"queryTokens": false})))
        .await
        .unwrap();
    let refusal = hall.admit(query, "getV1Accounts", None).await.unwrap_err();
    assert_eq!(refusal.error.status, 401);
    assert!(
        hall.admit(bearer(&token), "getV1Accounts", None)
            .await
            .is_ok()
    );
    assert!(
        hall.app
            .metrics_text()
            .await
            .contains("posthouse_query_tokens_total 2")
    );
}

#[tokio::test]
async fn authentication_can_be_switched_off_but_mints_no_token() {
    let (config, folder) = sqlite_config();
    let mut app = AppConfig::default();
    app.seeds.insert("disableTokens".to_owned(), json!(true));
    let hall = Hall::with(config, folder, app).await;
    let admitted = hall
        .admit(Credential::None, "postV1Tokens", None)
        .await
        .unwrap();
    assert_eq!(admitted.caller.identity, Identity::Preauthorized);
    assert_eq!(admitted.caller.address, Some(IpAddr::from([192, 0, 2, 7])));
    let body = json!({"description": "x", "scopes": ["api"], "permissions": {"actions": ["read"]}});
    let error = hall
        .call_as(&admitted.caller, "postV1Tokens", ask().body(body))
        .await
        .unwrap_err();
    assert_eq!(error.status, 403);
    // A token that is given is still checked.
    assert!(
        hall.admit(bearer("x"), "getV1Accounts", None)
            .await
            .is_err()
    );
}
