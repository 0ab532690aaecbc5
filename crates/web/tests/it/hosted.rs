//! Hosted forms: a visitor with a link, without a session, against a real Dovecot, an SMTP server, a DNS and a web server of
//! the tests.

use std::time::Duration;

use axum::{body::Body, http::Request};
use posthouse_app::{AppConfig, CallInput, DiscoverConfig, ReplyBody};
use posthouse_contract::{RawInput, operation};
use posthouse_model::Caller;
use posthouse_testkit::{DnsServer, Page, SmtpSink, WebServer, Website, imap_addr, unique_user};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::support::{Answer, Console};

const FILE: &str = "/.well-known/autoconfig/mail/config-v1.1.xml";
const PERSON: &str = "/accounts/new/imap";
const TEST: &str = "/accounts/new/imap/test";
const SERVER: &str = "/accounts/new/imap/server";

/// A console that visitors come to, and the mail servers of `example.com`.
struct Stage {
    console: Console,
    sink: SmtpSink,
    user: String,
    _dns: DnsServer,
    _web: WebServer,
}

async fn call(console: &Console, id: &str, body: Value) -> Value {
    let operation = operation(id).unwrap();
    let input = RawInput {
        path: &[],
        query: &[],
        header: &|_| None,
        body: (!body.is_null()).then_some(body),
    };
    let input = CallInput {
        valid: operation.validate(input).unwrap(),
        timeout: Duration::from_secs(10),
        idempotency_key: None,
        claimed: None,
        lifted: posthouse_app::Lifted::default(),
    };
    let reply = console.app.call(operation, &Caller::system(), input).await;
    let ReplyBody::Json(json) = reply.unwrap().body else {
        panic!("no JSON")
    };
    serde_json::from_slice(&json).unwrap()
}

impl Stage {
    async fn start() -> Self {
        let user = unique_user();
        let sink = SmtpSink::start().await;
        sink.require_secret("pass");
        let file = format!(
            "<clientConfig><emailProvider>\
             <incomingServer type='imap'><hostname>127.0.0.1</hostname><port>{}</port>\
             <socketType>plain</socketType><username>%EMAILLOCALPART%</username></incomingServer>\
             <outgoingServer type='smtp'><hostname>127.0.0.1</hostname><port>{}</port>\
             <socketType>plain</socketType><username>%EMAILLOCALPART%</username></outgoingServer>\
             </emailProvider></clientConfig>",
            imap_addr().port(),
            sink.addr().port()
        );
        let site = Website::default();
        site.put("GET", "example.com", FILE, Page::of(file));
        let zone = "example.com A 127.0.0.1\nnothing.example A 127.0.0.1";
        let dns = DnsServer::start(zone).await;
        let web = site.listen().await;
        let config = AppConfig {
            discover: DiscoverConfig {
                dns: Some(vec![dns.addr()]),
                ispdb: None,
                step: Duration::from_secs(1),
                egress: "off".parse().unwrap(),
                http_port: web.addr().port(),
                ..DiscoverConfig::default()
            },
            ..AppConfig::default()
        };
        let console = Console::with(config).await;
        let settings = json!({
            "serviceUrl": "https://mail.example.com", "serviceSecret": "a service secret",
            "pageBrandName": "Acme <Mail>", "ignoreMailCertErrors": true,
        });
        call(&console, "postV1Settings", settings).await;
        Self {
            console,
            sink,
            user,
            _dns: dns,
            _web: web,
        }
    }

    fn email(&self) -> String {
        format!("{}@example.com", self.user)
    }

    async fn link(&self, body: Value) -> Link {
        let answer = call(&self.console, "postV1AuthenticationForm", body).await;
        let url: Url = answer["url"].as_str().unwrap().parse().unwrap();
        let part = |name: &str| {
            let pair = url.query_pairs().find(|(key, _)| key == name);
            pair.unwrap().1.into_owned()
        };
        Link {
            path: format!("{}?{}", url.path(), url.query().unwrap()),
            data: part("data"),
            sig: part("sig"),
        }
    }

    async fn any_link(&self) -> Link {
        self.link(json!({ "redirectUrl": "https://app.example.com/done" }))
            .await
    }

    /// Settings that work, with changes.
    fn servers(&self, changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("name", "Ann".to_owned()),
            ("email", self.email()),
            ("tz", "Europe/Tallinn".to_owned()),
            ("imap_auth_user", self.user.clone()),
            ("imap_auth_pass", "pass".to_owned()),
            ("imap_host", "127.0.0.1".to_owned()),
            ("imap_port", imap_addr().port().to_string()),
            ("smtp_host", "127.0.0.1".to_owned()),
            ("smtp_port", self.sink.addr().port().to_string()),
        ];
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            fields.push((*name, (*value).to_owned()));
        }
        fields
    }

    async fn send(&self, path: &str, link: &Link, fields: &[(&str, String)]) -> Answer {
        let mut all = vec![("data", link.data.as_str()), ("sig", link.sig.as_str())];
        all.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
        self.console.form(path, &all).await
    }

    async fn person(&self, link: &Link, email: &str, password: &str) -> Answer {
        let fields = [
            ("name", "Ann".to_owned()),
            ("email", email.to_owned()),
            ("password", password.to_owned()),
        ];
        self.send(PERSON, link, &fields).await
    }

    async fn accounts(&self) -> Value {
        call(&self.console, "getV1Accounts", Value::Null).await
    }
}

struct Link {
    path: String,
    data: String,
    sig: String,
}

#[tokio::test]
async fn a_mailbox_is_connected_in_two_languages() {
    let stage = Stage::start().await;
    let table = [
        (
            "en",
            "Connect your mailbox",
            "Incoming mail works.",
            "Your mailbox is connected",
        ),
        (
            "de",
            "Postfach verbinden",
            "Der Posteingang funktioniert.",
            "Ihr Postfach ist verbunden",
        ),
        (
            "ja",
            "メールボックスの接続",
            "受信メールは正常に動作します。",
            "メールボックスが接続されました",
        ),
    ];
    for (locale, title, works, connected) in table {
        let id = format!("ann-{locale}");
        let link = stage
            .link(json!({ "redirectUrl": "https://app.example.com/done?a=b", "account": id, "name": "Ann" }))
            .await;
        // The language is chosen once and remembered.
        let page = stage
            .console
            .get(&format!("{}&locale={locale}", link.path))
            .await;
        let text = page.expect(200);
        assert!(
            text.contains(&format!("<html lang=\"{locale}\" dir=\"ltr\"")),
            "{text}"
        );
        assert!(
            text.contains(title) && text.contains("value=\"Ann\""),
            "{text}"
        );
        assert_eq!(stage.console.cookie("locale").as_deref(), Some(locale));
        assert_eq!(page.headers["content-language"], locale);

        let page = stage.person(&link, &stage.email(), "pass").await;
        let text = page.expect(200);
        assert!(text.contains(works), "{text}");
        assert!(
            text.contains(&format!("value=\"{}\"", imap_addr().port())),
            "{text}"
        );
        // The servers work: they are folded away. The password is asked for again, never shown.
        assert!(text.contains("<details class=\"more\">"), "{text}");
        assert!(!text.contains("value=\"pass\""), "{text}");

        let page = stage.send(SERVER, &link, &stage.servers(&[])).await;
        let text = page.expect(200);
        assert!(text.contains(connected), "{text}");
        let target = format!("https://app.example.com/done?a=b&amp;account={id}&amp;state=new");
        let escaped = target.replace("&amp;", "&#38;");
        assert!(
            text.contains(&format!("content=\"0; url={target}\""))
                || text.contains(&format!("content=\"0; url={escaped}\"")),
            "{text}"
        );
        assert!(text.contains("data-redirect"), "{text}");
    }
    let accounts = stage.accounts().await;
    assert_eq!(accounts["total"], 3);
    assert_eq!(accounts["accounts"][0]["email"], stage.email());
}

#[tokio::test]
async fn a_wrong_password_is_told_in_plain_words_and_nothing_is_made() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    let page = stage.person(&link, &stage.email(), "wrong-secret").await;
    let text = page.expect(200);
    assert!(
        text.contains("did not accept the user name or the password"),
        "{text}"
    );
    assert!(text.contains("Answer of the server: "), "{text}");
    // The servers are right: they stay folded away.
    assert!(text.contains("<details class=\"more\">"), "{text}");
    assert!(!text.contains("wrong-secret"));
    let fields = stage.servers(&[("imap_auth_pass", "wrong-secret")]);
    let page = stage.send(SERVER, &link, &fields).await;
    let text = page.expect(400);
    assert!(text.contains("The mailbox is not connected yet."), "{text}");
    // What was typed is kept, but for the password.
    assert!(
        text.contains(&format!("value=\"{}\"", stage.user)),
        "{text}"
    );
    assert!(!text.contains("wrong-secret"), "{text}");
    assert_eq!(stage.accounts().await["total"], 0);
    // The link is still good.
    stage
        .send(SERVER, &link, &stage.servers(&[]))
        .await
        .expect(200);
    assert_eq!(stage.accounts().await["total"], 1);
}

#[tokio::test]
async fn a_live_test_answers_json() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    let good = stage.send(TEST, &link, &stage.servers(&[])).await;
    good.expect(200);
    let said = good.json();
    assert_eq!(said["success"], true, "{said}");
    assert_eq!(
        said["imap"],
        json!({"success": true, "message": "Incoming mail works."})
    );
    assert_eq!(said["smtp"]["success"], true);

    let fields = stage.servers(&[("smtp_port", "9"), ("imap_auth_pass", "no")]);
    let bad = stage.send(TEST, &link, &fields).await.json();
    assert_eq!(bad["success"], false);
    assert_eq!(bad["imap"]["success"], false);
    assert_eq!(bad["imap"]["code"], "AUTHENTICATIONFAILED", "{bad}");
    assert!(bad["imap"]["responseText"].is_string());
    assert_eq!(bad["smtp"]["code"], "ECONNECTION");
    assert!(bad["smtp"].get("responseText").is_none());

    let fields = stage.servers(&[("imap_port", "0"), ("smtp_host", "a b")]);
    let faulty = stage.send(TEST, &link, &fields).await;
    faulty.expect(400);
    assert_eq!(
        faulty.json()["fields"],
        json!([
            {"message": "Enter a number from 1 to 65535.", "key": "imap_port"},
            {"message": "Enter the name of a server, such as mail.example.com.", "key": "smtp_host"},
        ])
    );
    // Mail that is only sent has one server. A program may send JSON.
    let only = json!({
        "data": link.data, "sig": link.sig, "imap_disabled": true, "smtp_auth_user": stage.user,
        "smtp_auth_pass": "pass", "smtp_host": "127.0.0.1", "smtp_port": stage.sink.addr().port(),
        "smtp_secure": false,
    });
    let only = stage.console.json(TEST, &only).await.json();
    assert_eq!(only["success"], true, "{only}");
    assert!(only.get("imap").is_none());
}

#[tokio::test]
async fn a_tampered_link_opens_nothing() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    let other = stage.any_link().await;
    let forged = Link {
        path: String::new(),
        data: other.data.clone(),
        sig: link.sig.clone(),
    };
    for path in [PERSON, SERVER, "/accounts/new"] {
        let page = stage.send(path, &forged, &stage.servers(&[])).await;
        let text = page.expect(403);
        assert!(text.contains("This link does not work"), "{path}: {text}");
        assert!(
            text.contains("Signature validation failed"),
            "{path}: {text}"
        );
    }
    let json = stage.send(TEST, &forged, &stage.servers(&[])).await;
    json.expect(403);
    assert_eq!(
        json.json(),
        json!({"statusCode": 403, "error": "Forbidden", "message": "Signature validation failed"})
    );
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("data", &forged.data)
        .append_pair("sig", &forged.sig)
        .finish();
    stage
        .console
        .get(&format!("/accounts/new?{query}"))
        .await
        .expect(403);
    stage.console.get("/accounts/new").await.expect(403);
    assert_eq!(stage.accounts().await["total"], 0);
}

#[tokio::test]
async fn a_used_link_opens_nothing() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    stage.console.get(&link.path).await.expect(200);
    stage
        .send(SERVER, &link, &stage.servers(&[]))
        .await
        .expect(200);
    let page = stage.console.get(&link.path).await;
    let text = page.expect(403);
    assert!(text.contains("has expired or was already used"), "{text}");
    assert!(
        text.contains("Invalid or expired account setup URL"),
        "{text}"
    );
    stage
        .send(SERVER, &link, &stage.servers(&[]))
        .await
        .expect(403);
    stage
        .send(TEST, &link, &stage.servers(&[]))
        .await
        .expect(403);
    stage
        .person(&link, &stage.email(), "pass")
        .await
        .expect(403);
    assert_eq!(stage.accounts().await["total"], 1);
}

#[tokio::test]
async fn trials_of_a_link_are_counted() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    let fields = stage.servers(&[("imap_disabled", "true"), ("smtp_port", "9")]);
    for _ in 0..50 {
        stage.send(TEST, &link, &fields).await.expect(200);
    }
    let answer = stage.send(TEST, &link, &fields).await;
    // The count of the address may be full a little earlier than that of the link; both say 429.
    answer.expect(429);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.json()["statusCode"], 429);
    let page = stage.send(SERVER, &link, &stage.servers(&[])).await;
    assert!(page.expect(429).contains("Too many attempts"));
    assert_eq!(stage.accounts().await["total"], 0);
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    stage.console.get(&link.path).await;
    let crumb = stage.console.crumb().await;
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("data", &link.data)
        .append_pair("sig", &link.sig);
    body.extend_pairs(stage.servers(&[]));
    let bare = body.finish();
    let with = format!("{bare}&crumb={crumb}");
    for (site, body) in [("same-origin", bare.clone()), ("cross-site", with.clone())] {
        for path in [PERSON, TEST, SERVER, "/accounts/new"] {
            let request = Request::post(path)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-site", site)
                .body(Body::from(body.clone()))
                .unwrap();
            assert_eq!(
                stage.console.send(request).await.status,
                403,
                "{site} {path}"
            );
        }
    }
    assert_eq!(stage.accounts().await["total"], 0);
}

#[tokio::test]
async fn no_markup_of_a_visitor_or_a_server_becomes_a_page() {
    let stage = Stage::start().await;
    let evil = "\"><script>alert(1)</script>";
    let link = stage.any_link().await;
    let page = stage
        .send(
            PERSON,
            &link,
            &[
                ("name", evil.to_owned()),
                ("email", evil.to_owned()),
                ("tz", evil.to_owned()),
            ],
        )
        .await;
    assert!(!page.expect(400).contains("<script>alert"));
    let names = [
        "name",
        "email",
        "tz",
        "imap_auth_user",
        "imap_host",
        "imap_port",
        "smtp_auth_user",
        "smtp_host",
        "smtp_port",
    ];
    for name in names {
        let page = stage
            .send(SERVER, &link, &stage.servers(&[(name, evil)]))
            .await;
        assert!(
            !page.text.contains("<script>alert"),
            "{name}: {}",
            page.text
        );
        if page.status == 200 {
            // A name may be anything: this one made the account.
            break;
        }
    }
    let link = stage.any_link().await;
    for name in &names[3..] {
        let page = stage
            .send(SERVER, &link, &stage.servers(&[(name, evil)]))
            .await;
        assert!(
            !page.expect(400).contains("<script>alert"),
            "{name}: {}",
            page.text
        );
        let json = stage
            .send(TEST, &link, &stage.servers(&[(name, evil)]))
            .await;
        assert_eq!(json.headers["content-type"], "application/json");
    }
    let forged = Link {
        path: String::new(),
        data: evil.to_owned(),
        sig: evil.to_owned(),
    };
    let page = stage.send(SERVER, &forged, &stage.servers(&[])).await;
    assert!(!page.expect(403).contains("<script>alert"));
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
    // What the operator signed is shown as text too.
    let body = json!({"redirectUrl": "https://app.example.com/\"><script>alert(1)</script>",
        "name": evil, "account": evil});
    let link = stage.link(body).await;
    assert!(
        !stage
            .console
            .get(&link.path)
            .await
            .expect(200)
            .contains("<script>alert")
    );
    assert!(
        stage
            .console
            .get(&link.path)
            .await
            .has("Acme &#60;Mail&#62;")
    );
    let done = stage.send(SERVER, &link, &stage.servers(&[])).await;
    assert!(!done.expect(200).contains("<script>alert"));
}

#[tokio::test]
async fn the_address_of_a_link_is_the_only_one() {
    let stage = Stage::start().await;
    let body =
        json!({"redirectUrl": "https://app.example.com/", "expectedEmail": "bob@example.com"});
    let link = stage.link(body).await;
    let page = stage.console.get(&link.path).await;
    assert!(
        page.has("value=\"bob@example.com\"") && page.has(" readonly"),
        "{}",
        page.text
    );
    let page = stage.person(&link, "ann@example.com", "pass").await;
    let text = page.expect(400);
    assert!(
        text.contains("This link is for bob@example.com only. Use this address."),
        "{text}"
    );
    assert!(
        text.contains("aria-invalid=\"true\"") && text.contains("email-error"),
        "{text}"
    );
    let page = stage.send(SERVER, &link, &stage.servers(&[])).await;
    assert!(
        page.expect(400)
            .contains("This link is for bob@example.com only")
    );
    assert_eq!(stage.accounts().await["total"], 0);
}

#[tokio::test]
async fn what_is_not_found_is_asked_for() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    let page = stage.person(&link, "ann@nothing.example", "pass").await;
    let text = page.expect(200);
    assert!(
        text.contains("We found no settings for ann@nothing.example"),
        "{text}"
    );
    assert!(
        text.contains("<details class=\"more\" open>") && text.contains("value=\"993\""),
        "{text}"
    );
    let page = stage.person(&link, "", "").await;
    assert_eq!(page.expect(400).matches("Fill in this field.").count(), 2);
}

#[tokio::test]
async fn an_oauth2_application_that_there_is_not() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    let page = stage
        .send("/accounts/new", &link, &[("type", "AAABkPHL".to_owned())])
        .await;
    assert!(
        page.expect(400)
            .contains("This way of signing in is not available")
    );
    let page = stage
        .send("/accounts/new", &link, &[("type", "imap".to_owned())])
        .await;
    assert!(page.expect(200).contains("name=\"password\""));
    // In a link it is passed over.
    let plain = link.path.replace("type=imap", "type=AAABkPHL");
    assert!(
        stage
            .console
            .get(&plain)
            .await
            .expect(200)
            .contains("name=\"password\"")
    );
}

#[tokio::test]
async fn the_language_of_a_visitor() {
    let stage = Stage::start().await;
    let link = stage.any_link().await;
    let ask = |headers: &[(&'static str, &'static str)]| {
        let mut request = Request::get(&link.path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        stage.console.send(request.body(Body::empty()).unwrap())
    };
    assert!(ask(&[]).await.has("<html lang=\"en\""));
    assert!(
        ask(&[("accept-language", "xx, pl;q=0.4, et;q=0.9")])
            .await
            .has("<html lang=\"et\"")
    );
    assert!(
        ask(&[("accept-language", "pl"), ("cookie", "locale=nl")])
            .await
            .has("<html lang=\"nl\"")
    );
    assert!(
        ask(&[("cookie", "locale=nl"), ("x-ee-locale", "fr")])
            .await
            .has("<html lang=\"fr\"")
    );
    let page = stage
        .console
        .get(&format!("{}&locale=xx%22%3E", link.path))
        .await;
    assert!(
        page.has("<html lang=\"en\"") && !page.headers.contains_key("set-cookie"),
        "{}",
        page.text
    );
    call(&stage.console, "postV1Settings", json!({"locale": "ja"})).await;
    assert!(ask(&[]).await.has("<html lang=\"ja\""));
    // Errors too.
    assert!(
        stage
            .console
            .get("/accounts/new")
            .await
            .has("このリンクは使用できません")
    );
}
