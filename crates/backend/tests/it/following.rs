//! Following a mailbox: what arrives while idle, while away, and what happens to folders.

use std::time::{Duration, Instant};

use posthouse_backend::{BackendError, Change, Mailbox, Phase};
use posthouse_model::{Timestamp, account::PathFilter, message::MessageOptions};
use posthouse_testkit::{FaultProxy, ImapClient, Mode, imap_addr, unique_user};

use crate::{
    stub::{Rule, Stub},
    support::{Following, config, mailbox, mailbox_of, simple},
};

fn news(changes: &[Change]) -> Vec<(String, u32)> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::MessageNew { place, .. } => Some((place.path.clone(), place.uid.unwrap())),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn an_arrival_while_idle() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.append("INBOX", "", &simple("old")).await;
    let mailbox = mailbox(&user);
    let mut following = Following::new(&mailbox, vec![]);
    let first = following.next().await;
    assert_eq!(first.phase, Phase::Syncing);
    assert_eq!(first.mailboxes.as_ref().unwrap()[0].path, "INBOX");
    let mut changes = first.changes;
    changes.extend(following.settle().await);
    // Without `notifyFrom` nothing is held back, but the first sync is silent.
    assert!(news(&changes).is_empty(), "{changes:?}");
    let appeared = changes
        .iter()
        .filter(|c| matches!(c, Change::MailboxNew { .. }))
        .count();
    assert_eq!(appeared, 6);
    for uid in 2..5 {
        let begun = Instant::now();
        client
            .append("INBOX", "", &simple(&format!("new{uid}")))
            .await;
        let (path, got, id) = following.new_message().await;
        assert_eq!((path.as_str(), got), ("INBOX", uid));
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        let message = mailbox
            .message(&id, &MessageOptions::default())
            .await
            .unwrap();
        assert_eq!(message.subject, Some(format!("new{uid}")));
    }
    let inbox = following
        .state
        .iter()
        .find(|known| known.path == "INBOX")
        .unwrap();
    assert_eq!((inbox.uid_next, inbox.messages), (5, 4));
}

#[tokio::test]
async fn arrivals_while_away() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let mailbox = mailbox(&user);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    let state = following.state.clone();
    drop(following);
    client.append("INBOX", "", &simple("a")).await;
    client.append("INBOX", "", &simple("b")).await;
    client.append("Sent", "", &simple("c")).await;
    let mut following = Following::new(&mailbox, state);
    let changes = following.settle().await;
    let mut got = news(&changes);
    got.sort();
    assert_eq!(
        got,
        [("INBOX".into(), 1), ("INBOX".into(), 2), ("Sent".into(), 1)]
    );
    assert_eq!(changes.len(), 3);
    // And never again.
    let state = following.state.clone();
    let mut following = Following::new(&mailbox, state);
    assert!(following.settle().await.is_empty());
}

#[tokio::test]
async fn a_first_sync_lets_through_what_notify_from_admits() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let append = |folder: &str, millis: i64| {
        let raw = simple("x");
        let append = posthouse_model::command::Append {
            path: folder.to_owned(),
            flags: vec![],
            internal_date: Some(Timestamp(millis)),
            size: raw.len() as u64,
            unless_message_id: None,
        };
        (append, crate::support::body(raw))
    };
    let now = Timestamp::now().millis();
    let day = 86_400_000;
    let writer = mailbox(&user);
    for (folder, millis) in [
        ("INBOX", now - 90 * day),
        ("INBOX", now - 2 * day),
        ("INBOX", now - day),
        ("Sent", now - 60 * day),
        ("Sent", now - 3_600_000),
    ] {
        let (append, body) = append(folder, millis);
        writer.append(&append, body).await.unwrap();
    }
    let mut config = config(&user);
    config.notify_from = Some(Timestamp(now - 3 * day));
    let mailbox = mailbox_of(config.clone());
    let mut following = Following::new(&mailbox, vec![]);
    let mut got = news(&following.settle().await);
    got.sort();
    // What is in other folders was filed there, and is no news.
    assert_eq!(got, [("INBOX".into(), 2), ("INBOX".into(), 3)]);
    // `now`: nothing of what is there, but what comes.
    config.notify_from = Some(Timestamp::now());
    let mailbox = mailbox_of(config);
    let mut following = Following::new(&mailbox, vec![]);
    assert!(news(&following.settle().await).is_empty());
    client.append("INBOX", "", &simple("new")).await;
    assert_eq!(following.new_message().await.1, 4);
}

#[tokio::test]
async fn folders_come_go_and_are_made_anew() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client.command("CREATE Box").await;
    client.append("Box", "", &simple("a")).await;
    client.command("CREATE Leaves").await;
    let mailbox = mailbox(&user);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    client.command("DELETE Box").await;
    client.command("DELETE Leaves").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    client.command("CREATE Box").await;
    client.command("CREATE Comes").await;
    client.append("Box", "", &simple("b")).await;
    following.follow.poke();
    let mut seen = Vec::new();
    // Told of anew once what is in it was taken in.
    let anew = |change: &Change| matches!(change, Change::MailboxNew { path, .. } if path == "Box");
    while !seen.iter().any(anew) {
        let step = following.next().await;
        assert!(step.mailboxes.is_some() || step.changes.is_empty());
        seen.extend(step.changes);
    }
    assert!(seen.contains(&Change::MailboxDeleted {
        path: "Leaves".into()
    }));
    assert!(
        seen.iter()
            .any(|c| matches!(c, Change::MailboxNew { path, .. } if path == "Comes"))
    );
    let reset = seen.iter().find_map(|change| match change {
        Change::MailboxReset {
            path,
            uid_validity,
            previous,
            reason,
        } if path == "Box" => {
            assert_eq!(*reason, "uidValidityChange");
            Some((*uid_validity, *previous))
        }
        _ => None,
    });
    let (now, before) = reset.expect("a reset");
    assert!(now.is_some() && before.is_some() && now != before);
    // The new folder is followed from where it was found.
    client.append("Box", "", &simple("c")).await;
    following.follow.poke();
    assert_eq!(following.new_message().await.0, "Box");
}

#[tokio::test]
async fn polled_folders_are_found_by_the_timer() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let mut config = config(&user);
    config.imap.as_mut().unwrap().resync_delay = Some(1);
    let mailbox = mailbox_of(config);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    client.append("Drafts", "", &simple("d")).await;
    assert_eq!(following.new_message().await.0, "Drafts");
    // And back in the inbox.
    client.append("INBOX", "", &simple("i")).await;
    assert_eq!(following.new_message().await.0, "INBOX");
}

#[tokio::test]
async fn only_the_wanted_folders() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let mut config = config(&user);
    config.path = Some(PathFilter::Many(vec!["\\Sent".to_owned()]));
    let mailbox = mailbox_of(config);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    assert_eq!(following.state.len(), 1);
    client.append("INBOX", "", &simple("no")).await;
    client.append("Sent", "", &simple("yes")).await;
    assert_eq!(following.new_message().await.0, "Sent");
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let mailbox = mailbox(&user);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    for number in 1..=40u32 {
        client
            .append("INBOX", "", &simple(&format!("m{number}")))
            .await;
        let micros = u64::from(number) * 97 % 1500;
        let step =
            tokio::time::timeout(Duration::from_micros(micros), following.follow.next()).await;
        if let Ok(step) = step {
            following.record(&step.unwrap());
        }
        if number % 7 == 0 {
            following.follow.poke();
        }
    }
    let mut uids: Vec<u32> = following
        .steps
        .iter()
        .flat_map(|s| news(&s.changes))
        .map(|n| n.1)
        .collect();
    while uids.len() < 40 {
        let step = following.next().await;
        uids.extend(news(&step.changes).into_iter().map(|n| n.1));
    }
    assert_eq!(uids, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lost_connection_is_an_error_and_the_state_goes_on() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    let proxy = FaultProxy::start(imap_addr()).await;
    let mut config = config(&user);
    config.imap.as_mut().unwrap().port = Some(proxy.addr().port());
    let mailbox = mailbox_of(config);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    // In IDLE now.
    let _ = tokio::time::timeout(Duration::from_millis(200), following.follow.next()).await;
    proxy.cut_all();
    let error = tokio::time::timeout(Duration::from_secs(5), following.follow.next()).await;
    let error = error.unwrap().unwrap_err();
    assert!(
        matches!(error, BackendError::Connection { .. }),
        "{error:?}"
    );
    assert!(following.follow.next().await.is_err());
    client.append("INBOX", "", &simple("meanwhile")).await;
    let mut following = Following::new(&mailbox, following.state.clone());
    assert_eq!(news(&following.settle().await), [("INBOX".into(), 1)]);
}

#[tokio::test]
async fn a_peer_that_vanished_is_found_by_the_next_probe() {
    let proxy = FaultProxy::start(imap_addr()).await;
    let mut config = config(&unique_user());
    config.imap.as_mut().unwrap().port = Some(proxy.addr().port());
    let network = posthouse_backend::Network {
        command_timeout: Duration::from_secs(1),
        ..crate::support::network()
    };
    let mailbox = crate::support::mailbox_over(config, network);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    let _ = tokio::time::timeout(Duration::from_millis(200), following.follow.next()).await;
    proxy.set(Mode::Blackhole);
    following.follow.poke();
    let error = tokio::time::timeout(Duration::from_secs(5), following.follow.next()).await;
    let error = error.expect("an error in time").unwrap_err();
    assert!(
        matches!(&error, BackendError::Connection { code, .. } if code == "ETIMEDOUT"),
        "{error:?}"
    );
}

const LISTED: Rule = (
    "LIST",
    "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Box\r\n{tag} OK x\r\n",
);
const BOX: Rule = (
    "STATUS \"Box\"",
    "* STATUS Box (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 5)\r\n{tag} OK x\r\n",
);
const EXAMINED: Rule = ("EXAMINE", OPENED.1);
const OPENED: Rule = (
    "SELECT",
    "* 0 EXISTS\r\n* OK [UIDVALIDITY 5] x\r\n* OK [UIDNEXT 1] x\r\n{tag} OK x\r\n",
);
const STUCK: &str = "{tag} NO [SERVERBUG] Internal error\r\n";

/// Some servers refuse a folder in one session as long as it lasts, and open it in the next.
#[tokio::test]
async fn a_folder_that_one_session_refuses_is_read_in_another() {
    const GOOD: &[Rule] = &[LISTED, BOX, EXAMINED, OPENED];
    const BAD: &[Rule] = &[
        LISTED,
        ("STATUS \"Box\"", STUCK),
        ("EXAMINE \"Box\"", STUCK),
        OPENED,
    ];
    let stub = Stub::by_session(
        "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
        vec![GOOD, BAD, GOOD],
    )
    .await;
    let mut config = config("me");
    config.imap.as_mut().unwrap().port = Some(stub.port);
    let mailbox = mailbox_of(config);
    let mut following = Following::new(&mailbox, vec![]);
    following.settle().await;
    let state = std::mem::take(&mut following.state);
    assert_eq!(state.len(), 2);
    drop(following);
    let begun = stub.commands().len();
    let mut following = Following::new(&mailbox, state);
    let opened = || {
        let asked = stub.commands().split_off(begun);
        asked
            .iter()
            .filter(|line| *line == "EXAMINE \"Box\"")
            .count()
    };
    let limit = Duration::from_secs(30);
    let steps = async {
        loop {
            let step = following.follow.next().await.unwrap();
            following.record(&step);
        }
    };
    tokio::select! {
        () = steps => {}
        () = posthouse_testkit::eventually("another session", limit, || async {
            (stub.sessions() == 3 && opened() >= 3).then_some(())
        }) => {}
    }
    // Refused by STATUS, then twice by EXAMINE, at 1 and 3 seconds; the third refusal ends the session.
    assert!((3..=4).contains(&opened()), "{:?}", stub.commands());
}
