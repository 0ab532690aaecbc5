//! Messages that report on others: what their events say, that both events are one, and what a source that cannot be read
//! costs.

use std::time::Duration;

use posthouse_backend::fake::{FakeMailbox, FakeMessage};
use posthouse_model::{
    AccountId, AccountState, EventType,
    command::{Answer, Command, ListMessages},
    mailbox::SpecialUse,
    message::{Message, MessageOptions},
};
use posthouse_store::{Batch, mailboxes};
use posthouse_testkit::{Hook, eventually, reports};
use serde_json::{Value, json};

use crate::support::{House, LIMIT, Process, imap_account};

both!(
    a_bounce_is_told_right_after_its_message_and_shown_with_the_original,
    complaints_and_late_messages,
    other_messages_cost_no_reading,
    the_filter_of_events_holds_for_each,
    a_cut_costs_no_bounce,
    a_source_that_is_never_given_costs_the_report_alone,
    over_kills_each_bounce_is_told_once,
);

const LOST: &str = "lost@reef.example";

/// A message of the inbox with this source.
fn arrival(subject: &str, from: &str, kinds: &[&str], source: Vec<u8>) -> FakeMessage {
    let message: Message = serde_json::from_value(json!({
        "id": "", "path": "INBOX", "flags": [], "subject": subject, "size": source.len(),
        "from": { "address": from },
        "specialUse": SpecialUse::Inbox, "messageSpecialUse": SpecialUse::Inbox,
        "attachments": kinds.iter().map(|kind| json!({
            "id": "x", "contentType": kind, "encodedSize": 1, "embedded": false, "inline": false,
        })).collect::<Value>(),
    }))
    .unwrap();
    FakeMessage {
        message,
        source: source.into(),
    }
}

fn bounce(subject: &str, original: &str) -> FakeMessage {
    let from = "MAILER-DAEMON@gate.example";
    let kinds = ["message/delivery-status", "message/rfc822"];
    arrival(subject, from, &kinds, reports::bounce(original, LOST))
}

async fn begin(house: &House) -> (FakeMailbox, Process, AccountId) {
    let fake = house.fake("ann");
    let process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    (fake, process, id)
}

/// The types of all events about messages, and the ids they name.
async fn told(process: &Process, id: &AccountId) -> Vec<(EventType, String)> {
    let events = process.events(id).await.into_iter();
    let name = |data: &Value| {
        let names = ["bounceMessage", "complaintMessage", "id"];
        let mut names = names.iter().filter_map(|name| data[name].as_str());
        names.next().map(str::to_owned)
    };
    events
        .filter_map(|(_, kind, data)| Some((kind, name(&data)?)))
        .collect()
}

async fn message(process: &Process, id: &AccountId, message: &str) -> Value {
    let command = Command::GetMessage {
        message: message.to_owned(),
        options: MessageOptions::default(),
    };
    let answered = process.call(id, command, LIMIT).await.unwrap();
    let Answer::Message(message) = answered.answer else {
        panic!("no message");
    };
    json!(message)
}

async fn a_bounce_is_told_right_after_its_message_and_shown_with_the_original(house: &House) {
    let (fake, process, id) = begin(house).await;
    // Folders have numbers, as the identities of messages are kept by them.
    let mut batch = Batch::new();
    for path in ["INBOX", "Sent"] {
        mailboxes::register(&mut batch, &id, path, 1);
    }
    process.store().commit(batch).await.unwrap();
    fake.number_folders();
    let mut copy = FakeMessage::new("hello");
    copy.message.message_id = Some("<m1@gate.example>".to_owned());
    let copy_id = fake.push(copy.clone());
    copy.message.path = Some("Sent".to_owned());
    let sent = fake.push(copy);
    process.wait_events(&id, EventType::MessageNew, 2).await;
    let back = fake.push(bounce("back", "m1@gate.example"));
    let after = fake.push(FakeMessage::new("after"));
    let bounced = process.wait_events(&id, EventType::MessageBounce, 1).await;
    process.wait_events(&id, EventType::MessageNew, 4).await;
    assert_eq!(
        told(&process, &id).await[2..],
        [
            (EventType::MessageNew, back.clone()),
            (EventType::MessageBounce, back.clone()),
            (EventType::MessageNew, after),
        ]
    );
    let mut data = bounced[0].clone();
    assert_eq!(
        data["messageHeaders"].take()["message-id"],
        json!(["<m1@gate.example>"])
    );
    let words = "550 5.1.1 <lost@reef.example>: User unknown in virtual mailbox table";
    assert_eq!(
        data,
        json!({
            "bounceMessage": back, "id": sent, "recipient": LOST, "action": "failed",
            "response": {
                "source": "smtp", "message": words, "status": "5.1.1",
                "category": "user_unknown", "recommendedAction": "remove",
            },
            "mta": "mx.reef.example", "queueId": "4F1A22", "messageId": "<m1@gate.example>",
            "messageHeaders": null,
        }),
        "the sent copy is the original"
    );
    let new = process.events_of(&id, EventType::MessageNew).await;
    assert_eq!(new[2]["isBounce"], true);
    assert_eq!(new[2]["relatedMessageId"], "<m1@gate.example>");
    for field in ["isBounce", "relatedMessageId", "deliveryReport", "bounces"] {
        assert_eq!(new[3][field], Value::Null, "{field}");
    }
    let mut entries = message(&process, &id, &sent).await["bounces"].take();
    assert!(entries[0]["date"].take().is_string());
    let entry = json!([{
        "message": back, "recipient": LOST, "action": "failed",
        "response": { "message": words, "status": "5.1.1" }, "date": null,
    }]);
    assert_eq!(entries, entry);
    let list = Command::ListMessages(ListMessages {
        path: "INBOX".to_owned(),
        page: 0,
        page_size: 10,
        cursor: None,
    });
    let answered = process.call(&id, list, LIMIT).await.unwrap();
    let Answer::Messages(page) = answered.answer else {
        panic!("no messages");
    };
    for listed in &page.messages {
        let is_original = listed.id == copy_id;
        assert_eq!(listed.bounces.len(), usize::from(is_original), "{listed:?}");
    }
    // A copy that arrives later says it at once.
    let mut late = FakeMessage::new("late");
    late.message.message_id = Some("<m1@gate.example>".to_owned());
    fake.push(late);
    let new = process.wait_events(&id, EventType::MessageNew, 5).await;
    assert_eq!(new[4]["bounces"][0]["message"], json!(back));
}

async fn complaints_and_late_messages(house: &House) {
    let (fake, process, id) = begin(house).await;
    let complaint = fake.push(arrival(
        "Abuse report",
        "feedback@provider.example",
        &["message/feedback-report", "message/rfc822"],
        reports::complaint("m2@gate.example", "reader@provider.example"),
    ));
    fake.push(arrival(
        "Delayed Mail",
        "MAILER-DAEMON@gate.example",
        &["message/delivery-status", "message/rfc822"],
        reports::delay("m3@gate.example", LOST),
    ));
    let new = process.wait_events(&id, EventType::MessageNew, 2).await;
    assert_eq!(new[0]["isComplaint"], true);
    assert_eq!(new[0]["relatedMessageId"], "<m2@gate.example>");
    assert_eq!(new[1]["deliveryReport"]["action"], "delayed");
    assert_eq!(
        new[1]["deliveryReport"]["finalRecipient"],
        json!({ "label": "rfc822", "value": LOST })
    );
    assert_eq!(new[1]["isBounce"], Value::Null);
    let told = process.events_of(&id, EventType::MessageComplaint).await;
    assert_eq!(
        told,
        [json!({
            "complaintMessage": complaint,
            "arf": {
                "feedbackType": "abuse", "userAgent": "Feedback/1.0", "version": "1",
                "originalRcptTo": ["reader@provider.example"], "sourceIp": "192.0.2.1",
            },
            "headers": {
                "messageId": "<m2@gate.example>", "from": "me@gate.example",
                "to": ["reader@provider.example"], "subject": "Hello",
            },
        })]
    );
    let bounces = process.events_of(&id, EventType::MessageBounce).await;
    assert!(bounces.is_empty(), "{bounces:?}");
}

async fn other_messages_cost_no_reading(house: &House) {
    let (fake, process, id) = begin(house).await;
    let from = "news@weekly.example";
    let source = reports::newsletter("n1@weekly.example");
    fake.push(arrival("How to read a failure notice", from, &[], source));
    let mut elsewhere = bounce("elsewhere", "m1@gate.example");
    elsewhere.message.path = Some("Sent".to_owned());
    elsewhere.message.message_special_use = Some(SpecialUse::Sent);
    fake.push(elsewhere);
    process.wait_events(&id, EventType::MessageNew, 2).await;
    assert_eq!(fake.sources(), 0);
    // What looks like a report and is none.
    let source = reports::newsletter("n2@weekly.example");
    fake.push(arrival("Failed?", "postmaster@weekly.example", &[], source));
    let new = process.wait_events(&id, EventType::MessageNew, 3).await;
    assert_eq!(fake.sources(), 1);
    assert!(new.iter().all(|new| new["isBounce"] == Value::Null));
    assert_eq!(told(&process, &id).await.len(), 3);
}

async fn the_filter_of_events_holds_for_each(house: &House) {
    house
        .set(&[
            ("webhookEvents", json!(["messageBounce"])),
            ("notifyHeaders", json!(["subject"])),
        ])
        .await;
    let (fake, process, id) = begin(house).await;
    // Only its header tells what it may be.
    let mut back = bounce("Something failed", "m1@gate.example");
    back.message.from = None;
    back.message.attachments.clear();
    let headers = json!({ "auto-submitted": ["auto-replied"] });
    back.message.headers = headers.as_object().cloned();
    let back = fake.push(back);
    let is_bounce = |hook: &Hook| hook.event() == "messageBounce";
    let hook = house.hooks.wait_for(LIMIT, is_bounce).await;
    assert_eq!(hook.json()["data"]["bounceMessage"], back);
    // One that were to come would come before.
    assert_eq!(house.hooks.hooks().len(), 1);
    let new = process.events_of(&id, EventType::MessageNew).await;
    for new in new {
        assert_eq!(new["headers"], json!({}), "read for its marks alone");
    }
}

async fn a_cut_costs_no_bounce(house: &House) {
    let (fake, process, id) = begin(house).await;
    fake.break_on_source("cut", 1);
    let cut = fake.push(bounce("cut", "m1@gate.example"));
    fake.push(FakeMessage::new("other"));
    let bounced = process.wait_events(&id, EventType::MessageBounce, 1).await;
    assert_eq!(bounced[0]["bounceMessage"], cut);
    let new = process.wait_events(&id, EventType::MessageNew, 2).await;
    assert_eq!(new.len(), 2);
    assert_eq!(fake.sources(), 2);
}

async fn a_source_that_is_never_given_costs_the_report_alone(house: &House) {
    let (fake, process, id) = begin(house).await;
    fake.break_on_source("poison", usize::MAX);
    let poison = fake.push(bounce("poison", "m1@gate.example"));
    let good = fake.push(bounce("good", "m2@gate.example"));
    let bounced = process.wait_events(&id, EventType::MessageBounce, 1).await;
    assert_eq!(bounced[0]["bounceMessage"], good);
    let new = process.wait_events(&id, EventType::MessageNew, 2).await;
    assert_eq!(
        (&new[0]["id"], &new[1]["id"]),
        (&json!(good), &json!(poison))
    );
    assert_eq!(new[1]["isBounce"], Value::Null);
    // As often as a message itself is tried.
    assert_eq!(new[1]["missingRetries"], 4);
    assert_eq!(told(&process, &id).await.len(), 3);
    assert_eq!(process.state(&id).await, AccountState::Connected);
}

async fn over_kills_each_bounce_is_told_once(house: &House) {
    const ALL: usize = 120;
    let fake = house.fake("ann");
    fake.set_chunk(7);
    let mut process = house.start().await;
    let id = process.register(&imap_account("ann")).await;
    process.wait_state(&id, AccountState::Connected).await;
    for number in 0..ALL {
        fake.push(bounce(&format!("b{number}"), "m1@gate.example"));
        if number % 20 == 19 {
            tokio::time::sleep(Duration::from_millis(40)).await;
            process.kill().await;
            process = house.start().await;
        }
    }
    eventually("all bounces", LIMIT, || async {
        let told = process.events_of(&id, EventType::MessageBounce).await;
        (told.len() >= ALL).then_some(())
    })
    .await;
    let told = told(&process, &id).await;
    let expected: Vec<_> = (1..=ALL)
        .flat_map(|number| {
            let id = format!("msg-{number}");
            [
                (EventType::MessageNew, id.clone()),
                (EventType::MessageBounce, id),
            ]
        })
        .collect();
    assert_eq!(told, expected, "each pair once and together");
}
