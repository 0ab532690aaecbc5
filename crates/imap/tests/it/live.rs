//! The driver against a real Dovecot at POSTHOUSE_TEST_IMAP: any user, password `pass`.

use std::time::Duration;

use posthouse_imap::driver::Connection;
use posthouse_imap::{
    Caught, Error, FetchItem, FetchOptions, Ids, Known, ListOptions, Notice, Options, Sasl,
    SearchKey, SequenceSet, StatusItem, StoreAction, StoreOptions, Untagged,
};
use posthouse_net::{Stream, TlsProfile};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

const MESSAGE: &str = "From: Ann <ann@example.com>\r\nTo: Team: bob@example.com, eve@example.com;\r\nSubject: =?utf-8?q?h=C3=A9llo?= unter\r\nMessage-ID: <1@example.com>\r\nDate: Wed, 17 Jul 2024 02:23:25 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ngr\u{fc}\u{df}e\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename*=utf-8''%C3%A4.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";

async fn dial() -> TcpStream {
    let address = std::env::var("POSTHOUSE_TEST_IMAP")
        .expect("POSTHOUSE_TEST_IMAP=host:port of a test Dovecot is not set: run `make test`");
    TcpStream::connect(address).await.unwrap()
}

async fn connect() -> Connection<TcpStream> {
    let io = dial().await;
    Connection::open(io, Options::default()).await.unwrap()
}

/// A user of one test, new in every run.
fn user(name: &str) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("{name}{}", now.as_nanos())
}

async fn connect_tls() -> Connection<Stream> {
    let plain = Stream::from(dial().await);
    let c = Connection::open(plain, Options::default()).await.unwrap();
    let profile = TlsProfile::insecure();
    c.starttls(async |s: Stream| {
        s.start_tls("localhost", &profile, Duration::from_secs(10))
            .await
    })
    .await
    .unwrap()
}

async fn login(user: &str) -> Connection<TcpStream> {
    let mut c = connect().await;
    c.login(user, "pass").await.unwrap();
    c
}

async fn put<S: AsyncRead + AsyncWrite + Unpin + Send>(
    c: &mut Connection<S>,
    mailbox: &str,
    message: &str,
) -> u32 {
    c.append(
        mailbox,
        &["\\Flagged"],
        Some(1_720_320_265_000),
        message.len() as u64,
        &mut message.as_bytes(),
    )
    .await
    .unwrap()
    .unwrap()
    .uid
}

#[tokio::test]
async fn ways_to_log_in() {
    let name = user("login");
    let mut c = connect().await;
    match c.login(&name, "wrong").await {
        Err(Error::AuthFailed { code, .. }) => {
            assert_eq!(code.as_deref(), Some("AUTHENTICATIONFAILED"));
        }
        other => panic!("{other:?}"),
    }
    let plain = Sasl::Plain {
        authzid: String::new(),
        user: name.clone(),
        password: "pass".into(),
    };
    c.authenticate(&plain).await.unwrap();
    assert!(c.has("IDLE") && c.has("UIDPLUS"));
    let id = c.id(&[("name", "posthouse \"test\"")]).await.unwrap();
    assert!(
        id.iter()
            .any(|(k, v)| k == "name" && v.as_deref() == Some("Dovecot"))
    );
    c.logout().await.unwrap();

    let mut c = connect().await;
    let login = Sasl::Login {
        user: name,
        password: "pass".into(),
    };
    c.authenticate(&login).await.unwrap();
}

#[tokio::test]
async fn mailboxes() {
    let mut c = login(&user("boxes")).await;
    c.create("Entwürfe/R&D").await.unwrap();
    c.subscribe("Entwürfe/R&D").await.unwrap();
    let options = ListOptions {
        special_use: true,
        subscribed: true,
        status: &[
            StatusItem::Messages,
            StatusItem::UidNext,
            StatusItem::UidValidity,
            StatusItem::HighestModSeq,
        ],
    };
    let list = c.list("", "*", options).await.unwrap();
    let sent = list.iter().find(|e| e.name.as_str() == "Sent").unwrap();
    assert!(sent.has_attribute("\\Sent"));
    let own = list
        .iter()
        .find(|e| e.name.as_str() == "Entwürfe/R&D")
        .unwrap();
    assert!(own.has_attribute("\\Subscribed"));
    assert_eq!(own.delimiter, Some('/'));
    assert_eq!(own.status.as_ref().unwrap().messages, Some(0));
    assert!(
        c.lsub("", "*")
            .await
            .unwrap()
            .iter()
            .any(|e| e.name == own.name)
    );
    c.rename("Entwürfe/R&D", "Anderes").await.unwrap();
    let status = c
        .status("Anderes", &[StatusItem::Messages, StatusItem::Size])
        .await
        .unwrap();
    assert_eq!((status.messages, status.size), (Some(0), Some(0)));
    c.unsubscribe("Entwürfe/R&D").await.unwrap();
    c.delete("Anderes").await.unwrap();
    assert!(matches!(
        c.select("Anderes", false).await,
        Err(Error::No { .. })
    ));
    let namespaces = c.namespace().await.unwrap();
    assert_eq!(namespaces.personal[0].delimiter, Some('/'));
    assert!(
        c.enable(&["CONDSTORE"])
            .await
            .unwrap()
            .iter()
            .any(|n| n == "CONDSTORE")
    );
}

#[tokio::test]
async fn messages() {
    let mut c = login(&user("messages")).await;
    let uid = put(&mut c, "INBOX", MESSAGE).await;
    let second = put(&mut c, "INBOX", "Subject: zwei\r\n\r\nx\r\n").await;
    let selected = c.select("INBOX", true).await.unwrap();
    assert_eq!(selected.exists, 2);
    assert!(selected.uid_validity.is_some() && selected.highest_mod_seq.is_some());

    let items = [
        FetchItem::Uid,
        FetchItem::Flags,
        FetchItem::InternalDate,
        FetchItem::Size,
        FetchItem::Envelope,
        FetchItem::BodyStructure,
        FetchItem::ModSeq,
        FetchItem::header_fields(&["Message-ID"]),
    ];
    let got = c
        .fetch(Ids::Seq(SequenceSet::one(1)), &items)
        .await
        .unwrap();
    let message = &got[0];
    assert_eq!(message.uid, Some(uid));
    assert!(message.has_flag("\\Flagged"));
    assert_eq!(message.internal_date, Some(1_720_320_265_000));
    assert_eq!(message.size, Some(MESSAGE.len() as u64));
    assert!(message.mod_seq.is_some());
    let envelope = message.envelope.as_ref().unwrap();
    assert_eq!(
        envelope.subject.as_deref(),
        Some(&b"=?utf-8?q?h=C3=A9llo?= unter"[..])
    );
    assert_eq!(envelope.to.len(), 4, "group start, two members, group end");
    let structure = message.body_structure.as_ref().unwrap();
    assert_eq!(structure.children[1].part, "2");
    assert_eq!(
        structure.children[1].disposition.as_ref().unwrap().kind,
        "attachment"
    );
    assert!(message.section("HEADER.FIELDS (MESSAGE-ID)").is_some());

    let body = c.fetch_stream(uid, "", None).await.unwrap().unwrap();
    assert_eq!(body.collect(1 << 20).await.unwrap(), MESSAGE.as_bytes());
    let part = c
        .fetch_stream(uid, "1", Some((2, 3)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        part.collect(1 << 20).await.unwrap(),
        "grüße".as_bytes()[2..5]
    );
    assert!(
        c.fetch_stream(uid + 1000, "", None)
            .await
            .unwrap()
            .is_none()
    );

    let found = c.search(&SearchKey::Text("grüße".into())).await.unwrap();
    assert_eq!(found.to_string(), uid.to_string());
    let found = c.search(&SearchKey::ModSeq(1)).await.unwrap();
    assert_eq!(found.len(), 2);
    let key = SearchKey::Or(
        Box::new(SearchKey::And(vec![
            SearchKey::Larger(100),
            SearchKey::Smaller(10_000),
        ])),
        Box::new(SearchKey::Header("Subject".into(), "nowhere".into())),
    );
    assert_eq!(c.search(&key).await.unwrap().to_string(), uid.to_string());
    let counted = c.search_return(&SearchKey::All, "COUNT MAX").await.unwrap();
    assert_eq!((counted.count, counted.max), (Some(2), Some(second)));

    let stored = c
        .store(
            uid,
            StoreAction::Add,
            &["$Forwarded"],
            StoreOptions::default(),
        )
        .await
        .unwrap();
    assert!(stored.fetched[0].has_flag("$Forwarded"));
    let stale = StoreOptions {
        unchanged_since: Some(1),
        ..StoreOptions::default()
    };
    let stored = c
        .store(uid, StoreAction::Remove, &["$Forwarded"], stale)
        .await
        .unwrap();
    assert!(stored.modified.contains(uid));

    let copied = c
        .uid_copy(&SequenceSet::one(uid), "Sent")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(copied.source, [uid]);
    let moved = c
        .uid_move(&SequenceSet::one(second), "Trash")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(moved.pairs().count(), 1);
    c.noop().await.unwrap();
    assert_eq!(c.selected().unwrap().exists, 1);
    c.store(
        uid,
        StoreAction::Add,
        &["\\Deleted"],
        StoreOptions::default(),
    )
    .await
    .unwrap();
    c.uid_expunge(&SequenceSet::one(uid)).await.unwrap();
    assert_eq!(c.selected().unwrap().exists, 0);
    c.unselect().await.unwrap();
    assert!(c.selected().is_none());
    let refused = c
        .append("Nowhere", &[""; 0], None, 3, &mut &b"abc"[..])
        .await;
    assert_eq!(refused.unwrap_err().code(), Some("TRYCREATE"));
    c.noop().await.unwrap();
}

#[tokio::test]
async fn a_mailbox_is_caught_up_with() {
    let name = user("resync");
    let (mut c, mut other) = (login(&name).await, login(&name).await);
    for _ in 0..4 {
        put(&mut other, "INBOX", MESSAGE).await;
    }
    assert!(
        c.enable(&["QRESYNC"])
            .await
            .unwrap()
            .iter()
            .any(|name| name == "QRESYNC")
    );
    assert!(c.is_enabled("QRESYNC") && c.is_enabled("CONDSTORE") && !other.is_enabled("CONDSTORE"));
    let before = c.select("INBOX", true).await.unwrap();
    let known = Known {
        uid_validity: before.uid_validity.unwrap(),
        mod_seq: before.highest_mod_seq.unwrap(),
    };
    c.unselect().await.unwrap();

    other.select("INBOX", false).await.unwrap();
    let silent = StoreOptions::default();
    for (uids, flag) in [
        (SequenceSet::range(1, 2), "\\Deleted"),
        (SequenceSet::one(3), "\\Seen"),
    ] {
        other
            .store(uids, StoreAction::Add, &[flag], silent)
            .await
            .unwrap();
    }
    other.expunge().await.unwrap();
    put(&mut other, "INBOX", MESSAGE).await;

    let (mut changed, mut gone) = (SequenceSet::new(), SequenceSet::new());
    let mut take = |caught| match caught {
        Caught::Fetch(fetch) => {
            assert!(fetch.flags.is_some() && fetch.mod_seq > Some(known.mod_seq));
            changed.add(fetch.uid.unwrap());
        }
        Caught::Vanished(uids) => gone = uids,
    };
    // The same twice: when it is opened, and asked for.
    let now = c.select_known("INBOX", known, &mut take).await.unwrap();
    assert_eq!((now.exists, now.uid_next), (3, Some(6)));
    let options = FetchOptions {
        changed_since: Some(known.mod_seq),
        vanished: true,
        partial: None,
    };
    let items = [FetchItem::Uid, FetchItem::Flags];
    c.fetch_with(SequenceSet::all(), &items, options, &mut take)
        .await
        .unwrap();
    assert_eq!(
        (changed.to_string(), gone.to_string()),
        ("3,5".to_owned(), "1:2".to_owned())
    );
    let all = c.search_return(&SearchKey::All, "ALL COUNT").await.unwrap();
    assert_eq!(
        (all.all.unwrap().to_string(), all.count),
        ("3:5".to_owned(), Some(3))
    );
    c.logout().await.unwrap();
    other.logout().await.unwrap();
}

#[tokio::test]
async fn large_messages_stream_both_ways() {
    stream_both_ways(login(&user("large")).await).await;
}

#[tokio::test]
async fn large_messages_stream_both_ways_over_starttls() {
    let mut c = connect_tls().await;
    assert!(c.stream().is_tls() && !c.has("STARTTLS"));
    c.login(&user("largetls"), "pass").await.unwrap();
    stream_both_ways(c).await;
}

async fn stream_both_ways<S: AsyncRead + AsyncWrite + Unpin + Send>(mut c: Connection<S>) {
    let line = "0123456789".repeat(7) + "\r\n";
    let message = String::from("Subject: large\r\n\r\n") + &line.repeat(100_000);
    let uid = put(&mut c, "INBOX", &message).await;
    c.select("INBOX", false).await.unwrap();
    let mut body = c.fetch_stream(uid, "", None).await.unwrap().unwrap();
    assert_eq!(body.size(), message.len() as u64);
    let (mut at, mut largest) = (0, 0);
    while let Some(chunk) = body.chunk().await.unwrap() {
        assert_eq!(&message.as_bytes()[at..at + chunk.len()], &chunk[..]);
        at += chunk.len();
        largest = largest.max(chunk.len());
    }
    assert_eq!(at, message.len());
    assert!(largest <= 64 * 1024, "{largest}");
    assert_eq!(c.held(), 0);
    assert!(c.is_usable());
}

#[tokio::test]
async fn idle_hears_of_a_new_message() {
    let name = user("idle");
    let mut watcher = connect_tls().await;
    watcher.login(&name, "pass").await.unwrap();
    watcher.select("INBOX", true).await.unwrap();
    watcher.idle_start().await.unwrap();
    assert_eq!(watcher.held(), 0);
    let mut other = login(&name).await;
    put(&mut other, "INBOX", "Subject: news\r\n\r\nx\r\n").await;
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match watcher.idle_wait(until).await.unwrap() {
            Some(Notice::Untagged(Untagged::Exists(1))) => break,
            Some(_) => {}
            None => panic!("no news within 10 s"),
        }
    }
    watcher.idle_done().await.unwrap();
    let got = watcher
        .fetch(SequenceSet::all(), &[FetchItem::Uid])
        .await
        .unwrap();
    assert_eq!(got.len(), 1);
    watcher.take_notices();
    watcher.idle_start().await.unwrap();
    assert_eq!(
        watcher
            .idle_wait(Instant::now() + Duration::from_millis(50))
            .await
            .unwrap(),
        None
    );
    watcher.logout().await.unwrap();
}
