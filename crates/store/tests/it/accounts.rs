use std::collections::BTreeMap;

use posthouse_model::account::{AccountConfig, AccountStatus, ImapConfig, ServerAuth};
use posthouse_model::{AccountId, AccountState, Secret};
use posthouse_store::accounts::{self, StoredAccount};
use posthouse_store::{Batch, BatchError, Page, Paging, Store, account_logs, mailboxes, params};

use crate::support::{Fresh, number};

both!(
    account_round_trip,
    concurrent_changes_do_not_overwrite,
    state_belongs_to_its_epoch,
    listing,
    takeover_and_lease,
    delete_takes_all_along,
);

pub fn config(name: &str, email: &str) -> AccountConfig {
    AccountConfig {
        name: name.to_owned(),
        email: Some(email.to_owned()),
        imap: Some(ImapConfig {
            auth: Some(ServerAuth {
                user: "u".to_owned(),
                pass: Some(Secret::new("hunter2")),
                access_token: None,
            }),
            host: Some("imap.example.com".to_owned()),
            ..ImapConfig::default()
        }),
        ..AccountConfig::default()
    }
}

pub async fn register(store: &Store, id: &str, config: &AccountConfig, owner: &str) -> AccountId {
    let account = AccountId::new(id);
    let mut batch = Batch::new();
    accounts::insert(
        store,
        &mut batch,
        &account,
        config,
        &AccountStatus::default(),
        AccountState::Init,
        Some(owner),
    )
    .unwrap();
    store.commit(batch).await.unwrap();
    account
}

async fn get(store: &Store, account: &AccountId) -> StoredAccount {
    accounts::get(store, account).await.unwrap().unwrap()
}

async fn account_round_trip(fresh: &Fresh) {
    let store = &fresh.store;
    let wanted = config("Ann", "ann@example.com");
    let account = register(store, "ann", &wanted, "node").await;
    let mut batch = Batch::new();
    let status = AccountStatus {
        initialized: true,
        ..AccountStatus::default()
    };
    accounts::set_status(&mut batch, &account, &status).unwrap();
    accounts::set_state(
        &mut batch,
        &account,
        1,
        AccountState::Connected,
        None,
        store.now(),
    );
    accounts::count(&mut batch, &account, "messageNew", 2);
    accounts::count(&mut batch, &account, "messageNew", 3);
    accounts::set_cursor(&mut batch, &account, Some("h1"));
    store.commit(batch).await.unwrap();
    let found = get(store, &account).await;
    assert_eq!(found.account.config, wanted);
    assert_eq!(found.account.status, status);
    assert_eq!(found.account.state, AccountState::Connected);
    assert_eq!(
        found.account.counters,
        BTreeMap::from([("messageNew".to_owned(), 5)])
    );
    assert_eq!(
        (found.owner.as_deref(), found.epoch, found.version),
        (Some("node"), 1, 1)
    );
    assert_eq!(
        accounts::cursor(store, &account).await.unwrap().as_deref(),
        Some("h1")
    );
    assert!(accounts::exists(store, &account).await.unwrap());
    assert!(accounts::updated(store, &account).await.unwrap().is_some());
    let row = store
        .query_one("SELECT config, status FROM accounts", params![])
        .await
        .unwrap()
        .unwrap();
    assert!(
        !row.blob(0)
            .unwrap()
            .windows(7)
            .any(|part| part == b"hunter2")
    );

    let mut batch = Batch::new();
    accounts::insert(
        store,
        &mut batch,
        &account,
        &wanted,
        &status,
        AccountState::Init,
        None,
    )
    .unwrap();
    let error = store.commit(batch).await.unwrap_err();
    assert!(matches!(error, BatchError::Constraint { .. }), "{error}");
}

async fn concurrent_changes_do_not_overwrite(fresh: &Fresh) {
    let store = &fresh.store;
    let account = register(store, "ann", &config("0", "a@b"), "node").await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, account) = (store.clone(), account.clone());
            tokio::spawn(async move {
                for _ in 0..5 {
                    loop {
                        let found = get(&store, &account).await;
                        let mut config = found.account.config;
                        config.name = (config.name.parse::<u32>().unwrap() + 1).to_string();
                        let mut batch = Batch::new();
                        accounts::update_config(
                            &store,
                            &mut batch,
                            &account,
                            found.version,
                            &config,
                        )
                        .unwrap();
                        match store.commit(batch).await {
                            Ok(_) => break,
                            Err(error) => {
                                assert!(error.is_guard(accounts::VERSION_GUARD), "{error}");
                            }
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(get(store, &account).await.account.config.name, "40");
}

async fn state_belongs_to_its_epoch(fresh: &Fresh) {
    let store = &fresh.store;
    let account = register(store, "ann", &config("", "a@b"), "node").await;
    let sending = register(store, "send", &config("", "a@b"), "node").await;
    let mut batch = Batch::new();
    accounts::set_state(
        &mut batch,
        &account,
        1,
        AccountState::Connected,
        None,
        store.now(),
    );
    accounts::set_state(
        &mut batch,
        &sending,
        1,
        AccountState::Unset,
        None,
        store.now(),
    );
    store.commit(batch).await.unwrap();
    let mut batch = Batch::new();
    accounts::take_over_all(&mut batch, "next run");
    // The former owner is too late.
    accounts::set_state(
        &mut batch,
        &account,
        1,
        AccountState::ConnectError,
        None,
        store.now(),
    );
    store.commit(batch).await.unwrap();
    assert_eq!(get(store, &account).await.account.state, AccountState::Init);
    assert_eq!(
        get(store, &sending).await.account.state,
        AccountState::Unset
    );
    assert_eq!(
        accounts::counts(store).await.unwrap(),
        BTreeMap::from([(AccountState::Init, 1), (AccountState::Unset, 1)])
    );
}

fn ids(page: &Page<StoredAccount>) -> Vec<&str> {
    page.items
        .iter()
        .map(|item| item.account.id.as_str())
        .collect()
}

async fn listing(fresh: &Fresh) {
    let store = &fresh.store;
    for (id, name, email) in [
        ("b", "Bob", "bob@example.com"),
        ("B2", "Ärzte", "b2@example.com"),
        ("a_1", "50% off", "x@example.com"),
        ("a-1", "Ann", "ANN@Example.org"),
        ("é", "", "e@example.com"),
    ] {
        register(store, id, &config(name, email), "node").await;
    }
    let mut batch = Batch::new();
    accounts::set_state(
        &mut batch,
        &AccountId::new("b"),
        1,
        AccountState::Connected,
        None,
        store.now(),
    );
    store.commit(batch).await.unwrap();
    let list = async |state, query, page, size| {
        accounts::list(store, state, query, Paging { page, size })
            .await
            .unwrap()
    };
    let all = list(None, None, 0, 10).await;
    assert_eq!(all.total, 5);
    assert_eq!(
        ids(&all),
        ["B2", "a-1", "a_1", "b", "é"],
        "ordered by bytes"
    );
    let second = list(None, None, 1, 2).await;
    assert_eq!((second.total, ids(&second)), (5, vec!["a_1", "b"]));
    for (query, found) in [
        ("ann", vec!["a-1"]),
        ("EXAMPLE.ORG", vec!["a-1"]),
        ("50%", vec!["a_1"]),
        ("a_", vec!["a_1"]),
        ("%", vec!["a_1"]),
        ("\\", vec![]),
        ("Ärz", vec!["B2"]),
        ("b2@", vec!["B2"]),
    ] {
        assert_eq!(ids(&list(None, Some(query), 0, 10).await), found, "{query}");
    }
    let connected = list(Some(AccountState::Connected), None, 0, 10).await;
    assert_eq!((connected.total, ids(&connected)), (1, vec!["b"]));
    let owned = accounts::owned(store, "node", Some(&AccountId::new("a-1")), 2)
        .await
        .unwrap();
    assert_eq!(owned.len(), 2);
    assert_eq!(owned[0].account.id.as_str(), "a_1");
}

async fn takeover_and_lease(fresh: &Fresh) {
    let store = &fresh.store;
    let account = register(store, "ann", &config("", "a@b"), "first").await;
    let mut batch = Batch::new();
    let one = accounts::take_over(&mut batch, &account, "second", 1);
    let two = accounts::take_over(&mut batch, &account, "third", 1);
    let committed = store.commit(batch).await.unwrap();
    assert_eq!(committed.row(one).unwrap().i64(0).unwrap(), 2);
    assert!(committed.rows(two).is_empty());
    for (owner, epoch, holds) in [
        ("first", 1, false),
        ("first", 2, false),
        ("second", 1, false),
        ("second", 2, true),
    ] {
        let mut batch = Batch::new();
        batch.guard_lease("ann", owner, epoch);
        match store.commit(batch).await {
            Ok(_) => assert!(holds),
            Err(error) => assert!(!holds && error.is_guard("lease")),
        }
    }
}

async fn delete_takes_all_along(fresh: &Fresh) {
    let store = &fresh.store;
    let account = register(store, "ann", &config("", "a@b"), "node").await;
    register(store, "other", &config("", "a@b"), "node").await;
    let mut batch = Batch::new();
    mailboxes::register(&mut batch, &account, "INBOX", 7);
    accounts::count(&mut batch, &account, "x", 1);
    account_logs::append(&mut batch, &account, &["{}".to_owned()], 10);
    batch.push(
        "INSERT INTO index_chunks (account, mailbox, chunk, key, bitmap) VALUES ('ann', 1, 0, 'uid', $1)",
        params![vec![0_u8; 4]],
    );
    batch.push(
        "INSERT INTO identities (account, mailbox, low, data) VALUES ('ann', 1, 1, $1)",
        params![vec![0_u8; 4]],
    );
    store.commit(batch).await.unwrap();
    let mut batch = Batch::new();
    let deleted = accounts::delete(&mut batch, &account);
    let again = accounts::delete(&mut batch, &account);
    let committed = store.commit(batch).await.unwrap();
    assert_eq!(
        (committed.affected(deleted), committed.affected(again)),
        (1, 0)
    );
    for table in [
        "SELECT COUNT(*) FROM mailboxes",
        "SELECT COUNT(*) FROM account_counters",
        "SELECT COUNT(*) FROM index_chunks",
        "SELECT COUNT(*) FROM identities",
        "SELECT COUNT(*) FROM account_states WHERE account='ann'",
        "SELECT COUNT(*) FROM account_logs",
    ] {
        assert_eq!(number(store, table).await, 0, "{table}");
    }
    assert_eq!(number(store, "SELECT COUNT(*) FROM accounts").await, 1);
}
