//! Hostile values in settings.

use posthouse_contract::{Kind, StringFormat};
use posthouse_model::settings::{Edit, Group, Showing};
use serde_json::{Map, Value, json};

use crate::support::Console;

const SCRIPT: &str = "'\"><script>alert(1)</script>";

#[tokio::test]
async fn stored_scripts_are_escaped_on_every_page_where_they_show() {
    let console = Console::start().await;
    let mut planted = Map::new();
    for group in Group::ALL {
        for view in console.app.settings_view(*group) {
            let key = view.setting.key;
            let value = match (
                view.setting.showing,
                view.setting.edit,
                view.schema.map(|s| &s.kind),
            ) {
                (Showing::Secret, ..) | (_, Edit::TimeZone, _) => continue,
                (_, Edit::Headers, _) => json!([{ "key": "X-A", "value": "" }]),
                (_, Edit::Events, _) | (_, Edit::Lines, _) if key != "localAddresses" => {
                    json!([SCRIPT])
                }
                (_, _, Some(Kind::String(rule))) if rule.one_of.is_empty() => match rule.format {
                    None if key == "scriptEnv" => {
                        json!({ "a": "</textarea><script>alert(1)</script>" })
                            .to_string()
                            .into()
                    }
                    None => json!(SCRIPT),
                    Some(StringFormat::Uri) => {
                        json!("https://example.com/'</textarea><script>alert(1)</script>")
                    }
                    Some(_) => continue,
                },
                _ => continue,
            };
            planted.insert(key.to_owned(), value);
        }
    }
    let mut stored = 0;
    for (key, value) in planted {
        let one = Map::from_iter([(key, value)]);
        let caller = posthouse_model::Caller::system();
        stored += console
            .app
            .change_settings(&caller, &one)
            .await
            .map_or(0, |keys| keys.len());
    }
    // URLs with such characters may be refused as they are; the rest is there.
    assert!(stored > 20, "{stored}");
    let mut paths: Vec<String> = Group::ALL
        .iter()
        .map(|group| format!("/admin/config/{}", group.slug()))
        .collect();
    paths.extend(
        [
            "/",
            "/admin",
            "/admin/config",
            "/admin/config?q=a",
            "/admin/tokens",
            "/admin/accounts",
            "/nothing",
        ]
        .map(str::to_owned),
    );
    for path in paths {
        let page = console.get(&path).await;
        assert!(!page.has("<script>alert(1)"), "{path}");
        assert!(!page.has("</textarea><script"), "{path}");
    }
}

#[tokio::test]
async fn typed_scripts_are_escaped_when_a_form_is_shown_again() {
    let console = Console::start().await;
    let answer = console
        .form(
            "/admin/config/webhooks",
            &[
                ("webhooks", SCRIPT),
                ("notifyTextSize", SCRIPT),
                ("webhookEvents.which", "chosen"),
                ("webhookEvents", SCRIPT),
                ("scriptEnv", "</textarea><script>alert(1)</script>"),
                ("webhooksCustomHeaders.name", SCRIPT),
                ("webhooksCustomHeaders.value", SCRIPT),
            ],
        )
        .await;
    assert!(!answer.expect(400).contains("<script>alert(1)"));
    assert!(!answer.has("</textarea><script"));
    let fields = [("<script>alert(1)</script>", "x")];
    let answer = console.form("/admin/config/webhooks", &fields).await;
    assert!(!answer.expect(400).contains("<script>alert(1)"));
}

#[tokio::test]
async fn header_lines_cannot_be_smuggled_into_deliveries() {
    let console = Console::start().await;
    for (name, value) in [
        ("X-A\r\nX-B", "1"),
        ("X-A", "1\r\nX-B: 2"),
        ("X A", "1"),
        ("X-A:", "1"),
        ("X-\u{e4}", "1"),
        ("X-A", "1\0"),
    ] {
        let fields = [
            ("webhooksCustomHeaders.name", name),
            ("webhooksCustomHeaders.value", value),
        ];
        let answer = console.form("/admin/config/webhooks", &fields).await;
        assert_eq!(answer.status, 400, "{name:?}: {value:?}");
        let stored = console.app.settings().value("webhooksCustomHeaders");
        assert_eq!(stored, json!([]));
    }
}

#[tokio::test]
async fn settings_cannot_be_changed_without_the_crumb() {
    use axum::{body::Body, http::Request};
    let console = Console::start().await;
    console.crumb().await;
    for path in [
        "/admin/config/security",
        "/admin/config/security/reset",
        "/admin/config/security/secret",
        "/admin/config/webhooks/test",
    ] {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "cross-site")
            .body(Body::from("disableTokens=on&key=queryTokens"))
            .unwrap();
        assert_eq!(console.send(request).await.status, 403, "{path}");
    }
    assert_eq!(
        console.app.settings().value("disableTokens"),
        Value::Bool(false)
    );
}
