//! Gateways: the list, adding, trying, changing, deleting.

use posthouse_testkit::SmtpSink;

use crate::support::{Answer, Console};

/// Text that would run if it were not escaped.
const EVIL: &str = "<script>alert(1)</script>\"'>";

fn fields<'a>(port: &'a str, more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let mut fields = vec![
        ("gateway", "bulk"),
        ("name", EVIL),
        ("host", "127.0.0.1"),
        ("port", port),
        ("secure", "starttls"),
        ("user", "ann"),
        ("pass", "hunter2"),
    ];
    for (name, value) in more {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

async fn add(console: &Console, more: &[(&'static str, &str)]) -> Answer {
    console
        .form("/admin/add-gateway", &fields("2525", more))
        .await
}

async fn password(console: &Console) -> Option<String> {
    let stored = posthouse_store::gateways::get(console.app.store(), "bulk").await;
    let auth = stored.unwrap().unwrap().smtp.auth?;
    auth.pass.map(|pass| pass.expose().to_owned())
}

#[tokio::test]
async fn a_gateway_is_added_shown_and_deleted() {
    let console = Console::start().await;
    let empty = console.get("/admin/gateways").await;
    assert!(empty.expect(200).contains("No gateways yet"));
    let added = add(&console, &[]).await;
    added.expect(303);
    assert_eq!(added.location(), "/admin/gateways/bulk");
    for path in [
        "/admin/gateways",
        "/admin/gateways/bulk",
        "/admin/gateways/bulk/delete",
    ] {
        let page = console.get(path).await;
        let text = page.expect(200);
        assert!(text.contains("alert(1)") && !text.contains("<script>alert"));
        assert!(!text.contains("hunter2") && !text.contains("******"));
    }
    let page = console.get("/admin/gateways/bulk").await;
    assert!(page.has("value=\"127.0.0.1\"") && page.has("value=\"2525\"") && page.has("Never"));
    // The id is another gateway's now.
    let again = add(&console, &[("name", "Other")]).await;
    assert!(again.expect(400).contains("id=\"gateway-error\""));
    assert!(again.has("Is the id of another gateway") && !again.has("hunter2"));

    let gone = console.form("/admin/gateways/bulk/delete", &[]).await;
    gone.expect(303);
    assert!(console.get("/admin/gateways").await.has("is deleted"));
    console.get("/admin/gateways/bulk").await.expect(404);
}

#[tokio::test]
async fn any_text_is_an_id() {
    let console = Console::start().await;
    let added = add(&console, &[("gateway", "a/b ?&\u{fc}"), ("name", "")]).await;
    let name = added.expect(400);
    assert!(name.contains("id=\"name-error\""), "{name}");
    let added = add(&console, &[("gateway", "a/b ?&\u{fc}")]).await;
    added.expect(303);
    assert_eq!(added.location(), "/admin/gateways/a%2Fb%20%3F%26%C3%BC");
    console.get(added.location()).await.expect(200);
    console.get("/admin/gateways/none").await.expect(404);
    let new = console.get("/admin/gateways/new").await;
    assert_eq!(new.location(), "/admin/add-gateway");
}

#[tokio::test]
async fn a_password_stays_with_its_server() {
    let console = Console::start().await;
    add(&console, &[]).await.expect(303);
    let change = |more: &[(&'static str, &'static str)]| {
        let mut all = vec![("pass", "")];
        all.extend_from_slice(more);
        let sent = fields("2525", &all);
        let console = &console;
        async move { console.form("/admin/gateways/bulk", &sent).await }
    };
    change(&[("name", "Other"), ("insecure", "on")])
        .await
        .expect(303);
    assert_eq!(password(&console).await.as_deref(), Some("hunter2"));
    let page = console.get("/admin/gateways/bulk").await;
    assert!(page.has("The gateway is changed") && page.has("<h1>Other"));
    for what in ["save", "test"] {
        let moved = change(&[("host", "localhost"), ("do", what)]).await;
        let text = moved.expect(400);
        assert!(text.contains("id=\"pass-error\"") && text.contains("value=\"localhost\""));
    }
    change(&[("host", "localhost"), ("pass", "typed")])
        .await
        .expect(303);
    assert_eq!(password(&console).await.as_deref(), Some("typed"));
    change(&[("host", "localhost"), ("user", "")])
        .await
        .expect(303);
    assert_eq!(password(&console).await, None);
    let faulty = change(&[("host", "localhost"), ("port", "0x")]).await;
    assert!(faulty.expect(400).contains("id=\"port-error\""));
}

#[tokio::test]
async fn a_try_logs_in_and_stores_nothing() {
    let console = Console::start().await;
    let sink = SmtpSink::start().await;
    sink.require_secret("hunter2");
    let port = sink.addr().port().to_string();
    for (pass, said) in [
        ("hunter2", "SMTP: the login works"),
        ("l3tmein", "SMTP: The user name or password is wrong"),
    ] {
        let more = [
            ("do", "test"),
            ("pass", pass),
            ("name", ""),
            ("gateway", ""),
        ];
        let tried = console
            .form("/admin/add-gateway", &fields(&port, &more))
            .await;
        let text = tried.expect(200);
        assert!(text.contains(said), "{text}");
        assert_eq!(text.contains("login works"), pass == "hunter2");
        assert!(!text.contains(pass), "{text}");
    }
    assert!(console.get("/admin/gateways").await.has("No gateways yet"));
    console
        .form("/admin/add-gateway", &fields(&port, &[]))
        .await
        .expect(303);
    let kept = fields(&port, &[("do", "test"), ("pass", "")]);
    let tried = console.form("/admin/gateways/bulk", &kept).await;
    assert!(tried.expect(200).contains("SMTP: the login works"));
    assert!(sink.mails().is_empty());
}
