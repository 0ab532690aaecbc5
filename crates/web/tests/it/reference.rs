//! The API reference: every operation has a page, and calls are made with a token that ends.

use posthouse_app::App;
use posthouse_contract::{operation_text, operations, tags};
use serde_json::json;

use crate::{support::Console, tokens::linked};

#[tokio::test]
async fn every_operation_has_a_page_that_stays_small() {
    let console = Console::start().await;
    let list = console.get("/admin/reference").await;
    let text = list.expect(200);
    assert!(text.len() + linked(&console, &list).await < 150_000);
    let (mut pages, mut largest) = (0, (0, ""));
    for operation in operations().iter().filter(|operation| !operation.hidden) {
        let end = format!("/{}\"", operation.id);
        let at = text.find(&end).expect(operation.id);
        let start = text[..at].rfind('"').unwrap() + 1;
        let path = &text[start..at + end.len() - 1];
        let answer = console.get(path).await;
        let page = answer.expect(200);
        assert!(
            page.contains(operation.path) && page.contains("Call it"),
            "{path}"
        );
        assert_eq!(
            page.contains("id=\"body\""),
            operation.body.is_some(),
            "{path}"
        );
        let written = operation_text(operation.id).unwrap();
        assert_eq!(
            page.matches("data-in=").count(),
            written.matches("\"in\": \"").count(),
            "{path}"
        );
        let size = page.len() + linked(&console, &answer).await;
        if size > largest.0 {
            largest = (size, operation.id);
        }
        pages += 1;
    }
    println!("{pages} pages, the largest {largest:?}");
    assert!(largest.0 < 150_000, "{largest:?}");
}

#[tokio::test]
async fn an_operation_that_is_not_built_yet_says_so_where_it_is_listed_and_where_it_is_called() {
    let console = Console::start().await;
    let list = console.get("/admin/reference").await;
    let text = list.expect(200);
    let mut marked = 0;
    for operation in operations().iter().filter(|operation| !operation.hidden) {
        let offered = App::offers(operation);
        let end = format!("/{}\"", operation.id);
        let at = text.find(&end).expect(operation.id);
        let start = text[..at].rfind('"').unwrap() + 1;
        let page = console.get(&text[start..at + end.len() - 1]).await;
        let page = page.expect(200);
        assert_eq!(page.contains("answers 501"), !offered, "{}", operation.id);
        marked += usize::from(!offered);
    }
    assert_eq!(text.matches(">Not yet<").count(), marked);
    assert!(marked == 0 || list.has(&format!("{marked} come with later versions")));
}

#[tokio::test]
async fn tags_have_pages_by_slug_and_by_name() {
    let console = Console::start().await;
    for tag in tags() {
        let slug = tag
            .name
            .to_lowercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), " ");
        let slug = slug.split_whitespace().collect::<Vec<_>>().join("-");
        let answer = console.get(&format!("/admin/reference/{slug}")).await;
        assert!(answer.expect(200).len() + linked(&console, &answer).await < 150_000);
    }
    console
        .get("/admin/reference/Access%20Tokens")
        .await
        .expect(200);
    for path in [
        "/admin/reference/nothing",
        "/admin/reference/access-tokens/nothing",
        "/admin/reference/stats/getV1Tokens",
    ] {
        console.get(path).await.expect(404);
    }
    let old = console.get("/admin/swagger").await;
    assert_eq!(old.location(), "/admin/reference");
}

#[tokio::test]
async fn operations_are_found_by_words() {
    let console = Console::start().await;
    let found = console.get("/admin/reference?q=MOVE%20message").await;
    assert!(found.has("putV1AccountAccountMessageMessageMove") && !found.has("/getV1Stats"));
    let none = console.get("/admin/reference?q=%3Cscript%3Ealert(1)").await;
    assert!(none.has("No operation matches") && !none.has("<script>alert"));
}

#[tokio::test]
async fn what_a_page_tells_of_an_operation() {
    let console = Console::start().await;
    let page = console
        .get("/admin/reference/submit/postV1AccountAccountSubmit")
        .await;
    let text = page.expect(200);
    assert!(text.contains("Send in the group <code>submit</code>"));
    assert!(text.contains("<b>required</b>"));
    let start = text.find("aria-describedby=\"body-error\">").unwrap();
    let example = text[start..]
        .split('>')
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let example = example
        .replace("&#34;", "\"")
        .replace("&#38;", "&")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#39;", "'");
    let example: serde_json::Value = serde_json::from_str(&example).unwrap();
    assert!(example["to"].is_array(), "{example}");
    let page = console
        .get("/admin/reference/account/deleteV1AccountAccount")
        .await;
    assert!(page.has("data-ask") && page.has("btn danger"));
    let page = console
        .get("/admin/reference/settings/postV1Settings")
        .await;
    assert!(page.has("Only tokens without permissions of their own"));
}

#[tokio::test]
async fn calls_are_made_with_a_token_that_is_given_back() {
    let console = Console::start().await;
    let answer = console.json("/admin/reference/token", &json!({})).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let answer = answer.json();
    assert_eq!(answer["success"], true);
    let expires: posthouse_model::Timestamp = answer["expires"].as_str().unwrap().parse().unwrap();
    let lives = expires.since(posthouse_model::Timestamp::now()).as_secs();
    assert!((890..=900).contains(&lives), "{lives}");
    let token = answer["token"].as_str().unwrap();
    assert!(
        console
            .get("/admin/tokens")
            .await
            .has("Calls from the API reference")
    );
    let revoked = console
        .json("/admin/reference/revoke", &json!({ "token": token }))
        .await
        .json();
    assert_eq!(revoked, json!({"success": true, "revoked": true}));
    assert!(console.get("/admin/tokens").await.has("No tokens yet"));
    let again = console
        .json("/admin/reference/revoke", &json!([]))
        .await
        .json();
    assert_eq!(again["revoked"], false);
    let foreign = console.form("/admin/reference/token", &[]).await;
    assert_eq!(foreign.status, 200, "the crumb may come as a field");
    let mut stranger = console.another();
    stranger.address = [203, 0, 113, 9].into();
    let refused = stranger.json("/admin/reference/token", &json!({})).await;
    assert!(!refused.text.contains("\"token\""));
}
