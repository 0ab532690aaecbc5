//! Messages that the server takes for some of their recipients.

use std::time::Duration;

use posthouse_backend::BackendError;
use posthouse_model::{
    AccountState, EventType,
    outbox::{Job, SmtpEnvelope},
};
use posthouse_store::outbox;
use posthouse_testkit::{Fault, SmtpSink, eventually};
use serde_json::json;

use crate::support::{House, LIMIT, imap_account, smtp_account};

both!(
    who_is_refused_is_told,
    who_is_deferred_gets_it_later,
    too_many_at_once_get_it_in_turns,
    copies_hold_up_no_other_message,
);

fn to(addresses: &[&str]) -> Job {
    Job {
        envelope: SmtpEnvelope {
            from: "me@example.com".to_owned(),
            to: addresses.iter().map(|&to| to.to_owned()).collect(),
        },
        ..Job::default()
    }
}

async fn who_is_refused_is_told(house: &House) {
    let sink = SmtpSink::start().await;
    sink.refuse_recipient("gone@example.com", Fault::Reply(550, "5.1.1 who?".into()));
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let job = to(&["gone@example.com", "b@example.com"]);
    process.submit(&id, "some", job).await;
    let told = process.wait_events(&id, EventType::MessageSent, 1).await;
    assert_eq!(told[0]["envelope"]["to"], json!(["b@example.com"]));
    assert_eq!(
        told[0]["rejected"],
        json!([{ "recipient": "gone@example.com", "response": "550 5.1.1 who?", "responseCode": 550 }])
    );
    assert_eq!(told[0].get("deferred"), None);
    assert_eq!(sink.mails()[0].to, ["b@example.com"]);
}

async fn who_is_deferred_gets_it_later(house: &House) {
    let sink = SmtpSink::start().await;
    sink.refuse_recipient("grey@example.com", Fault::reply(451));
    let fake = house.fake("ann");
    let process = house.start().await;
    let mut config = smtp_account("ann", &sink);
    config.imap = imap_account("ann").imap;
    let id = process.register(&config).await;
    process.wait_state(&id, AccountState::Connected).await;
    let job = to(&["grey@example.com", "b@example.com"]);
    let queue_id = process.submit(&id, "some", job).await;
    let told = process.wait_events(&id, EventType::MessageSent, 1).await;
    assert_eq!(told[0]["deferred"], json!(["grey@example.com"]));
    sink.clear();
    let told = process.wait_events(&id, EventType::MessageSent, 2).await;
    assert_eq!(told[1]["envelope"]["to"], json!(["grey@example.com"]));
    assert_eq!(told[1]["queueId"], queue_id.as_str());
    let mails = sink.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].data, mails[1].data);
    assert_eq!(mails[1].to, ["grey@example.com"]);
    eventually("an empty outbox", LIMIT, || async {
        let left = outbox::get(process.store(), &queue_id).await.unwrap();
        left.is_none().then_some(())
    })
    .await;
    assert_eq!(fake.messages("Sent").len(), 1, "one copy");
}

async fn too_many_at_once_get_it_in_turns(house: &House) {
    let sink = SmtpSink::start().await;
    let too_many = Fault::Reply(452, "4.5.3 too many recipients".into());
    sink.refuse_recipient("b@example.com", too_many.clone());
    sink.refuse_recipient("c@example.com", too_many);
    let process = house.start().await;
    let id = process.register(&smtp_account("ann", &sink)).await;
    let job = to(&["a@example.com", "b@example.com", "c@example.com"]);
    let queue_id = process.submit(&id, "many", job).await;
    process.wait_events(&id, EventType::MessageSent, 1).await;
    sink.clear();
    let told = process.wait_events(&id, EventType::MessageSent, 2).await;
    assert_eq!(
        told[1]["envelope"]["to"],
        json!(["b@example.com", "c@example.com"])
    );
    assert_eq!(told[1]["queueId"], queue_id.as_str());
    assert_eq!(sink.mails().len(), 2);
}

/// The mailbox takes copies slowly; mail goes out all the same.
async fn copies_hold_up_no_other_message(house: &House) {
    const COUNT: usize = 8;
    let sink = SmtpSink::start().await;
    let fake = house.fake("ann");
    fake.slow_append(Duration::from_secs(2));
    let process = house.start().await;
    let mut config = smtp_account("ann", &sink);
    config.imap = imap_account("ann").imap;
    let id = process.register(&config).await;
    process.wait_state(&id, AccountState::Connected).await;
    fake.fail_verb(BackendError::Timeout);
    for number in 0..COUNT {
        process
            .submit(&id, &format!("bulk {number}"), Job::default())
            .await;
    }
    sink.wait_for(COUNT, LIMIT).await;
    assert!(fake.messages("Sent").is_empty(), "copies came first");
    eventually("all copies", LIMIT, || async {
        (fake.messages("Sent").len() == COUNT).then_some(())
    })
    .await;
}
