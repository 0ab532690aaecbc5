//! Accounts in the console.

use std::time::Duration;

use posthouse_model::AccountId;
use posthouse_testkit::eventually;

use crate::support::Console;

/// A text that would do harm wherever it is put into a page as it is.
const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

/// Fields of an account whose server refuses every connection.
fn unreachable<'a>(id: &'a str, name: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("do", "create"),
        ("account", id),
        ("name", name),
        ("email", "ann@example.com"),
        ("imap.host", "127.0.0.1"),
        ("imap.port", "9"),
        ("imap.secure", "starttls"),
        ("imap.auth.user", "ann"),
        ("imap.auth.pass", "hunter2"),
        ("smtp.host", "127.0.0.1"),
        ("smtp.port", "9"),
        ("smtp.secure", "starttls"),
        ("smtp.auth.user", "ann"),
        ("smtp.auth.pass", "hunter2"),
    ]
}

/// Adds an account; its address.
async fn add(console: &Console, id: &str, name: &str) -> String {
    let answer = console
        .form("/admin/add-account", &unreachable(id, name))
        .await;
    answer.expect(303);
    answer.location().to_owned()
}

fn harmless(page: &str) {
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(!page.contains("<img src=x"), "{page}");
    assert!(!page.contains("\"'>"), "{page}");
}

async fn wait_for(console: &Console, path: &str, text: &str) -> String {
    eventually(text, Duration::from_secs(20), || async {
        let answer = console.get(path).await;
        answer.has(text).then_some(answer.text)
    })
    .await
}

#[tokio::test]
async fn an_empty_list_says_what_to_do() {
    let console = Console::start().await;
    let page = console.get("/admin/accounts").await;
    assert!(page.expect(200).contains("No accounts yet"));
    assert!(page.has("href=\"/admin/add-account\""));
    let page = console.get("/admin/accounts?state=errors").await;
    assert!(page.has("No account has an error"));
    let page = console.get("/admin/accounts?query=nobody").await;
    assert!(page.has("No account matches"));
}

#[tokio::test]
async fn accounts_are_added_listed_filtered_and_paged() {
    let console = Console::start().await;
    for number in 0..30 {
        add(
            &console,
            &format!("acc-{number:02}"),
            &format!("Person {number}"),
        )
        .await;
    }
    let page = console.get("/admin/accounts").await;
    assert!(page.expect(200).contains("30 accounts"));
    assert!(page.has("/admin/accounts/acc%2D24") && !page.has("/admin/accounts/acc%2D25"));
    assert!(page.has("Page 1 of 2"));
    let page = console.get("/admin/accounts?page=1").await;
    assert!(page.has("/admin/accounts/acc%2D29"));
    // Beyond the end stands the last page.
    let page = console.get("/admin/accounts?page=99").await;
    assert!(page.has("/admin/accounts/acc%2D29"));
    let page = console.get("/admin/accounts?size=50").await;
    assert!(page.has("/admin/accounts/acc%2D29") && !page.has("Page 1 of"));
    let page = console.get("/admin/accounts?query=person+7").await;
    assert!(page.has("/admin/accounts/acc%2D07") && page.has("1 account found"));
    wait_for(
        &console,
        "/admin/accounts?state=errors&query=acc-07",
        "Nothing listens there",
    )
    .await;
    let page = console.get("/admin/accounts?state=connected").await;
    assert!(page.has("No account matches"));
}

#[tokio::test]
async fn an_account_shows_its_trouble_its_history_and_no_secret() {
    let console = Console::start().await;
    let path = add(&console, "ann", "Ann").await;
    let page = wait_for(&console, &path, "Nothing listens there").await;
    for text in [
        "Check host and port",
        "ECONNREFUSED",
        "Waits to be connected",
        "127.0.0.1, port 9",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("hunter2"));
    let page = console.get(&format!("{path}/edit")).await;
    assert!(page.expect(200).contains("value=\"127.0.0.1\"") && !page.has("hunter2"));
    let page = console.get(&format!("{path}/folders")).await;
    assert!(page.expect(200).contains("cannot be listed now"));
    assert_eq!(console.get("/admin/accounts/nobody").await.status, 404);
    assert_eq!(
        console.get("/admin/accounts/new").await.location(),
        "/admin/add-account"
    );
}

#[tokio::test]
async fn any_text_is_an_id_and_none_is_taken_for_markup() {
    let console = Console::start().await;
    for id in [EVIL, "a/b?c#d%2F", "new", "add", "ä ö", "-"] {
        let path = add(&console, id, EVIL).await;
        let page = console.get(&path).await;
        harmless(page.expect(200));
        for below in ["/edit", "/log", "/folders", "/flush", "/delete"] {
            harmless(console.get(&format!("{path}{below}")).await.expect(200));
        }
    }
    harmless(console.get("/admin/accounts").await.expect(200));
    // Every text field, and what comes back from a form with faults.
    let path = add(&console, "fields", "x").await;
    let evil_url = format!("https://example.com/{EVIL}");
    let fields = [
        ("name", EVIL),
        ("email", "ann@example.com"),
        ("imap.host", "127.0.0.1"),
        ("imap.port", "9"),
        ("imap.secure", "starttls"),
        ("imap.auth.user", EVIL),
        ("imap.sentMailPath", EVIL),
        ("smtp.host", "127.0.0.1"),
        ("smtp.port", "9"),
        ("smtp.secure", "starttls"),
        ("smtp.auth.user", EVIL),
        ("path", EVIL),
        ("subconnections", EVIL),
        ("webhooks", evil_url.as_str()),
        (
            "webhooksCustomHeaders",
            "X-Evil: \"'><script>alert(1)</script>",
        ),
        ("locale", EVIL),
    ];
    let answer = console.form(&format!("{path}/edit"), &fields).await;
    harmless(&answer.text);
    for below in ["", "/edit"] {
        harmless(console.get(&format!("{path}{below}")).await.expect(200));
    }
    let mut wrong = fields.to_vec();
    wrong.extend([
        ("smtpEhloName", EVIL),
        ("notifyFrom", EVIL),
        ("proxy", EVIL),
        ("tz", EVIL),
    ]);
    let answer = console.form(&format!("{path}/edit"), &wrong).await;
    harmless(answer.expect(400));
    let answer = console
        .form(
            "/admin/add-account",
            &[("account", EVIL), ("do", "test"), ("imap.host", EVIL)],
        )
        .await;
    harmless(answer.expect(400));
    let answer = console
        .form(
            "/admin/add-account/link",
            &[
                ("link.name", EVIL),
                ("link.email", EVIL),
                ("link.redirectUrl", EVIL),
            ],
        )
        .await;
    harmless(&answer.text);
    harmless(
        &console
            .get("/admin/accounts?query=%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E&state=%22%27%3E")
            .await
            .text,
    );
}

#[tokio::test]
async fn faults_stand_at_their_fields_and_what_was_typed_stays() {
    let console = Console::start().await;
    let answer = console
        .form(
            "/admin/add-account",
            &[
                ("do", "create"),
                ("name", "Kept"),
                ("email", "no address"),
                ("imap.host", "h.example.com"),
                ("imap.port", "x"),
                ("imap.auth.pass", "hunter2"),
            ],
        )
        .await;
    let page = answer.expect(400);
    assert!(page.contains("value=\"Kept\"") && page.contains("value=\"h.example.com\""));
    assert!(page.contains("id=\"email-error\"") && page.contains("id=\"imap.port-error\""));
    assert!(page.contains("aria-invalid=\"true\"") && !page.contains("hunter2"));
    let answer = console
        .form(
            "/admin/add-account",
            &[("do", "create"), ("name", "No server")],
        )
        .await;
    assert!(answer.expect(400).contains("Enter a server"));
    add(&console, "ann", "Ann").await;
    let answer = console
        .form("/admin/add-account", &unreachable("ann", "Another"))
        .await;
    assert!(
        answer
            .expect(400)
            .contains("There is an account with this id already")
    );
}

#[tokio::test]
async fn an_edit_changes_what_was_changed_and_keeps_the_password() {
    let console = Console::start().await;
    let path = add(&console, "ann", "Ann").await;
    let mut fields = unreachable("ann", "Anna");
    fields.retain(|(name, _)| !name.ends_with("pass") && *name != "account" && *name != "do");
    fields.extend([
        ("imap.insecure", "on"),
        ("path", "INBOX\r\n\\Sent"),
        ("logs", "on"),
    ]);
    let answer = console.form(&format!("{path}/edit"), &fields).await;
    answer.expect(303);
    let page = console.get(&path).await;
    assert!(page.has("The account is changed") && page.has("<h1 class=\"account-title\">Anna"));
    assert!(page.has("INBOX, \\Sent") && page.has("Not checked"));
    let stored = posthouse_store::accounts::get(console.app.store(), &AccountId::new("ann")).await;
    let config = stored.unwrap().unwrap().account.config;
    let auth = config.imap.unwrap().auth.unwrap();
    assert_eq!(
        (auth.user.as_str(), auth.pass.unwrap().expose()),
        ("ann", "hunter2")
    );
    assert_eq!(config.logs, Some(true));
    // The same again is no change; a test stores nothing.
    let again = console.form(&format!("{path}/edit"), &fields).await;
    again.expect(303);
    fields.extend([("do", "test"), ("imap.auth.pass", "another")]);
    let tried = console.form(&format!("{path}/edit"), &fields).await;
    assert!(
        tried.expect(200).contains("IMAP: Nothing listens there"),
        "{}",
        tried.text
    );
    assert!(!tried.has("another"));
}

#[tokio::test]
async fn a_stored_password_is_asked_for_again_when_the_server_is_another() {
    let console = Console::start().await;
    let path = add(&console, "ann", "Ann").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut fields = unreachable("ann", "Ann");
    fields.retain(|(name, _)| {
        !name.ends_with("pass") && !["account", "do", "imap.port"].contains(name)
    });
    fields.push(("imap.port", &port));
    for (what, typed) in [
        ("test", ""),
        ("save", ""),
        ("save", "******"),
        ("test", "******"),
    ] {
        let mut fields = fields.clone();
        fields.extend([("do", what), ("imap.auth.pass", typed)]);
        let answer = console.form(&format!("{path}/edit"), &fields).await;
        let text = answer.expect(400);
        assert!(text.contains("id=\"imap.auth.pass-error\""), "{text}");
        assert!(text.contains("Must be typed again"), "{text}");
    }
    let dialled = tokio::time::timeout(std::time::Duration::from_millis(100), listener.accept());
    assert!(dialled.await.is_err(), "the server was asked");
    let stored = posthouse_store::accounts::get(console.app.store(), &AccountId::new("ann")).await;
    let imap = stored.unwrap().unwrap().account.config.imap.unwrap();
    assert_ne!(imap.port.unwrap().to_string(), port);
    fields.push(("imap.auth.pass", "hunter2"));
    let saved = console.form(&format!("{path}/edit"), &fields).await;
    saved.expect(303);
}

#[tokio::test]
async fn a_link_for_the_owner_needs_the_public_address() {
    let console = Console::start().await;
    let fields = [
        ("link.account", "ann"),
        ("link.redirectUrl", "https://app.example.com/done"),
    ];
    let answer = console.form("/admin/add-account/link", &fields).await;
    assert!(
        answer
            .expect(409)
            .contains("/admin/config/service#serviceUrl")
    );
    let mut batch = posthouse_store::Batch::new();
    let url = serde_json::json!("https://mail.example.com");
    posthouse_store::settings::set(console.app.store(), &mut batch, "serviceUrl", &url, false)
        .unwrap();
    console.app.store().commit(batch).await.unwrap();
    add(&console, "ann", "Ann").await;
    // The process notices the setting within a moment.
    let answer = eventually("link", Duration::from_secs(10), || async {
        let answer = console.form("/admin/add-account/link", &fields).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert!(
        answer.has("https://mail.example.com/accounts/new?data="),
        "{}",
        answer.text
    );
    assert!(answer.has("There is an account"));
}

#[tokio::test]
async fn the_protocol_log_is_switched_shown_downloaded_and_cleared() {
    let console = Console::start().await;
    let path = add(&console, "ann", "Ann").await;
    let log = format!("{path}/log");
    assert!(
        console
            .get(&log)
            .await
            .expect(200)
            .contains("The log is off")
    );
    console.form(&log, &[("on", "on")]).await.expect(303);
    console
        .form(&format!("{path}/reconnect"), &[])
        .await
        .expect(303);
    let page = wait_for(&console, &log, "Connecting to 127.0.0.1, port 9").await;
    assert!(page.contains("The log is on") && !page.contains("hunter2"));
    let download = console.get(&format!("{log}/download")).await;
    assert_eq!(
        download.headers["content-disposition"],
        "attachment; filename=\"logs.ann.txt\""
    );
    assert_eq!(
        download.headers["content-type"],
        "text/plain; charset=utf-8"
    );
    let first: serde_json::Value =
        serde_json::from_str(download.text.lines().next().unwrap()).unwrap();
    assert!(first["t"].is_i64() && first["msg"].is_string() && first["cid"].is_string());
    console.form(&log, &[("on", "off")]).await.expect(303);
    console.form(&format!("{log}/clear"), &[]).await.expect(303);
    assert!(console.get(&log).await.has("Nothing was written"));
    let download = console.get(&format!("{log}/download")).await;
    assert_eq!(download.text, "No logs found for ann");
}

#[tokio::test]
async fn flush_and_delete_are_asked_about_first() {
    let console = Console::start().await;
    let path = add(&console, "ann", "Ann <b>").await;
    let ask = console.get(&format!("{path}/flush")).await;
    assert!(ask.expect(200).contains("Ann &#60;b&#62;") || ask.has("Ann &lt;b&gt;"));
    let wrong = console
        .form(&format!("{path}/flush"), &[("notifyFrom", "yesterday")])
        .await;
    assert!(wrong.expect(400).contains("id=\"notifyFrom-error\""));
    console
        .form(&format!("{path}/flush"), &[("imapIndexer", "fast")])
        .await
        .expect(303);
    assert!(console.get(&path).await.has("fast"));
    let ask = console.get(&format!("{path}/delete")).await;
    assert!(ask.expect(200).contains("Delete this account?"));
    let done = console.form(&format!("{path}/delete"), &[]).await;
    assert_eq!(
        (done.status.as_u16(), done.location()),
        (303, "/admin/accounts")
    );
    assert_eq!(console.get(&path).await.status, 404);
    assert_eq!(
        console.form(&format!("{path}/delete"), &[]).await.status,
        404
    );
}
