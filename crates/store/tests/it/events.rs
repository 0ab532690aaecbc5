use std::time::{Duration, Instant};

use posthouse_model::{AccountId, EventType, Timestamp};
use posthouse_store::{
    Batch, Database, Dialect, ManualClock, Store, deliveries, events,
    events::{Filter, Position, StoredEvent},
    params,
};

use crate::support::{Fresh, number};

both!(
    events_are_numbered_by_commits,
    cursors_stop_at_the_horizon,
    only_old_and_delivered_events_go,
    the_log_is_filtered,
    a_reader_who_follows_misses_nothing,
);

async fn events_are_numbered_by_commits(fresh: &Fresh) {
    let tasks: Vec<_> = (0..40)
        .map(|at| {
            let store = fresh.store.clone();
            tokio::spawn(async move {
                let account = AccountId::new(if at % 2 == 0 { "a" } else { "b" });
                let mut batch = Batch::new();
                let (id, seq) =
                    events::append(&mut batch, &account, EventType::MessageNew, "{\"a\":1}");
                if at % 5 == 0 {
                    batch.guard("never", "SELECT 1 WHERE 1=0", params![]);
                }
                let committed = store.commit(batch).await.ok()?;
                Some((account, id, committed.row(seq).unwrap().i64(0).unwrap()))
            })
        })
        .collect();
    let mut committed = Vec::new();
    for task in tasks {
        committed.extend(task.await.unwrap());
    }
    assert_eq!(committed.len(), 32);
    for (account, id, seq) in committed {
        let event = events::get(&fresh.store, &id).await.unwrap().unwrap();
        assert_eq!((event.account, event.seq), (account, seq));
        assert_eq!(event.payload, "{\"a\":1}");
    }
    for account in ["a", "b"] {
        let all = events::of_account(&fresh.store, &AccountId::new(account), 0, 100)
            .await
            .unwrap();
        let numbers: Vec<_> = all.iter().map(|event| event.seq).collect();
        assert_eq!(
            numbers,
            (1..=16).collect::<Vec<_>>(),
            "no gap by a batch that failed"
        );
        assert!(all.is_sorted_by_key(|event| event.created));
        let rest = events::of_account(&fresh.store, &AccountId::new(account), 10, 2)
            .await
            .unwrap();
        assert_eq!(
            rest.iter().map(|event| event.seq).collect::<Vec<_>>(),
            [11, 12]
        );
    }
}

async fn cursors_stop_at_the_horizon(fresh: &Fresh) {
    let store = &fresh.store;
    let all = Filter::default();
    for at in 0..9 {
        let mut batch = Batch::new();
        let account = AccountId::new(["b", "a", "c"][at % 3]);
        events::append(&mut batch, &account, EventType::MessageNew, "{}");
        store.commit(batch).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    let young = events::page(store, &all, None, 10).await.unwrap().len();
    // One writer's turn is soon over; of many nobody knows.
    let over = if store.dialect() == Dialect::Sqlite {
        9
    } else {
        0
    };
    assert_eq!(young, over);
    let mut batch = Batch::new();
    // All in one millisecond, to see that numbers keep their order even then.
    batch.push("UPDATE events SET created=1000", params![]);
    store.commit(batch).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = events::page(store, &all, after.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position());
        seen.extend(
            page.iter()
                .map(|event| format!("{}{}", event.account, event.seq)),
        );
    }
    assert_eq!(seen, ["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"]);
}

async fn only_old_and_delivered_events_go(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("a");
    let mut batch = Batch::new();
    let (waiting, _) = events::append(&mut batch, &account, EventType::MessageNew, "{}");
    deliveries::enqueue(&mut batch, &account, &waiting, "default");
    for _ in 0..3 {
        events::append(&mut batch, &account, EventType::MessageNew, "{}");
    }
    store.commit(batch).await.unwrap();
    let sweep = async |before| {
        let mut batch = Batch::new();
        let swept = events::sweep(&mut batch, before, 2);
        store.commit(batch).await.unwrap().affected(swept)
    };
    let later = store.now().after(Duration::from_secs(1));
    assert_eq!(sweep(store.now().before(Duration::from_secs(60))).await, 0);
    assert_eq!(sweep(later).await, 2);
    assert_eq!(sweep(later).await, 1);
    assert_eq!(sweep(later).await, 0);
    assert_eq!(number(store, "SELECT COUNT(*) FROM events").await, 1);
}

async fn the_log_is_filtered(fresh: &Fresh) {
    let store = &fresh.store;
    for at in 0..12i64 {
        let mut batch = Batch::new();
        let account = AccountId::new(["a", "b"][at as usize % 2]);
        let kind = [EventType::MessageNew, EventType::MessageSent][at as usize / 2 % 2];
        let (id, _) = events::append(&mut batch, &account, kind, &format!("{{\"at\":{at}}}"));
        batch.push(
            "UPDATE events SET created=$2 WHERE id=$1",
            params![id.to_string(), 1000 * (at + 1)],
        );
        store.commit(batch).await.unwrap();
    }
    let page = async |filter: Filter| {
        let mut page = events::page(store, &filter, None, 100).await.unwrap();
        assert!(page.iter().all(|event| event.payload.is_empty()));
        events::payloads(store, &mut page, u64::MAX).await.unwrap();
        page.iter()
            .map(|event| event.payload[6..].trim_end_matches('}').parse().unwrap())
            .collect::<Vec<i64>>()
    };
    let a = Filter {
        account: Some(AccountId::new("a")),
        ..Filter::default()
    };
    assert_eq!(page(a.clone()).await, [0, 2, 4, 6, 8, 10]);
    let sent = Filter {
        kind: Some(EventType::MessageSent),
        ..Filter::default()
    };
    assert_eq!(page(sent).await, [2, 3, 6, 7, 10, 11]);
    let some = Filter {
        kind: Some(EventType::MessageSent),
        since: Some(Timestamp(4000)),
        until: Some(Timestamp(11_000)),
        ..a
    };
    assert_eq!(page(some).await, [6]);
    let mut page = events::page(store, &Filter::default(), None, 100)
        .await
        .unwrap();
    events::payloads(store, &mut page, 1).await.unwrap();
    assert_eq!(page.len(), 12, "in steps of 16");
    // What is kept fits: each payload has 8 or 9 bytes.
    let since = async |bytes| events::fitting_since(store, bytes).await.unwrap();
    assert_eq!(since(1000).await, None);
    assert_eq!(since(18).await, Some(Timestamp(10_001)));
    assert_eq!(since(0).await, Some(Timestamp(12_001)));
}

/// Somebody who follows the log.
#[derive(Default)]
struct Reader {
    cursor: Option<Position>,
    read: Vec<String>,
}

impl Reader {
    /// Reads on to the end.
    async fn read_on(&mut self, store: &Store) {
        loop {
            let page = events::page(store, &Filter::default(), self.cursor.as_ref(), 7).await;
            let page = page.unwrap();
            let Some(last) = page.last().map(StoredEvent::position) else {
                return;
            };
            self.cursor = Some(last);
            let read = page.iter();
            self.read
                .extend(read.map(|event| format!("{}{}", event.account, event.seq)));
        }
    }
}

async fn append_to(store: &Store, account: &str) {
    let mut batch = Batch::new();
    let account = AccountId::new(account);
    events::append(&mut batch, &account, EventType::MessageNew, "{}");
    store.commit(batch).await.unwrap();
}

async fn a_reader_who_follows_misses_nothing(fresh: &Fresh) {
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = fresh.store.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    append_to(&store, &format!("w{writer}-")).await;
                }
            })
        })
        .collect();
    let mut reader = Reader::default();
    let ends = Instant::now() + Duration::from_secs(40);
    while reader.read.len() < 400 && Instant::now() < ends {
        reader.read_on(&fresh.store).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut from_start = Reader::default();
    from_start.read_on(&fresh.store).await;
    assert_eq!(from_start.read.len(), 400);
    assert_eq!(reader.read, from_start.read);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_committed_late_is_waited_for() {
    let fresh = crate::support::postgres().await;
    let Database::Postgres { url } = &fresh.config.database else {
        panic!("another store")
    };
    let (mut late, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let clock = ManualClock::new(Timestamp::now().after(Duration::from_secs(3600)));
    let mut config = fresh.config.clone();
    config.clock = Some(clock);
    let reading = Store::open(config).await.unwrap();
    append_to(&fresh.store, "a").await;
    let mut reader = Reader::default();
    let transaction = late.transaction().await.unwrap();
    transaction
        .batch_execute(
            "INSERT INTO events (id, account, seq, type, created, payload, size) VALUES \
             ('00000000-0000-4000-8000-000000000000', 'late', 1, 'messageNew', \
             CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT), '{}', 2)",
        )
        .await
        .unwrap();
    for _ in 0..3 {
        append_to(&fresh.store, "b").await;
    }
    reader.read_on(&reading).await;
    assert!(
        !reader.read.contains(&"b1".to_owned()),
        "read past a transaction: {:?}",
        reader.read
    );
    transaction.commit().await.unwrap();
    // Transactions of other tests are waited for, too.
    let ends = Instant::now() + Duration::from_secs(40);
    while reader.read.len() < 5 && Instant::now() < ends {
        reader.read_on(&reading).await;
    }
    assert_eq!(reader.read, ["a1", "late1", "b1", "b2", "b3"]);
}
