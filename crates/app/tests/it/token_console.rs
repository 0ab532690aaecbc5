//! Access tokens in the console.

use posthouse_app::{App, Issued, TokenFilter, TokenListing};
use posthouse_model::{ApiError, Caller, Scope, caller::Identity, token::TokenValue};
use serde_json::{Value, json};

use crate::support::{Hall, ask, bearer, sqlite};

both!(from_the_form_to_revocation, a_list_of_every_token);

fn admin() -> Caller {
    Caller {
        identity: Identity::Administrator("admin".to_owned()),
        address: Some([192, 0, 2, 9].into()),
        ..Caller::system()
    }
}

async fn issue(hall: &Hall, body: Value) -> Result<Issued, ApiError> {
    hall.app.issue_token(&admin(), body).await
}

fn keys(error: &ApiError) -> Vec<&str> {
    let fields = error.extra["fields"].as_array().unwrap();
    fields.iter().filter_map(|f| f["key"].as_str()).collect()
}

async fn from_the_form_to_revocation(hall: &Hall) {
    hall.sending_account("own").await;
    let issued = issue(
        hall,
        json!({
            "description": " for a test ", "scopes": ["api", "metrics", "api"], "account": "own",
            "permissions": {"actions": ["read"]}, "metadata": "<b>",
            "restrictions": {"addresses": ["192.0.2.0/24"], "rateLimit": {"maxRequests": "5", "timeWindow": 60}},
            "expires": "2099-01-01",
        }),
    )
    .await
    .unwrap();
    let record = &issued.record;
    assert_eq!(record.id, issued.value.id());
    assert_eq!(
        record.scopes,
        Some(vec!["api".to_owned(), "metrics".to_owned()])
    );
    assert_eq!(record.description.as_deref(), Some("for a test"));
    assert_eq!(record.remote_address.as_deref(), Some("192.0.2.9"));
    let limit = record.restrictions.as_ref().unwrap().rate_limit.unwrap();
    assert_eq!(limit.max_requests, Some(5));
    assert!(!format!("{issued:?}").contains(&issued.value.expose()));
    assert!(!issued.export.is_empty());

    let value = issued.value.expose();
    hall.admit(bearer(&value), "getV1AccountAccount", Some("own"))
        .await
        .unwrap();
    let shown = hall.app.console_token(record.id).await.unwrap().unwrap();
    assert_eq!(shown.record, *record);
    assert_eq!(shown.last_use.unwrap().ip.to_string(), "192.0.2.7");
    assert_eq!(shown.export().unwrap(), issued.export);

    assert!(
        hall.app
            .delete_console_token(&admin(), record.id)
            .await
            .unwrap()
    );
    assert!(
        !hall
            .app
            .delete_console_token(&admin(), record.id)
            .await
            .unwrap()
    );
    assert_eq!(hall.app.console_token(record.id).await.unwrap(), None);
    let refused = hall.admit(bearer(&value), "getV1AccountAccount", Some("own"));
    assert_eq!(refused.await.unwrap_err().error.status, 401);

    // What was exported is a token of another instance, under the same value.
    let other = sqlite().await;
    posthouse_app::commands::import_prepared_token(other.app.store(), &issued.export)
        .await
        .unwrap();
    assert!(other.app.console_token(record.id).await.unwrap().is_some());
}

async fn a_list_of_every_token(hall: &Hall) {
    hall.sending_account("own").await;
    hall.token_of(Scope::Metrics, None).await;
    let bound = hall.token_of(Scope::Api, Some("own")).await;
    hall.token_of(Scope::Api, None).await;
    hall.admit(bearer(&bound), "getV1AccountAccount", Some("own"))
        .await
        .unwrap();
    let list = async |listing: TokenListing| {
        let listing = TokenListing { size: 2, ..listing };
        hall.app.console_tokens(&listing).await.unwrap()
    };
    let all = list(TokenListing::default()).await;
    assert_eq!((all.total, all.pages, all.items.len()), (3, 2, 2));
    let by_use = list(TokenListing {
        by_use: true,
        ..TokenListing::default()
    })
    .await;
    let id = bound.parse::<TokenValue>().unwrap().id();
    assert_eq!(by_use.items[0].record.id, id);
    let metrics = list(TokenListing {
        scope: Some(Scope::Metrics),
        ..TokenListing::default()
    })
    .await;
    assert_eq!(metrics.total, 1);
    let own = list(TokenListing {
        query: " OWN ".to_owned(),
        ..TokenListing::default()
    })
    .await;
    assert_eq!(own.items[0].record.id, id);
    for (filter, total) in [
        (TokenFilter::Active, 3),
        (TokenFilter::ExpiringSoon, 0),
        (TokenFilter::Expired, 0),
        (TokenFilter::Unused, 2),
    ] {
        let found = list(TokenListing {
            filter,
            ..TokenListing::default()
        })
        .await;
        assert_eq!(found.total, total, "{filter:?}");
    }
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let hall = sqlite().await;
    let error = issue(
        &hall,
        json!({
            "scopes": ["api", "flying"], "account": "nobody", "expires": "2001-01-01",
            "permissions": {"groups": ["admin"]},
            "restrictions": {"addresses": ["here"], "rateLimit": {"timeWindow": 0}},
        }),
    )
    .await
    .unwrap_err();
    assert_eq!(error.status, 400);
    let mut found = keys(&error);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "account",
            "addresses",
            "description",
            "expires",
            "groups",
            "maxRequests",
            "scopes",
            "timeWindow"
        ]
    );
    let error = issue(
        &hall,
        json!({"description": "x", "scopes": ["api"], "account": "nobody"}),
    )
    .await
    .unwrap_err();
    assert_eq!(
        (error.status, error.code_str()),
        (404, Some("AccountNotFound"))
    );
    for body in [
        json!(null),
        json!([]),
        json!({"description": "x"}),
        json!({"description": "x", "scopes": []}),
        json!({"description": "x", "scopes": ["api"], "permissions": {}}),
        json!({"description": "x", "scopes": ["api"], "expires": "soon"}),
        json!({"description": "x", "scopes": ["api"], "colour": 1}),
        json!({"description": "x", "scopes": ["api"], "account": "a\u{0}b"}),
    ] {
        let error = issue(&hall, body.clone()).await.unwrap_err();
        assert_eq!(error.status, 400, "{body}");
    }
    assert_eq!(hall.call("getV1Tokens", ask()).await.unwrap()["total"], 0);
    let everything =
        json!({"description": "x", "scopes": "*", "expires": null, "restrictions": null});
    assert!(issue(&hall, everything).await.is_ok());
}

#[tokio::test]
async fn only_administrators_use_it() {
    let hall = sqlite().await;
    let caller = Caller {
        identity: Identity::Preauthorized,
        ..Caller::system()
    };
    let app: &App = &hall.app;
    let id = TokenValue::generate().unwrap().id();
    let body = json!({"description": "x", "scopes": ["api"]});
    for status in [
        app.issue_token(&caller, body).await.unwrap_err().status,
        app.delete_console_token(&caller, id)
            .await
            .unwrap_err()
            .status,
        app.set_token_log(&caller, true).await.unwrap_err().status,
        app.reference_token(&caller).await.unwrap_err().status,
        app.revoke_reference_token(&caller, "")
            .await
            .unwrap_err()
            .status,
    ] {
        assert_eq!(status, 403);
    }
}

#[tokio::test]
async fn tokens_of_the_reference() {
    let hall = sqlite().await;
    let issued = hall.app.reference_token(&admin()).await.unwrap();
    let value = issued.value.expose();
    assert_eq!(issued.record.scopes, Some(vec!["api".to_owned()]));
    let lives = issued.record.expires.unwrap().since(issued.record.created);
    assert!(lives.as_secs() <= 901 && lives.as_secs() >= 899);
    hall.admit(bearer(&value), "getV1Stats", None)
        .await
        .unwrap();
    let stranger = Caller {
        identity: Identity::Administrator("other".to_owned()),
        ..Caller::system()
    };
    assert!(
        !hall
            .app
            .revoke_reference_token(&stranger, &value)
            .await
            .unwrap()
    );
    let own = hall.token_of(Scope::Api, None).await;
    assert!(
        !hall
            .app
            .revoke_reference_token(&admin(), &own)
            .await
            .unwrap()
    );
    assert!(
        !hall
            .app
            .revoke_reference_token(&admin(), "zz")
            .await
            .unwrap()
    );
    assert!(
        hall.app
            .revoke_reference_token(&admin(), &value)
            .await
            .unwrap()
    );
    assert!(
        hall.admit(bearer(&value), "getV1Stats", None)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_audit_log_is_switched_on_and_read() {
    let hall = sqlite().await;
    let token = hall.token_of(Scope::Metrics, None).await;
    hall.app.set_token_log(&admin(), true).await.unwrap();
    assert!(hall.app.settings().bool("tokenAuditLog"));
    hall.admit(bearer(&token), "getV1Stats", None)
        .await
        .unwrap_err();
    let id = token.parse::<TokenValue>().unwrap().id();
    hall.app.console_token(id).await.unwrap().unwrap();
    let log = hall.app.console_token_log(id, 0, 20).await.unwrap();
    assert_eq!(
        (log.total, log.items[0].reason.as_deref()),
        (1, Some("scope"))
    );
}

#[tokio::test]
async fn accounts_are_suggested() {
    let hall = sqlite().await;
    for number in 0..12 {
        hall.sending_account(&format!("box{number}")).await;
    }
    let found = hall.app.suggest_accounts("").await.unwrap();
    assert_eq!(found.len(), 8);
    let found = hall.app.suggest_accounts(" BOX11").await.unwrap();
    assert_eq!(found[0].account.as_str(), "box11");
    assert_eq!(found[0].email.as_deref(), Some("ann@example.com"));
    assert_eq!(hall.app.suggest_accounts("%").await.unwrap(), []);
}
