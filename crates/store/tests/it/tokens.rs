use std::time::Duration;

use posthouse_model::token::{TokenId, TokenLogEntry, TokenRecord, TokenUse, TokenValue};
use posthouse_model::{AccountId, Permissions, Timestamp};
use posthouse_store::generation::{self, Generation};
use posthouse_store::tokens::{self, Bound};
use posthouse_store::{Batch, Paging, Store, accounts};

use crate::support::{Fresh, number};

both!(
    token_round_trip,
    listing,
    last_use,
    audit_log,
    expired_tokens_go,
    tokens_go_with_their_account
);

fn record(description: &str, account: Option<&str>, expires: Option<Timestamp>) -> TokenRecord {
    TokenRecord {
        id: TokenValue::generate().unwrap().id(),
        created: Timestamp(1_000),
        expires,
        account: account.map(AccountId::new),
        ip: None,
        remote_address: None,
        scopes: Some(vec!["api".to_owned()]),
        description: Some(description.to_owned()),
        restrictions: None,
        permissions: Permissions::Unrestricted,
        metadata: Some("{\"a\":\"\\u0000\"}".to_owned()),
    }
}

async fn put(store: &Store, record: &TokenRecord) {
    let mut batch = Batch::new();
    tokens::put(&mut batch, record).unwrap();
    store.commit(batch).await.unwrap();
}

fn entry(time: i64, status: &str) -> TokenLogEntry {
    TokenLogEntry {
        time: Timestamp(time),
        ip: Some("::1".to_owned()),
        method: Some("get".to_owned()),
        path: Some("/v1/stats".to_owned()),
        action: None,
        group: None,
        account: None,
        status: status.to_owned(),
        reason: None,
    }
}

async fn token_round_trip(fresh: &Fresh) {
    let store = &fresh.store;
    let before = generation::read(store).await.unwrap()[&Generation::Tokens];
    let mut token = record("first", Some("ann"), None);
    put(store, &token).await;
    assert_eq!(
        tokens::get(store, &token.id).await.unwrap(),
        Some(token.clone())
    );
    token.description = Some("second".to_owned());
    put(store, &token).await;
    assert_eq!(tokens::all(store).await.unwrap(), vec![token.clone()]);
    let mut batch = Batch::new();
    let deleted = tokens::delete(&mut batch, &token.id);
    let again = tokens::delete(&mut batch, &token.id);
    let committed = store.commit(batch).await.unwrap();
    assert_eq!(
        (committed.affected(deleted), committed.affected(again)),
        (1, 0)
    );
    assert_eq!(tokens::get(store, &token.id).await.unwrap(), None);
    let after = generation::read(store).await.unwrap();
    assert_eq!(
        after[&Generation::Tokens],
        before + 4,
        "each change is noticed"
    );
    assert_eq!(after[&Generation::Settings], 0);
}

async fn listing(fresh: &Fresh) {
    let store = &fresh.store;
    let mut all = Vec::new();
    for (description, account) in [
        ("Deploy KEY", None),
        ("reader", Some("Ann")),
        ("a nul \0 in it", Some("bob")),
    ] {
        let token = record(description, account, None);
        put(store, &token).await;
        all.push(token);
    }
    let list = async |bound: Bound<'_>, query: Option<&str>, page, size| {
        let page = tokens::list(store, bound, query, Paging { page, size })
            .await
            .unwrap();
        let ids: Vec<TokenId> = page.items.iter().map(|token| token.record.id).collect();
        (page.total, ids)
    };
    let mut descending: Vec<_> = all.iter().map(|token| token.id).collect();
    descending.sort_by(|a, b| b.cmp(a));
    assert_eq!(list(Bound::Any, None, 0, 10).await, (3, descending.clone()));
    assert_eq!(
        list(Bound::Any, None, 1, 2).await,
        (3, descending[2..].to_vec())
    );
    assert_eq!(list(Bound::Free, None, 0, 10).await, (1, vec![all[0].id]));
    let ann = AccountId::new("Ann");
    assert_eq!(
        list(Bound::To(&ann), None, 0, 10).await,
        (1, vec![all[1].id])
    );
    assert_eq!(
        list(Bound::To(&AccountId::new("ann")), None, 0, 10).await.0,
        0
    );
    for (query, found) in [("key", all[0].id), ("ann", all[1].id), ("NUL", all[2].id)] {
        assert_eq!(
            list(Bound::Any, Some(query), 0, 10).await,
            (1, vec![found]),
            "{query}"
        );
    }
    let part = &all[1].id.to_string()[10..40];
    assert_eq!(
        list(Bound::Any, Some(part), 0, 10).await,
        (1, vec![all[1].id])
    );
    assert_eq!(list(Bound::Any, Some("%"), 0, 10).await.0, 0);
}

async fn last_use(fresh: &Fresh) {
    let store = &fresh.store;
    let token = record("x", None, None);
    put(store, &token).await;
    let used = |time| TokenUse {
        time: Timestamp(time),
        ip: "192.0.2.1".parse().unwrap(),
    };
    let unknown = TokenValue::generate().unwrap().id();
    for time in [5, 9, 7] {
        let mut batch = Batch::new();
        tokens::touch(&mut batch, &[(token.id, used(time)), (unknown, used(time))]);
        store.commit(batch).await.unwrap();
    }
    let page = tokens::list(store, Bound::Any, None, Paging { page: 0, size: 10 })
        .await
        .unwrap();
    assert_eq!(
        page.items[0].last_use,
        Some(used(9)),
        "an older use is not newer"
    );
    assert_eq!(number(store, "SELECT COUNT(*) FROM token_access").await, 1);
}

async fn audit_log(fresh: &Fresh) {
    let store = &fresh.store;
    let (one, other) = (record("x", None, None).id, record("y", None, None).id);
    for at in 0..10 {
        let mut batch = Batch::new();
        tokens::log(&mut batch, &one, &entry(at, "allowed"), 4).unwrap();
        tokens::log(&mut batch, &other, &entry(at, "denied"), 100).unwrap();
        store.commit(batch).await.unwrap();
    }
    let page = tokens::log_page(store, &one, Paging { page: 0, size: 3 })
        .await
        .unwrap();
    assert_eq!(page.total, 4, "capped");
    let times: Vec<_> = page.items.iter().map(|entry| entry.time.millis()).collect();
    assert_eq!(times, [9, 8, 7], "newest first");
    assert_eq!(page.items[0], entry(9, "allowed"));
    let mut batch = Batch::new();
    tokens::sweep(&mut batch, Timestamp(0), Timestamp(6));
    store.commit(batch).await.unwrap();
    let page = tokens::log_page(store, &other, Paging { page: 0, size: 100 })
        .await
        .unwrap();
    assert_eq!(page.total, 4, "aged");
}

async fn expired_tokens_go(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let gone = record("gone", None, Some(now));
    let kept = record("kept", None, Some(now.after(Duration::from_millis(1))));
    let forever = record("forever", None, None);
    for token in [&gone, &kept, &forever] {
        put(store, token).await;
        let mut batch = Batch::new();
        tokens::log(&mut batch, &token.id, &entry(now.millis(), "allowed"), 9).unwrap();
        store.commit(batch).await.unwrap();
    }
    let mut batch = Batch::new();
    tokens::sweep(&mut batch, now, Timestamp(0));
    store.commit(batch).await.unwrap();
    assert_eq!(tokens::get(store, &gone.id).await.unwrap(), None);
    assert_eq!(number(store, "SELECT COUNT(*) FROM tokens").await, 2);
    assert_eq!(number(store, "SELECT COUNT(*) FROM token_log").await, 2);
}

async fn tokens_go_with_their_account(fresh: &Fresh) {
    let store = &fresh.store;
    let ann =
        crate::accounts::register(store, "ann", &crate::accounts::config("", "a@b"), "n").await;
    let bound = record("x", Some("ann"), None);
    let root = record("y", None, None);
    put(store, &bound).await;
    put(store, &root).await;
    let mut batch = Batch::new();
    tokens::log(&mut batch, &bound.id, &entry(1, "allowed"), 9).unwrap();
    accounts::delete(&mut batch, &ann);
    store.commit(batch).await.unwrap();
    assert_eq!(tokens::all(store).await.unwrap(), vec![root]);
    assert_eq!(number(store, "SELECT COUNT(*) FROM token_log").await, 0);
}
