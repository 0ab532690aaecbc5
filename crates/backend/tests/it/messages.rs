//! Reading, changing and storing single messages.

use posthouse_backend::{BackendError, Mailbox};
use posthouse_model::{
    Timestamp,
    command::{Append, Targets},
    mailbox::SpecialUse,
    message::{HeaderChoice, MessageOptions, MessageUpdate, TextType, WordsUpdate},
};
use posthouse_testkit::{ImapClient, imap_messages, unique_user};

use crate::support::{body, collect, mailbox, newest, page, simple};

const MIXED: &[u8] = b"From: a@example.com\r\nTo: b@example.com\r\nBcc: c@example.com\r\nSubject: mixed\r\n\
Received: one\r\nReceived: two\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <mixed@x>\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
--c\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
gr=FC=DFe\r\nline\r\n--c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hi</p>\r\n--c--\r\n--b\r\n\
Content-Type: image/png; name=p.png\r\nContent-Disposition: attachment; filename=p.png\r\nContent-Transfer-Encoding: base64\r\n\r\n\
AAECAwQFBgcICQ==\r\n--b--\r\n";

fn one(id: &str) -> Targets {
    Targets::Message(id.to_owned())
}

fn options(text_type: TextType) -> MessageOptions {
    MessageOptions {
        text_type,
        headers: HeaderChoice::All,
        ..MessageOptions::default()
    }
}

#[tokio::test]
async fn detail() {
    let user = unique_user();
    ImapClient::login(&user)
        .await
        .append("INBOX", "", MIXED)
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    let message = mailbox.message(&id, &options(TextType::All)).await.unwrap();
    assert_eq!(message.path.as_deref(), Some("INBOX"));
    assert_eq!(message.special_use, Some(SpecialUse::Inbox));
    assert_eq!(message.message_special_use, Some(SpecialUse::Inbox));
    assert_eq!(message.bcc[0].address, "c@example.com");
    assert!(message.is_auto_reply && message.unseen);
    let headers = message.headers.unwrap();
    assert_eq!(headers["received"], serde_json::json!(["one", "two"]));
    let text = message.text.unwrap();
    assert_eq!(text.plain.as_deref(), Some("grüße\nline"));
    assert_eq!(text.html.as_deref(), Some("<p>hi</p>"));
    assert_eq!(text.has_more, Some(false));
    // The text by its own id, cut.
    let text = mailbox
        .text(&text.id.unwrap(), TextType::Plain, Some(3))
        .await
        .unwrap();
    assert_eq!(
        (text.plain.as_deref(), text.html, text.has_more),
        (Some("gr"), None, Some(true))
    );
    let named = MessageOptions {
        headers: HeaderChoice::Named(vec!["subject".to_owned(), "bad name)".to_owned()]),
        mark_as_seen: true,
        ..MessageOptions::default()
    };
    let message = mailbox.message(&id, &named).await.unwrap();
    assert_eq!(message.headers.unwrap().len(), 1);
    assert!(message.is_auto_reply);
    assert!(!message.unseen && message.flags.contains(&"\\Seen".to_owned()));
    assert!(message.text.unwrap().plain.is_none());
    assert!(
        imap_messages(&user, "INBOX").await[0]
            .flags
            .contains(&"\\Seen".to_owned())
    );
}

#[tokio::test]
async fn an_automatic_reply_shows_without_headers() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.append("INBOX", "", MIXED).await;
    let mailbox = mailbox(&user);
    let read = async |id: String| {
        let plain = MessageOptions::default();
        mailbox.message(&id, &plain).await.unwrap()
    };
    let message = read(newest(&mailbox, "INBOX").await).await;
    assert!(message.is_auto_reply && message.headers.is_none());
    client.append("INBOX", "", &simple("no reply")).await;
    let message = read(newest(&mailbox, "INBOX").await).await;
    assert!(!message.is_auto_reply && message.headers.is_none());
}

#[tokio::test]
async fn an_asked_text_type_is_always_there() {
    let user = unique_user();
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &simple("x"))
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    let text = mailbox
        .message(&id, &options(TextType::Html))
        .await
        .unwrap()
        .text
        .unwrap();
    assert_eq!((text.html.as_deref(), text.plain), (Some(""), None));
}

#[tokio::test]
async fn unknown_messages() {
    let user = unique_user();
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &simple("x"))
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    let gone = Err(BackendError::message_not_found());
    for wrong in ["zz", "AAAAAQAAAGQ", "AAAAYwAAAAE", "", "????"] {
        assert_eq!(
            mailbox.message(wrong, &options(TextType::None)).await,
            gone,
            "{wrong}"
        );
        assert!(mailbox.source(wrong).await.is_err(), "{wrong}");
        let update = MessageUpdate::default();
        assert!(
            mailbox.update(&one(wrong), &update).await.is_err(),
            "{wrong}"
        );
    }
    let mut client = ImapClient::login(&user).await;
    client.command("SELECT INBOX").await;
    client.command("STORE 1 +FLAGS (\\Deleted)").await;
    client.command("EXPUNGE").await;
    assert_eq!(mailbox.message(&id, &options(TextType::All)).await, gone);
}

#[tokio::test]
async fn an_id_does_not_survive_a_new_uidvalidity() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.command("CREATE Box").await;
    client.append("Box", "", &simple("old")).await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "Box").await;
    client.command("DELETE Box").await;
    let gone = Err(BackendError::message_not_found());
    assert_eq!(mailbox.message(&id, &options(TextType::None)).await, gone);
    // UIDVALIDITY is made of seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    client.command("CREATE Box").await;
    client.append("Box", "", &simple("new")).await;
    assert_ne!(newest(&mailbox, "Box").await, id);
    assert_eq!(mailbox.message(&id, &options(TextType::None)).await, gone);
}

#[tokio::test]
async fn sources_and_attachments() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.append("INBOX", "", MIXED).await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    let source = mailbox.source(&id).await.unwrap();
    assert_eq!(source.head.content_type, "message/rfc822");
    assert_eq!(collect(source).await, MIXED);
    let message = mailbox
        .message(&id, &options(TextType::None))
        .await
        .unwrap();
    let attachment = mailbox
        .attachment(&message.attachments[0].id)
        .await
        .unwrap();
    assert_eq!(attachment.head.content_type, "image/png");
    assert_eq!(attachment.head.filename.as_deref(), Some("p.png"));
    assert_eq!(collect(attachment).await, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // No flag was set by reading.
    assert!(
        !imap_messages(&user, "INBOX").await[0]
            .flags
            .contains(&"\\Seen".to_owned())
    );
}

#[tokio::test]
async fn a_large_source_comes_whole() {
    let user = unique_user();
    let mut raw = simple("large");
    // Exactly chunks of the sizes that are read, so that the end falls on an edge.
    let size = (64 + 128 + 256 + 512) << 10;
    while raw.len() < size {
        let line = format!("{:070}\r\n", raw.len());
        raw.extend_from_slice(line.as_bytes());
    }
    raw.truncate(size - 2);
    raw.extend_from_slice(b"\r\n");
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &raw)
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    assert!(collect(mailbox.source(&id).await.unwrap()).await == raw);
}

#[tokio::test]
async fn flags() {
    let user = unique_user();
    ImapClient::login(&user)
        .await
        .append("INBOX", "\\Draft", &simple("x"))
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    let words = |list: &[&str]| {
        Some(
            list.iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let change = |flags| MessageUpdate {
        flags: Some(flags),
        labels: Some(WordsUpdate {
            add: words(&["ignored"]),
            ..WordsUpdate::default()
        }),
    };
    let add = WordsUpdate {
        add: words(&["\\Seen", "$Mine"]),
        delete: words(&["\\Draft"]),
        set: None,
    };
    mailbox.update(&one(&id), &change(add)).await.unwrap();
    let message = mailbox
        .message(&id, &options(TextType::None))
        .await
        .unwrap();
    let mut flags = message.flags;
    flags.sort();
    assert_eq!(flags, ["$Mine", "\\Seen"]);
    let set = WordsUpdate {
        set: words(&["\\Flagged"]),
        add: words(&["\\Answered"]),
        delete: None,
    };
    mailbox.update(&one(&id), &change(set)).await.unwrap();
    let message = mailbox
        .message(&id, &options(TextType::None))
        .await
        .unwrap();
    assert_eq!(message.flags, ["\\Flagged"]);
    let bad = WordsUpdate {
        add: words(&["a b"]),
        ..WordsUpdate::default()
    };
    let error = mailbox.update(&one(&id), &change(bad)).await.unwrap_err();
    assert!(
        matches!(error, BackendError::Input { status: 400, .. }),
        "{error:?}"
    );
    // A refused change costs nobody the session.
    mailbox
        .message(&id, &options(TextType::None))
        .await
        .unwrap();
}

fn append(path: &str, raw: &[u8]) -> Append {
    Append {
        path: path.to_owned(),
        flags: vec!["\\Seen".to_owned()],
        internal_date: Some(Timestamp(1_600_000_000_000)),
        size: raw.len() as u64,
        unless_message_id: None,
    }
}

#[tokio::test]
async fn storing() {
    let user = unique_user();
    let mailbox = mailbox(&user);
    let raw = simple("stored");
    let stored = mailbox
        .append(&append("\\Sent", &raw), body(raw.clone()))
        .await
        .unwrap();
    assert_eq!((stored.path.as_str(), stored.uid), ("Sent", Some(1)));
    let id = stored.id.unwrap();
    let message = mailbox
        .message(&id, &options(TextType::None))
        .await
        .unwrap();
    assert_eq!(message.date, Some(Timestamp(1_600_000_000_000)));
    assert_eq!(message.flags, ["\\Seen"]);
    assert_eq!(collect(mailbox.source(&id).await.unwrap()).await, raw);
    // The same again, unless it is there.
    let mut again = append("\\Sent", &raw);
    again.unless_message_id = Some("<stored@test>".to_owned());
    let found = mailbox.append(&again, body(raw.clone())).await.unwrap();
    assert_eq!(found.id, Some(id));
    assert_eq!(
        mailbox
            .list_messages(&page("Sent", 0, 5))
            .await
            .unwrap()
            .total,
        1
    );
    // A special folder that is missing is made, any other is not.
    let stored = mailbox
        .append(&append("\\Junk", &raw), body(raw.clone()))
        .await
        .unwrap();
    assert_eq!(stored.path, "Junk");
    let error = mailbox
        .append(&append("Nowhere", &raw), body(raw.clone()))
        .await;
    assert_eq!(error, Err(BackendError::folder_not_found()));
    // A body that ends early stores nothing, and the next call works.
    let short = mailbox
        .append(&append("Sent", &raw), body(&b"short"[..]))
        .await;
    assert!(short.is_err());
    assert_eq!(
        mailbox
            .list_messages(&page("Sent", 0, 5))
            .await
            .unwrap()
            .total,
        1
    );
}
