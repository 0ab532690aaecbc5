//! Paths, methods, headers, errors (behaviour 1).

use std::io::Read;

use posthouse_app::commands::IssueToken;
use posthouse_model::token::{RateLimit, Restrictions};
use serde_json::json;

use crate::{Api, ApiConfig};

#[tokio::test]
async fn unknown_paths_and_methods() {
    let api = Api::start().await;
    let client = api.client().await;
    let answer = client.get("/v1/nothing").await;
    assert_eq!(
        answer.expect(404),
        json!({ "statusCode": 404, "error": "Not Found", "message": "Not Found" })
    );
    assert_eq!(client.get("/v1").await.expect(404)["statusCode"], 404);
    // Elsewhere pages answer; here there are none.
    let answer = client.get("/nothing").await;
    assert_eq!((answer.status, answer.text().as_str()), (404, ""));

    let answer = client.request("PATCH", "/v1/account/x", &[], None).await;
    assert_eq!(answer.expect(405)["error"], "Method Not Allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, PUT, DELETE"));
    let answer = client.request("OPTIONS", "/v1/stats", &[], None).await;
    assert_eq!(answer.expect(404)["statusCode"], 404);
}

#[tokio::test]
async fn a_trailing_slash_changes_nothing() {
    let api = Api::start().await;
    let client = api.client().await;
    client.get("/v1/stats/").await.ok();
    client.get("/v1/stats/?seconds=60").await.ok();
    client.get("/health/").await.ok();
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let api = Api::start().await;
    let client = api.client().await;
    for path in ["/v1/stats", "/health", "/swagger.json"] {
        let answer = client.request("HEAD", path, &[], None).await;
        assert_eq!(answer.status, 200, "{path}");
        let size: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(size > 10 && answer.body.is_empty(), "{path}");
    }
    let answer = api
        .anonymous()
        .request("HEAD", "/v1/stats", &[], None)
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn common_headers_and_request_ids() {
    let api = Api::start().await;
    let client = api.client().await;
    let first = client.get("/v1/stats").await;
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    assert_eq!(first.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(first.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(first.header("etag"), None);
    assert_eq!(
        first.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let second = client.get("/v1/stats").await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    let own = [("X-Request-Id", "trace-42:a/b")];
    let answer = client.request("GET", "/v1/nothing", &own, None).await;
    assert_eq!(answer.header("x-request-id"), Some("trace-42:a/b"));
    let odd = [("X-Request-Id", "two words")];
    let answer = client.request("GET", "/v1/stats", &odd, None).await;
    assert_ne!(answer.header("x-request-id"), Some("two words"));
}

#[tokio::test]
async fn errors_of_admission_come_before_everything_else() {
    let api = Api::start().await;
    let answer = api.anonymous().get("/v1/stats?seconds=nonsense").await;
    assert_eq!(
        answer.expect(401),
        json!({ "statusCode": 401, "error": "Unauthorized", "message": "Missing authentication" })
    );
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    let answer = api
        .anonymous()
        .with_token(&"0".repeat(64))
        .get("/v1/stats")
        .await;
    assert_eq!(answer.expect(401)["message"], "Bad token");
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer error=\"Bad token\"")
    );
    let metrics = api.anonymous().with_token(&api.token("metrics").await);
    let answer = metrics.post("/v1/account", &json!("nonsense")).await;
    let body = answer.expect(403);
    assert_eq!(
        (&body["message"], &body["requestedScope"]),
        (&json!("Unauthorized scope"), &json!("api"))
    );
}

#[tokio::test]
async fn all_faults_of_a_request_come_at_once() {
    let api = Api::start().await;
    let client = api.client().await;
    let headers = [("x-ee-timeout", "soon")];
    let answer = client
        .request(
            "GET",
            "/v1/stats?seconds=-1&nothing=1&bad=%FF",
            &headers,
            None,
        )
        .await;
    assert_eq!(answer.expect(400)["fields"][0]["key"], "bad");
    let answer = client
        .request("GET", "/v1/stats?seconds=-1&nothing=1", &headers, None)
        .await
        .expect(400);
    assert_eq!(answer["message"], "Invalid input");
    let mut keys: Vec<_> = answer["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["key"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    assert_eq!(keys, ["nothing", "seconds", "x-ee-timeout"]);
    let late = [("x-ee-timeout", "7200001")];
    assert_eq!(
        client.request("GET", "/v1/stats", &late, None).await.status,
        400
    );
    let long = [("x-ee-timeout", "7200000")];
    assert_eq!(
        client.request("GET", "/v1/stats", &long, None).await.status,
        200
    );
}

#[tokio::test]
async fn paths_are_decoded() {
    let api = Api::start().await;
    let client = api.client().await;
    let answer = client.get("/v1/account/a%2Fb%20c").await;
    assert_eq!(answer.expect(404)["code"], "AccountNotFound");
    let answer = client.get("/v1/account/%FF").await;
    assert_eq!(answer.expect(400)["statusCode"], 400);
}

#[tokio::test]
async fn the_token_may_stand_in_the_query_unless_the_setting_forbids_it() {
    let api = Api::start().await;
    let token = api.token("*").await;
    let path = format!("/v1/stats?access_token={token}&seconds=60");
    api.anonymous().get(&path).await.ok();
    let client = api.anonymous().with_token(&token);
    client
        .post("/v1/settings", &json!({ "queryTokens": false }))
        .await
        .ok();
    assert_eq!(api.anonymous().get(&path).await.status, 401);
    client.get("/v1/stats").await.ok();
}

#[tokio::test]
async fn rate_limits_are_told() {
    let api = Api::start().await;
    let restrictions = Restrictions {
        rate_limit: Some(RateLimit {
            max_requests: Some(2),
            time_window: Some(100_000),
        }),
        ..Restrictions::default()
    };
    let token = api
        .issue(IssueToken {
            restrictions: Some(restrictions),
            ..IssueToken::default()
        })
        .await;
    let client = api.anonymous().with_token(&token);
    for left in ["1", "0"] {
        let answer = client.get("/v1/stats").await;
        answer.ok();
        assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
        assert!(answer.header("x-ratelimit-reset").is_some());
    }
    let answer = client.get("/v1/stats").await;
    let body = answer.expect(429);
    assert_eq!(body["message"], "Rate limit exceeded");
    assert!(body["ttl"].is_number());
    assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(answer.header("x-ratelimit-remaining"), None);
    assert!(answer.header("x-ratelimit-reset").is_some());
}

#[tokio::test]
async fn answers_with_a_secret_are_not_stored() {
    let api = Api::start().await;
    let client = api.client().await;
    let body = json!({
        "description": "x".repeat(500), "scopes": ["api"], "permissions": { "actions": ["read"] },
        "metadata": format!("{{\"a\":\"{}\"}}", "x".repeat(3000)),
    });
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "gzip"),
    ];
    let answer = client
        .request(
            "POST",
            "/v1/tokens",
            &headers,
            Some(body.to_string().into_bytes()),
        )
        .await;
    assert_eq!(answer.ok()["token"].as_str().unwrap().len(), 64);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-encoding"), None);
}

#[tokio::test]
async fn large_json_is_compressed_on_demand() {
    let api = Api::start().await;
    let client = api.client().await;
    let gzip = [("Accept-Encoding", "br, gzip")];
    let plain = client.get("/swagger.json").await;
    assert_eq!(plain.header("content-encoding"), None);
    let packed = client.request("GET", "/swagger.json", &gzip, None).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary"), Some("accept-encoding"));
    assert!(packed.body.len() < plain.body.len() / 4);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body)
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);
    let small = client.request("GET", "/health", &gzip, None).await;
    assert_eq!(small.header("content-encoding"), None);
}

#[tokio::test]
async fn the_clients_address_counts_for_restrictions() {
    let restricted = || IssueToken {
        restrictions: Some(Restrictions {
            addresses: Some(vec!["198.51.100.0/24".to_owned()]),
            ..Restrictions::default()
        }),
        ..IssueToken::default()
    };
    // Everybody's header is believed.
    let api = Api::start().await;
    let client = api.anonymous().with_token(&api.issue(restricted()).await);
    let answer = client.get("/v1/stats").await.expect(403);
    assert_eq!(
        (&answer["message"], &answer["remoteAddress"]),
        (&json!("Unauthorized address"), &json!("127.0.0.1"))
    );
    let forwarded = [("X-Forwarded-For", "198.51.100.7, 10.0.0.1")];
    client
        .request("GET", "/v1/stats", &forwarded, None)
        .await
        .ok();

    // Only a listed proxy's is: this peer is none.
    let config = ApiConfig {
        proxies: Some(vec!["10.0.0.0/8".parse().unwrap()]),
        ..ApiConfig::default()
    };
    let api = Api::with(config, &[]).await;
    let client = api.anonymous().with_token(&api.issue(restricted()).await);
    assert_eq!(
        client
            .request("GET", "/v1/stats", &forwarded, None)
            .await
            .status,
        403
    );

    // Nobody's is.
    let api = Api::with(ApiConfig::default(), &[("enableApiProxy", json!(false))]).await;
    let client = api.anonymous().with_token(&api.issue(restricted()).await);
    assert_eq!(
        client
            .request("GET", "/v1/stats", &forwarded, None)
            .await
            .status,
        403
    );
}
