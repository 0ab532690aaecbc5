use posthouse_model::AccountId;
use posthouse_model::mailbox::Mailbox;
use posthouse_store::{Batch, Store, announce, mailboxes};
use serde::{Deserialize, Serialize};

use crate::support::Fresh;

both!(numbers_are_stable, sync_state, markers);

async fn register(store: &Store, account: &AccountId, path: &str, validity: u32) -> u32 {
    let mut batch = Batch::new();
    let number = mailboxes::register(&mut batch, account, path, validity);
    store
        .commit(batch)
        .await
        .unwrap()
        .row(number)
        .unwrap()
        .count(0)
        .unwrap()
}

async fn numbers_are_stable(fresh: &Fresh) {
    let store = &fresh.store;
    let (a, b) = (AccountId::new("a"), AccountId::new("b"));
    assert_eq!(register(store, &a, "INBOX", 7).await, 1);
    assert_eq!(register(store, &a, "Sent", u32::MAX).await, 2);
    assert_eq!(register(store, &a, "INBOX", 7).await, 1);
    assert_eq!(
        register(store, &b, "INBOX", 7).await,
        1,
        "each account counts for itself"
    );
    assert_eq!(
        register(store, &a, "INBOX", 8).await,
        3,
        "a new UIDVALIDITY, a new number"
    );
    assert_eq!(register(store, &a, "INBOX", 7).await, 1);
    assert_eq!(
        mailboxes::number(store, &a, "Sent", u32::MAX)
            .await
            .unwrap(),
        Some(2)
    );
    assert_eq!(mailboxes::number(store, &a, "Sent", 1).await.unwrap(), None);
    let found = mailboxes::get(store, &a, 2).await.unwrap().unwrap();
    assert_eq!(
        (found.path.as_str(), found.uid_validity),
        ("Sent", u32::MAX)
    );
    assert!(mailboxes::get(store, &a, 9).await.unwrap().is_none());

    // Many at once.
    let tasks: Vec<_> = (0..40)
        .map(|at| {
            let (store, a) = (store.clone(), a.clone());
            tokio::spawn(async move { register(&store, &a, &format!("f{}", at % 20), 1).await })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (4..24).collect::<Vec<_>>());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sync {
    uid_next: u32,
}

async fn sync_state(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("a");
    let mut batch = Batch::new();
    mailboxes::register(&mut batch, &account, "INBOX", 7);
    mailboxes::set_sync(&mut batch, &account, "INBOX", 7, &Sync { uid_next: 5 }).unwrap();
    let folders = [Mailbox {
        path: "INBOX".to_owned(),
        name: "INBOX".to_owned(),
        ..Mailbox::default()
    }];
    mailboxes::set_listing(&mut batch, &account, &folders, store.now()).unwrap();
    store.commit(batch).await.unwrap();
    let followed = mailboxes::followed(store, &account).await.unwrap();
    assert_eq!(followed.len(), 1);
    assert_eq!(followed[0].sync().unwrap(), Some(Sync { uid_next: 5 }));
    let (listed, _) = mailboxes::listing(store, &account).await.unwrap().unwrap();
    assert_eq!(listed, folders);

    // The folder was made anew.
    let mut batch = Batch::new();
    mailboxes::register(&mut batch, &account, "INBOX", 8);
    mailboxes::set_sync(&mut batch, &account, "INBOX", 8, &Sync { uid_next: 1 }).unwrap();
    store.commit(batch).await.unwrap();
    let followed = mailboxes::followed(store, &account).await.unwrap();
    assert_eq!((followed.len(), followed[0].number), (1, 2));

    // Only what has a number can be followed.
    let mut batch = Batch::new();
    mailboxes::set_sync(&mut batch, &account, "Sent", 1, &Sync { uid_next: 1 }).unwrap();
    assert!(store.commit(batch).await.is_err());

    // Folders whose messages are still to be named.
    let unnamed = async || mailboxes::unnamed(store, &account).await.unwrap();
    assert!(unnamed().await.is_empty());
    let mut batch = Batch::new();
    mailboxes::set_unnamed(&mut batch, &account, "INBOX", 8);
    mailboxes::set_unnamed(&mut batch, &account, "INBOX", 7);
    store.commit(batch).await.unwrap();
    assert_eq!(unnamed().await, [2], "only of what is followed");
    let mut batch = Batch::new();
    mailboxes::set_named(&mut batch, &account, 2);
    store.commit(batch).await.unwrap();
    assert!(unnamed().await.is_empty());

    let mut batch = Batch::new();
    mailboxes::forget(&mut batch, &account, "INBOX");
    store.commit(batch).await.unwrap();
    assert!(
        mailboxes::followed(store, &account)
            .await
            .unwrap()
            .is_empty()
    );
    let mut batch = Batch::new();
    mailboxes::forget_all(&mut batch, &account);
    store.commit(batch).await.unwrap();
    assert_eq!(register(store, &account, "INBOX", 8).await, 2);
}

async fn markers(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("a");
    let now = store.now();
    let mut batch = Batch::new();
    for uid in ["5", "6", "5"] {
        announce::put(&mut batch, &account, 1, uid, &Sync { uid_next: 9 }, now).unwrap();
    }
    store.commit(batch).await.unwrap();
    let marks = announce::list::<Sync>(store, &account, None, 10)
        .await
        .unwrap();
    assert_eq!(marks.len(), 2);
    assert_eq!((marks[0].reference.as_str(), marks[0].mailbox), ("5", 1));
    let mut batch = Batch::new();
    announce::remove(&mut batch, &account, 1, "5");
    store.commit(batch).await.unwrap();
    let mut batch = Batch::new();
    announce::remove(&mut batch, &account, 1, "5");
    assert!(store.commit(batch).await.unwrap_err().is_guard("announce"));
    assert_eq!(
        announce::list::<Sync>(store, &account, None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}
