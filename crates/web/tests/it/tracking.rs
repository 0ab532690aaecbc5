//! Links of sent messages: pictures that are shown, addresses that are followed. And what the tests of such links share.

use std::time::Duration;

use axum::{body::Body, http::Request};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use posthouse_app::{AppConfig, DiscoverConfig};
use posthouse_model::AccountId;
use posthouse_store::events;
use posthouse_testkit::{DnsServer, eventually};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Answer, Console};

/// A console with a sending account, `own`, and a DNS that knows nobody.
pub async fn stage() -> (Console, DnsServer) {
    let dns = DnsServer::start("").await;
    let config = AppConfig {
        discover: DiscoverConfig {
            dns: Some(vec![dns.addr()]),
            ..DiscoverConfig::default()
        },
        ..AppConfig::default()
    };
    let console = Console::with(config).await;
    let settings = json!({ "serviceUrl": "https://mail.example.com", "serviceSecret": "a secret" });
    console.call("postV1Settings", &[], settings).await.unwrap();
    let account = json!({
        "account": "own", "name": "Ann", "email": "ann@example.com",
        "smtp": { "host": "127.0.0.1", "port": 9, "auth": { "user": "ann", "pass": "secret" } },
    });
    console.call("postV1Account", &[], account).await.unwrap();
    (console, dns)
}

/// Data and signature as the fields of a link.
pub fn signed(data: &Value) -> (String, String) {
    let json = data.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"a secret").unwrap();
    mac.update(json.as_bytes());
    (
        BASE64_URL_SAFE_NO_PAD.encode(json),
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()),
    )
}

/// A link as it stands in a message.
pub fn link(path: &str, data: &Value) -> String {
    let (data, sig) = signed(data);
    format!("{path}?data={data}&sig={sig}")
}

/// The data of the events of a type that the account `own` has.
pub async fn told(console: &Console, event: &str) -> Vec<Value> {
    let account = AccountId::new("own");
    let all = events::of_account(console.app.store(), &account, 0, 1000).await;
    let all = all.unwrap().into_iter();
    all.filter(|one| one.kind.as_str() == event)
        .map(|one| serde_json::from_str::<Value>(&one.payload).unwrap()["data"].clone())
        .collect()
}

async fn ask(console: &Console, method: &str, path: &str, agent: &str) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("user-agent", agent).body(Body::empty());
    console.send(request.unwrap()).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers[name].to_str().unwrap()
}

#[tokio::test]
async fn each_view_of_the_picture_counts_and_a_look_at_its_headers_does_not() {
    let (console, _dns) = stage().await;
    let path = link(
        "/open.gif",
        &json!({ "act": "open", "acc": "own", "msg": "<1@x>" }),
    );
    let head = ask(&console, "HEAD", &path, "Head/1").await;
    assert_eq!(head.status, 200);
    for _ in 0..2 {
        let answer = ask(&console, "GET", &path, "Reader/1").await;
        assert!(answer.expect(200).starts_with("GIF89a"));
        assert_eq!(header(&answer, "content-type"), "image/gif");
        assert!(header(&answer, "cache-control").starts_with("no-store"));
        assert_eq!(
            header(&answer, "cross-origin-resource-policy"),
            "cross-origin"
        );
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    let told = eventually("two views", Duration::from_secs(10), || async {
        Some(told(&console, "trackOpen").await).filter(|told| told.len() >= 2)
    })
    .await;
    assert_eq!(told.len(), 2);
    for told in told {
        assert_eq!(
            told,
            json!({ "messageId": "<1@x>", "remoteAddress": "127.0.0.1", "userAgent": "Reader/1" })
        );
    }
}

#[tokio::test]
async fn a_followed_link_leads_on_without_a_trace() {
    let (console, _dns) = stage().await;
    let click = |url: &str| {
        link(
            "/redirect",
            &json!({ "act": "click", "url": url, "acc": "own", "msg": "<1@x>" }),
        )
    };
    let path = click("https://shop.example/?a=1&b=%20#c");
    assert_eq!(ask(&console, "HEAD", &path, "Head/1").await.status, 302);
    let answer = ask(&console, "GET", &path, "Reader/1").await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.location(), "https://shop.example/?a=1&b=%20#c");
    assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert!(!answer.headers.contains_key("set-cookie"));
    let told = eventually("a click", Duration::from_secs(10), || async {
        Some(told(&console, "trackClick").await).filter(|told| !told.is_empty())
    })
    .await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["url"], "https://shop.example/?a=1&b=%20#c");
    assert_eq!(told[0]["userAgent"], "Reader/1");

    let odd = console
        .get(&click("https://shop.example/a b\r\nX: y"))
        .await;
    assert_eq!(odd.location(), "https://shop.example/a%20bX:%20y");
    assert!(!odd.headers.contains_key("x"));
    for other in [
        "javascript:alert(1)",
        "//evil.example",
        "mailto:a@b.example",
    ] {
        let answer = console.get(&click(other)).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (400, ""));
    }
}

#[tokio::test]
async fn links_that_were_not_made_here_do_nothing() {
    let (console, _dns) = stage().await;
    let (data, sig) = signed(&json!({ "act": "open", "acc": "own", "msg": "<1@x>" }));
    let (_, other) = signed(&json!({ "act": "open", "acc": "own", "msg": "<2@x>" }));
    for path in ["/open.gif", "/redirect", "/unsubscribe"] {
        for (query, status) in [
            (format!("data={data}&sig={other}"), 403),
            (format!("data={data}"), 403),
            (format!("data=%25&sig={sig}"), 400),
            (format!("data={data}&sig=%25"), 400),
        ] {
            let answer = console.get(&format!("{path}?{query}&locale=de")).await;
            let text = answer.expect(status);
            assert!(text.contains("<html lang=\"de\""), "{path} {text}");
            assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
            assert_eq!(header(&answer, "content-language"), "de");
            assert_eq!(answer.location(), "");
        }
    }
    // Each link does what it is for.
    for path in ["/redirect", "/unsubscribe"] {
        let answer = console.get(&format!("{path}?data={data}&sig={sig}")).await;
        assert_eq!(answer.status, 400);
    }
}
