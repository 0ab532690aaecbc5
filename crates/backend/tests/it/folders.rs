//! Listing folders.

use posthouse_backend::{BackendError, Mailbox};
use posthouse_model::mailbox::{SpecialUse, SpecialUseSource};
use posthouse_testkit::{ImapClient, unique_user};

use crate::support::{config, mailbox, mailbox_of, page, simple};

#[tokio::test]
async fn folders_with_counters() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.command("CREATE \"Work/M&APw-ll\"").await;
    client.append("INBOX", "", &simple("one")).await;
    client.append("INBOX", "\\Seen", &simple("two")).await;
    let mailbox = mailbox(&user);
    let folders = mailbox.list_mailboxes(true).await.unwrap();
    let inbox = &folders[0];
    assert_eq!(
        (inbox.path.as_str(), inbox.special_use),
        ("INBOX", Some(SpecialUse::Inbox))
    );
    let status = inbox.status.unwrap();
    assert_eq!(
        (status.messages, status.unseen, inbox.uid_next),
        (2, 1, Some(3))
    );
    let paths: Vec<_> = folders.iter().map(|folder| folder.path.as_str()).collect();
    assert_eq!(
        &paths[..6],
        ["INBOX", "Sent", "Drafts", "Archive", "Junk", "Trash"]
    );
    let deep = folders
        .iter()
        .find(|folder| folder.path == "Work/Müll")
        .unwrap();
    assert_eq!(
        (deep.name.as_str(), deep.parent_path.as_deref()),
        ("Müll", Some("Work"))
    );
    assert!(folders[1].subscribed);
    assert_eq!(
        folders[1].special_use_source,
        Some(SpecialUseSource::Extension)
    );
    let plain = mailbox.list_mailboxes(false).await.unwrap();
    assert!(plain.iter().all(|folder| folder.status.is_none()));
}

#[tokio::test]
async fn aliases_reach_the_special_folders() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.append("Sent", "", &simple("sent")).await;
    client.command("CREATE Elsewhere").await;
    client.append("Elsewhere", "", &simple("a")).await;
    client.append("Elsewhere", "", &simple("b")).await;
    let total = async |mailbox: &posthouse_backend::imap::ImapMailbox, path: &str| {
        mailbox
            .list_messages(&page(path, 0, 10))
            .await
            .map(|page| page.total)
    };
    let mailbox = mailbox(&user);
    assert_eq!(total(&mailbox, "\\Sent").await.unwrap(), 1);
    assert_eq!(total(&mailbox, "inbox").await.unwrap(), 0);
    assert_eq!(total(&mailbox, "\\Inbox").await.unwrap(), 0);
    assert_eq!(
        total(&mailbox, "\\All").await,
        Err(BackendError::folder_not_found())
    );
    // The last two are wildcards to LIST.
    for path in ["Nowhere", "*", "Sen%"] {
        assert_eq!(
            total(&mailbox, path).await,
            Err(BackendError::folder_not_found()),
            "{path}"
        );
    }
    let mut config = config(&user);
    config.imap.as_mut().unwrap().sent_mail_path = Some("Elsewhere".to_owned());
    let mailbox = mailbox_of(config);
    assert_eq!(total(&mailbox, "\\Sent").await.unwrap(), 2);
    let folders = mailbox.list_mailboxes(false).await.unwrap();
    let sent: Vec<_> = folders
        .iter()
        .filter(|f| f.special_use == Some(SpecialUse::Sent))
        .collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].special_use_source, Some(SpecialUseSource::User));
}

#[tokio::test]
async fn shared_folders_are_listed_and_read() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    // A namespace that the server leaves out of a plain LIST.
    client.command("CREATE \"#shared/Team/R&AOQ-te\"").await;
    client
        .append("#shared/Team/R&AOQ-te", "", &simple("shared"))
        .await;
    let mailbox = mailbox(&user);
    let folders = mailbox.list_mailboxes(true).await.unwrap();
    let path = "#shared/Team/Räte";
    let shared = folders.iter().find(|folder| folder.path == path).unwrap();
    assert_eq!(shared.messages, Some(1));
    assert_eq!(shared.parent_path.as_deref(), Some("#shared/Team"));
    let page = mailbox.list_messages(&page(path, 0, 10)).await.unwrap();
    assert_eq!(page.messages[0].subject.as_deref(), Some("shared"));
}
