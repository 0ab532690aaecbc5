//! What of a message's attachments is read along with it.

use base64::prelude::{BASE64_STANDARD, Engine};
use posthouse_backend::Mailbox;
use posthouse_model::message::{MessageOptions, TextType};
use posthouse_testkit::{ImapClient, unique_user};

use crate::support::{mailbox, newest, simple};

/// A message with attachments of these bytes, in base64.
fn with_attachments(contents: &[Vec<u8>]) -> Vec<u8> {
    let mut raw = "Subject: files\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                   --b\r\nContent-Type: text/plain\r\n\r\ntext\r\n"
        .to_owned();
    for content in contents {
        raw.push_str(
            "--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n",
        );
        for line in content.chunks(57) {
            raw.push_str(&BASE64_STANDARD.encode(line));
            raw.push_str("\r\n");
        }
    }
    raw.push_str("--b--\r\n");
    raw.into_bytes()
}

#[tokio::test]
async fn contents_of_attachments() {
    let user = unique_user();
    // One that is read along, one in several pieces, one of exactly the limit and one beyond it.
    let limit = 3_000_000;
    let sizes = [10, 2_500_000, limit, limit + 1, 0];
    let contents: Vec<Vec<u8>> = sizes
        .iter()
        .map(|size| (0..*size).map(|at| (at * 7 % 251) as u8).collect())
        .collect();
    let raw = with_attachments(&contents);
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &raw)
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    let read = async |limit: Option<u64>| -> Vec<Option<Vec<u8>>> {
        let options = MessageOptions {
            attachments: limit,
            ..MessageOptions::default()
        };
        let message = mailbox.message(&id, &options).await.unwrap();
        let contents = message.attachments.into_iter();
        contents
            .map(|one| {
                one.content
                    .map(|text| BASE64_STANDARD.decode(text).unwrap())
            })
            .collect()
    };
    let within: Vec<_> = contents
        .iter()
        .map(|content| (content.len() <= limit).then(|| content.clone()))
        .collect();
    assert!(read(Some(limit as u64)).await == within);
    let all: Vec<_> = contents.iter().cloned().map(Some).collect();
    assert!(read(Some(u64::MAX)).await == all);
    assert_eq!(read(None).await, [const { None }; 5]);
}

const LETTER: &[u8] = b"Subject: letter\r\nContent-Type: multipart/related; boundary=b\r\n\r\n\
--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
<p onclick=steal()>hi <img src=\"cid:logo@x\"><img src='cid:no@x'></p><script>steal()</script>\r\n\
--b\r\nContent-Type: image/gif\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n\
R0lGODlh\r\n--b--\r\n";

#[tokio::test]
async fn html_that_a_page_may_show() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.append("INBOX", "", LETTER).await;
    let mailbox = mailbox(&user);
    let read = async |web_safe, embed_images| {
        let options = MessageOptions {
            text_type: TextType::All,
            web_safe,
            embed_images,
            ..MessageOptions::default()
        };
        let id = newest(&mailbox, "INBOX").await;
        let message = mailbox.message(&id, &options).await.unwrap();
        assert!(message.attachments.iter().all(|one| one.content.is_none()));
        let text = message.text.unwrap();
        (text.html.unwrap(), text.web_safe)
    };
    let image = "data:image/gif;base64,R0lGODlh";
    let safe = |source: &str| {
        format!(
            "<div class=\"ee-message\" style=\"contain: content; overflow: auto;\">\
             <p>hi <img src=\"{source}\"><img src=\"cid:no@x\"></p></div>"
        )
    };
    let (html, web_safe) = read(true, true).await;
    assert_eq!((html.trim_end(), web_safe), (&*safe(image), Some(true)));
    let (html, _) = read(true, false).await;
    assert_eq!(html.trim_end(), safe("cid:logo@x"));
    let (html, web_safe) = read(false, true).await;
    assert!(html.contains("onclick") && html.contains(image) && html.contains("'cid:no@x'"));
    assert_eq!(web_safe, None);
    // Plain text becomes HTML.
    client.append("INBOX", "", &simple("plain")).await;
    let (html, web_safe) = read(true, true).await;
    assert!(html.starts_with("<p>"), "{html}");
    assert_eq!(web_safe, Some(true));
}

#[tokio::test]
async fn events_of_calendar_parts() {
    let user = unique_user();
    // Twice the same, as invitations come, and another event that is a file in another charset.
    let event = |uid: &str, summary: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:{summary}\r\n\
             DTSTART:20260501T080000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    };
    let invitation = event("one", "Gr\u{fc}\u{df}e");
    let mut raw = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    let other = event("two", "Gr\u{fc}\u{df}e").replace("METHOD:REQUEST\r\n", "");
    let latin: Vec<u8> = other.chars().map(|c| c as u32 as u8).collect();
    for (head, content) in [
        (
            "text/calendar; charset=utf-8; method=REQUEST",
            invitation.as_bytes(),
        ),
        ("application/ics; name=invite.ics", invitation.as_bytes()),
        (
            "application/octet-stream; name=Plan.ICS; charset=iso-8859-1",
            &latin,
        ),
        ("text/plain", b"text"),
    ] {
        raw.extend_from_slice(
            format!("--b\r\nContent-Type: {head}\r\nContent-Transfer-Encoding: base64\r\n\r\n")
                .as_bytes(),
        );
        raw.extend_from_slice(BASE64_STANDARD.encode(content).as_bytes());
        raw.extend_from_slice(b"\r\n");
    }
    raw.extend_from_slice(b"--b--\r\n");
    ImapClient::login(&user)
        .await
        .append("INBOX", "", &raw)
        .await;
    let mailbox = mailbox(&user);
    let id = newest(&mailbox, "INBOX").await;
    let options = MessageOptions {
        calendar_events: true,
        ..MessageOptions::default()
    };
    let message = mailbox.message(&id, &options).await.unwrap();
    assert!(message.attachments.iter().all(|one| one.content.is_none()));
    let [first, second] = &message.calendar_events[..] else {
        panic!("{:?}", message.calendar_events);
    };
    assert_eq!(first.event_id.as_deref(), Some("one"));
    assert_eq!(first.attachment, message.attachments[0].id);
    assert_eq!(first.method.as_deref(), Some("REQUEST"));
    assert_eq!(
        first.start_date.as_deref(),
        Some("2026-05-01T08:00:00.000Z")
    );
    assert_eq!(first.end_date.as_deref(), Some("2026-05-01T09:00:00.000Z"));
    assert_eq!(
        (&*first.filename, &*first.content_type),
        ("invite.ics", "text/calendar")
    );
    let content = BASE64_STANDARD.decode(&first.content).unwrap();
    assert_eq!(content, invitation.as_bytes());
    assert_eq!(second.event_id.as_deref(), Some("two"));
    assert_eq!(second.summary, first.summary);
    assert_eq!((&second.method, &*second.filename), (&None, "event.ics"));
    let options = MessageOptions::default();
    let none = mailbox.message(&id, &options).await.unwrap();
    assert!(none.calendar_events.is_empty());
}
