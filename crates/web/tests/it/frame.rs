//! What holds for every page: headers, crumb, assets, errors.

use axum::{body::Body, http::Request};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::support::Console;

#[tokio::test]
async fn pages_carry_strict_headers() {
    let console = Console::start().await;
    for path in ["/", "/admin", "/nothing/here"] {
        let answer = console.get(path).await;
        let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn the_navigation_leads_to_every_room_and_says_where_one_is() {
    let console = Console::start().await;
    let dashboard = console.get("/admin").await;
    for room in [
        "accounts",
        "gateways",
        "templates",
        "suppression-lists",
        "tokens",
        "config",
        "reference",
    ] {
        let link = format!("<a href=\"/admin/{room}\"");
        assert!(dashboard.expect(200).contains(&link), "{room}");
        let page = console.get(&format!("/admin/{room}")).await;
        let here = format!("{link} aria-current=\"page\"");
        assert!(page.expect(200).contains(&here), "{room}");
    }
}

#[tokio::test]
async fn assets_are_kept_by_browsers_and_their_addresses_change_with_them() {
    let console = Console::start().await;
    let page = console.get("/").await;
    let start = page.text.find("/static/console.css?v=").unwrap();
    let url = page.text[start..].split('"').next().unwrap();
    let css = console.get(url).await;
    assert_eq!(css.status, 200);
    assert_eq!(css.headers["content-type"], "text/css; charset=utf-8");
    assert!(
        css.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    assert_eq!(console.get("/static/nothing.css").await.status, 404);
    assert_eq!(
        console.get("/favicon.ico").await.headers["content-type"],
        "image/svg+xml"
    );
}

#[tokio::test]
async fn an_unknown_address_is_a_page() {
    let console = Console::start().await;
    let answer = console.get("/nothing/here").await;
    assert!(answer.expect(404).contains("<h1>Nothing here</h1>"));
}

#[tokio::test]
async fn a_crumb_is_given_once_and_out_of_reach_of_scripts() {
    let console = Console::start().await;
    let first = console.get("/").await;
    let cookie = first.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("crumb="), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    assert!(!console.get("/").await.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_change_without_the_crumb_is_refused() {
    let console = Console::start().await;
    let bare = Request::post("/admin/logout").body(Body::empty()).unwrap();
    assert_eq!(console.send(bare).await.status, 403);
    let crumb = console.crumb().await;
    for (site, origin, shown) in [
        ("cross-site", "http://127.0.0.1:3000", crumb.as_str()),
        ("same-site", "http://127.0.0.1:3000", crumb.as_str()),
        ("", "https://evil.example", crumb.as_str()),
        ("", "null", crumb.as_str()),
        ("same-origin", "http://127.0.0.1:3000", "0000"),
        ("same-origin", "http://127.0.0.1:3000", ""),
    ] {
        let mut request = Request::post("/admin/logout")
            .header("origin", origin)
            .header("content-type", "application/x-www-form-urlencoded");
        if !site.is_empty() {
            request = request.header("sec-fetch-site", site);
        }
        let request = request.body(Body::from(format!("crumb={shown}"))).unwrap();
        assert_eq!(
            console.send(request).await.status,
            403,
            "{site} {origin} {shown}"
        );
    }
}

#[tokio::test]
async fn a_link_from_elsewhere_leaves_the_forms_of_other_tabs_valid() {
    let console = Console::start().await;
    let set = console
        .form(
            "/admin/account/password",
            &[("password", "correct horse"), ("repeat", "correct horse")],
        )
        .await;
    assert_eq!(set.status, 303);
    let crumb = console.cookie("crumb").unwrap();
    let ee = console.cookie("ee").unwrap();
    // The browser sends the session, which is lax, and not the crumb, which is strict.
    let linked = Request::get("/admin/tokens/new")
        .header("sec-fetch-site", "cross-site")
        .header("cookie", format!("ee={ee}"))
        .body(Body::empty())
        .unwrap();
    let page = console.send(linked).await;
    assert!(
        !page.headers.contains_key("set-cookie"),
        "{:?}",
        page.headers
    );
    let start = page.text.find("name=\"crumb\" content=\"").unwrap() + 22;
    let shown = page.text[start..start + 64].to_owned();
    assert_ne!(shown, crumb);
    for (shown, session, good) in [
        (shown.as_str(), ee.as_str(), true),
        (crumb.as_str(), ee.as_str(), true),
        (shown.as_str(), "", false),
    ] {
        let request = Request::post("/admin/login")
            .header("sec-fetch-site", "same-origin")
            .header("x-csrf-token", shown)
            .header("cookie", format!("crumb={crumb}; ee={session}"))
            .body(Body::empty())
            .unwrap();
        let answer = console.send(request).await;
        assert_eq!(!answer.has("no longer valid"), good, "{}", answer.text);
    }
}

#[tokio::test]
async fn only_this_server_speaks_through_the_message_of_the_next_page() {
    let console = Console::start().await;
    let password = [
        ("password", "a long pass phrase"),
        ("repeat", "a long pass phrase"),
    ];
    console
        .form("/admin/account/password", &password)
        .await
        .expect(303);
    let planted = r#"{"tone":"ok","text":"Call this number"}"#;
    let sealed_elsewhere = console.app.seal_text("cookie.other", planted).unwrap();
    for cookie in [
        planted.to_owned(),
        BASE64_URL_SAFE_NO_PAD.encode(planted),
        sealed_elsewhere,
    ] {
        console.set_cookie("flash", &cookie);
        let page = console.get("/admin").await;
        assert!(!page.expect(200).contains("Call this number"), "{cookie}");
    }
    console.form("/admin/setup/dismiss", &[]).await.expect(303);
    let shown = "The first steps are put away";
    assert!(console.get("/admin").await.has(shown));
    assert!(!console.get("/admin").await.has(shown));
}
