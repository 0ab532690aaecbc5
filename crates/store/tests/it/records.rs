//! Settings, sessions, counters, rate limits, nodes, housekeeping.

use std::collections::BTreeMap;
use std::time::Duration;

use posthouse_model::Timestamp;
use posthouse_store::generation::{self, Generation};
use posthouse_store::{
    Batch, Database, nodes, params, rates,
    sessions::{self, Stored},
    settings, stats, upkeep,
};
use serde_json::json;

use crate::support::{Fresh, number};

both!(
    settings_round_trip,
    sessions_are_listed_and_bounded_by_their_owner,
    sessions_expire,
    counters_add_up,
    rate_counts_for_all,
    node_rows,
    housekeeping,
    clock
);

async fn settings_round_trip(fresh: &Fresh) {
    let store = &fresh.store;
    let mut batch = Batch::new();
    settings::set(store, &mut batch, "a", &json!({"x": [1, null, "ä"]}), false).unwrap();
    settings::set(store, &mut batch, "b", &json!("secret"), true).unwrap();
    settings::set_absent(store, &mut batch, "a", &json!(1), false).unwrap();
    settings::set_absent(store, &mut batch, "c", &json!(null), true).unwrap();
    store.commit(batch).await.unwrap();
    let wanted = BTreeMap::from([
        ("a".to_owned(), json!({"x": [1, null, "ä"]})),
        ("b".to_owned(), json!("secret")),
        ("c".to_owned(), json!(null)),
    ]);
    assert_eq!(settings::all(store).await.unwrap(), wanted);
    let mut batch = Batch::new();
    settings::set(store, &mut batch, "b", &json!("open now"), false).unwrap();
    settings::delete(&mut batch, "a");
    store.commit(batch).await.unwrap();
    assert_eq!(settings::get(store, "a").await.unwrap(), None);
    assert_eq!(
        settings::get(store, "b").await.unwrap(),
        Some(json!("open now"))
    );
    assert!(generation::read(store).await.unwrap()[&Generation::Settings] >= 6);
}

async fn sessions_expire(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let minute = Duration::from_secs(60);
    let mut batch = Batch::new();
    sessions::put(
        &mut batch,
        "s",
        Some("admin"),
        &json!({"user": "admin"}),
        now,
        now.after(minute),
    )
    .unwrap();
    sessions::put(&mut batch, "old", None, &json!({}), now, now).unwrap();
    store.commit(batch).await.unwrap();
    let get = async |id: &str, at| {
        sessions::get::<serde_json::Value>(store, id, at)
            .await
            .unwrap()
    };
    assert_eq!(
        get("s", now).await,
        Some(Stored {
            id: "s".to_owned(),
            data: json!({"user": "admin"}),
            expires: now.after(minute),
            seen: now,
        })
    );
    assert_eq!(get("old", now).await, None);
    assert_eq!(get("s", now.after(minute)).await, None);
    let mut batch = Batch::new();
    let touched = sessions::touch(
        &mut batch,
        "s",
        now.after(minute / 2),
        now.after(minute * 2),
    );
    let absent = sessions::touch(&mut batch, "none", now, now);
    let committed = store.commit(batch).await.unwrap();
    assert_eq!(
        (committed.affected(touched), committed.affected(absent)),
        (1, 0)
    );
    let later = get("s", now.after(minute)).await.unwrap();
    assert_eq!(later.seen, now.after(minute / 2));
    let mut batch = Batch::new();
    sessions::sweep(&mut batch, now);
    store.commit(batch).await.unwrap();
    assert_eq!(number(store, "SELECT COUNT(*) FROM sessions").await, 1);
    let mut batch = Batch::new();
    let deleted = sessions::delete(&mut batch, "s");
    sessions::delete_all(&mut batch);
    assert_eq!(store.commit(batch).await.unwrap().affected(deleted), 1);
    assert_eq!(get("s", now).await, None);
}

async fn sessions_are_listed_and_bounded_by_their_owner(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let minute = Duration::from_secs(60);
    let mut batch = Batch::new();
    for (number, owner) in [Some("ann"), Some("ann"), None, Some("bob"), Some("ann")]
        .into_iter()
        .enumerate()
    {
        let id = format!("s{number}");
        let seen = now.after(minute * u32::try_from(number).unwrap());
        sessions::put(
            &mut batch,
            &id,
            owner,
            &json!({}),
            seen,
            now.after(minute * 60),
        )
        .unwrap();
    }
    sessions::put(&mut batch, "over", Some("ann"), &json!({}), now, now).unwrap();
    store.commit(batch).await.unwrap();
    let list = async |owner: &str| {
        let list = sessions::list::<serde_json::Value>(store, owner, now).await;
        let ids: Vec<_> = list.unwrap().into_iter().map(|stored| stored.id).collect();
        ids.join(" ")
    };
    assert_eq!(list("ann").await, "s4 s1 s0");
    assert_eq!(list("bob").await, "s3");
    let mut batch = Batch::new();
    sessions::keep_newest(&mut batch, "ann", 2);
    store.commit(batch).await.unwrap();
    assert_eq!(list("ann").await, "s4 s1");
    let mut batch = Batch::new();
    let deleted = sessions::delete_others(&mut batch, "ann", "s1");
    assert_eq!(store.commit(batch).await.unwrap().affected(deleted), 1);
    assert_eq!(
        (list("ann").await, list("bob").await),
        ("s1".to_owned(), "s3".to_owned())
    );
}

async fn counters_add_up(fresh: &Fresh) {
    let store = &fresh.store;
    let now = Timestamp(1_700_000_000_000);
    let mut batch = Batch::new();
    for (key, minutes, by) in [("a", 0, 1), ("a", 0, 2), ("a", 5, 4), ("b", 20, 8)] {
        stats::add(
            &mut batch,
            key,
            now.before(Duration::from_secs(minutes * 60)),
            by,
        );
    }
    stats::add(&mut batch, "old", now.before(stats::KEPT * 2), 16);
    stats::sweep(&mut batch, now);
    store.commit(batch).await.unwrap();
    let since = async |minutes: u64| {
        stats::since(store, now.before(Duration::from_secs(minutes * 60)))
            .await
            .unwrap()
    };
    assert_eq!(since(1).await, BTreeMap::from([("a".to_owned(), 3)]));
    assert_eq!(
        since(100_000).await,
        BTreeMap::from([("a".to_owned(), 7), ("b".to_owned(), 8)])
    );
}

async fn rate_counts_for_all(fresh: &Fresh) {
    let other = fresh.again().await;
    let expires = fresh.store.now().after(Duration::from_secs(60));
    let tasks: Vec<_> = (0..40)
        .map(|at| {
            let store = if at % 2 == 0 {
                fresh.store.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move { rates::count(&store, "api:1", 7, expires).await.unwrap() })
        })
        .collect();
    let mut counts = Vec::new();
    for task in tasks {
        counts.push(task.await.unwrap());
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=40).collect::<Vec<_>>());
    assert_eq!(
        rates::count(&fresh.store, "api:1", 8, expires)
            .await
            .unwrap(),
        1
    );
}

async fn node_rows(fresh: &Fresh) {
    let store = &fresh.store;
    for data in ["1", "2"] {
        let mut batch = Batch::new();
        nodes::renew(&mut batch, "n", data);
        store.commit(batch).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all = nodes::list(store).await.unwrap();
    assert_eq!((all.len(), all[0].data.as_str()), (1, "2"));
    assert!(all[0].started < all[0].renewed);
    let mut batch = Batch::new();
    nodes::delete(&mut batch, "n");
    store.commit(batch).await.unwrap();
    assert!(nodes::list(store).await.unwrap().is_empty());
}

async fn housekeeping(fresh: &Fresh) {
    let store = &fresh.store;
    let mut batch = Batch::new();
    for at in 0..3 {
        batch.push(
            "INSERT INTO batches (id, created) VALUES ($1, $2)",
            params![format!("old {at}"), 5],
        );
    }
    store.commit(batch).await.unwrap();
    upkeep::run(store).await.unwrap();
    assert_eq!(
        number(store, "SELECT COUNT(*) FROM batches WHERE created=5").await,
        0
    );
    let remembered = number(store, "SELECT COUNT(*) FROM batches").await;
    let postgres = matches!(fresh.config.database, Database::Postgres { .. });
    assert_eq!(remembered > 0, postgres);
}

async fn clock(fresh: &Fresh) {
    let (ours, theirs) = (Timestamp::now(), fresh.store.now());
    assert!((ours.millis() - theirs.millis()).abs() < 1000);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(fresh.store.now() > theirs);
}
