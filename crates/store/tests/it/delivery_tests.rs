//! Delivery tests: kept for as long as they may be asked for, and the first result stays.

use std::time::Duration;

use posthouse_model::AccountId;
use posthouse_store::{
    Batch,
    delivery_tests::{self, DeliveryTest},
    upkeep,
};
use serde_json::json;

use crate::support::{Fresh, number};

both!(keep_their_first_result_until_they_expire);

async fn keep_their_first_result_until_they_expire(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let test = |id: &str, receiver: &str, hour: Duration| DeliveryTest {
        id: id.to_owned(),
        account: AccountId::new("a"),
        receiver: AccountId::new(receiver),
        queue_id: "1a2b".parse().unwrap(),
        sender: "a@example.com".to_owned(),
        message_id: "<m@example.com>".to_owned(),
        result: None,
        created: now,
        expires: now.after(hour),
    };
    let hour = Duration::from_secs(3600);
    let own = test("own", "a", hour);
    let mut batch = Batch::new();
    for test in [
        &own,
        &test("other", "b", hour),
        &test("over", "a", Duration::ZERO),
    ] {
        delivery_tests::insert(&mut batch, test);
    }
    store.commit(batch).await.unwrap();
    let get = async |id| delivery_tests::get(store, id, store.now()).await.unwrap();
    assert_eq!(get("own").await, Some(own.clone()));
    assert_eq!(get("over").await, None);
    assert_eq!(get("none").await, None);

    for result in [json!({ "first": true }), json!({ "first": false })] {
        let mut batch = Batch::new();
        delivery_tests::finish(&mut batch, "own", &result).unwrap();
        store.commit(batch).await.unwrap();
    }
    let kept = get("own").await.unwrap().result;
    assert_eq!(kept, Some(json!({ "first": true })));

    upkeep::run(store).await.unwrap();
    let count = "SELECT COUNT(*) FROM delivery_tests";
    assert_eq!(number(store, count).await, 2);
    let mut batch = Batch::new();
    delivery_tests::delete_of_account(&mut batch, &AccountId::new("b"));
    store.commit(batch).await.unwrap();
    assert_eq!(number(store, count).await, 1);
}
