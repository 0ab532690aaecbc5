//! Suppression lists: who is on them, how they come and go.

use serde_json::{Value, json};

use crate::support::{Ask, Hall, ask};

both!(
    recipients_are_added_listed_and_taken_off,
    bad_entries_change_nothing,
);

fn on(list: &str) -> Ask {
    ask().path("listId", list)
}

async fn add(hall: &Hall, list: &str, recipient: &str, reason: Value) -> Value {
    let mut body = json!({ "account": "ann", "recipient": recipient });
    if !reason.is_null() {
        body["reason"] = reason;
    }
    let added = hall
        .call("postV1BlocklistListid", on(list).body(body))
        .await;
    let added = added.unwrap();
    assert_eq!(added["success"], true);
    added["added"].clone()
}

async fn recipients_are_added_listed_and_taken_off(hall: &Hall) {
    hall.sending_account("ann").await;
    assert_eq!(
        add(hall, "news", "Bob@Example.com", Value::Null).await,
        true
    );
    assert_eq!(
        add(hall, "news", "bob@example.com", json!("again")).await,
        false
    );
    assert_eq!(
        add(hall, "news", "eve@example.com", json!("bounced")).await,
        true
    );
    assert_eq!(add(hall, "ads", "bob@example.com", Value::Null).await, true);

    let lists = hall.call("getV1Blocklists", ask()).await.unwrap();
    assert_eq!(
        (&lists["total"], &lists["blocklists"]),
        (
            &json!(2),
            &json!([{ "listId": "ads", "count": 1 }, { "listId": "news", "count": 2 }])
        )
    );
    let second = ask().query("page", "1").query("pageSize", "1");
    let second = hall.call("getV1Blocklists", second).await.unwrap();
    assert_eq!((&second["total"], &second["pages"]), (&json!(2), &json!(2)));
    assert_eq!(second["blocklists"][0]["listId"], "news");

    let list = hall.call("getV1BlocklistListid", on("news")).await.unwrap();
    assert_eq!(
        (&list["listId"], &list["total"]),
        (&json!("news"), &json!(2))
    );
    let addresses = list["addresses"].as_array().unwrap();
    let told: Vec<_> = addresses
        .iter()
        .map(|one| {
            [
                &one["recipient"],
                &one["reason"],
                &one["source"],
                &one["account"],
            ]
        })
        .map(|told| told.map(|word| word.as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ["bob@example.com", "block", "api", "ann"],
            ["eve@example.com", "bounced", "api", "ann"]
        ]
    );

    let off = |list: &str, recipient: &str| {
        hall.call(
            "deleteV1BlocklistListid",
            on(list).query("recipient", recipient),
        )
    };
    assert_eq!(
        off("news", "BOB@example.com").await.unwrap()["deleted"],
        true
    );
    assert_eq!(
        off("news", "bob@example.com").await.unwrap()["deleted"],
        false
    );
    assert_eq!(
        off("ads", "bob@example.com").await.unwrap()["deleted"],
        true
    );
    // A list without entries is none.
    assert_eq!(off("ads", "bob@example.com").await.unwrap_err().status, 404);
    let gone = hall.call("getV1BlocklistListid", on("ads")).await;
    assert_eq!(gone.unwrap_err().status, 404);
}

async fn bad_entries_change_nothing(hall: &Hall) {
    hall.sending_account("ann").await;
    let nobody = json!({ "account": "nobody", "recipient": "bob@example.com" });
    let nobody = hall
        .call("postV1BlocklistListid", on("news").body(nobody))
        .await;
    assert_eq!(nobody.unwrap_err().status, 404);
    for recipient in ["", "bob", " bob@example.com", "bob@example.com\r\n"] {
        let body = json!({ "account": "ann", "recipient": recipient });
        let refused = hall
            .call("postV1BlocklistListid", on("news").body(body))
            .await;
        assert_eq!(refused.unwrap_err().status, 400, "{recipient:?}");
    }
    let lists = hall.call("getV1Blocklists", ask()).await.unwrap();
    assert_eq!(lists["total"], 0);
}
