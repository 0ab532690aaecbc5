//! Sessions of callers: how many, in what order, and what happens to those left half-way.

use std::time::Duration;

use futures_util::{StreamExt, future::join_all};
use posthouse_backend::Mailbox;
use posthouse_model::message::MessageOptions;
use posthouse_testkit::{ImapClient, eventually, unique_user};

use crate::support::{collect, mailbox, newest, page, simple};

#[tokio::test]
async fn callers_share_few_sessions() {
    let user = unique_user();
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &simple("x"))
        .await;
    let mailbox = mailbox(&user);
    assert_eq!(mailbox.resting_sessions(), 0);
    let request = page("INBOX", 0, 5);
    let all = join_all((0..30).map(|_| mailbox.list_messages(&request))).await;
    assert!(all.iter().all(|page| page.as_ref().unwrap().total == 1));
    assert_eq!(mailbox.resting_sessions(), 3);
}

#[tokio::test]
async fn a_verb_dropped_half_way_leaves_nothing_behind() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    for number in 0..20 {
        client
            .append("INBOX", "", &simple(&format!("m{number}")))
            .await;
    }
    let mailbox = mailbox(&user);
    let request = page("INBOX", 0, 20);
    for micros in (0..4000).step_by(100) {
        let verb = mailbox.list_messages(&request);
        let _ = tokio::time::timeout(Duration::from_micros(micros), verb).await;
    }
    for _ in 0..10 {
        assert_eq!(
            mailbox
                .list_messages(&request)
                .await
                .unwrap()
                .messages
                .len(),
            20
        );
    }
}

#[tokio::test]
async fn a_session_that_died_while_it_rested_is_replaced() {
    let user = unique_user();
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &simple("x"))
        .await;
    let proxy = posthouse_testkit::FaultProxy::start(posthouse_testkit::imap_addr()).await;
    let mut config = crate::support::config(&user);
    config.imap.as_mut().unwrap().port = Some(proxy.addr().port());
    let mailbox = crate::support::mailbox_of(config);
    let id = newest(&mailbox, "INBOX").await;
    assert_eq!(mailbox.resting_sessions(), 1);
    proxy.cut_all();
    mailbox
        .message(&id, &MessageOptions::default())
        .await
        .unwrap();
    proxy.cut_all();
    mailbox.list_mailboxes(true).await.unwrap();
    proxy.cut_all();
    let raw = simple("y");
    let append = posthouse_model::command::Append {
        path: "INBOX".to_owned(),
        flags: vec![],
        internal_date: None,
        size: raw.len() as u64,
        unless_message_id: None,
    };
    mailbox
        .append(&append, crate::support::body(raw))
        .await
        .unwrap();
}

#[tokio::test]
async fn slow_readers_hold_no_session() {
    let user = unique_user();
    let mut raw = simple("large");
    raw.resize(3 << 20, b'x');
    raw.extend_from_slice(b"\r\n");
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &raw)
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    // More readers than sessions, none of which reads on.
    let mut readers = Vec::new();
    let mut taken = 0;
    for _ in 0..5 {
        let mut body = mailbox.source(&id).await.unwrap();
        taken = body.stream.next().await.unwrap().unwrap().len();
        readers.push(body);
    }
    let request = page("INBOX", 0, 5);
    let listed = tokio::time::timeout(Duration::from_secs(5), mailbox.list_messages(&request));
    assert_eq!(listed.await.unwrap().unwrap().total, 1);
    // Those who go away free everything; those who read on get the rest.
    let last = readers.pop().unwrap();
    drop(readers);
    let rest = collect(last).await;
    assert_eq!(rest.len(), raw.len() - taken);
    eventually("sessions rest", Duration::from_secs(5), || async {
        (mailbox.resting_sessions() >= 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn short_calls_pass_long_reads() {
    let user = unique_user();
    let mut raw = simple("large");
    raw.resize(8 << 20, b'x');
    raw.extend_from_slice(b"\r\n");
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &raw)
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    let reads: Vec<_> = (0..6)
        .map(|_| {
            let (mailbox, id) = (mailbox.clone(), id.clone());
            tokio::spawn(async move { collect(mailbox.source(&id).await.unwrap()).await.len() })
        })
        .collect();
    let request = page("INBOX", 0, 5);
    while reads.iter().any(|read| !read.is_finished()) {
        let listed = tokio::time::timeout(Duration::from_secs(3), mailbox.list_messages(&request));
        assert_eq!(
            listed
                .await
                .expect("a list among long reads")
                .unwrap()
                .total,
            1
        );
    }
    for read in reads {
        assert_eq!(read.await.unwrap(), raw.len());
    }
}
