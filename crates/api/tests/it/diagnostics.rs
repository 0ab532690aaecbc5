//! Health, metrics, the document, what is public.

use serde_json::json;

use crate::Api;

#[tokio::test]
async fn health_is_public() {
    let api = Api::start().await;
    for path in ["/health", "/livez", "/readyz"] {
        assert_eq!(
            api.anonymous().get(path).await.ok(),
            json!({ "success": true }),
            "{path}"
        );
    }
}

#[tokio::test]
async fn metrics_take_their_scope_and_count_by_template() {
    let api = Api::start().await;
    let answer = api.anonymous().get("/metrics").await;
    assert_eq!(answer.expect(401)["message"], "Missing authentication");
    let answer = api
        .anonymous()
        .with_token(&api.token("api").await)
        .get("/metrics")
        .await;
    assert_eq!(answer.expect(403)["requestedScope"], "metrics");

    api.client()
        .await
        .get("/v1/account/nobody")
        .await
        .expect(404);
    let metrics = api.anonymous().with_token(&api.token("metrics").await);
    let answer = metrics.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let line = "api_call{method=\"get\",route=\"/v1/account/{account}\",statusCode=\"404\"} 1";
    assert!(answer.text().contains(line), "{}", answer.text());
    assert_eq!(metrics.get("/v1/stats").await.status, 403);
}

#[tokio::test]
async fn the_bill_of_materials_takes_the_api_scope() {
    let api = Api::start().await;
    assert_eq!(api.anonymous().get("/sbom.json").await.status, 401);
    let client = api.anonymous().with_token(&api.token("api").await);
    assert_eq!(
        client.get("/sbom.json").await.ok()["bomFormat"],
        "CycloneDX"
    );
}

#[tokio::test]
async fn the_document_names_the_address_it_was_asked_at() {
    let api = Api::start().await;
    let url = |headers: Vec<(&'static str, &'static str)>| {
        let client = api.anonymous();
        async move {
            let answer = client
                .request("GET", "/swagger.json", &headers, None)
                .await
                .ok();
            assert!(answer["paths"]["/v1/account/{account}"].is_object());
            answer["servers"][0]["url"].as_str().unwrap().to_owned()
        }
    };
    assert_eq!(url(vec![]).await, format!("http://{}", api.addr));
    let forwarded = vec![
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "mail.example.com"),
    ];
    assert_eq!(url(forwarded.clone()).await, "https://mail.example.com");
    let settings = json!({ "serviceUrl": "https://public.example.com" });
    api.client()
        .await
        .post("/v1/settings", &settings)
        .await
        .ok();
    // Whoever asks reaches it as they did, whatever others are told.
    assert_eq!(url(forwarded).await, "https://mail.example.com");
}

#[tokio::test]
async fn public_pages() {
    let api = Api::start().await;
    let client = api.anonymous();
    assert!(
        client
            .get("/robots.txt")
            .await
            .text()
            .contains("Disallow: /")
    );
    assert!(
        client
            .get("/LICENSE.txt")
            .await
            .text()
            .contains("MIT OR Apache-2.0")
    );
}
