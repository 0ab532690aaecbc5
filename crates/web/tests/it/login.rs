//! Login, two-step login, sessions, and what strangers try at the door.

use std::net::IpAddr;

use axum::http::{StatusCode, header};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use posthouse_app::AppConfig;
use posthouse_model::Timestamp;
use serde_json::json;
use sha1::Sha1;

use crate::support::{Answer, Console};

const PASSWORD: &str = "correct horse";

/// A console with a password; this browser is signed in.
async fn signed_in() -> Console {
    let console = Console::start().await;
    let answer = console
        .form(
            "/admin/account/password",
            &[("password", PASSWORD), ("repeat", PASSWORD)],
        )
        .await;
    assert_eq!(answer.location(), "/admin/setup");
    console
}

/// A browser elsewhere.
fn elsewhere(console: &Console) -> Console {
    let mut other = console.another();
    other.address = IpAddr::from([192, 0, 2, 7]);
    other.host = "mail.example:3000";
    other
}

async fn log_in(console: &Console, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("username", "admin"), ("password", PASSWORD)];
    all.extend_from_slice(fields);
    console.form("/admin/login", &all).await
}

fn set_cookie(answer: &Answer, name: &str) -> Option<String> {
    answer
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .find(|value| value.starts_with(&format!("{name}=")))
}

fn code(secret: &str, steps: i64) -> String {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&(Timestamp::now().millis() / 30_000 + steps).to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap());
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// The text between two marks.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before:?}"));
    rest.split_once(after).unwrap().0
}

#[tokio::test]
async fn a_stranger_is_sent_to_the_login_and_from_there_to_the_page_that_was_asked_for() {
    let console = elsewhere(&signed_in().await);
    let answer = console.get("/admin/account/security?x=1").await;
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_eq!(
        answer.location(),
        "/admin/login?next=%2Fadmin%2Faccount%2Fsecurity%3Fx%3D1"
    );
    let page = console.get(answer.location()).await;
    let next = between(page.expect(200), "name=\"next\" value=\"", "\"");
    assert_eq!(next, "/admin/account/security?x=1");
    let answer = log_in(&console, &[("next", next)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), next);
    let cookie = set_cookie(&answer, "ee").unwrap();
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    console.get(next).await.expect(200);
    // Who is in needs no login.
    assert_eq!(
        console
            .get("/admin/login?next=/admin/tokens")
            .await
            .location(),
        "/admin/tokens"
    );
    let answer = console.form("/admin/logout", &[]).await;
    assert_eq!(answer.location(), "/admin/login");
    assert!(set_cookie(&answer, "ee").unwrap().contains("Max-Age=0"));
    assert_eq!(console.get("/admin").await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn a_remembered_session_is_kept_by_the_browser_and_is_for_https_alone_where_that_is_spoken() {
    let console = signed_in().await;
    console
        .app
        .call(
            posthouse_contract::operation("postV1Settings").unwrap(),
            &posthouse_model::Caller::system(),
            input(
                "postV1Settings",
                json!({ "serviceUrl": "https://mail.example" }),
            ),
        )
        .await
        .unwrap();
    let other = elsewhere(&console);
    let cookie = set_cookie(&log_in(&other, &[("remember", "true")]).await, "ee").unwrap();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure"),
        "{cookie}"
    );
}

fn input(id: &str, body: serde_json::Value) -> posthouse_app::CallInput {
    let valid = posthouse_contract::operation(id)
        .unwrap()
        .validate(posthouse_contract::RawInput {
            path: &[],
            query: &[],
            header: &|_| None,
            body: Some(body),
        })
        .unwrap();
    posthouse_app::CallInput {
        valid,
        timeout: std::time::Duration::from_secs(5),
        idempotency_key: None,
        claimed: None,
        lifted: posthouse_app::Lifted::default(),
    }
}

#[tokio::test]
async fn a_login_never_leads_to_another_server() {
    let console = signed_in().await;
    for bad in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/admin\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
    ] {
        let other = elsewhere(&console);
        let encoded: String = url::form_urlencoded::byte_serialize(bad.as_bytes()).collect();
        let page = other.get(&format!("/admin/login?next={encoded}")).await;
        assert!(
            page.expect(200).contains("name=\"next\" value=\"/admin\""),
            "{bad}"
        );
        let answer = log_in(&other, &[("next", bad)]).await;
        assert_eq!(answer.location(), "/admin", "{bad}");
        assert_eq!(set_cookie(&answer, "a"), None);
        let answer = other.get(&format!("/admin/login?next={encoded}")).await;
        assert_eq!(answer.location(), "/admin", "{bad}");
        // A minute has ten logins of a user; the next ones are another minute's.
        other.form("/admin/logout", &[]).await;
    }
}

#[tokio::test]
async fn a_failed_login_says_the_same_whatever_was_wrong_and_shows_no_password() {
    let console = elsewhere(&signed_in().await);
    let mut pages = Vec::new();
    for (user, password) in [("admin", "not the password"), ("nobody", PASSWORD)] {
        let answer = console
            .form(
                "/admin/login",
                &[("username", user), ("password", password)],
            )
            .await;
        let text = answer.expect(403).to_owned();
        assert!(text.contains("User name or password is wrong."));
        assert!(!text.contains(password));
        assert_eq!(set_cookie(&answer, "ee"), None);
        pages.push(text.replace(&format!("value=\"{user}\""), "value=\"\""));
    }
    assert_eq!(pages[0], pages[1]);
    let answer = console
        .form(
            "/admin/login",
            &[
                ("username", "\"><script>alert(1)</script>"),
                ("password", "x"),
            ],
        )
        .await;
    assert!(!answer.expect(403).contains("<script>alert"));
}

#[tokio::test]
async fn scripts_log_in_by_json() {
    let console = elsewhere(&signed_in().await);
    let wrong = console
        .json(
            "/admin/login",
            &json!({"username": "admin", "password": "not the password"}),
        )
        .await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(
        wrong.json(),
        json!({"success": false, "statusCode": 403, "error": "Forbidden", "message": "Failed to authenticate"})
    );
    let right = console
        .json(
            "/admin/login",
            &json!({"username": "admin", "password": PASSWORD, "remember": true, "next": "/admin/tokens"}),
        )
        .await;
    assert_eq!(
        right.json(),
        json!({"success": true, "next": "/admin/tokens"})
    );
    console.get("/admin/account/security").await.expect(200);
}

#[tokio::test]
async fn brute_force_is_stopped_and_told_when_to_come_back() {
    let console = elsewhere(&signed_in().await);
    let mut last = StatusCode::OK;
    // Two minutes' worth, as a minute may end in between.
    for _ in 0..22 {
        let answer = console
            .form(
                "/admin/login",
                &[("username", "admin"), ("password", &"x".repeat(300))],
            )
            .await;
        last = answer.status;
        if last == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.has("Too many attempts, try again in"));
            break;
        }
        assert_eq!(last, StatusCode::FORBIDDEN);
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_login_without_the_crumb_is_refused() {
    let console = elsewhere(&signed_in().await);
    for (crumb, site) in [
        ("", "same-origin"),
        ("0123", "same-origin"),
        ("own", "cross-site"),
    ] {
        let own = console.crumb().await;
        let crumb = if crumb == "own" {
            own
        } else {
            crumb.to_owned()
        };
        let body = format!("crumb={crumb}&username=admin&password=correct+horse");
        let request = axum::http::Request::post("/admin/login")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", site)
            .body(axum::body::Body::from(body))
            .unwrap();
        let answer = console.send(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(set_cookie(&answer, "ee"), None);
    }
}

#[tokio::test]
async fn a_session_id_that_was_known_before_the_login_is_worth_nothing_after_it() {
    let console = elsewhere(&signed_in().await);
    console.set_cookie("ee", "planted");
    log_in(&console, &[]).await;
    let first = console.cookie("ee").unwrap();
    assert_ne!(first, "planted");
    log_in(&console, &[]).await;
    let thief = elsewhere(&console);
    thief.set_cookie("ee", &first);
    assert_eq!(thief.get("/admin").await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn two_step_login_from_its_setting_up_to_its_end() {
    let console = signed_in().await;
    let security = "/admin/account/security";
    assert!(
        console
            .get(security)
            .await
            .expect(200)
            .contains("Set up two-step login")
    );
    let wrong = console
        .form("/admin/account/totp/enrol", &[("current", "wrong")])
        .await;
    assert!(wrong.expect(403).contains("The current password is wrong"));
    assert!(!console.get(security).await.has("<svg class=\"qr\""));
    console
        .form("/admin/account/totp/enrol", &[("current", PASSWORD)])
        .await;
    let page = console.get(security).await;
    let page = page.expect(200);
    assert!(page.contains("<svg class=\"qr\""));
    let secret = between(
        page,
        "aria-label=\"Secret for the authenticator app\">",
        "<",
    )
    .replace(' ', "");
    let wrong = console
        .form("/admin/account/totp/confirm", &[("code", "1")])
        .await;
    assert!(wrong.expect(403).contains("This code is wrong"));
    let used = code(&secret, -2);
    let shown = console
        .form("/admin/account/totp/confirm", &[("code", &used)])
        .await;
    let codes: Vec<String> = between(
        shown.expect(200),
        "aria-label=\"Ten recovery codes\">",
        "</pre>",
    )
    .split_whitespace()
    .map(str::to_owned)
    .collect();
    assert_eq!(codes.len(), 10);
    let page = console.get(security).await;
    assert!(page.has("10 of 10 recovery codes"));
    assert!(!page.has(&secret) && !page.has(&codes[0]), "shown once");

    let other = elsewhere(&console);
    let answer = log_in(&other, &[("next", "/admin/tokens"), ("remember", "on")]).await;
    assert_eq!(answer.location(), "/admin/totp?next=%2Fadmin%2Ftokens");
    let pending = other.cookie("ee").unwrap();
    // The first step alone opens nothing.
    assert_eq!(
        other.get("/admin/tokens").await.location(),
        "/admin/totp?next=%2Fadmin%2Ftokens"
    );
    other.get(answer.location()).await.expect(200);
    let wrong = other
        .form("/admin/totp", &[("code", "000"), ("next", "/admin/tokens")])
        .await;
    assert!(
        wrong
            .expect(403)
            .contains("name=\"next\" value=\"/admin/tokens\"")
    );
    assert_eq!(
        other.form("/admin/totp", &[("code", &used)]).await.status,
        StatusCode::FORBIDDEN
    );
    let answer = other
        .form(
            "/admin/totp",
            &[("code", &code(&secret, 0)), ("next", "//evil.example")],
        )
        .await;
    assert_eq!(answer.location(), "/admin");
    assert!(
        set_cookie(&answer, "ee")
            .unwrap()
            .contains("Max-Age=2592000")
    );
    assert_ne!(other.cookie("ee").unwrap(), pending);
    other.get(security).await.expect(200);

    let third = elsewhere(&console);
    log_in(&third, &[]).await;
    third.get("/admin/totp?recovery=1").await.expect(200);
    let answer = third.form("/admin/totp", &[("recovery", &codes[2])]).await;
    assert_eq!(answer.location(), "/admin");
    assert!(third.get(security).await.has("9 of 10 recovery codes"));
    let fourth = elsewhere(&console);
    log_in(&fourth, &[]).await;
    let again = fourth.form("/admin/totp", &[("recovery", &codes[2])]).await;
    assert!(again.expect(403).contains("was used before"));

    // Five wrong codes lead back to the password.
    let fifth = elsewhere(&console);
    log_in(&fifth, &[]).await;
    for _ in 0..4 {
        let wrong = fifth.form("/admin/totp", &[("code", "000")]).await;
        assert!(matches!(wrong.status.as_u16(), 403), "{}", wrong.text);
    }
    let last = fifth.form("/admin/totp", &[("code", "000")]).await;
    assert!(last.expect(401).contains("Begin again with your password"));
    assert!(last.has("name=\"password\""));
    assert_eq!(
        fifth.get("/admin/totp").await.location(),
        "/admin/login?next=%2Fadmin"
    );

    let wrong = console
        .form("/admin/account/totp/disable", &[("current", "wrong")])
        .await;
    assert!(wrong.expect(403).contains("The current password is wrong"));
    console
        .form("/admin/account/totp/disable", &[("current", PASSWORD)])
        .await;
    assert!(console.get(security).await.has("Two-step login is off."));
}

#[tokio::test]
async fn the_password_is_changed_and_every_other_session_ends() {
    let console = signed_in().await;
    let other = elsewhere(&console);
    log_in(&other, &[]).await;
    let change = async |current: &str, new: &str, repeat: &str| {
        console
            .form(
                "/admin/account/password",
                &[("current", current), ("password", new), ("repeat", repeat)],
            )
            .await
    };
    assert!(
        change("wrong", "battery staple", "battery staple")
            .await
            .expect(403)
            .contains("current password is wrong")
    );
    assert!(
        change(PASSWORD, "battery staple", "another")
            .await
            .expect(400)
            .contains("not the same")
    );
    assert!(
        change(PASSWORD, "short", "short")
            .await
            .expect(400)
            .contains("8 to 256")
    );
    let answer = change(PASSWORD, "battery staple", "battery staple").await;
    assert_eq!(answer.location(), "/admin/account/security");
    console.get("/admin/account/security").await.expect(200);
    assert_eq!(other.get("/admin").await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn sessions_are_listed_without_harm_and_ended() {
    let console = signed_in().await;
    let other = elsewhere(&console);
    let crumb = other.crumb().await;
    let request = axum::http::Request::post("/admin/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::USER_AGENT, "<img src=x onerror=alert(1)>")
        .body(axum::body::Body::from(format!(
            "crumb={crumb}&username=admin&password=correct+horse"
        )))
        .unwrap();
    other.send(request).await;
    other.get("/admin/account/security").await.expect(200);
    let page = console.get("/admin/account/security").await;
    let page = page.expect(200);
    assert!(page.contains("&#60;img src=x") && !page.contains("<img src=x"));
    assert!(page.contains("192.0.2.7") && page.contains("This one"));
    let path = between(page, "action=\"/admin/account/sessions/", "\"");
    let path = format!("/admin/account/sessions/{path}");
    assert_eq!(
        console.form(&path, &[]).await.location(),
        "/admin/account/security"
    );
    assert_eq!(other.get("/admin").await.status, StatusCode::FOUND);
    log_in(&other, &[]).await;
    console.form("/admin/account/logout-others", &[]).await;
    assert!(
        console
            .get("/admin/account/security")
            .await
            .has("One other session has ended.")
    );
    assert_eq!(other.get("/admin").await.status, StatusCode::FOUND);
    assert_eq!(
        console
            .form("/admin/account/logout-all", &[])
            .await
            .location(),
        "/admin/login"
    );
    assert_eq!(console.get("/admin").await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn the_console_and_its_login_are_closed_to_addresses_that_are_not_listed() {
    let config = AppConfig {
        admin_addresses: vec!["127.0.0.0/8".to_owned()],
        ..AppConfig::default()
    };
    let console = Console::with(config).await;
    console.get("/admin/setup").await.expect(200);
    let other = elsewhere(&console);
    for path in ["/admin", "/admin/login", "/admin/setup", "/admin/nothing"] {
        assert_eq!(
            other.get(path).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    other.get("/").await.expect(200);
    // A header does not open it: nobody has named a proxy who may write it.
    for (browser, passed, status) in [
        (&other, "127.0.0.1", 403),
        (&console, "127.0.0.1", 302),
        (&console, "192.0.2.7", 403),
        (&console, "127.0.0.1, 192.0.2.7", 403),
        (&console, "unknown", 403),
    ] {
        let request = axum::http::Request::get("/admin")
            .header("x-forwarded-for", passed)
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = browser.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{passed}");
    }
}
