//! Changed, deleted and moved messages, and the conversations that they belong to.

use std::time::Duration;

use posthouse_backend::{
    Mailbox,
    fake::{FakeMailbox, FakeMessage},
};
use posthouse_model::{
    AccountId, AccountState, EventType,
    command::Targets,
    message::{MessageUpdate, WordsUpdate},
};
use posthouse_store::{Batch, departures, identities, mailboxes};
use serde_json::{Value, json};

use crate::support::{House, Process, imap_account};

both!(
    changed_flags_are_told,
    a_deletion_waits_for_its_move,
    a_move_is_told_by_both_events,
    a_move_that_is_seen_late_is_told_by_the_arrival,
    two_of_one_name_are_never_told_for_a_move,
    a_held_deletion_outlives_the_process,
    deletions_are_told_at_once_without_a_window,
    conversations_have_one_name_everywhere,
);

async fn begin(house: &House, window: u64) -> (FakeMailbox, Process, AccountId) {
    house.set(&[("moveWindow", json!(window))]).await;
    let fake = house.fake("ann");
    fake.add_folder("Archive");
    fake.add_folder("Other");
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    let mut batch = Batch::new();
    for path in ["INBOX", "Sent", "Archive", "Other"] {
        mailboxes::register(&mut batch, &id, path, 1);
    }
    process.store().commit(batch).await.unwrap();
    fake.number_folders();
    (fake, process, id)
}

/// A message arrives and is announced.
async fn arrive(
    fake: &FakeMailbox,
    process: &Process,
    id: &AccountId,
    subject: &str,
) -> (String, Value) {
    let message = fake.push(FakeMessage::new(subject));
    (message.clone(), told(process, id, &message).await)
}

/// The announcement of a message.
async fn told(process: &Process, id: &AccountId, message: &str) -> Value {
    let count = process.events_of(id, EventType::MessageNew).await.len();
    for more in 0..10 {
        let told = process.events_of(id, EventType::MessageNew).await;
        if let Some(event) = told.into_iter().find(|event| event["id"] == message) {
            return event;
        }
        process
            .wait_events(id, EventType::MessageNew, count + 1 + more)
            .await;
    }
    panic!("{message} was not announced");
}

async fn changed_flags_are_told(house: &House) {
    let (fake, process, id) = begin(house, 5).await;
    let (message, new) = arrive(&fake, &process, &id, "flags").await;
    let flags = WordsUpdate {
        add: Some(vec!["\\Seen".to_owned(), "work".to_owned()]),
        ..WordsUpdate::default()
    };
    let update = MessageUpdate {
        flags: Some(flags),
        ..MessageUpdate::default()
    };
    fake.update(&Targets::Message(message.clone()), &update)
        .await
        .unwrap();
    let told = process.wait_events(&id, EventType::MessageUpdated, 1).await;
    let expected = json!({
        "id": message, "uid": 1, "threadId": new["threadId"],
        "changes": {"flags": {"added": ["\\Seen", "work"], "value": ["\\Seen", "work"]}},
    });
    assert_eq!(told[0], expected);
    let flags = WordsUpdate {
        delete: Some(vec!["work".to_owned()]),
        ..WordsUpdate::default()
    };
    let update = MessageUpdate {
        flags: Some(flags),
        ..MessageUpdate::default()
    };
    fake.update(&Targets::Message(message.clone()), &update)
        .await
        .unwrap();
    let told = process.wait_events(&id, EventType::MessageUpdated, 2).await;
    let expected = json!({"flags": {"deleted": ["work"], "value": ["\\Seen"]}});
    assert_eq!(told[1]["changes"], expected);
}

async fn a_deletion_waits_for_its_move(house: &House) {
    let (fake, process, id) = begin(house, 1).await;
    let (message, _) = arrive(&fake, &process, &id, "deleted").await;
    fake.delete(&message);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(
        process
            .events_of(&id, EventType::MessageDeleted)
            .await
            .is_empty()
    );
    let told = process.wait_events(&id, EventType::MessageDeleted, 1).await;
    assert_eq!(told[0], json!({"id": message, "uid": 1}));
    // Nothing is remembered of it but for a late arrival.
    let found = identities::find_messages(process.store(), &id, &["<deleted@fake>"]).await;
    assert!(found.unwrap().is_empty());
}

async fn a_move_is_told_by_both_events(house: &House) {
    let (fake, process, id) = begin(house, 300).await;
    let (message, new) = arrive(&fake, &process, &id, "moved").await;
    assert_eq!(new["seemsLikeNew"], true);
    let there = fake.move_to(&message, "Archive").unwrap();
    let moved = json!({"from": "INBOX", "to": "Archive"});
    let deleted = process.wait_events(&id, EventType::MessageDeleted, 1).await;
    assert_eq!(deleted[0], json!({"id": message, "uid": 1, "moved": moved}));
    let new_there = told(&process, &id, &there).await;
    assert_eq!(new_there["moved"], moved);
    assert_eq!(new_there["seemsLikeNew"], Value::Null);
    assert_eq!(new_there["threadId"], new["threadId"]);
    // And back.
    let back = fake.move_to(&there, "INBOX").unwrap();
    let deleted = process.wait_events(&id, EventType::MessageDeleted, 2).await;
    let moved = json!({"from": "Archive", "to": "INBOX"});
    assert_eq!(deleted[1]["moved"], moved);
    assert_eq!(told(&process, &id, &back).await["moved"], moved);
    let left = departures::next_due(process.store(), "node").await.unwrap();
    assert_eq!(left, None);
}

async fn a_move_that_is_seen_late_is_told_by_the_arrival(house: &House) {
    let (fake, process, id) = begin(house, 1).await;
    let (message, _) = arrive(&fake, &process, &id, "late").await;
    let late = FakeMessage::new("late");
    fake.delete(&message);
    let deleted = process.wait_events(&id, EventType::MessageDeleted, 1).await;
    assert_eq!(deleted[0]["moved"], Value::Null);
    let mut late = late;
    late.message.path = Some("Archive".to_owned());
    let there = fake.push(late);
    let moved = json!({"from": "INBOX", "to": "Archive"});
    assert_eq!(told(&process, &id, &there).await["moved"], moved);
    assert_eq!(
        process
            .events_of(&id, EventType::MessageDeleted)
            .await
            .len(),
        1
    );
}

async fn two_of_one_name_are_never_told_for_a_move(house: &House) {
    let (fake, process, id) = begin(house, 1).await;
    let (one, _) = arrive(&fake, &process, &id, "twin").await;
    let mut twin = FakeMessage::new("twin");
    twin.message.path = Some("Other".to_owned());
    let two = fake.push(twin);
    told(&process, &id, &two).await;
    // Wait until what arrived no longer explains what goes.
    fake.delete(&one);
    fake.delete(&two);
    let mut copy = FakeMessage::new("twin");
    copy.message.path = Some("Archive".to_owned());
    process.wait_events(&id, EventType::MessageDeleted, 1).await;
    let there = fake.push(copy);
    let event = told(&process, &id, &there).await;
    let deleted = process.wait_events(&id, EventType::MessageDeleted, 2).await;
    // Of the two at most one can be told for a move, and never to where the other went.
    let moves: Vec<&Value> = deleted.iter().map(|event| &event["moved"]).collect();
    assert!(
        moves
            .iter()
            .filter(|moved| moved["to"] == "Archive")
            .count()
            <= 1,
        "{moves:?} {event}"
    );
}

async fn a_held_deletion_outlives_the_process(house: &House) {
    let (fake, process, id) = begin(house, 2).await;
    let (message, _) = arrive(&fake, &process, &id, "held").await;
    fake.delete(&message);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(
        process
            .events_of(&id, EventType::MessageDeleted)
            .await
            .is_empty()
    );
    process.kill().await;
    let process = house.start().await;
    let told = process.wait_events(&id, EventType::MessageDeleted, 1).await;
    assert_eq!(told[0]["id"], message);
    process.kill().await;
    let process = house.start().await;
    process.wait_state(&id, AccountState::Connected).await;
    assert_eq!(
        process
            .events_of(&id, EventType::MessageDeleted)
            .await
            .len(),
        1
    );
}

async fn deletions_are_told_at_once_without_a_window(house: &House) {
    let (fake, process, id) = begin(house, 0).await;
    let (message, _) = arrive(&fake, &process, &id, "gone").await;
    let there = fake.move_to(&message, "Archive").unwrap();
    let deleted = process.wait_events(&id, EventType::MessageDeleted, 1).await;
    assert_eq!(deleted[0], json!({"id": message, "uid": 1}));
    assert_eq!(told(&process, &id, &there).await["moved"], Value::Null);
}

async fn conversations_have_one_name_everywhere(house: &House) {
    let (fake, process, id) = begin(house, 5).await;
    let (_, first) = arrive(&fake, &process, &id, "first").await;
    let thread = first["threadId"].as_str().unwrap();
    assert_eq!(thread.len(), 16);
    let reply = |subject: &str, parent: &str| {
        let mut reply = FakeMessage::new(subject);
        reply.message.in_reply_to = Some(format!("<{parent}@fake>"));
        reply
    };
    let one = fake.push(reply("one", "first"));
    assert_eq!(told(&process, &id, &one).await["threadId"], thread);
    let two = fake.push(reply("two", "one"));
    assert_eq!(told(&process, &id, &two).await["threadId"], thread);
    // A reply to what nobody knows begins a conversation, and stays with it.
    let lone = fake.push(reply("lone", "unknown"));
    let other = told(&process, &id, &lone).await["threadId"].clone();
    assert_ne!(other, thread);
    let unknown = fake.push(FakeMessage::new("unknown"));
    assert_ne!(told(&process, &id, &unknown).await["threadId"], other);
    let copy = fake.push(reply("lone", "unknown"));
    assert_eq!(told(&process, &id, &copy).await["threadId"], other);
}
