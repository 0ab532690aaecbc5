//! Access tokens: the wire of `POST /admin/tokens/new`, the pages, and what a stranger's text can do to them.

use axum::{body::Body, http::Request};
use posthouse_app::{Credential, Target};
use posthouse_contract::operation;
use posthouse_model::token::TokenValue;
use serde_json::{Value, json};

use crate::support::{Answer, Console};

/// Text that would run if it were not escaped.
const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

async fn account(console: &Console, id: &str) {
    let operation = operation("postV1Account").unwrap();
    let valid = operation
        .validate(posthouse_contract::RawInput {
            path: &[],
            query: &[],
            header: &|_| None,
            body: Some(json!({
                "account": id, "name": EVIL, "email": "ann@example.com",
                "smtp": {"host": "127.0.0.1", "port": 9, "auth": {"user": "a", "pass": "b"}},
            })),
        })
        .unwrap();
    let input = posthouse_app::CallInput {
        valid,
        timeout: std::time::Duration::from_secs(5),
        idempotency_key: None,
        claimed: None,
        lifted: posthouse_app::Lifted::default(),
    };
    console
        .app
        .call(operation, &posthouse_model::Caller::system(), input)
        .await
        .unwrap();
}

async fn make(console: &Console, body: Value) -> Value {
    let answer = console.json("/admin/tokens/new", &body).await;
    answer.expect(200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json()
}

/// Asks for admission with a token, as the API does.
async fn admit(console: &Console, token: &str, id: &str) -> Result<(), u16> {
    let operation = operation(id).unwrap();
    let request = posthouse_app::Request {
        credential: Credential::Bearer(token.to_owned()),
        address: Some([192, 0, 2, 1].into()),
        method: "GET".to_owned(),
        ..posthouse_app::Request::default()
    };
    let target = Target {
        scopes: &operation.scopes,
        action: operation.action,
        group: operation.group,
        path: operation.path,
        account: None,
        operation: Some(operation),
        query_account: None,
    };
    let admitted = console.app.admit(&request, &target).await;
    admitted.map(drop).map_err(|refusal| refusal.error.status)
}

fn times(answer: &Answer, needle: &str) -> usize {
    answer.text.matches(needle).count()
}

/// No text of a stranger may be markup.
fn is_harmless(answer: &Answer) {
    for evil in ["<script>alert", "<img src=x", "\"'><"] {
        assert!(!answer.has(evil), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_wire_makes_a_token_that_works() {
    let console = Console::start().await;
    let made = make(
        &console,
        json!({"description": "of the wire", "scopes": ["api"], "permissions": {"actions": ["read"]}}),
    )
    .await;
    assert_eq!(made["success"], true);
    let token = made["token"].as_str().unwrap();
    assert_eq!(
        token.parse::<TokenValue>().unwrap().id().to_string(),
        made["id"].as_str().unwrap()
    );
    assert_eq!(
        (&made["stats"], &made["metrics"]),
        (&json!(true), &json!(false))
    );
    assert!(made["export"].as_str().unwrap().len() > 40);
    assert_eq!(admit(&console, token, "getV1Stats").await, Ok(()));
    assert_eq!(admit(&console, token, "postV1Settings").await, Err(403));
}

#[tokio::test]
async fn the_value_is_on_no_other_page() {
    let console = Console::start().await;
    let made = make(&console, json!({"description": "x", "scopes": ["*"]})).await;
    let (token, id) = (
        made["token"].as_str().unwrap(),
        made["id"].as_str().unwrap(),
    );
    for path in [
        "/admin/tokens".to_owned(),
        format!("/admin/tokens/{id}"),
        format!("/admin/tokens/{id}/delete"),
        "/admin/tokens/new".to_owned(),
    ] {
        let answer = console.get(&path).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(times(&answer, token), 0, "{path}");
    }
    // The value is no name of a page.
    assert_eq!(
        console.get(&format!("/admin/tokens/{token}")).await.status,
        404
    );
}

#[tokio::test]
async fn input_that_is_wrong_in_itself_is_400_with_every_fault() {
    let console = Console::start().await;
    let answer = console
        .json(
            "/admin/tokens/new",
            &json!({"scopes": ["flying"], "expires": "2001-01-01", "restrictions": {"addresses": ["here"]}}),
        )
        .await;
    answer.expect(400);
    let body = answer.json();
    assert_eq!(
        (&body["success"], &body["statusCode"]),
        (&json!(false), &json!(400))
    );
    assert_eq!(
        (&body["error"], &body["message"]),
        (&json!("Bad Request"), &json!("Invalid input"))
    );
    let mut keys: Vec<_> = body["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["key"].as_str().unwrap())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, ["addresses", "description", "expires", "scopes"]);
    let bad = Request::post("/admin/tokens/new")
        .header("content-type", "application/json")
        .header("x-csrf-token", console.crumb().await)
        .header("sec-fetch-site", "same-origin")
        .body(Body::from("{"))
        .unwrap();
    let answer = console.send(bad).await;
    assert_eq!(answer.json()["statusCode"], 400);
}

#[tokio::test]
async fn every_other_failure_is_200_and_says_so() {
    let console = Console::start().await;
    let answer = make(
        &console,
        json!({"description": "x", "scopes": ["api"], "account": "nobody"}),
    )
    .await;
    assert_eq!(
        (&answer["success"], &answer["statusCode"]),
        (&json!(false), &json!(404))
    );
    assert_eq!(answer["error"], "Not Found");
    assert!(answer["message"].is_string());
    assert_eq!(answer["token"], Value::Null);

    let body = json!({"description": "x", "scopes": ["api"]});
    // Without the crumb.
    let bare = Request::post("/admin/tokens/new")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = console.another().send(bare).await;
    answer.expect(200);
    assert_eq!(
        (&answer.json()["success"], &answer.json()["statusCode"]),
        (&json!(false), &json!(403))
    );

    // Without a session: from elsewhere, while there is no password.
    let mut stranger = console.another();
    stranger.address = [203, 0, 113, 9].into();
    let answer = stranger.json("/admin/tokens/new", &body).await;
    answer.expect(200);
    let body = answer.json();
    assert_eq!(body["success"], false);
    assert!(
        matches!(body["statusCode"].as_u64(), Some(401 | 403)),
        "{body}"
    );
    assert_eq!(
        console
            .app
            .console_tokens(&Default::default())
            .await
            .unwrap()
            .total,
        0
    );
}

#[tokio::test]
async fn the_plain_form_shows_the_value_and_makes_no_second_token() {
    let console = Console::start().await;
    let page = console
        .get("/admin/tokens/new?scope=metrics&description=Prometheus")
        .await;
    let text = page.expect(200);
    assert!(text.contains("value=\"Prometheus\""));
    let once = text.split("name=\"once\" value=\"").nth(1).unwrap();
    let once = once.split('"').next().unwrap().to_owned();
    let fields = [
        ("description", "Prometheus"),
        ("binding", "any"),
        ("reach", "chosen"),
        ("scope", "metrics"),
        ("preset", "all"),
        ("expires", "never"),
        ("once", once.as_str()),
    ];
    let created = console.form("/admin/tokens/new", &fields).await;
    let text = created.expect(200);
    assert_eq!(created.headers["cache-control"], "no-store");
    let token = text
        .split("class=\"secret\" tabindex=\"0\">")
        .nth(1)
        .unwrap();
    let token = token.split('<').next().unwrap();
    assert!(token.parse::<TokenValue>().is_ok(), "{token}");
    assert!(created.has(&format!("credentials: {token}")));
    assert!(created.has("targets: [&#34;127.0.0.1:3000&#34;]"), "{text}");
    assert_eq!(admit(&console, token, "getV1Stats").await, Err(403));
    // The browser's "load again" sends the form again.
    let again = console.form("/admin/tokens/new", &fields).await;
    assert!(!again.expect(409).contains(token));
    assert_eq!(
        console
            .app
            .console_tokens(&Default::default())
            .await
            .unwrap()
            .total,
        1
    );
}

#[tokio::test]
async fn a_form_sent_twice_at_once_makes_one_token() {
    let console = Console::start().await;
    let mut fields = [
        ("description", "Twice"),
        ("reach", "all"),
        ("binding", "any"),
        ("preset", "all"),
        ("expires", "never"),
        ("once", "0123456789abcdef0123456789abcdef"),
    ];
    let send = || console.form("/admin/tokens/new", &fields);
    let (one, other) = tokio::join!(send(), send());
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let tokens = console.app.console_tokens(&Default::default()).await;
    assert_eq!(tokens.unwrap().total, 1);
    // What was refused may be sent again.
    fields[0].1 = "";
    fields[5].1 = "fedcba9876543210fedcba9876543210";
    for _ in 0..2 {
        console.form("/admin/tokens/new", &fields).await.expect(400);
    }
}

#[tokio::test]
async fn a_form_with_faults_comes_back_as_it_was_typed() {
    let console = Console::start().await;
    let answer = console
        .form(
            "/admin/tokens/new",
            &[
                ("description", ""),
                ("binding", "one"),
                ("account", EVIL),
                ("scope", "smtp"),
                ("preset", "custom"),
                ("action", "read"),
                ("addresses", "<b>"),
                ("referrers", EVIL),
                ("seconds", "ten"),
                ("expires", "date"),
                ("date", ""),
            ],
        )
        .await;
    let text = answer.expect(400);
    is_harmless(&answer);
    assert!(text.contains("Say what the token is for"));
    assert!(text.contains("There is no account with this id."));
    assert!(text.contains("Choose at least one group."));
    assert!(text.contains("value=\"ten\""));
    assert!(text.contains("value=\"smtp\" checked"));
    assert!(text.matches("aria-invalid=\"true\"").count() >= 5, "{text}");
    let answer = console
        .form(
            "/admin/tokens/new",
            &[("description", "x"), ("preset", "all")],
        )
        .await;
    assert!(answer.expect(400).contains("Choose at least one scope."));
}

#[tokio::test]
async fn what_strangers_write_is_text_everywhere() {
    let console = Console::start().await;
    let id = "acc<script>alert(1)</script>";
    account(&console, id).await;
    console
        .app
        .set_token_log(&posthouse_model::Caller::system(), true)
        .await
        .unwrap();
    let made = make(
        &console,
        json!({
            "description": EVIL, "scopes": ["api"], "account": id, "metadata": EVIL,
            "restrictions": {"referrers": [EVIL], "addresses": ["10.0.0.0/8"]},
        }),
    )
    .await;
    let token = made["token"].as_str().unwrap();
    let request = posthouse_app::Request {
        credential: Credential::Bearer(token.to_owned()),
        address: Some([192, 0, 2, 1].into()),
        method: EVIL.to_owned(),
        ..posthouse_app::Request::default()
    };
    let target = Target {
        scopes: &[posthouse_model::Scope::Api],
        action: posthouse_model::Action::Read,
        group: posthouse_model::Group::Account,
        path: EVIL,
        account: Some(EVIL),
        operation: None,
        query_account: None,
    };
    console.app.admit(&request, &target).await.unwrap_err();
    let page = format!("/admin/tokens/{}", made["id"].as_str().unwrap());
    for path in [
        "/admin/tokens".to_owned(),
        format!(
            "/admin/tokens?query={}&scope={}&state=%22%3E",
            "%3Cscript%3Ealert(1)", "%3Cb%3E"
        ),
        page.clone(),
        format!("{page}/delete"),
        format!(
            "/admin/tokens/new?account={}&description={}",
            "%3Cscript%3Ealert(1)", "%3Cscript%3Ealert(1)"
        ),
    ] {
        let answer = console.get(&path).await;
        answer.expect(200);
        is_harmless(&answer);
    }
    let shown = console.get(&page).await;
    assert!(shown.has("Denied: account"), "{}", shown.text);
    assert!(shown.has("&#60;script&#62;alert(1)"));
    let answer = console.get("/admin/tokens/accounts.json?q=acc").await;
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.json()[0]["account"], id);
    // The message after deleting quotes the description.
    let gone = console.form(&format!("{page}/delete"), &[]).await;
    assert_eq!(
        (gone.status.as_u16(), gone.location()),
        (303, "/admin/tokens")
    );
    is_harmless(&console.get("/admin/tokens").await);
}

#[tokio::test]
async fn deleting_says_what_stops_and_stops_it() {
    let console = Console::start().await;
    let made = make(&console, json!({"description": "CRM", "scopes": ["api"]})).await;
    let (token, id) = (
        made["token"].as_str().unwrap(),
        made["id"].as_str().unwrap(),
    );
    let page = format!("/admin/tokens/{id}/delete");
    assert!(
        console
            .get(&page)
            .await
            .expect(200)
            .contains("It was never used")
    );
    admit(&console, token, "getV1Stats").await.unwrap();
    let asked = console.get(&page).await;
    assert!(asked.has("192.0.2.1") && asked.has("refused with 401"));
    assert_eq!(console.form(&page, &[]).await.status, 303);
    assert_eq!(admit(&console, token, "getV1Stats").await, Err(401));
    assert_eq!(console.form(&page, &[]).await.status, 404);
    assert!(console.get("/admin/tokens").await.has("CRM"));
}

#[tokio::test]
async fn the_list_finds_sorts_and_turns_pages() {
    let console = Console::start().await;
    assert!(console.get("/admin/tokens").await.has("No tokens yet"));
    for number in 0..27 {
        let scope = if number == 3 { "metrics" } else { "api" };
        make(
            &console,
            json!({"description": format!("token number {number}"), "scopes": [scope]}),
        )
        .await;
    }
    let first = console.get("/admin/tokens").await;
    assert!(first.has("27 tokens") && first.has("Page 1 of 2"));
    assert!(first.has("token number 26") && !first.has("token number 0<"));
    assert!(
        console
            .get("/admin/tokens?page=1")
            .await
            .has("token number 0<")
    );
    let found = console.get("/admin/tokens?scope=metrics").await;
    assert!(found.has("token number 3<") && found.has("1 token found"));
    assert!(
        console
            .get("/admin/tokens?query=NUMBER%2026")
            .await
            .has("1 token found")
    );
    assert!(
        console
            .get("/admin/tokens?state=unused")
            .await
            .has("27 tokens found")
    );
    assert!(
        console
            .get("/admin/tokens?state=expired")
            .await
            .has("No token matches")
    );
    for odd in [
        "page=99999999999999999999",
        "page=-1",
        "scope=x&state=y&sort=z",
        "page=400",
    ] {
        console
            .get(&format!("/admin/tokens?{odd}"))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn the_audit_log_is_switched_from_the_page() {
    let console = Console::start().await;
    let made = make(&console, json!({"description": "x", "scopes": ["metrics"]})).await;
    let id = made["id"].as_str().unwrap();
    let page = format!("/admin/tokens/{id}");
    assert!(console.get(&page).await.has("The audit log is off"));
    let on = console
        .form("/admin/tokens/log", &[("on", "1"), ("token", id)])
        .await;
    assert_eq!(on.location(), format!("{page}#log"));
    admit(&console, made["token"].as_str().unwrap(), "getV1Stats")
        .await
        .unwrap_err();
    let shown = console.get(&page).await;
    assert!(shown.has("Denied: scope") && shown.has("/v1/stats"));
    let off = console
        .form(
            "/admin/tokens/log",
            &[("on", "0"), ("token", "//evil.example")],
        )
        .await;
    assert_eq!(off.location(), "/admin/tokens");
    assert!(!console.app.settings().bool("tokenAuditLog"));
}

#[tokio::test]
async fn what_a_token_would_do_is_told_before_it_is_made() {
    let console = Console::start().await;
    let answer = console
        .json(
            "/admin/tokens/check",
            &json!({"scopes": ["metrics"], "account": "ann"}),
        )
        .await;
    let ability = answer.json();
    assert_eq!(ability["warnings"][0]["level"], "conflict");
    assert_eq!(ability["summary"], "This token opens nothing.");
    for odd in [
        json!(null),
        json!([]),
        json!({"scopes": 1, "permissions": "x"}),
    ] {
        console.json("/admin/tokens/check", &odd).await.expect(200);
    }
}

#[tokio::test]
async fn pages_answer_quickly_with_ten_thousand_tokens_and_stay_small() {
    let console = Console::start().await;
    for part in 0..20 {
        let mut batch = posthouse_store::Batch::new();
        for at in 0..500 {
            let number = part * 500 + at;
            let record = posthouse_model::token::TokenRecord {
                id: TokenValue::generate().unwrap().id(),
                created: posthouse_model::Timestamp(number + 1),
                expires: None,
                account: None,
                ip: None,
                remote_address: None,
                scopes: Some(vec!["api".to_owned()]),
                description: Some(format!("token {number}")),
                restrictions: None,
                permissions: posthouse_model::Permissions::Unrestricted,
                metadata: None,
            };
            posthouse_store::tokens::put(&mut batch, &record).unwrap();
        }
        console.app.store().commit(batch).await.unwrap();
    }
    let id = {
        let listed = console
            .app
            .console_tokens(&Default::default())
            .await
            .unwrap();
        listed.items[0].record.id
    };
    for path in [
        "/admin/tokens",
        "/admin/tokens?sort=used",
        "/admin/tokens?query=token%2099&scope=api&state=active",
        "/admin/tokens/new",
        &format!("/admin/tokens/{id}"),
        &format!("/admin/tokens/{id}/delete"),
    ] {
        let mut best = std::time::Duration::MAX;
        let mut size = 0;
        for _ in 0..5 {
            let started = std::time::Instant::now();
            let answer = console.get(path).await;
            best = best.min(started.elapsed());
            size = answer.expect(200).len() + linked(&console, &answer).await;
        }
        println!("{path}: {best:?}, {size} bytes with styles and scripts");
        // Generous, as this is a build without optimisation.
        assert!(
            best < std::time::Duration::from_millis(100),
            "{path}: {best:?}"
        );
        assert!(size < 150_000, "{path}: {size} bytes");
    }
}

/// Bytes of the styles and scripts of a page.
pub async fn linked(console: &Console, answer: &Answer) -> usize {
    let mut size = 0;
    for part in answer.text.split("\"/static/").skip(1) {
        let name = part.split('"').next().unwrap();
        size += console.get(&format!("/static/{name}")).await.text.len();
    }
    size
}
