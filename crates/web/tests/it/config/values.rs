//! Every setting of the registry: drawn, changed, refused, read back.

use posthouse_app::SettingView;
use posthouse_contract::{Kind, StringFormat};
use posthouse_model::settings::{Edit, Group, Language, Showing};
use serde_json::{Value, json};

use super::drawn::{fields, pairs};
use crate::support::Console;

/// What is typed for another valid value, and that value as it is stored.
pub fn valid(view: &SettingView) -> (Vec<(String, String)>, Value) {
    let key = view.setting.key;
    let one = |text: &str| vec![(key.to_owned(), text.to_owned())];
    let same = |text: &str| (one(text), json!(text));
    match (view.setting.showing, view.setting.edit) {
        (Showing::Secret, _) => return same("another secret"),
        (_, Edit::Headers) => {
            let rows = [("X-One", "1"), ("", ""), ("X-Two", "two words")];
            let typed = rows.iter().flat_map(|(name, value)| {
                [
                    (format!("{key}.name"), (*name).to_owned()),
                    (format!("{key}.value"), (*value).to_owned()),
                ]
            });
            let stored =
                json!([{"key": "X-One", "value": "1"}, {"key": "X-Two", "value": "two words"}]);
            return (typed.collect(), stored);
        }
        (_, Edit::Events) => {
            let mut typed = one("messageNew");
            typed.extend(one("messageSent"));
            typed.push((format!("{key}.which"), "chosen".to_owned()));
            return (typed, json!(["messageNew", "messageSent"]));
        }
        (_, Edit::Bytes) => return (one("3 MiB"), json!(3 << 20)),
        (_, Edit::Lines) if key == "localAddresses" => {
            return (
                one("192.0.2.9\r\n\r\n 192.0.2.10 "),
                json!(["192.0.2.9", "192.0.2.10"]),
            );
        }
        (_, Edit::Lines) => return (one("x-one\r\nx-two"), json!(["x-one", "x-two"])),
        (_, Edit::Code(Language::Json)) => return (one("{\"a\":1}"), json!("{\n  \"a\": 1\n}")),
        (_, Edit::Code(_) | Edit::Paragraphs) => {
            return (one("<p>one</p>\r\ntwo"), json!("<p>one</p>\ntwo"));
        }
        (_, Edit::TimeZone) => return same("Europe/Tallinn"),
        _ => {}
    }
    let flipped = !view.value.as_bool().unwrap_or(false);
    let switch = (one(if flipped { "on" } else { "off" }), json!(flipped));
    let Some(schema) = view.schema else {
        return switch;
    };
    match &schema.kind {
        Kind::Boolean(_) => switch,
        Kind::Number(rule) => {
            let next = view.default.as_f64().unwrap_or(0.0) + 1.0;
            let within = next.min(rule.maximum.unwrap_or(next));
            let within = if view.default.as_f64() == Some(within) {
                within - 1.0
            } else {
                within
            };
            (one(&within.to_string()), json!(within as u64))
        }
        Kind::String(rule) if !rule.one_of.is_empty() => {
            let other = rule.one_of.iter().find(|word| view.value != **word);
            same(other.unwrap())
        }
        Kind::String(rule) => same(match rule.format {
            Some(StringFormat::Uri) => "https://example.com",
            Some(StringFormat::Hostname) => "mail.example.com",
            Some(StringFormat::Ip(_)) => "127.0.0.2",
            _ => "Another <b>text</b> & \"more\"",
        }),
        Kind::Object(_) => (
            vec![
                (format!("{key}.all"), "on".to_owned()),
                (format!("{key}.maxLogLines"), "77".to_owned()),
            ],
            json!({"all": true, "maxLogLines": 77}),
        ),
        other => panic!("{key}: {other:?}"),
    }
}

/// What is typed and refused; nothing for what takes every text.
fn invalid(view: &SettingView) -> Vec<Vec<(String, String)>> {
    let key = view.setting.key;
    let one = |text: &str| vec![(key.to_owned(), text.to_owned())];
    match (view.setting.showing, view.setting.edit) {
        (_, Edit::Headers) => {
            let row = |name: &str, value: &str| {
                vec![
                    (format!("{key}.name"), name.to_owned()),
                    (format!("{key}.value"), value.to_owned()),
                ]
            };
            return vec![
                row("two words", "x"),
                row("", "x"),
                row("A", "x\r\nB: y"),
                row("A", "******"),
            ];
        }
        (_, Edit::Bytes) => return vec![one("many"), one("-5")],
        (_, Edit::Lines) if key == "localAddresses" => return vec![one("nowhere")],
        (_, Edit::Lines) => return vec![one(&"x".repeat(257))],
        (_, Edit::Code(Language::Json)) => return vec![one("{")],
        (_, Edit::TimeZone) => return vec![one("Europe/<Tallinn>")],
        _ => {}
    }
    let Some(schema) = view.schema else {
        return Vec::new();
    };
    match &schema.kind {
        Kind::Number(rule) => {
            let mut typed = vec![one("many")];
            typed.extend(rule.minimum.map(|limit| one(&(limit - 1.0).to_string())));
            typed.extend(rule.maximum.map(|limit| one(&(limit + 1.0).to_string())));
            typed
        }
        Kind::String(rule) => {
            let mut typed = Vec::new();
            if rule.format.is_some() || !rule.one_of.is_empty() {
                typed.push(one("no such value"));
            }
            if rule.format == Some(StringFormat::Uri) {
                typed.push(one("javascript:alert(1)"));
            }
            if view.setting.showing == Showing::Url {
                typed.push(one("https://******:******@example.com/"));
            }
            if let Some(limit) = rule.max_length {
                typed.push(one(&"x".repeat(limit + 1)));
            }
            typed
        }
        Kind::Object(_) => vec![vec![(format!("{key}.maxLogLines"), "many".to_owned())]],
        _ => Vec::new(),
    }
}

/// The part of a page that one setting takes.
pub fn part<'a>(html: &'a str, key: &str) -> &'a str {
    let start = html
        .find(&format!(" id=\"{key}\""))
        .unwrap_or_else(|| panic!("{key} is not drawn"));
    let rest = &html[start..];
    let end = rest
        .find("<div class=\"setting ")
        .or_else(|| rest.find("<div class=\"setting\""));
    &rest[..end.unwrap_or(rest.len())]
}

fn path(group: Group) -> String {
    format!("/admin/config/{}", group.slug())
}

#[tokio::test]
async fn every_setting_is_drawn_and_a_valid_value_is_kept() {
    let console = Console::start().await;
    for group in Group::ALL {
        for view in console.app.settings_view(*group) {
            let key = view.setting.key;
            let page = console.get(&path(*group)).await;
            let drawn = part(page.expect(200), key);
            assert!(drawn.contains(&format!("<code>{key}</code>")), "{key}");
            assert!(drawn.contains(&format!("id=\"{key}-help\"")), "{key}");
            assert!(!drawn.contains("form=\"reset\""), "{key} has its default");

            let (typed, stored) = valid(&view);
            let answer = console.form(&path(*group), &pairs(&typed)).await;
            assert_eq!(answer.status, 303, "{key}: {}", answer.text);
            assert_eq!(console.app.settings().value(key), stored, "{key}");
            let page = console.get(answer.location()).await;
            assert!(page.has("Saved: "), "{key}");
            let drawn = part(&page.text, key);
            if view.setting.showing != Showing::Secret {
                assert!(drawn.contains("Changed"), "{key}: {drawn}");
            } else {
                assert!(!page.has("another secret"), "{key}");
            }
        }
    }
}

#[tokio::test]
async fn an_invalid_value_is_told_at_its_field_and_nothing_is_changed() {
    let console = Console::start().await;
    for group in Group::ALL {
        let views = console.app.settings_view(*group);
        for view in &views {
            let key = view.setting.key;
            for mut typed in invalid(view) {
                let shown = typed.last().unwrap().1.clone();
                // A valid change beside it is not made either.
                let beside = views.iter().find(|other| {
                    other.setting.key != key
                        && matches!(other.schema.map(|s| &s.kind), Some(Kind::Boolean(_)))
                });
                typed.extend(beside.map(|other| valid(other).0).unwrap_or_default());
                let answer = console.form(&path(*group), &pairs(&typed)).await;
                let what = format!("{key}: {shown:.40}");
                assert_eq!(answer.status, 400, "{what}");
                let drawn = part(&answer.text, key);
                assert!(
                    drawn.contains(&format!("id=\"{key}-errors\"")),
                    "{what}: {drawn}"
                );
                assert!(drawn.contains("aria-invalid=\"true\""), "{what}");
                assert!(answer.has("Nothing was saved"), "{what}");
                let settings = console.app.settings();
                for view in &views {
                    let key = view.setting.key;
                    if view.setting.showing == Showing::Open {
                        assert_eq!(settings.value(key), view.value, "{what} changed {key}");
                    }
                }
                // What was typed is still there, line ends apart.
                let kept = fields(&answer.text, &path(*group));
                let flat = |text: &str| text.replace(['\r', '\n'], "").trim().to_owned();
                let has = |text: &str| kept.iter().any(|(_, value)| flat(value) == flat(text));
                // A choice offers its own words only.
                let choice = matches!(view.schema.map(|s| &s.kind),
                    Some(Kind::String(rule)) if !rule.one_of.is_empty());
                if view.setting.showing == Showing::Secret {
                    assert!(drawn.contains("Type it again") && !has(&shown), "{what}");
                } else {
                    assert!(choice || has(&shown), "{what} is not kept");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_form_sent_back_as_it_was_drawn_changes_nothing() {
    let console = Console::start().await;
    // Twice: with the defaults, then with everything changed.
    for changed in [false, true] {
        for group in Group::ALL {
            if changed {
                let mut typed = Vec::new();
                for view in console.app.settings_view(*group) {
                    typed.extend(valid(&view).0);
                }
                let answer = console.form(&path(*group), &pairs(&typed)).await;
                assert_eq!(answer.status, 303, "{group:?}: {}", answer.text);
            }
            let page = console.get(&path(*group)).await;
            let drawn = fields(page.expect(200), &path(*group));
            let answer = console.form(&path(*group), &pairs(&drawn)).await;
            assert_eq!(answer.status, 303, "{group:?}: {}", answer.text);
            let page = console.get(answer.location()).await;
            assert!(page.has("Nothing was changed"), "{group:?}: {drawn:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_field_and_the_button_take_back_to_the_default() {
    let console = Console::start().await;
    let set = async |fields: &[(&str, &str)]| {
        let answer = console.form("/admin/config/email-processing", fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    };
    set(&[("deliveryAttempts", "3"), ("trackOpens", "on")]).await;
    set(&[("deliveryAttempts", "")]).await;
    assert_eq!(console.app.settings().number("deliveryAttempts"), Some(10));
    assert!(console.app.settings().bool("trackOpens"));
    let reset = async |key: &str| {
        let path = "/admin/config/email-processing/reset";
        console.form(path, &[("key", key)]).await
    };
    let answer = reset("trackOpens").await;
    assert_eq!(
        answer.location(),
        "/admin/config/email-processing#trackOpens"
    );
    assert!(!console.app.settings().bool("trackOpens"));
    for foreign in ["notifyText", "run", "nonsense", ""] {
        assert_eq!(reset(foreign).await.status, 404, "{foreign}");
    }
}

#[tokio::test]
async fn masked_values_stay_and_new_ones_take_their_place() {
    let console = Console::start().await;
    let save = async |url: &str, headers: &[(&str, &str)]| {
        let mut fields = vec![("webhooks", url)];
        for (name, value) in headers {
            fields.push(("webhooksCustomHeaders.name", *name));
            fields.push(("webhooksCustomHeaders.value", *value));
        }
        console.form("/admin/config/webhooks", &fields).await
    };
    let stored = || {
        let settings = console.app.settings();
        (
            settings.value("webhooks"),
            settings.value("webhooksCustomHeaders"),
        )
    };
    save(
        "https://ann:pass@example.com/a",
        &[("Authorization", "Bearer s3cret")],
    )
    .await;
    let page = console.get("/admin/config/webhooks").await;
    assert!(page.has("https://******:******@example.com/a"));
    assert!(!page.has("s3cret") && !page.has("ann:pass"));
    let answer = save(
        "https://******:******@example.com/a",
        &[("Authorization", "******"), ("X-New", "1")],
    )
    .await;
    assert_eq!(answer.status, 303);
    let (url, headers) = stored();
    assert_eq!(url, "https://ann:pass@example.com/a");
    assert_eq!(headers[0]["value"], "Bearer s3cret");
    assert_eq!(headers[1]["value"], "1");
    // A mask is never stored, nor are credentials carried over to another host.
    let answer = save("https://******:******@evil.example/", &[]).await;
    assert!(
        answer
            .expect(400)
            .contains("Type the user name and password anew")
    );
    assert_eq!(stored().0, "https://ann:pass@example.com/a");
}

#[tokio::test]
async fn secrets_are_kept_when_left_empty_and_can_be_removed() {
    let console = Console::start().await;
    let save = async |fields: &[(&str, &str)]| {
        let answer = console.form("/admin/config/smtp", fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    };
    let stored = || {
        console
            .app
            .settings()
            .text("smtpServerPassword")
            .map(str::to_owned)
    };
    save(&[("smtpServerPassword", " p w ")]).await;
    assert_eq!(stored().as_deref(), Some(" p w "));
    save(&[("smtpServerPassword", ""), ("smtpServerPort", "2526")]).await;
    assert_eq!(stored().as_deref(), Some(" p w "));
    save(&[
        ("smtpServerPassword", ""),
        ("smtpServerPassword.remove", "on"),
    ])
    .await;
    assert_eq!(stored(), None);
}
