//! Flags, moves and deletions, of one message and of many.

use serde_json::json;

use super::{House, message};

#[tokio::test]
async fn moves_and_deletions_on_dovecot() {
    moves_and_deletions("Dovecot").await;
}

#[tokio::test]
async fn moves_and_deletions_on_cyrus() {
    moves_and_deletions("Cyrus").await;
}

async fn moves_and_deletions(server: &str) {
    let mut house = House::on(server).await;
    house
        .client
        .post(&house.path("/mailbox"), &json!({ "path": "Work" }))
        .await
        .ok();
    for subject in ["one", "two", "three"] {
        house.imap.append("INBOX", "", &message(subject, "")).await;
    }
    let ids = house.ids("INBOX").await;
    let one = house.path(&format!("/message/{}", ids[2]));
    let moved = house
        .client
        .put(&format!("{one}/move"), &json!({ "path": "Work" }))
        .await
        .ok();
    assert_eq!(moved["path"], "Work");
    assert_eq!(moved["id"], json!(house.ids("Work").await[0]));
    assert!(moved["uid"].is_u64(), "{moved}");
    // Its old id is gone.
    let gone = house.client.get(&one).await.expect(404);
    assert_eq!(gone["code"], "MessageNotFound");
    house
        .client
        .put(&format!("{one}/move"), &json!({ "path": "Work" }))
        .await
        .expect(404);
    house.client.delete(&one).await.expect(404);

    // Deleted once: into the trash; deleted again: gone.
    let two = house.path(&format!("/message/{}", ids[1]));
    let deleted = house.client.delete(&two).await.ok();
    assert_eq!(deleted["deleted"], false);
    assert_eq!(deleted["moved"]["destination"], "Trash");
    let trashed = deleted["moved"]["message"].as_str().unwrap().to_owned();
    assert_eq!(house.ids("Trash").await, [trashed.as_str()]);
    let deleted = house
        .client
        .delete(&house.path(&format!("/message/{trashed}")))
        .await
        .ok();
    assert_eq!(deleted, json!({ "deleted": true }));
    assert!(house.ids("Trash").await.is_empty());

    let three = house.path(&format!("/message/{}", ids[0]));
    let deleted = house
        .client
        .delete(&format!("{three}?force=true"))
        .await
        .ok();
    assert_eq!(deleted, json!({ "deleted": true }));
    assert!(house.ids("INBOX").await.is_empty());

    let nowhere = json!({ "path": "Nowhere" });
    let id = house.ids("Work").await.remove(0);
    let refused = house
        .client
        .put(&house.path(&format!("/message/{id}/move")), &nowhere)
        .await;
    assert_eq!(refused.expect(404)["code"], "FolderNotFound");
    assert_eq!(house.ids("Work").await, [id]);
}

#[tokio::test]
async fn many_at_once_on_dovecot() {
    many_at_once("Dovecot").await;
}

#[tokio::test]
async fn many_at_once_on_cyrus() {
    many_at_once("Cyrus").await;
}

async fn many_at_once(server: &str) {
    let mut house = House::on(server).await;
    house
        .client
        .post(&house.path("/mailbox"), &json!({ "path": "Work" }))
        .await
        .ok();
    for number in 0..12 {
        let subject = if number % 2 == 0 { "even" } else { "odd" };
        house.imap.append("INBOX", "", &message(subject, "")).await;
    }
    let all = house.path("/messages?path=INBOX");
    let update =
        json!({ "search": { "subject": "even" }, "update": { "flags": { "add": "\\Flagged" } } });
    let changed = house.client.put(&all, &update).await.ok();
    assert_eq!(changed, json!({ "flags": { "add": true } }));
    assert_eq!(house.found(json!({ "flagged": true })).await.len(), 6);
    let nothing =
        json!({ "search": { "subject": "none" }, "update": { "flags": { "set": ["\\Seen"] } } });
    let changed = house.client.put(&all, &nothing).await.ok();
    assert_eq!(changed, json!({ "flags": { "set": false } }));

    let before = house.ids("INBOX").await;
    let search = json!({ "flagged": true });
    let moved = house
        .client
        .put(
            &house.path("/messages/move?path=INBOX"),
            &json!({ "search": search, "path": "Work" }),
        )
        .await
        .ok();
    assert_eq!(moved["path"], "Work");
    let map = moved["idMap"].as_array().unwrap();
    assert_eq!(map.len(), 6);
    let work = house.ids("Work").await;
    for pair in map {
        assert!(before.contains(&pair[0].as_str().unwrap().to_owned()));
        assert!(work.contains(&pair[1].as_str().unwrap().to_owned()));
    }
    let again = house
        .client
        .put(
            &house.path("/messages/move?path=INBOX"),
            &json!({ "search": search, "path": "Work" }),
        )
        .await
        .ok();
    assert_eq!(again, json!({ "path": "Work", "idMap": [] }));

    let delete = house.path("/messages/delete?path=INBOX");
    let trashed = house
        .client
        .put(&delete, &json!({ "search": { "uid": "1:4" } }))
        .await
        .ok();
    assert_eq!(trashed["deleted"], false);
    assert_eq!(trashed["moved"]["destination"], "Trash");
    assert_eq!(trashed["moved"]["idMap"].as_array().unwrap().len(), 2);
    let deleted = house
        .client
        .put(&format!("{delete}&force=true"), &json!({ "search": {} }))
        .await
        .ok();
    assert_eq!(deleted, json!({ "deleted": true }));
    assert!(house.ids("INBOX").await.is_empty());
    let deleted = house
        .client
        .put(&format!("{delete}&force=true"), &json!({ "search": {} }))
        .await
        .ok();
    assert_eq!(deleted, json!({ "deleted": false }));
    let trash = house.path("/messages/delete?path=%5CTrash");
    let deleted = house
        .client
        .put(&trash, &json!({ "search": {} }))
        .await
        .ok();
    assert_eq!(deleted, json!({ "deleted": true }));
    assert!(house.ids("Trash").await.is_empty());
    // A body without a search changes nothing.
    house.client.put(&delete, &json!({})).await.expect(400);
}

/// Of messages that others marked, none goes along.
#[tokio::test]
async fn only_what_was_asked_for_is_deleted() {
    let mut house = House::on("Dovecot").await;
    house
        .imap
        .append("INBOX", "\\Deleted", &message("marked by another", ""))
        .await;
    house.imap.append("INBOX", "", &message("mine", "")).await;
    let ids = house.ids("INBOX").await;
    house
        .client
        .delete(&house.path(&format!("/message/{}?force=true", ids[0])))
        .await
        .ok();
    assert_eq!(
        house.found(json!({ "deleted": true })).await,
        ["marked by another"]
    );
}
