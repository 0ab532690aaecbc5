//! The fake keeps what the traits promise.

use std::time::Duration;

use posthouse_backend::{
    BackendError, Change, Mailbox, Phase, StateDelta, SyncState,
    fake::{Act, FakeMailbox, FakeMessage},
};
use posthouse_model::message::{MessageOptions, TextType};

use crate::support::{body, page};

#[tokio::test]
async fn history_is_read_from_a_cursor_in_chunks() {
    let mailbox = FakeMailbox::new();
    mailbox.put(FakeMessage::new("old"));
    let mut follow = mailbox.follow(SyncState::Cursor(None));
    assert_eq!(follow.next().await.unwrap().phase, Phase::Syncing);
    let step = follow.next().await.unwrap();
    assert_eq!((step.phase, step.changes.len()), (Phase::Following, 0));
    let [StateDelta::Cursor(cursor)] = &step.deltas[..] else {
        panic!()
    };
    drop(follow);
    mailbox.set_chunk(2);
    let ids: Vec<_> = (0..5)
        .map(|n| mailbox.push(FakeMessage::new(&format!("n{n}"))))
        .collect();
    let mut follow = mailbox.follow(SyncState::Cursor(Some(cursor.clone())));
    let mut got = Vec::new();
    follow.next().await.unwrap();
    while got.len() < 5 {
        let step = follow.next().await.unwrap();
        assert!(step.changes.len() <= 2 && step.deltas.len() == 1);
        got.extend(step.changes.into_iter().map(|change| match change {
            Change::MessageNew { place, .. } => place.id,
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!(got, ids);
    let waiting = tokio::time::timeout(Duration::from_millis(50), follow.next()).await;
    assert!(waiting.is_err());
    mailbox.push(FakeMessage::new("last"));
    assert_eq!(follow.next().await.unwrap().changes.len(), 1);
    assert_eq!(mailbox.connects(), 2);
    mailbox.expire_history();
    let mut follow = mailbox.follow(SyncState::Cursor(Some(cursor.clone())));
    follow.next().await.unwrap();
    let step = follow.next().await.unwrap();
    assert!(matches!(
        step.changes[0],
        Change::MailboxReset {
            reason: "syncStateLost",
            ..
        }
    ));
}

#[tokio::test]
async fn the_script() {
    let mailbox = FakeMailbox::new();
    let lost = BackendError::Connection {
        response: "x".into(),
        code: "ECONNRESET".into(),
    };
    mailbox.script(Act::Fail(lost.clone()));
    let mut follow = mailbox.follow(SyncState::Cursor(None));
    assert_eq!(follow.next().await.unwrap_err(), lost);
    assert!(follow.next().await.is_err());
    mailbox.script(Act::Panic);
    let mut follow = mailbox.follow(SyncState::Cursor(None));
    let task = tokio::spawn(async move { follow.next().await.is_ok() });
    assert!(task.await.unwrap_err().is_panic());
    mailbox.fail_verb(BackendError::Timeout);
    assert_eq!(
        mailbox.list_mailboxes(false).await,
        Err(BackendError::Timeout)
    );
    assert_eq!(mailbox.list_mailboxes(true).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_verbs() {
    let mailbox = FakeMailbox::new();
    let id = mailbox.push(FakeMessage::new("one"));
    let listed = mailbox.list_messages(&page("\\Inbox", 0, 5)).await.unwrap();
    assert_eq!(
        (listed.total, listed.messages[0].id.as_str()),
        (1, id.as_str())
    );
    let options = MessageOptions {
        text_type: TextType::All,
        ..MessageOptions::default()
    };
    let message = mailbox.message(&id, &options).await.unwrap();
    assert_eq!(
        message.text.unwrap().plain.as_deref(),
        Some("This is one.\n")
    );
    let append = posthouse_model::command::Append {
        path: "\\Sent".into(),
        flags: vec!["\\Seen".into()],
        internal_date: None,
        size: 20,
        unless_message_id: Some("<a@b>".into()),
    };
    for _ in 0..2 {
        let raw = &b"Message-ID: <a@b>\r\n\r\nhi"[..];
        mailbox.append(&append, body(raw)).await.unwrap();
    }
    assert_eq!(mailbox.messages("Sent").len(), 1);
    mailbox.remove(&id);
    assert!(mailbox.message(&id, &options).await.is_err());
}
