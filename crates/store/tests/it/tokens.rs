use std::time::Duration;

use posthouse_model::token::{TokenId, TokenLogEntry, TokenRecord, TokenUse, TokenValue};
use posthouse_model::{AccountId, Permissions, Scope, Timestamp};
use posthouse_store::generation::{self, Generation};
use posthouse_store::tokens::{self, Bound, TokenSearch, TokenSort, TokenState};
use posthouse_store::{Batch, Paging, Store, accounts, params};

use crate::support::{Fresh, number};

both!(
    token_round_trip,
    listing,
    last_use,
    audit_log,
    expired_tokens_go,
    tokens_go_with_their_account,
    searching,
    rows_of_an_older_version,
    searching_ten_thousand
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

async fn found(store: &Store, search: &TokenSearch, now: Timestamp) -> Vec<String> {
    let paging = Paging { page: 0, size: 10 };
    let page = tokens::search(store, search, now, paging).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items
        .into_iter()
        .filter_map(|token| token.record.description)
        .collect()
}

async fn searching(fresh: &Fresh) {
    let store = &fresh.store;
    let now = Timestamp(1_000_000);
    let hour = Duration::from_secs(3600);
    let mut ids = Vec::new();
    for (at, (description, account, scope, expires)) in [
        ("old", None, "api", None),
        ("soon", Some("Ann"), "metrics", Some(now.after(hour))),
        ("late", Some("Bob"), "*", Some(now.after(hour * 48))),
        ("gone", None, "imap-proxy", Some(now)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut token = record(description, account, expires);
        token.created = Timestamp(at as i64 * 10);
        token.scopes = Some(vec![scope.to_owned(), "mcp".to_owned()]);
        ids.push(token.id);
        put(store, &token).await;
    }
    let mut batch = Batch::new();
    for (id, time) in [(ids[1], 5), (ids[0], 9)] {
        let last_use = TokenUse {
            time: Timestamp(time),
            ip: "::1".parse().unwrap(),
        };
        tokens::touch(&mut batch, &[(id, last_use)]);
    }
    store.commit(batch).await.unwrap();

    let all = TokenSearch::default();
    let by_use = TokenSearch {
        sort: TokenSort::LastUse,
        ..all.clone()
    };
    let text = |text: &str| TokenSearch {
        text: text.to_owned(),
        ..all.clone()
    };
    let scope = |scope| TokenSearch {
        scope: Some(scope),
        ..all.clone()
    };
    let state = |state| TokenSearch {
        state: Some(state),
        ..all.clone()
    };
    let week = now.after(hour * 24);
    assert_eq!(
        found(store, &all, now).await,
        ["gone", "late", "soon", "old"]
    );
    assert_eq!(found(store, &by_use, now).await[..2], ["old", "soon"]);
    assert_eq!(found(store, &text("ANN"), now).await, ["soon"]);
    assert_eq!(found(store, &text("%"), now).await, [""; 0]);
    assert_eq!(
        found(store, &text(&ids[2].to_string()), now).await,
        ["late"]
    );
    assert_eq!(found(store, &scope(Scope::All), now).await, ["late"]);
    assert_eq!(found(store, &scope(Scope::ImapProxy), now).await, ["gone"]);
    assert_eq!(found(store, &scope(Scope::Mcp), now).await.len(), 4);
    for (filter, descriptions) in [
        (TokenState::Active, &["late", "soon", "old"][..]),
        (TokenState::ExpiresBefore(week), &["soon"]),
        (TokenState::Expired, &["gone"]),
        (TokenState::Unused, &["gone", "late"]),
    ] {
        assert_eq!(found(store, &state(filter), now).await, descriptions);
    }
    let both = TokenSearch {
        text: "gon".to_owned(),
        scope: Some(Scope::Mcp),
        state: Some(TokenState::Unused),
        sort: TokenSort::LastUse,
    };
    assert_eq!(found(store, &both, now).await, ["gone"]);
}

async fn rows_of_an_older_version(fresh: &Fresh) {
    let store = &fresh.store;
    let token = record("old", None, None);
    put(store, &token).await;
    let mut batch = Batch::new();
    batch.push("UPDATE tokens SET created=0, scopes=''", params![]);
    batch.push("DELETE FROM token_access", params![]);
    store.commit(batch).await.unwrap();
    let again = fresh.again().await;
    let search = TokenSearch {
        scope: Some(Scope::Api),
        state: Some(TokenState::Unused),
        ..TokenSearch::default()
    };
    assert_eq!(found(&again, &search, Timestamp(0)).await, ["old"]);
    assert_eq!(
        number(store, "SELECT created FROM tokens").await,
        token.created.millis()
    );
}

async fn searching_ten_thousand(fresh: &Fresh) {
    let store = &fresh.store;
    for part in 0..20 {
        let mut batch = Batch::new();
        for at in 0..500 {
            let number = part * 500 + at;
            let mut token = record(&format!("token {number}"), Some("some account"), None);
            token.created = Timestamp(number);
            tokens::put(&mut batch, &token).unwrap();
        }
        store.commit(batch).await.unwrap();
    }
    if matches!(store.dialect(), posthouse_store::Dialect::Postgres) {
        // What autovacuum does a minute after so many rows came.
        let mut batch = Batch::new();
        batch.push("ANALYZE tokens", params![]);
        batch.push("ANALYZE token_access", params![]);
        store.commit(batch).await.unwrap();
    }
    let base = TokenSearch::default();
    for (name, search, page) in [
        ("newest", base.clone(), 0),
        ("newest, last page", base.clone(), 499),
        (
            "by last use",
            TokenSearch {
                sort: TokenSort::LastUse,
                ..base.clone()
            },
            0,
        ),
        (
            "by text",
            TokenSearch {
                text: "token 99".to_owned(),
                ..base.clone()
            },
            0,
        ),
        (
            "by text, scope and state",
            TokenSearch {
                text: "nothing".to_owned(),
                scope: Some(Scope::Api),
                state: Some(TokenState::Active),
                sort: TokenSort::LastUse,
            },
            0,
        ),
        (
            "never used",
            TokenSearch {
                state: Some(TokenState::Unused),
                ..base
            },
            0,
        ),
    ] {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let started = std::time::Instant::now();
            let paging = Paging { page, size: 20 };
            tokens::search(store, &search, Timestamp(0), paging)
                .await
                .unwrap();
            best = best.min(started.elapsed());
        }
        println!("{:?}: {name}: {best:?} of 10,000 tokens", store.dialect());
        assert!(best < Duration::from_millis(50), "{name}: {best:?}");
    }
}
