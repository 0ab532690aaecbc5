//! Idempotency keys of what is not sent.

use posthouse_model::Caller;
use posthouse_store::{calls, params};
use serde_json::{Value, json};

use crate::support::{Ask, Hall, ask};

both!(
    a_call_under_a_key_is_carried_out_once,
    calls_at_once_wait_for_the_first,
    what_is_kept_is_sealed,
    a_lost_call_is_carried_out_again
);

fn template(name: &str, key: &str) -> Ask {
    let content = json!({ "subject": "s", "text": "t" });
    ask()
        .body(json!({ "account": null, "name": name, "content": content }))
        .key(key)
}

async fn made(hall: &Hall, ask: Ask) -> Result<Value, posthouse_model::ApiError> {
    hall.call("postV1TemplatesTemplate", ask).await
}

async fn total(hall: &Hall) -> Value {
    hall.call("getV1Templates", ask()).await.unwrap()["total"].clone()
}

async fn a_call_under_a_key_is_carried_out_once(hall: &Hall) {
    let first = made(hall, template("one", "k")).await.unwrap();
    assert_eq!(made(hall, template("one", "k")).await.unwrap(), first);
    assert_eq!(total(hall).await, 1);
    let reused = made(hall, template("two", "k")).await.unwrap_err();
    assert_eq!(
        (reused.status, reused.code_str()),
        (422, Some("IdempotencyKeyReused"))
    );
    // Another key, another operation and another caller are other calls.
    made(hall, template("one", "other")).await.unwrap();
    let gateway = json!({ "gateway": "g", "name": "one", "host": "127.0.0.1", "port": 25 });
    hall.call("postV1Gateway", ask().body(gateway).key("k"))
        .await
        .unwrap();
    let mut somebody = Caller::system();
    somebody.identity = posthouse_model::caller::Identity::Session;
    hall.call_as(&somebody, "postV1TemplatesTemplate", template("one", "k"))
        .await
        .unwrap();
    assert_eq!(total(hall).await, 3);
    // What failed is no answer.
    let nobody = |account: &str| {
        let body = json!({ "account": account, "name": "n", "content": { "subject": "s" } });
        ask().body(body).key("later")
    };
    assert!(made(hall, nobody("nobody")).await.is_err());
    made(hall, template("now", "later")).await.unwrap();
}

async fn calls_at_once_wait_for_the_first(hall: &Hall) {
    let calls = (0..8).map(|_| made(hall, template("one", "k")));
    let answers = futures_util::future::join_all(calls).await;
    let first = answers[0].as_ref().unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap() == first),
        "{answers:?}"
    );
    assert_eq!(total(hall).await, 1);
}

async fn what_is_kept_is_sealed(hall: &Hall) {
    let token = || {
        ask()
            .body(json!({ "description": "d", "scopes": ["api"], "permissions": { "actions": ["send"] } }))
            .key("k")
    };
    let first = hall.call("postV1Tokens", token()).await.unwrap();
    assert_eq!(hall.call("postV1Tokens", token()).await.unwrap(), first);
    let value = first["token"].as_str().unwrap();
    let kept = hall
        .app
        .store()
        .query("SELECT answer FROM calls", params![])
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
    let sealed = kept[0].blob(0).unwrap();
    assert!(
        !sealed
            .windows(value.len())
            .any(|window| window == value.as_bytes())
    );
    assert_eq!(
        hall.call("getV1Tokens", ask()).await.unwrap()["tokens"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn a_lost_call_is_carried_out_again(hall: &Hall) {
    let store = hall.app.store();
    // Two processes that claim, one after the other.
    let claim =
        |holder: &'static str, until| calls::claim::<Value>(store, "call", "f", holder, until);
    let soon = store.now().after(std::time::Duration::from_secs(60));
    assert_eq!(
        claim("one", store.now().before(std::time::Duration::from_secs(1)))
            .await
            .unwrap(),
        calls::Claim::Mine
    );
    assert_eq!(claim("two", soon).await.unwrap(), calls::Claim::Mine);
    let busy = calls::Claim::Busy {
        fingerprint: "f".to_owned(),
    };
    assert_eq!(claim("three", soon).await.unwrap(), busy);
    // The first comes back too late to say anything.
    let mut batch = posthouse_store::Batch::new();
    calls::answer(store, &mut batch, "call", "one", &json!(1), soon).unwrap();
    calls::give_back(&mut batch, "call", "one");
    store.commit(batch).await.unwrap();
    assert_eq!(claim("three", soon).await.unwrap(), busy);
    let mut batch = posthouse_store::Batch::new();
    calls::answer(store, &mut batch, "call", "two", &json!(2), soon).unwrap();
    store.commit(batch).await.unwrap();
    let answered = calls::Claim::Answered {
        fingerprint: "f".to_owned(),
        answer: json!(2),
    };
    assert_eq!(claim("three", soon).await.unwrap(), answered);
}
