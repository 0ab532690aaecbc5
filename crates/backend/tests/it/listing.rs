//! Pages of a folder.

use posthouse_backend::{BackendError, Mailbox};
use posthouse_testkit::{ImapClient, unique_user};

use crate::support::{mailbox, page, simple};

#[tokio::test]
async fn pages_from_the_newest() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    for number in 1..=7 {
        client
            .append("INBOX", "", &simple(&format!("m{number}")))
            .await;
    }
    let mailbox = mailbox(&user);
    let mut request = page("INBOX", 0, 3);
    let mut seen = Vec::new();
    for expected in [3, 3, 1] {
        let page = mailbox.list_messages(&request).await.unwrap();
        assert_eq!(
            (page.total, page.pages, page.messages.len()),
            (7, 3, expected)
        );
        seen.extend(page.messages.iter().map(|message| message.uid.unwrap()));
        assert_eq!(page.prev_page_cursor.is_some(), page.page > 0);
        request.cursor = page.next_page_cursor;
    }
    assert_eq!(request.cursor, None);
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    let beyond = mailbox.list_messages(&page("INBOX", 9, 3)).await.unwrap();
    assert!(beyond.messages.is_empty() && beyond.next_page_cursor.is_none());
    let mut wrong = page("INBOX", 0, 3);
    wrong.cursor = Some("gmail_x".to_owned());
    let error = mailbox.list_messages(&wrong).await.unwrap_err();
    assert!(matches!(
        error,
        BackendError::Input {
            status: 400,
            code: "InvalidCursorType",
            ..
        }
    ));
}

#[tokio::test]
async fn an_arrival_is_visible_at_once() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let mailbox = mailbox(&user);
    for number in 1..=5 {
        client
            .append("INBOX", "", &simple(&format!("m{number}")))
            .await;
        let page = mailbox.list_messages(&page("INBOX", 0, 20)).await.unwrap();
        assert_eq!(page.total, number);
        assert_eq!(page.messages.len() as u64, number);
    }
    client.command("SELECT INBOX").await;
    client.command("UID STORE 1:3 +FLAGS (\\Deleted)").await;
    client.command("EXPUNGE").await;
    let page = mailbox.list_messages(&page("INBOX", 0, 20)).await.unwrap();
    assert_eq!((page.total, page.messages.len()), (2, 2));
}

#[tokio::test]
async fn an_entry_shows_what_lists_show() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let raw = b"From: =?utf-8?q?J=C3=B6rg?= <j@example.com>\r\nSender: s@example.com\r\nReply-To: r@example.com\r\n\
To: team: a@example.com, B <b@example.com>;\r\nCc: c@example.com\r\nBcc: secret@example.com\r\n\
Subject: =?utf-8?b?w6RiYw==?=\r\nMessage-ID: <id@x>\r\nIn-Reply-To: <parent@x>\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n\
Content-Type: application/pdf; name=d.pdf\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";
    client.append("INBOX", "\\Flagged \\Seen", raw).await;
    let page = mailbox(&user)
        .list_messages(&page("INBOX", 0, 20))
        .await
        .unwrap();
    let entry = &page.messages[0];
    assert_eq!(entry.subject.as_deref(), Some("äbc"));
    assert_eq!(entry.from.as_ref().unwrap().name.as_deref(), Some("Jörg"));
    let to: Vec<_> = entry
        .to
        .iter()
        .map(|address| address.address.as_str())
        .collect();
    assert_eq!(to, ["", "a@example.com", "b@example.com"]);
    assert_eq!(entry.cc[0].address, "c@example.com");
    assert_eq!(entry.message_id.as_deref(), Some("<id@x>"));
    assert_eq!(entry.in_reply_to.as_deref(), Some("<parent@x>"));
    assert!(entry.flagged && !entry.unseen);
    assert_eq!(entry.size, Some(raw.len() as u64));
    assert!(
        entry.bcc.is_empty()
            && entry.sender.is_none()
            && entry.headers.is_none()
            && entry.path.is_none()
    );
    assert_eq!(entry.attachments[0].filename.as_deref(), Some("d.pdf"));
    assert!(
        entry
            .text
            .as_ref()
            .unwrap()
            .encoded_size
            .unwrap()
            .plain
            .is_some()
    );
    assert!(entry.date.is_some());
}
