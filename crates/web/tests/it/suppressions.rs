//! Suppression lists in the console: which there are, who is on one, adding, removing, deleting.

use crate::{support::Console, tracking::stage};

async fn add(console: &Console, recipient: &str, more: &[(&str, &str)]) -> crate::support::Answer {
    let mut fields = vec![
        ("listId", "news"),
        ("recipient", recipient),
        ("account", "own"),
        ("reason", "asked by <phone>"),
    ];
    for (name, value) in more {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    console.form("/admin/add-suppression", &fields).await
}

#[tokio::test]
async fn a_list_lives_from_its_first_address_to_its_last() {
    let (console, _dns) = stage().await;
    let none = console.get("/admin/suppression-lists").await;
    assert!(none.expect(200).contains("Nobody has left a list"));
    console
        .get("/admin/suppression-lists/news")
        .await
        .expect(404);
    let added = add(&console, "Bob@example.net", &[]).await;
    added.expect(303);
    assert_eq!(added.location(), "/admin/suppression-lists/news");
    let page = console.get("/admin/suppression-lists/news").await;
    let text = page.expect(200);
    assert!(text.contains("bob@example.net") && text.contains("asked by &#60;phone&#62;"));
    assert!(text.contains("Console") && text.contains("is on the list"));
    add(&console, "bob@example.net", &[]).await.expect(303);
    let page = console.get("/admin/suppression-lists/news").await;
    assert!(page.has("was on the list already"));
    let lists = console.get("/admin/suppression-lists").await;
    assert!(lists.has("href=\"/admin/suppression-lists/news\""));

    for (sought, said) in [
        (" BOB@example.net ", "is on the list: asked by"),
        ("eve@example.net", "is not on the list"),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(sought.as_bytes()).collect();
        let path = format!("/admin/suppression-lists/news?recipient={query}");
        assert!(console.get(&path).await.expect(200).contains(said));
    }
    let path = "/admin/suppression-lists/news/remove";
    let gone = [("recipient", "bob@example.net")];
    let removed = console.form(path, &gone).await;
    removed.expect(303);
    assert_eq!(removed.location(), "/admin/suppression-lists");
    let lists = console.get("/admin/suppression-lists").await;
    assert!(lists.has("is taken off the list") && lists.has("Nobody has left a list"));
}

#[tokio::test]
async fn faults_stand_at_their_fields() {
    let (console, _dns) = stage().await;
    for (name, value) in [
        ("listId", "not a list"),
        ("recipient", "nobody"),
        ("account", "other"),
        ("account", ""),
    ] {
        let answer = add(&console, "bob@example.net", &[(name, value)]).await;
        let text = answer.expect(400);
        assert!(text.contains(&format!("id=\"{name}-error\"")), "{text}");
        assert!(text.contains("value=\"asked by &#60;phone&#62;\""));
    }
    let lists = console.get("/admin/suppression-lists").await;
    assert!(lists.has("Nobody has left a list"));
}

#[tokio::test]
async fn long_lists_have_pages_and_are_deleted_after_a_question() {
    let (console, _dns) = stage().await;
    for number in 0..51 {
        let recipient = format!("r{number}@example.net");
        add(&console, &recipient, &[]).await.expect(303);
    }
    let first = console.get("/admin/suppression-lists/news").await;
    let second = console.get("/admin/suppression-lists/news?page=1").await;
    assert!(first.has("Page 1 of 2") && second.expect(200).contains("Page 2 of 2"));
    let shown = |text: &str| text.matches("aria-label=\"Remove ").count();
    assert_eq!((shown(&first.text), shown(&second.text)), (50, 1));
    let path = "/admin/suppression-lists/news/delete";
    assert!(console.get(path).await.expect(200).contains("51 addresses"));
    console
        .get("/admin/suppression-lists/news")
        .await
        .expect(200);
    let deleted = console.form(path, &[]).await;
    deleted.expect(303);
    let lists = console.get("/admin/suppression-lists").await;
    assert!(lists.has("is deleted") && lists.has("Nobody has left a list"));
    assert_eq!(console.form(path, &[]).await.status, 404);
}
