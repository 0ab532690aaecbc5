//! Templates in the console: written, previewed, sent as a test, deleted.

use axum::http::StatusCode;
use serde_json::Value;

use crate::{
    support::{Answer, Console},
    tracking::stage,
};

const FIELDS: [(&str, &str); 7] = [
    ("name", "Order <1>"),
    ("format", "html"),
    ("subject", "Order {{params.number}}"),
    ("previewText", "For {{params.name}}"),
    (
        "html",
        "<p>Dear {{params.name}},</p>\r\n<p>{{{params.raw}}}</p>",
    ),
    ("text", "Dear {{params.name}}"),
    (
        "params",
        r#"{"number": 7, "name": "<Ann>", "raw": "<i>x</i>"}"#,
    ),
];

fn with<'a>(more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let mut fields = FIELDS.to_vec();
    for (name, value) in more {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

/// Stores a template; its page.
async fn create(console: &Console, more: &[(&'static str, &str)]) -> String {
    let made = console.form("/admin/templates/new", &with(more)).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    made.location().to_owned()
}

async fn preview(console: &Console, more: &[(&'static str, &str)]) -> Answer {
    console.form("/admin/templates/preview", &with(more)).await
}

async fn stored(console: &Console, page: &str) -> Value {
    let id = page.rsplit('/').next().unwrap();
    let id = percent_encoding::percent_decode_str(id)
        .decode_utf8()
        .unwrap();
    let path = [("template", &*id)];
    let found = console.call("getV1TemplatesTemplateTemplate", &path, Value::Null);
    found.await.unwrap()
}

#[tokio::test]
async fn a_template_is_written_changed_and_deleted() {
    let (console, _dns) = stage().await;
    let none = console.get("/admin/templates").await;
    assert!(none.expect(200).contains("No templates here"));
    let path = create(&console, &[]).await;
    let page = console.get(&path).await;
    assert!(page.has("The template is stored") && page.has("Order {{params.number}}"));
    assert!(page.has("<h1>Order &#60;1&#62;</h1>"));
    let template = stored(&console, &path).await;
    assert_eq!(
        template["content"]["html"],
        "<p>Dear {{params.name}},</p>\n<p>{{{params.raw}}}</p>"
    );
    let change = with(&[("format", "markdown"), ("text", ""), ("name", "Other")]);
    console.form(&path, &change).await.expect(303);
    let template = stored(&console, &path).await;
    assert_eq!(
        (&template["name"], &template["format"]),
        (&"Other".into(), &"markdown".into())
    );
    assert!(template["content"].get("text").is_none());
    let nameless = console.form(&path, &with(&[("name", "")])).await;
    assert!(nameless.expect(400).contains("id=\"name-error\""));
    assert!(console.get("/admin/templates").await.has(">Other</a>"));

    let ask = console.get(&format!("{path}/delete")).await;
    assert!(ask.expect(200).contains("Delete this template?"));
    console
        .form(&format!("{path}/delete"), &[])
        .await
        .expect(303);
    console.get(&path).await.expect(404);
}

#[tokio::test]
async fn templates_belong_to_an_account_or_to_all() {
    let (console, _dns) = stage().await;
    let path = create(&console, &[("account", "own"), ("name", "Mine")]).await;
    create(&console, &[("name", "Everybody's")]).await;
    assert_eq!(stored(&console, &path).await["account"], "own");
    let shared = console.get("/admin/templates").await;
    assert!(shared.has("Everybody") && !shared.has(">Mine<"));
    let own = console.get("/admin/templates?account=own").await;
    assert!(own.has(">Mine<") && !own.has("Everybody"));
    let nobody = console.get("/admin/templates?account=other").await;
    assert!(nobody.expect(200).contains("There is no such account"));
    let fields = with(&[("account", "other")]);
    let refused = console.form("/admin/templates/new", &fields).await;
    assert!(refused.expect(400).contains("id=\"account-error\""));
}

#[tokio::test]
async fn a_preview_shows_what_the_message_will_be() {
    let (console, _dns) = stage().await;
    let answer = preview(&console, &[]).await;
    let text = answer.expect(200);
    assert!(text.contains("<dd>Order 7</dd>") && text.contains("<dd>For &#60;Ann&#62;</dd>"));
    // Markup of the message stays within its own frame.
    assert!(text.contains("<iframe sandbox ") && !text.contains("<i>x</i>"));
    assert!(text.contains("Dear &#38;lt;Ann&#38;gt;") && text.contains("&#60;i&#62;x&#60;/i&#62;"));
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"));
    assert!(policy.contains("frame-ancestors 'self'"));
    let page = console.get("/admin/templates/new").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-src 'self'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"));

    let markdown = [("format", "markdown"), ("html", "# {{account.name}}")];
    let own = [markdown[0], markdown[1], ("account", "own")];
    let answer = preview(&console, &own).await;
    assert!(
        answer.has("&#60;h1&#62;Ann&#60;/h1&#62;"),
        "{}",
        answer.text
    );
    for (name, value, said) in [
        ("html", "a\n{{#each params}}", "<b>html</b>, line"),
        ("subject", "{{", "<b>subject</b>, line 1"),
        ("params", "{\n\"a\": x}", "<b>params</b>, line 2"),
        ("params", "[]", "<b>params</b>, line 1"),
        ("account", "other", "<b>account</b>"),
    ] {
        let answer = preview(&console, &[(name, value)]).await;
        assert!(answer.expect(200).contains(said), "{}", answer.text);
    }
    assert!(
        console
            .get("/admin/templates")
            .await
            .has("No templates here")
    );
}

#[tokio::test]
async fn a_test_goes_to_the_outbox() {
    let (console, _dns) = stage().await;
    let path = create(&console, &[]).await;
    let send = |fields: [(&'static str, &'static str); 3]| {
        let path = format!("{path}/send");
        let console = &console;
        async move { console.form(&path, &fields).await }
    };
    let to = ("to", "me@example.net");
    for (fields, field) in [
        ([("sender", ""), to, ("params", "")], "sender"),
        ([("sender", "own"), ("to", "nobody"), ("params", "")], "to"),
        ([("sender", "own"), to, ("params", "[")], "send-params"),
    ] {
        let refused = send(fields).await;
        let text = refused.expect(400);
        assert!(text.contains(&format!("id=\"{field}-error\"")), "{text}");
    }
    let none = send([("sender", "other"), to, ("params", "")]).await;
    none.expect(400);
    let sent = send([("sender", "own"), to, ("params", r#"{"number": 8}"#)]).await;
    sent.expect(303);
    assert!(
        console
            .get(&path)
            .await
            .has("A test to me@example.net is queued")
    );
    let outbox = console.call("getV1Outbox", &[], Value::Null).await.unwrap();
    assert_eq!(
        (&outbox["total"], &outbox["messages"][0]["subject"]),
        (&1.into(), &"Order 8".into())
    );
}
