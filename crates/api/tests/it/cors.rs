//! Cross-origin rules.

use std::time::Duration;

use posthouse_api::CorsConfig;

use crate::{Api, ApiConfig};

const ORIGIN: (&str, &str) = ("Origin", "https://app.example");
const ASKED: (&str, &str) = ("Access-Control-Request-Method", "POST");

#[tokio::test]
async fn nothing_is_said_unless_configured() {
    let api = Api::start().await;
    let answer = api
        .client()
        .await
        .request("GET", "/v1/stats", &[ORIGIN], None)
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let answer = api
        .anonymous()
        .request("OPTIONS", "/v1/stats", &[ORIGIN, ASKED], None)
        .await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn configured_origins_may_call() {
    let config = ApiConfig {
        cors: Some(CorsConfig {
            origins: vec!["https://app.example".to_owned()],
            max_age: Duration::from_secs(60),
        }),
        ..ApiConfig::default()
    };
    let api = Api::with(config, &[]).await;
    let answer = api
        .anonymous()
        .request("OPTIONS", "/v1/account", &[ORIGIN, ASKED], None)
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN.1));
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(answer.header("access-control-max-age"), Some("60"));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    for name in [
        "Authorization",
        "X-EE-Timeout",
        "Mcp-Session-Id",
        "MCP-Protocol-Version",
    ] {
        assert!(allowed.contains(name), "{name} in {allowed}");
    }

    // Errors too: a page could not read them otherwise.
    for (path, status) in [("/v1/stats", 401), ("/v1/nothing", 404)] {
        let answer = api.anonymous().request("GET", path, &[ORIGIN], None).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN.1));
        assert_eq!(answer.header("vary"), Some("origin"));
        assert!(
            answer
                .header("access-control-expose-headers")
                .unwrap()
                .contains("Accept")
        );
    }
    let other = ("Origin", "https://evil.example");
    let answer = api
        .anonymous()
        .request("GET", "/v1/stats", &[other], None)
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let answer = api
        .anonymous()
        .request("OPTIONS", "/v1/stats", &[other, ASKED], None)
        .await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn pages_are_never_opened_to_other_origins() {
    let config = ApiConfig {
        cors: Some(CorsConfig {
            origins: vec!["*".to_owned()],
            max_age: Duration::from_secs(60),
        }),
        ..ApiConfig::default()
    };
    let api = Api::with(config, &[]).await;
    for path in ["/", "/admin", "/admin/tokens", "/accounts/new"] {
        for method in ["GET", "OPTIONS"] {
            let answer = api
                .anonymous()
                .request(method, path, &[ORIGIN, ASKED], None)
                .await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        }
    }
    let answer = api
        .anonymous()
        .request("GET", "/swagger.json", &[ORIGIN], None)
        .await;
    assert!(answer.header("access-control-allow-origin").is_some());
}
