//! State history, protocol logs, locks, and listings of many accounts.

use std::time::{Duration, Instant};

use posthouse_model::account::AccountError;
use posthouse_model::{AccountId, AccountState};
use posthouse_store::accounts::{self, StateFilter};
use posthouse_store::{Batch, Paging, Store, account_logs, account_states, locks, params};

use crate::accounts::{config, register};
use crate::support::{Fresh, number};

both!(
    history_keeps_the_newest_transitions,
    history_belongs_to_the_epoch,
    logs_keep_the_newest_lines,
    logs_of_a_deleted_account_are_not_written,
    a_lock_has_one_holder,
    both_error_states_are_listed_together,
    ten_thousand_accounts_are_listed_in_time,
);

fn refused(text: &str) -> AccountError {
    AccountError {
        response: text.to_owned(),
        server_response_code: "AUTHENTICATIONFAILED".to_owned(),
        ..AccountError::default()
    }
}

async fn enter(
    store: &Store,
    account: &AccountId,
    epoch: i64,
    state: AccountState,
    error: Option<&AccountError>,
) {
    let mut batch = Batch::new();
    accounts::set_state(&mut batch, account, epoch, state, error, store.now());
    store.commit(batch).await.unwrap();
}

async fn history_keeps_the_newest_transitions(fresh: &Fresh) {
    let store = &fresh.store;
    let account = register(store, "ann", &config("", "a@b"), "node").await;
    enter(store, &account, 1, AccountState::Connecting, None).await;
    let error = refused("No\0 such user");
    for _ in 0..3 {
        // The same failure again is no news.
        enter(
            store,
            &account,
            1,
            AccountState::AuthenticationError,
            Some(&error),
        )
        .await;
    }
    let history = account_states::list(store, &account, 10).await.unwrap();
    let states: Vec<_> = history
        .iter()
        .map(|entry| (entry.seq, entry.state))
        .collect();
    assert_eq!(
        states,
        [
            (3, AccountState::AuthenticationError),
            (2, AccountState::Connecting),
            (1, AccountState::Init)
        ]
    );
    assert_eq!(history[0].code, "AUTHENTICATIONFAILED");
    assert_eq!(history[0].reason, "No  such user");
    assert!(history[1].reason.is_empty());

    for at in 0..150 {
        let state = if at % 2 == 0 {
            AccountState::Connecting
        } else {
            AccountState::Connected
        };
        enter(store, &account, 1, state, None).await;
    }
    let history = account_states::list(store, &account, 1000).await.unwrap();
    assert_eq!(history.len(), 100);
    assert_eq!((history[0].seq, history[99].seq), (153, 54));
}

async fn history_belongs_to_the_epoch(fresh: &Fresh) {
    let store = &fresh.store;
    let account = register(store, "ann", &config("", "a@b"), "node").await;
    let mut batch = Batch::new();
    accounts::interrupt(&mut batch, &account);
    store.commit(batch).await.unwrap();
    enter(store, &account, 1, AccountState::Connected, None).await;
    let found = accounts::get(store, &account).await.unwrap().unwrap();
    assert_eq!(found.account.state, AccountState::Init, "the former epoch");
    assert_eq!(
        account_states::list(store, &account, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

async fn write(store: &Store, account: &AccountId, lines: std::ops::Range<u32>, keep: u32) {
    let lines: Vec<_> = lines.map(|line| format!("{{\"n\":{line}}}")).collect();
    let mut batch = Batch::new();
    account_logs::append(&mut batch, account, &lines, keep);
    store.commit(batch).await.unwrap();
}

async fn logs_keep_the_newest_lines(fresh: &Fresh) {
    let store = &fresh.store;
    let account = register(store, "ann", &config("", "a@b"), "node").await;
    assert!(
        account_logs::tail(store, &account, 5)
            .await
            .unwrap()
            .is_empty()
    );
    for at in 0..60 {
        write(store, &account, at * 3..at * 3 + 3, 100).await;
    }
    let lines = account_logs::tail(store, &account, 100).await.unwrap();
    assert_eq!(lines.len(), 100);
    assert_eq!(
        (lines[0].as_str(), lines[99].as_str()),
        ("{\"n\":80}", "{\"n\":179}")
    );
    let lines = account_logs::tail(store, &account, 4).await.unwrap();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], "{\"n\":176}");
    let rows = number(store, "SELECT COUNT(*) FROM account_logs").await;
    assert!((34..=35).contains(&rows), "{rows}");
    // Two writers at once.
    tokio::join!(
        write(store, &account, 0..50, 1000),
        write(store, &account, 0..50, 1000)
    );
    assert!(
        account_logs::tail(store, &account, 1000)
            .await
            .unwrap()
            .len()
            >= 200
    );
    write(store, &account, 0..5, 0).await;
    assert!(
        account_logs::tail(store, &account, 5)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn logs_of_a_deleted_account_are_not_written(fresh: &Fresh) {
    write(&fresh.store, &AccountId::new("gone"), 0..5, 10).await;
    assert_eq!(
        number(&fresh.store, "SELECT COUNT(*) FROM account_logs").await,
        0
    );
}

async fn a_lock_has_one_holder(fresh: &Fresh) {
    let (store, other) = (&fresh.store, &fresh.again().await);
    let until = |seconds| store.now().after(Duration::from_secs(seconds));
    assert!(locks::take(store, "flush", "a", until(60)).await.unwrap());
    assert!(!locks::take(other, "flush", "b", until(60)).await.unwrap());
    assert!(locks::take(other, "another", "b", until(60)).await.unwrap());
    let release = async |owner| {
        let mut batch = Batch::new();
        locks::release(&mut batch, "flush", owner);
        store.commit(batch).await.unwrap();
    };
    release("b").await;
    assert!(!locks::take(other, "flush", "b", until(60)).await.unwrap());
    release("a").await;
    assert!(locks::take(other, "flush", "b", store.now()).await.unwrap());
    // Its time is up.
    assert!(locks::take(store, "flush", "a", until(60)).await.unwrap());
}

async fn both_error_states_are_listed_together(fresh: &Fresh) {
    let store = &fresh.store;
    for (id, state) in [
        ("a", AccountState::AuthenticationError),
        ("b", AccountState::Connected),
        ("c", AccountState::ConnectError),
        ("d", AccountState::ConnectError),
    ] {
        let account = register(
            store,
            id,
            &config("N", &format!("{id}@example.com")),
            "node",
        )
        .await;
        enter(store, &account, 1, state, None).await;
    }
    let mut batch = Batch::new();
    accounts::interrupt(&mut batch, &AccountId::new("d"));
    accounts::count(&mut batch, &AccountId::new("c"), "messageNew", 4);
    accounts::count(&mut batch, &AccountId::new("c"), "messageDeleted", 1);
    accounts::count(&mut batch, &AccountId::new("a"), "messageNew", 2);
    store.commit(batch).await.unwrap();
    let list = async |state: StateFilter, query: Option<&'static str>| {
        let paging = Paging { page: 0, size: 10 };
        let page = accounts::list(store, state, query, paging).await.unwrap();
        let found = page.items.into_iter().map(|item| {
            let sum: u64 = item.account.counters.values().sum();
            (item.account.id.to_string(), sum)
        });
        (page.total, found.collect::<Vec<_>>())
    };
    let expected = vec![("a".to_owned(), 2), ("c".to_owned(), 5)];
    assert_eq!(list(StateFilter::Errors, None).await, (2, expected));
    let expected = vec![("c".to_owned(), 5)];
    assert_eq!(list(StateFilter::Errors, Some("C@")).await, (1, expected));
    let expected = vec![("d".to_owned(), 0)];
    assert_eq!(
        list(StateFilter::Only(AccountState::Init), None).await,
        (1, expected)
    );
    assert_eq!(list(StateFilter::Any, None).await.0, 4);
}

/// Not a figure for a quiet machine: other tests run beside. The console's limit is 10 ms.
async fn ten_thousand_accounts_are_listed_in_time(fresh: &Fresh) {
    let store = &fresh.store;
    let template = register(
        store,
        "template",
        &config("Template", "t@example.com"),
        "node",
    )
    .await;
    let mut batch = Batch::new();
    for at in 0..10_000 {
        let state = [
            "connected",
            "authenticationError",
            "connectError",
            "syncing",
        ][at % 4];
        batch.push(
            "INSERT INTO accounts (account, search, state, state_epoch, owner, epoch, version, config, status, \
             created, updated) SELECT $1, $2, $3, epoch, owner, epoch, version, $4, $5, created, updated \
             FROM accounts WHERE account='template'",
            params![
                format!("account-{at:05}"),
                format!("account-{at:05}\u{1f}person {at}\u{1f}person.{at}@example.com"),
                if at % 100 == 0 { state } else { "connected" },
                vec![0_u8; 900],
                "x".repeat(300)
            ],
        );
        batch.push(
            "INSERT INTO account_counters (account, name, value) VALUES ($1, 'messageNew', 5)",
            params![format!("account-{at:05}")],
        );
        if at % 500 == 499 {
            store.commit(std::mem::take(&mut batch)).await.unwrap();
        }
    }
    // Only rows of the page are opened, and these would not open.
    let mut batch = Batch::new();
    batch.push("DELETE FROM accounts WHERE account=$1", params![&template]);
    store.commit(batch).await.unwrap();
    for id in ["zz-1", "zz-2"] {
        register(store, id, &config("Zoe", "zoe@example.org"), "node").await;
    }
    let mut slowest = Duration::ZERO;
    for (state, query, page, total) in [
        (StateFilter::Any, None, 5_000, 10_002),
        (StateFilter::Any, Some("zoe@"), 0, 2),
        (StateFilter::Only(AccountState::Init), None, 0, 2),
        (StateFilter::Errors, Some("nobody"), 0, 0),
        (StateFilter::Any, Some("nobody"), 0, 0),
    ] {
        let paging = Paging { page, size: 2 };
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let started = Instant::now();
            let found = accounts::list(store, state, query, paging).await.unwrap();
            best = best.min(started.elapsed());
            assert_eq!(found.total, total, "{state:?} {query:?}");
        }
        println!(
            "{:?}: {state:?} {query:?} page {page}: {best:?}",
            store.dialect()
        );
        slowest = slowest.max(best);
    }
    let started = Instant::now();
    accounts::counts(store).await.unwrap();
    println!("{:?}: counts {:?}", store.dialect(), started.elapsed());
    assert!(slowest < Duration::from_millis(60), "{slowest:?}");
}
