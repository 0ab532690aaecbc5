//! Leaving a list and coming back: readers with a page, mail programs with one click.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::{
    support::{Answer, Console},
    tracking::{link, signed, stage, told},
};

fn data() -> Value {
    json!({ "act": "unsub", "acc": "own", "list": "news", "rcpt": "Bob@Example.net", "msg": "<1@x>" })
}

/// The entries of the list.
async fn entries(console: &Console) -> Vec<Value> {
    let path = [("listId", "news")];
    match console
        .call("getV1BlocklistListid", &path, Value::Null)
        .await
    {
        Ok(list) => list["addresses"].as_array().unwrap().clone(),
        Err(error) => {
            assert_eq!(error.status, 404);
            Vec::new()
        }
    }
}

/// Sends the page's form.
async fn press(console: &Console, button: &str) -> Answer {
    let (data, sig) = signed(&data());
    let fields = [("data", data.as_str()), ("sig", &sig), ("do", button)];
    console.form("/unsubscribe", &fields).await
}

/// Sends a form as a mail service does: without cookies, from a browser of no kind.
async fn click(console: &Console, path: &str, kind: &str, body: &str) -> Answer {
    let request = Request::post(path)
        .header("content-type", kind)
        .header("user-agent", "Mailer/1")
        .body(Body::from(body.to_owned()));
    console.another().send(request.unwrap()).await
}

const FORM: &str = "application/x-www-form-urlencoded";
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

#[tokio::test]
async fn looking_at_the_page_changes_nothing() {
    let (console, _dns) = stage().await;
    let path = link("/unsubscribe", &data());
    for _ in 0..2 {
        let answer = console.get(&path).await;
        let text = answer.expect(200);
        assert!(text.contains("bob@example.net") && text.contains("<dd>news</dd>"));
        assert!(text.contains("value=\"leave\"") && !text.contains("value=\"return\""));
    }
    let queries = ["do=leave", ONE_CLICK];
    for query in queries {
        console.get(&format!("{path}&{query}")).await.expect(200);
    }
    let head = Request::head(&path).body(Body::empty()).unwrap();
    assert_eq!(console.send(head).await.status, 200);
    assert!(entries(&console).await.is_empty());
    assert!(told(&console, "listUnsubscribe").await.is_empty());
}

#[tokio::test]
async fn a_reader_leaves_and_comes_back() {
    let (console, _dns) = stage().await;
    let answer = press(&console, "leave").await;
    let text = answer.expect(200);
    assert!(text.contains("You are unsubscribed") && text.contains("value=\"return\""));
    let left = entries(&console).await;
    assert_eq!(left.len(), 1);
    assert_eq!(
        (
            &left[0]["recipient"],
            &left[0]["source"],
            &left[0]["reason"]
        ),
        (
            &json!("bob@example.net"),
            &json!("form"),
            &json!("unsubscribe")
        )
    );
    // Sent again, as by a page that is loaded anew.
    press(&console, "leave").await.expect(200);
    assert_eq!(told(&console, "listUnsubscribe").await.len(), 1);
    let page = console.get(&link("/unsubscribe", &data())).await;
    assert!(page.has("You are unsubscribed") && page.has("value=\"return\""));

    let answer = press(&console, "return").await;
    let text = answer.expect(200);
    assert!(text.contains("You are subscribed again") && text.contains("value=\"leave\""));
    assert!(entries(&console).await.is_empty());
    assert_eq!(told(&console, "listSubscribe").await.len(), 1);
}

#[tokio::test]
async fn the_form_of_the_page_wants_the_crumb_and_the_signature() {
    let (console, _dns) = stage().await;
    let (good, sig) = signed(&data());
    let body = format!("data={good}&sig={sig}&do=leave");
    assert_eq!(
        click(&console, "/unsubscribe", FORM, &body).await.status,
        403
    );
    let forged = [("data", good.as_str()), ("sig", "AAAA"), ("do", "leave")];
    assert_eq!(console.form("/unsubscribe", &forged).await.status, 403);
    assert!(entries(&console).await.is_empty());
}

#[tokio::test]
async fn one_click_leaves() {
    let (console, _dns) = stage().await;
    let path = link("/unsubscribe", &data());
    let answer = click(&console, &path, FORM, ONE_CLICK).await;
    assert_eq!(answer.expect(200), "ok");
    assert!(!answer.headers.contains_key("set-cookie"));
    let left = entries(&console).await;
    assert_eq!(
        (
            &left[0]["source"],
            &left[0]["userAgent"],
            &left[0]["messageId"]
        ),
        (&json!("one-click"), &json!("Mailer/1"), &json!("<1@x>"))
    );
    assert_eq!(click(&console, &path, FORM, ONE_CLICK).await.text, "ok");
    assert_eq!(told(&console, "listUnsubscribe").await.len(), 1);

    let other = json!({ "act": "unsub", "acc": "own", "list": "news", "rcpt": "eve@example.net" });
    let body = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let path = link("/unsubscribe", &other);
    let answer = click(&console, &path, "multipart/form-data; boundary=b", body).await;
    assert_eq!(answer.expect(200), "ok");
    assert_eq!(entries(&console).await.len(), 2);
}

#[tokio::test]
async fn one_click_says_what_is_wrong() {
    let (console, _dns) = stage().await;
    let gone = json!({ "act": "unsub", "acc": "gone", "list": "news", "rcpt": "bob@example.net" });
    let (good, _) = signed(&data());
    let (_, other) = signed(&gone);
    for (path, said) in [
        (link("/unsubscribe", &gone), "unknown account"),
        (
            format!("/unsubscribe?data={good}&sig={other}"),
            "data validation failed",
        ),
        ("/unsubscribe?data=%25".to_owned(), "data validation failed"),
        ("/unsubscribe".to_owned(), "data validation failed"),
    ] {
        let answer = click(&console, &path, FORM, ONE_CLICK).await;
        assert_eq!(answer.expect(200), said, "{path}");
    }
    let large = format!("{ONE_CLICK}&x={}", "x".repeat(65 << 10));
    let path = link("/unsubscribe", &data());
    assert_eq!(click(&console, &path, FORM, &large).await.status, 413);
    assert!(entries(&console).await.is_empty());
    let page = console.get(&link("/unsubscribe", &gone)).await;
    assert!(page.expect(404).contains("The sender of this list"));
}

#[tokio::test]
async fn forms_are_counted_by_address_and_one_click_is_not() {
    let (console, _dns) = stage().await;
    let mut refused = None;
    for _ in 0..61 {
        let answer = press(&console, "leave").await;
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("a limit");
    assert!(refused.headers.contains_key("retry-after"));
    press(&console, "return").await.expect(429);
    assert_eq!(entries(&console).await.len(), 1);
    let path = link("/unsubscribe", &data());
    assert_eq!(click(&console, &path, FORM, ONE_CLICK).await.text, "ok");
}
