//! The first run: its door, its steps, leaving and coming back.

use std::{net::IpAddr, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use posthouse_testkit::{HookSink, SmtpSink, env::IMAP_PASSWORD};

use crate::support::Console;

const PASSWORD: &str = "correct horse";

async fn set_password(console: &Console) {
    let answer = console
        .form(
            "/admin/account/password",
            &[("password", PASSWORD), ("repeat", PASSWORD)],
        )
        .await;
    assert_eq!(answer.location(), "/admin/setup");
}

fn stranger(console: &Console) -> Console {
    let mut other = console.another();
    other.address = IpAddr::from([192, 0, 2, 7]);
    other.host = "mail.example:3000";
    other
}

#[tokio::test]
async fn from_elsewhere_the_set_up_opens_by_the_code_alone() {
    let console = Console::start().await;
    let other = stranger(&console);
    assert_eq!(other.get("/admin").await.location(), "/admin/setup");
    assert_eq!(other.get("/admin/login").await.location(), "/admin/setup");
    let page = other.get("/admin/setup").await;
    assert!(page.expect(200).contains("Set-up code") && !page.has("name=\"password\""));
    let code = console
        .app
        .console()
        .setup_code_to_print()
        .unwrap()
        .to_owned();
    assert!(!page.has(&code));
    // Nothing is set without it.
    other
        .form(
            "/admin/account/password",
            &[("password", "mine"), ("repeat", "mine")],
        )
        .await;
    assert!(!console.app.console().password_is_set());
    let wrong = other
        .form("/admin/setup/code", &[("code", "AAAA-BBBB-CCCC")])
        .await;
    assert!(wrong.expect(403).contains("This is not the code"));
    let answer = other
        .form("/admin/setup/code", &[("code", &code.to_lowercase())])
        .await;
    assert_eq!(answer.location(), "/admin/setup");
    assert!(other.get("/admin/setup").await.has("name=\"password\""));
    set_password(&other).await;
    // Both doors are shut now.
    assert_eq!(
        console.get("/admin/setup").await.location(),
        "/admin/login?next=%2Fadmin%2Fsetup"
    );
    assert_eq!(console.get("/admin").await.location(), "/admin/login");
    let late = stranger(&console);
    late.form("/admin/setup/code", &[("code", &code)])
        .await
        .expect(403);
}

#[tokio::test]
async fn this_machine_sets_up_unless_a_proxy_or_a_strangers_name_is_in_between() {
    let console = Console::start().await;
    assert!(console.get("/admin/setup").await.has("name=\"password\""));
    let mut rebound = console.another();
    rebound.host = "rebound.example:3000";
    assert!(rebound.get("/admin/setup").await.has("Set-up code"));
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
        let request = axum::http::Request::get("/admin/setup")
            .header(header, "127.0.0.1")
            .body(axum::body::Body::empty())
            .unwrap();
        assert!(console.send(request).await.has("Set-up code"), "{header}");
    }
    // What a proxy leaves behind that names itself nowhere.
    for (header, value, local) in [
        ("referer", "https://mail.example.com/", false),
        ("origin", "https://mail.example.com", false),
        ("referer", "http://127.0.0.1:3000/", true),
    ] {
        let request = axum::http::Request::get("/admin/setup")
            .header(header, value)
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = console.send(request).await;
        assert_eq!(answer.has("name=\"password\""), local, "{header}: {value}");
    }
    let request = axum::http::Request::get("/admin/setup")
        .version(axum::http::Version::HTTP_10)
        .body(axum::body::Body::empty())
        .unwrap();
    assert!(console.send(request).await.has("Set-up code"));
}

#[tokio::test]
async fn of_two_first_passwords_the_second_is_sent_to_the_login() {
    let console = Console::start().await;
    let other = console.another();
    let fields = [("password", "correct horse"), ("repeat", "correct horse")];
    let (first, second) = tokio::join!(
        console.form("/admin/account/password", &fields),
        other.form("/admin/account/password", &fields),
    );
    let (won, lost) = if first.status == 303 {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!(won.location(), "/admin/setup");
    assert!(lost.expect(409).contains("set by somebody else"));
    assert!(lost.has("action=\"/admin/login\""));
}

#[tokio::test]
async fn who_types_the_address_of_a_console_without_a_password_is_led_and_may_look_around() {
    let console = Console::start().await;
    let typed = |path: &str| {
        Request::get(path)
            .header("sec-fetch-site", "none")
            .body(Body::empty())
            .unwrap()
    };
    let answer = console.send(typed("/admin")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.location()),
        (303, "/admin/setup")
    );
    assert!(console.get("/admin/setup").await.has("Look around first"));
    assert!(
        console
            .get("/admin")
            .await
            .expect(200)
            .contains("First steps")
    );
    set_password(&console).await;
    assert_eq!(console.send(typed("/admin")).await.status, 200);
}

#[tokio::test]
async fn the_password_step_says_what_is_wrong() {
    let console = Console::start().await;
    for (password, repeat, said) in [
        ("short", "short", "8 to 256 characters"),
        ("correct horse", "correct hors", "not the same"),
    ] {
        let answer = console
            .form(
                "/admin/account/password",
                &[("password", password), ("repeat", repeat)],
            )
            .await;
        let text = answer.expect(400);
        assert!(
            text.contains(said) && text.contains("aria-invalid=\"true\""),
            "{text}"
        );
        assert!(!text.contains(&format!("value=\"{password}\"")));
    }
    // The other steps wait for it.
    for path in ["token", "mailbox", "webhook", "event"] {
        let answer = console.get(&format!("/admin/setup/{path}")).await;
        assert_eq!(answer.location(), "/admin/setup", "{path}");
    }
    assert_eq!(
        console.get("/admin/account/security").await.location(),
        "/admin/setup"
    );
}

#[tokio::test]
async fn the_steps_lead_from_the_password_to_the_webhook_and_can_be_left() {
    let console = Console::start().await;
    set_password(&console).await;
    assert_eq!(
        console.get("/admin/setup").await.location(),
        "/admin/setup/token"
    );
    let page = console.get("/admin/setup/token").await;
    assert!(page.expect(200).contains("aria-current=\"step\""));
    assert!(page.has("class=\"done\"") && page.has("href=\"/admin/setup/mailbox\""));

    let made = console
        .form(
            "/admin/setup/token",
            &[("purpose", "api"), ("description", "<b>Shop</b>")],
        )
        .await;
    let text = made.expect(200);
    let (_, rest) = text.split_once("aria-label=\"Access token\">").unwrap();
    let token = rest.split_once('<').unwrap().0;
    assert_eq!(token.len(), 64);
    assert!(text.contains("/v1/stats") && text.contains("http://127.0.0.1:3000"));
    // It is shown this once, and opens what it says.
    let again = console.get("/admin/setup/token").await;
    assert!(!again.has(token));
    let metrics = console
        .form("/admin/setup/token", &[("purpose", "metrics")])
        .await;
    assert!(metrics.expect(200).contains("/metrics"));
    assert_eq!(
        console.get("/admin/setup").await.location(),
        "/admin/setup/mailbox"
    );

    // A webhook: tried first, switched on if it works.
    let sink = HookSink::start().await;
    let url = sink.url("/hook");
    let bad = console
        .form(
            "/admin/setup/webhook",
            &[("url", "not a url"), ("action", "save")],
        )
        .await;
    assert!(bad.expect(400).contains("aria-invalid=\"true\""));
    let test = console
        .form("/admin/setup/webhook", &[("url", &url), ("action", "test")])
        .await;
    assert!(
        test.expect(200).contains("took the sample"),
        "{}",
        test.text
    );
    assert!(!console.app.settings().bool("webhooksEnabled"));
    let nobody = "http://127.0.0.1:9/hook";
    let test = console
        .form(
            "/admin/setup/webhook",
            &[("url", nobody), ("action", "save")],
        )
        .await;
    assert!(
        test.expect(200).contains("did not take the sample") && test.has("Switch on all the same")
    );
    assert!(!console.app.settings().bool("webhooksEnabled"));
    let set = console
        .form("/admin/setup/webhook", &[("url", &url), ("action", "save")])
        .await;
    assert_eq!(set.location(), "/admin/setup/event");
    assert!(console.app.settings().bool("webhooksEnabled"));
    let page = console.get("/admin/setup/event").await;
    assert!(page.expect(200).contains("Wait for the first event") && page.has("Connect one"));
    let look = console.get("/admin/setup/event.json").await;
    assert_eq!(look.json()["event"], serde_json::Value::Null);

    // Left and come back to: the mailbox is what is missing.
    assert_eq!(
        console.get("/admin/setup").await.location(),
        "/admin/setup/mailbox"
    );
    let run = console.app.first_run().await.unwrap();
    assert!(run.is_open() && run.done() == 3);
    console.form("/admin/setup/dismiss", &[]).await;
    assert!(!console.app.first_run().await.unwrap().is_open());
}

#[tokio::test]
async fn a_mailbox_that_does_not_work_is_explained_and_not_stored() {
    let console = Console::start().await;
    set_password(&console).await;
    let bare = console
        .form("/admin/setup/mailbox", &[("email", "jane")])
        .await;
    let text = bare.expect(400);
    assert!(text.contains("id=\"email-error\"") && text.contains("id=\"password-error\""));
    let answer = console
        .form(
            "/admin/setup/mailbox",
            &[
                ("email", "jane@example.com"),
                ("password", "hunter2 hunter2"),
                ("imap_host", "127.0.0.1"),
                ("imap_port", "9"),
                ("smtp_host", "127.0.0.1"),
                ("smtp_port", "9"),
            ],
        )
        .await;
    let text = answer.expect(400);
    assert!(
        text.contains("Reading mail (IMAP): ") && text.contains("Sending mail (SMTP): "),
        "{text}"
    );
    assert!(!text.contains("hunter2"));
    assert!(!console.app.first_run().await.unwrap().mailbox);
}

#[tokio::test]
async fn a_mailbox_is_connected_and_its_first_event_shown() {
    let console = Console::start().await;
    set_password(&console).await;
    let sink = HookSink::start().await;
    let url = sink.url("/hook");
    console
        .form("/admin/setup/webhook", &[("url", &url), ("action", "save")])
        .await;
    let (imap, smtp) = (posthouse_testkit::imap_addr(), SmtpSink::start().await);
    let user = posthouse_testkit::unique_user();
    let answer = console
        .form(
            "/admin/setup/mailbox",
            &[
                ("email", "jane@example.com"),
                ("name", "Jane"),
                ("user", &user),
                ("password", IMAP_PASSWORD),
                ("imap_host", "127.0.0.1"),
                ("imap_port", &imap.port().to_string()),
                ("smtp_host", "127.0.0.1"),
                ("smtp_port", &smtp.addr().port().to_string()),
            ],
        )
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.location(), "/admin/setup/webhook");
    posthouse_testkit::eventually("the first event", Duration::from_secs(20), || async {
        let look = console.get("/admin/setup/event.json").await;
        look.json()["event"].is_string().then_some(())
    })
    .await;
    let page = console.get("/admin/setup/event").await;
    assert!(page.expect(200).contains("There it is"));
}
