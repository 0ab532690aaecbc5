//! What came back of messages: found by their Message-ID, bounded, and swept.

use posthouse_model::bounce::BounceEntry;
use posthouse_model::message::Message;
use posthouse_model::{AccountId, Timestamp};
use posthouse_store::{Batch, accounts, bounces, upkeep};

use crate::support::{Fresh, number};

both!(are_found_by_message_id, are_bounded_and_swept);

fn entry(message: &str, recipient: &str) -> BounceEntry {
    BounceEntry {
        message: message.to_owned(),
        recipient: Some(recipient.to_owned()),
        ..BounceEntry::default()
    }
}

async fn put(fresh: &Fresh, account: &str, id: &str, entries: &[BounceEntry], now: Timestamp) {
    let mut batch = Batch::new();
    let bounce = &entries[0].message;
    let account = AccountId::new(account);
    bounces::put(&mut batch, &account, id, bounce, entries, now).unwrap();
    fresh.store.commit(batch).await.unwrap();
}

async fn recipients(fresh: &Fresh, account: &str, ids: &[&str]) -> Vec<Vec<String>> {
    let message = |id: &&str| Message {
        message_id: Some((*id).to_owned()),
        ..Message::default()
    };
    let mut messages: Vec<Message> = ids.iter().map(message).collect();
    messages.push(Message::default());
    bounces::fill(
        &fresh.store,
        &AccountId::new(account),
        messages.iter_mut().collect(),
    )
    .await
    .unwrap();
    assert!(messages.pop().unwrap().bounces.is_empty());
    let told = |message: Message| {
        let told = message.bounces.into_iter();
        told.map(|told| told.recipient.unwrap()).collect()
    };
    messages.into_iter().map(told).collect()
}

async fn are_found_by_message_id(fresh: &Fresh) {
    let now = fresh.store.now();
    put(
        fresh,
        "a",
        "<one@x>",
        &[entry("b1", "r1"), entry("b1", "r2")],
        now,
    )
    .await;
    put(
        fresh,
        "a",
        "one@x",
        &[entry("b2", "r3")],
        Timestamp(now.millis() + 1),
    )
    .await;
    // The same once more, as after a new announcement.
    put(
        fresh,
        "a",
        "<one@x>",
        &[entry("b1", "r1"), entry("b1", "r2")],
        now,
    )
    .await;
    put(fresh, "a", "<>", &[entry("b4", "nobody")], now).await;
    put(fresh, "b", "<one@x>", &[entry("b3", "of another")], now).await;
    assert_eq!(
        recipients(fresh, "a", &["<one@x>", "<two@x>", " <one@x> "]).await,
        [vec!["r1", "r2", "r3"], vec![], vec!["r1", "r2", "r3"]]
    );
    let mut batch = Batch::new();
    accounts::delete(&mut batch, &AccountId::new("a"));
    fresh.store.commit(batch).await.unwrap();
    assert_eq!(recipients(fresh, "a", &["<one@x>"]).await, [vec![""; 0]]);
    assert_eq!(recipients(fresh, "b", &["<one@x>"]).await, [["of another"]]);
}

async fn are_bounded_and_swept(fresh: &Fresh) {
    let now = fresh.store.now();
    let old = now.before(bounces::KEPT + std::time::Duration::from_secs(1));
    // Longer than what an index takes.
    let id = format!("<{}@x>", "long".repeat(5000));
    put(fresh, "a", "<old@x>", &[entry("old", "r")], old).await;
    for at in 0..60 {
        let time = Timestamp(now.millis() + at);
        put(
            fresh,
            "a",
            &id,
            &[entry(&format!("b{at}"), &format!("r{at}"))],
            time,
        )
        .await;
    }
    let found = recipients(fresh, "a", &[&id]).await;
    let newest: Vec<String> = (10..60).map(|at| format!("r{at}")).collect();
    assert_eq!(found, [newest]);
    let many: Vec<BounceEntry> = (0..200)
        .map(|at| entry("many", &format!("m{at}")))
        .collect();
    put(fresh, "a", "<many@x>", &many, now).await;
    assert_eq!(recipients(fresh, "a", &["<many@x>"]).await[0].len(), 50);
    upkeep::run(&fresh.store).await.unwrap();
    let left = number(&fresh.store, "SELECT COUNT(*) FROM bounces").await;
    assert_eq!(left, 100);
}
