//! The overview, and what holds for the page of every group.

use posthouse_model::settings::Group;

use super::drawn::{fields, pairs};
use crate::support::Console;

#[tokio::test]
async fn the_overview_leads_to_every_group() {
    let console = Console::start().await;
    let page = console.get("/admin/config").await;
    for group in Group::ALL {
        let link = format!("href=\"/admin/config/{}\"", group.slug());
        assert!(page.expect(200).contains(&link), "{group:?}");
    }
    assert_eq!(console.get("/admin/config/nonsense").await.status, 404);
    let former = console.get("/admin/config/document-store").await;
    assert_eq!(former.location(), "/admin/config/deprecated");
}

#[tokio::test]
async fn settings_are_found_by_label_key_and_purpose() {
    let console = Console::start().await;
    for (words, key) in [
        ("delivery attempts", "email-processing#deliveryAttempts"),
        ("NOTIFYTEXTSIZE", "webhooks#notifyTextSize"),
        ("scan%20self-signed%20expired", ""),
        ("self-signed", "security#ignoreMailCertErrors"),
        ("disableTokens", "security#disableTokens"),
        ("%3Cscript%3E", ""),
    ] {
        let page = console
            .get(&format!("/admin/config?q={}", words.replace(' ', "+")))
            .await;
        let text = page.expect(200);
        if key.is_empty() {
            assert!(
                text.contains("No setting has all of these words"),
                "{words}"
            );
        } else {
            assert!(
                text.contains(&format!("href=\"/admin/config/{key}\"")),
                "{words}"
            );
        }
        assert!(!text.contains("<script>"));
    }
    // What is internal is not found.
    assert!(
        !console
            .get("/admin/config?q=cookiePassword")
            .await
            .has("#cookiePassword")
    );
}

#[tokio::test]
async fn a_page_takes_the_fields_of_its_own_group_only() {
    let console = Console::start().await;
    for field in [
        "disableTokens",
        "notifyText.which",
        "webhooks.name",
        "serviceSecret.remove",
        "cookiePassword",
        "run",
        "nonsense",
        "",
    ] {
        let fields = [("notifyText", "off"), (field, "on")];
        let answer = console.form("/admin/config/webhooks", &fields).await;
        assert_eq!(answer.status, 400, "{field}");
        assert!(console.app.settings().bool("notifyText"), "{field}");
    }
}

#[tokio::test]
async fn what_was_changed_elsewhere_is_not_overwritten_unseen() {
    let console = Console::start().await;
    let page = console.get("/admin/config/email-processing").await;
    let mut typed = fields(page.expect(200), "/admin/config/email-processing");
    for (name, value) in &mut typed {
        if name == "deliveryAttempts" {
            "4".clone_into(value);
        }
    }
    let other = [("deliveryAttempts", "8")];
    console.form("/admin/config/email-processing", &other).await;
    let answer = console
        .form("/admin/config/email-processing", &pairs(&typed))
        .await;
    assert!(answer.expect(409).contains("changed elsewhere"));
    assert_eq!(console.app.settings().number("deliveryAttempts"), Some(8));
    // Sent again, now that it was seen, it holds.
    let again = fields(&answer.text, "/admin/config/email-processing");
    assert!(again.contains(&("deliveryAttempts".to_owned(), "4".to_owned())));
    console
        .form("/admin/config/email-processing", &pairs(&again))
        .await;
    assert_eq!(console.app.settings().number("deliveryAttempts"), Some(4));
}

#[tokio::test]
async fn what_values_call_for_is_said() {
    let console = Console::start().await;
    assert!(
        console
            .get("/admin/config/service")
            .await
            .has("The service URL is not set")
    );
    let on = [("webhooksEnabled", "on")];
    console.form("/admin/config/webhooks", &on).await;
    assert!(
        console
            .get("/admin/config/webhooks")
            .await
            .has("there is no target URL")
    );
    console
        .form("/admin/config/security", &[("disableTokens", "on")])
        .await;
    assert!(console.app.settings().bool("disableTokens"));
    assert!(
        console
            .get("/admin/config/security")
            .await
            .has("without an access token are admitted")
    );
}

#[tokio::test]
async fn what_has_no_effect_yet_is_marked() {
    let console = Console::start().await;
    for group in Group::ALL {
        let page = console
            .get(&format!("/admin/config/{}", group.slug()))
            .await;
        let idle = group.settings().filter(|setting| !setting.served).count();
        let all = group.settings().count();
        let marks = page.expect(200).matches("No effect yet").count();
        assert_eq!(
            page.has("Nothing on this page has an effect"),
            idle == all,
            "{group:?}"
        );
        assert_eq!(marks, if idle == all { 0 } else { idle }, "{group:?}");
    }
}

#[tokio::test]
async fn a_new_service_secret_is_shown_once() {
    let console = Console::start().await;
    let secret = || {
        console
            .app
            .settings()
            .text("serviceSecret")
            .unwrap()
            .to_owned()
    };
    let before = secret();
    assert!(!console.get("/admin/config/security").await.has(&before));
    let asked = console.get("/admin/config/security/secret").await;
    assert!(asked.expect(200).contains("cannot be undone"));
    assert_eq!(secret(), before);
    let made = console.form("/admin/config/security/secret", &[]).await;
    assert_ne!(secret(), before);
    assert!(made.expect(200).contains(&secret()));
    assert_eq!(made.headers["cache-control"], "no-store");
    assert!(
        !console
            .get("/admin/config/security/secret")
            .await
            .has(&secret())
    );
    assert!(!console.get("/admin/config/security").await.has(&secret()));
}

#[tokio::test]
async fn queues_and_addresses_of_this_machine_are_shown() {
    let console = Console::start().await;
    let service = console.get("/admin/config/service").await;
    assert!(service.has("Queues now") && service.has("Running"));
    assert!(console.get("/admin/config/network").await.has("127.0.0.1"));
}

#[tokio::test]
async fn pages_are_small() {
    let console = Console::start().await;
    for group in Group::ALL {
        let page = console
            .get(&format!("/admin/config/{}", group.slug()))
            .await;
        let mut size = page.expect(200).len();
        for asset in page
            .text
            .split('"')
            .filter(|text| text.starts_with("/static/"))
        {
            size += console.get(asset).await.text.len();
        }
        assert!(size < 150_000, "{group:?}: {size}");
    }
}
