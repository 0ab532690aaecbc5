//! Changed and deleted messages, folders with a connection of their own, and reading what is new.

use std::time::{Duration, Instant};

use posthouse_backend::{BackendError, Change};
use posthouse_model::message::{MessageOptions, TextType};
use posthouse_testkit::{ImapClient, unique_user};

use crate::support::{Following, config, mailbox, mailbox_of, simple};

fn words(changes: &[Change]) -> Vec<String> {
    let mut words: Vec<String> = changes
        .iter()
        .filter_map(|change| match change {
            Change::MessageNew { place, .. } => Some(format!("{} {}", place.path, place.uid?)),
            Change::MessageDeleted { place } => Some(format!("{} -{}", place.path, place.uid?)),
            Change::MessageUpdated { place, flags, .. } => {
                let flags = flags.as_ref()?;
                Some(format!(
                    "{} {} +{:?} -{:?}",
                    place.path, place.uid?, flags.added, flags.deleted
                ))
            }
            _ => None,
        })
        .collect();
    words.sort();
    words
}

#[tokio::test]
async fn flags_and_deletions_while_idle_and_while_away() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    for subject in ["a", "b", "c", "d"] {
        client.append("INBOX", "", &simple(subject)).await;
    }
    client.append("Archive", "", &simple("e")).await;
    let mailbox = mailbox(&user);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    client.command("SELECT INBOX").await;
    client.command("UID STORE 2 +FLAGS (\\Seen work)").await;
    let step = following.next().await;
    assert_eq!(
        words(&step.changes),
        ["INBOX 2 +[\"\\\\Seen\", \"work\"] -[]"]
    );
    client
        .command("UID STORE 3 +FLAGS.SILENT (\\Deleted)")
        .await;
    following.next().await;
    client.command("UID EXPUNGE 3").await;
    assert_eq!(words(&following.next().await.changes), ["INBOX -3"]);
    let state = following.state.clone();
    drop(following);
    client.command("UID STORE 2 -FLAGS (work)").await;
    client.command("UID MOVE 1 Archive").await;
    client.append("INBOX", "", &simple("f")).await;
    let mut following = Following::new(&mailbox, state);
    let mut told = following.settle().await;
    assert_eq!(
        words(&told),
        [
            "Archive 2",
            "INBOX -1",
            "INBOX 2 +[] -[\"work\"]",
            "INBOX 5"
        ]
    );
    // The message that was moved has one name in both folders.
    told.retain(
        |change| matches!(change, Change::MessageNew { place, .. } if place.path == "Archive"),
    );
    let Some(Change::MessageNew {
        origin: Some(origin),
        ..
    }) = told.first()
    else {
        panic!("no origin: {told:?}")
    };
    assert_eq!(origin.message_id.as_deref(), Some("<a@test>"));
    assert!(origin.identity.is_some());
}

#[tokio::test]
async fn a_folder_with_its_own_connection_is_heard_at_once() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.append("Archive", "", &simple("old")).await;
    let mut config = config(&user);
    config.subconnections = Some(vec!["Archive".to_owned(), "\\Sent".to_owned()]);
    let mailbox = mailbox_of(config);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    // Until both idle.
    let quiet = Duration::from_secs(1);
    while let Ok(step) = tokio::time::timeout(quiet, following.follow.next()).await {
        following.record(&step.unwrap());
    }
    for (folder, uid) in [("Archive", 2), ("Sent", 1), ("INBOX", 1), ("Archive", 3)] {
        let began = Instant::now();
        client
            .append(folder, "", &simple(&format!("{folder}{uid}")))
            .await;
        let (path, got, _) = following.new_message().await;
        assert_eq!((path.as_str(), got), (folder, uid));
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn new_messages_are_read_over_the_connection_that_found_them() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let mailbox = mailbox(&user);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    let large = "x".repeat(100_000);
    let large = [simple("large"), large.into_bytes()].concat();
    for raw in [simple("one"), large, simple("gone"), simple("two")] {
        client.append("INBOX", "", &raw).await;
    }
    client.append("Archive", "", &simple("elsewhere")).await;
    following.follow.poke();
    let mut ids = Vec::new();
    while ids.len() < 5 {
        let step = following.next().await;
        ids.extend(step.changes.into_iter().filter_map(|change| match change {
            Change::MessageNew { place, .. } => Some(place.id),
            _ => None,
        }));
    }
    client.command("SELECT INBOX").await;
    client.command("UID STORE 3 +FLAGS (\\Deleted)").await;
    client.command("EXPUNGE").await;
    let options = MessageOptions {
        text_type: TextType::All,
        max_bytes: Some(1000),
        ..MessageOptions::default()
    };
    let read = following.follow.read(&ids, &options).await.unwrap();
    let mut told: Vec<String> = read
        .iter()
        .map(|read| match read {
            Ok(message) => {
                let text = message.text.as_ref().unwrap();
                let plain = text.plain.as_deref().unwrap().trim();
                format!(
                    "{} {} {} {}",
                    message.path.as_deref().unwrap(),
                    message.subject.as_deref().unwrap(),
                    plain.len(),
                    text.has_more.unwrap()
                )
            }
            Err(BackendError::NotFound { .. }) => "gone".to_owned(),
            Err(error) => panic!("{error}"),
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "Archive elsewhere 15 false",
            "INBOX large 1000 true",
            "INBOX one 9 false",
            "INBOX two 9 false",
            "gone"
        ]
    );
    // Of the sources no more than is asked for.
    let sources = following.follow.sources(&ids, 1000).await.unwrap();
    let mut told: Vec<String> = sources
        .iter()
        .zip(&read)
        .map(|(source, read)| match (source, read) {
            (Ok(source), Ok(message)) => {
                let subject = message.subject.as_deref().unwrap();
                let whole = simple(subject);
                let part = source.get(..whole.len());
                assert!(part.is_some_and(|part| part == whole), "{subject}");
                format!("{subject} {}", source.len() - whole.len())
            }
            (Err(BackendError::NotFound { .. }), Err(_)) => "gone".to_owned(),
            (source, _) => panic!("{source:?}"),
        })
        .collect();
    told.sort();
    let left = 1000 - simple("large").len();
    let large = format!("large {left}");
    assert_eq!(told, ["elsewhere 0", "gone", &large, "one 0", "two 0"]);
    // And it goes on following.
    client.append("INBOX", "", &simple("after")).await;
    assert_eq!(following.new_message().await.1, 5);
}
