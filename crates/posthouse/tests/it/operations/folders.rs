//! Folders made, renamed, subscribed to and deleted; quota.

use serde_json::{Value, json};

use super::House;

#[tokio::test]
async fn folders_on_dovecot() {
    folders("Dovecot").await;
}

#[tokio::test]
async fn folders_on_cyrus() {
    folders("Cyrus").await;
}

async fn folders(server: &str) {
    let house = House::on(server).await;
    let mailbox = house.path("/mailbox");
    let made = house
        .client
        .post(&mailbox, &json!({ "path": ["Ünïcode & Co", "Deep"] }))
        .await
        .ok();
    assert_eq!(made["path"], "Ünïcode & Co/Deep");
    assert_eq!(made["created"], true);
    let again = house
        .client
        .post(&mailbox, &json!({ "path": "Ünïcode & Co/Deep" }))
        .await
        .ok();
    assert_eq!(again["created"], false);
    let known = listed(&house).await;
    let deep = &known["Ünïcode & Co/Deep"];
    assert_eq!(
        (&deep["name"], &deep["subscribed"]),
        (&json!("Deep"), &json!(true))
    );

    // A folder is renamed with what is in it, and with its subscription.
    let change = json!({ "path": "Ünïcode & Co/Deep", "newPath": ["Archiv", "Tief"] });
    let renamed = house.client.put(&mailbox, &change).await.ok();
    let expected = json!({
        "path": "Ünïcode & Co/Deep", "newPath": "Archiv/Tief", "renamed": true,
    });
    assert_eq!(renamed, expected);
    let known = listed(&house).await;
    assert!(known.get("Ünïcode & Co/Deep").is_none(), "{known}");
    assert_eq!(known["Archiv/Tief"]["subscribed"], true);
    let change = json!({ "path": "Archiv/Tief", "subscribed": false });
    let left = house.client.put(&mailbox, &change).await.ok();
    assert_eq!(left, json!({ "path": "Archiv/Tief", "subscribed": false }));
    assert_eq!(listed(&house).await["Archiv/Tief"]["subscribed"], false);

    let gone = house
        .client
        .delete(&format!("{mailbox}?path=Archiv%2FTief"))
        .await
        .ok();
    assert_eq!(gone, json!({ "path": "Archiv/Tief", "deleted": true }));
    assert!(listed(&house).await.get("Archiv/Tief").is_none());
    let missing = house
        .client
        .delete(&format!("{mailbox}?path=Archiv%2FTief"))
        .await
        .expect(404);
    assert_eq!(missing["code"], "FolderNotFound");
}

#[tokio::test]
async fn what_cannot_be_done_to_a_folder_is_said() {
    let house = House::on("Dovecot").await;
    let mailbox = house.path("/mailbox");
    let rename = json!({ "path": "Nowhere", "newPath": "Elsewhere" });
    let refused = house.client.put(&mailbox, &rename).await.expect(400);
    assert_eq!(refused["code"], "NONEXISTENT");
    assert_eq!(refused["details"]["serverResponseCode"], "NONEXISTENT");
    assert!(refused["details"]["response"].is_string(), "{refused}");
    house
        .client
        .post(&mailbox, &json!({ "path": "One" }))
        .await
        .ok();
    house
        .client
        .post(&mailbox, &json!({ "path": "Two" }))
        .await
        .ok();
    let rename = json!({ "path": "One", "newPath": "Two" });
    let refused = house.client.put(&mailbox, &rename).await.expect(400);
    assert_eq!(refused["code"], "ALREADYEXISTS");
    house
        .client
        .delete(&format!("{mailbox}?path=INBOX"))
        .await
        .expect(400);
    for body in [json!({}), json!({ "path": [] }), json!({ "path": "" })] {
        house.client.post(&mailbox, &body).await.expect(400);
    }
    let nothing = house
        .client
        .put(&mailbox, &json!({ "path": "One" }))
        .await
        .expect(400);
    assert_eq!(nothing["fields"][0]["key"], "newPath");
    house.client.delete(&mailbox).await.expect(400);
}

#[tokio::test]
async fn quota_is_told_where_the_server_keeps_one() {
    let house = House::on("Dovecot").await;
    let account = house
        .client
        .get(&format!("{}?quota=true", house.base))
        .await
        .ok();
    assert_eq!(account["quota"], false, "this Dovecot has no quota");
    let house = House::on("Cyrus").await;
    let account = house
        .client
        .get(&format!("{}?quota=true", house.base))
        .await
        .ok();
    let quota = &account["quota"];
    assert!(quota == &json!(false) || quota["limit"].is_u64(), "{quota}");
}

/// Folders by path.
async fn listed(house: &House) -> Value {
    let list = house.client.get(&house.path("/mailboxes")).await.ok();
    let list = list["mailboxes"].as_array().cloned().unwrap_or_default();
    let by_path = list
        .into_iter()
        .map(|folder| (folder["path"].as_str().unwrap().to_owned(), folder));
    Value::Object(by_path.collect())
}
