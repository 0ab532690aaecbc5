use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use posthouse_model::{AccountId, EventType, Timestamp};
use posthouse_store::deliveries::{self, Delivery, Lane, Settled, Wait};
use posthouse_store::{Batch, Store, StoreError, events};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Fresh, number};

both!(
    lanes_keep_order,
    failing_head_holds_then_steps_aside,
    lost_lease_cannot_write,
    leases_of_a_dead_process_are_taken_away,
    workers_never_share_a_lane,
    concurrent_enqueue_wakes_the_lane,
    counts_and_sweep,
    payloads_are_read_within_bounds,
    a_lane_waits_as_long_as_it_is_told,
    what_was_delivered_can_be_repeated,
);

const LEASE: Duration = Duration::from_secs(30);

async fn enqueue(store: &Store, account: &str, endpoints: &[&str]) {
    let account = AccountId::new(account);
    let mut batch = Batch::new();
    let (event, _) = events::append(&mut batch, &account, EventType::MessageNew, "{}");
    for endpoint in endpoints {
        deliveries::enqueue(&mut batch, &account, &event, endpoint);
    }
    store.commit(batch).await.unwrap();
}

/// Just after what was queued.
fn soon(store: &Store) -> Timestamp {
    store.now().after(Duration::from_millis(500))
}

async fn claim(store: &Store, worker: &str, now: Timestamp) -> Vec<Lane> {
    deliveries::claim(store, worker, now, now.after(LEASE), 10)
        .await
        .unwrap()
}

/// What the lane has to do first.
async fn next(store: &Store, lane: &Lane, now: Timestamp) -> Result<Option<Delivery>, StoreError> {
    let due = deliveries::due(store, lane, now, 64, 1 << 20).await?;
    Ok(due.into_iter().next())
}

fn settle(batch: &mut Batch, lane: &Lane, id: &Uuid, settled: Settled) {
    deliveries::guard(batch, lane);
    let error = (settled == Settled::Failed).then(|| json!({}));
    deliveries::settle(batch, id, Timestamp(1), settled, None, error.as_ref()).unwrap();
}

async fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    store.commit(batch).await.unwrap();
}

async fn lanes_keep_order(fresh: &Fresh) {
    let store = &fresh.store;
    for _ in 0..3 {
        enqueue(store, "a", &["default", "route"]).await;
    }
    enqueue(store, "b", &["default"]).await;
    let now = soon(store);
    let lanes = claim(store, "w", now).await;
    assert_eq!(lanes.len(), 3);
    assert!(claim(store, "other", now).await.is_empty(), "leased");
    for lane in &lanes {
        let mut seen = Vec::new();
        while let Some(delivery) = next(store, lane, now).await.unwrap() {
            assert_eq!(delivery.payload, "{}");
            assert!(!delivery.retrying);
            seen.push(delivery.seq);
            commit(store, |batch| {
                settle(batch, lane, &delivery.id, Settled::Done)
            })
            .await;
        }
        assert_eq!(
            seen,
            if lane.account.as_str() == "a" {
                vec![1, 2, 3]
            } else {
                vec![1]
            }
        );
        commit(store, |batch| {
            deliveries::release(batch, lane, Timestamp(0))
        })
        .await;
    }
    assert_eq!(
        number(
            store,
            "SELECT COUNT(*) FROM deliveries WHERE state <> 'done'"
        )
        .await,
        0
    );
    assert_eq!(deliveries::next_due(store).await.unwrap(), None);
    assert!(claim(store, "w", now).await.is_empty(), "nothing left");
}

async fn failing_head_holds_then_steps_aside(fresh: &Fresh) {
    let store = &fresh.store;
    for _ in 0..2 {
        enqueue(store, "a", &["default"]).await;
    }
    let now = soon(store);
    let lane = claim(store, "w", now).await.remove(0);
    let head = next(store, &lane, now).await.unwrap().unwrap();
    let later = now.after(Duration::from_secs(5));
    let mut batch = Batch::new();
    deliveries::guard(&mut batch, &lane);
    let (why, told) = (json!({"code": 500}), json!([{ "statusCode": 500 }]));
    let settled = Settled::Retry(later, Wait::Holding);
    deliveries::settle(&mut batch, &head.id, now, settled, Some(&told), Some(&why)).unwrap();
    store.commit(batch).await.unwrap();
    assert!(
        next(store, &lane, now).await.unwrap().is_none(),
        "the head holds its lane"
    );
    commit(store, |batch| {
        deliveries::release(batch, &lane, Timestamp(0))
    })
    .await;
    assert_eq!(deliveries::next_due(store).await.unwrap(), Some(later));
    // A new event behind the head wakes the lane for nothing, once.
    enqueue(store, "a", &["default"]).await;
    let lane = claim(store, "w", now).await.remove(0);
    assert!(next(store, &lane, now).await.unwrap().is_none());
    commit(store, |batch| {
        deliveries::release(batch, &lane, Timestamp(0))
    })
    .await;
    assert!(claim(store, "w", now).await.is_empty());

    let lane = claim(store, "w", later).await.remove(0);
    let again = next(store, &lane, later).await.unwrap().unwrap();
    assert_eq!(
        (again.id, again.attempts, again.first_failed),
        (head.id, 1, Some(now))
    );
    let much_later = later.after(Duration::from_secs(60));
    let mut batch = Batch::new();
    deliveries::guard(&mut batch, &lane);
    let settled = Settled::Retry(much_later, Wait::Aside);
    deliveries::settle(&mut batch, &head.id, later, settled, None, Some(&json!({}))).unwrap();
    store.commit(batch).await.unwrap();
    for seq in [2, 3] {
        let passed = next(store, &lane, later).await.unwrap().unwrap();
        assert_eq!(passed.seq, seq);
        commit(store, |batch| {
            settle(batch, &lane, &passed.id, Settled::Done)
        })
        .await;
    }
    assert!(next(store, &lane, later).await.unwrap().is_none());
    commit(store, |batch| {
        deliveries::release(batch, &lane, Timestamp(0))
    })
    .await;
    assert_eq!(deliveries::next_due(store).await.unwrap(), Some(much_later));
    let lane = claim(store, "w", much_later).await.remove(0);
    let last = next(store, &lane, much_later).await.unwrap().unwrap();
    assert!(last.retrying);
    assert_eq!((last.attempts, last.first_failed), (2, Some(now)));
}

async fn lost_lease_cannot_write(fresh: &Fresh) {
    let store = &fresh.store;
    enqueue(store, "a", &["default"]).await;
    let now = soon(store);
    let lost = claim(store, "w1", now).await.remove(0);
    let delivery = next(store, &lost, now).await.unwrap().unwrap();
    commit(store, |batch| {
        deliveries::renew(batch, &lost, now.after(LEASE))
    })
    .await;
    let after = now.after(LEASE * 2);
    let lane = claim(store, "w2", after).await.remove(0);
    assert!(lane.fence > lost.fence);
    let fills: [&dyn Fn(&mut Batch); 4] = [
        &|batch| settle(batch, &lost, &delivery.id, Settled::Done),
        &|batch| settle(batch, &lost, &delivery.id, Settled::Failed),
        &|batch| deliveries::release(batch, &lost, Timestamp(0)),
        &|batch| deliveries::renew(batch, &lost, after),
    ];
    for fill in fills {
        let mut batch = Batch::new();
        fill(&mut batch);
        assert!(
            store
                .commit(batch)
                .await
                .unwrap_err()
                .is_guard(deliveries::LANE_GUARD)
        );
    }
    commit(store, |batch| {
        settle(batch, &lane, &delivery.id, Settled::Done)
    })
    .await;
}

async fn leases_of_a_dead_process_are_taken_away(fresh: &Fresh) {
    let store = &fresh.store;
    enqueue(store, "a", &["default"]).await;
    let now = soon(store);
    let lost = claim(store, "w1", now).await.remove(0);
    commit(store, deliveries::release_all).await;
    let lane = claim(store, "w2", now).await.remove(0);
    assert!(lane.fence > lost.fence);
    let mut batch = Batch::new();
    deliveries::release(&mut batch, &lost, Timestamp(0));
    assert!(
        store
            .commit(batch)
            .await
            .unwrap_err()
            .is_guard(deliveries::LANE_GUARD)
    );
}

async fn workers_never_share_a_lane(fresh: &Fresh) {
    let store = &fresh.store;
    for at in 0..60 {
        enqueue(store, &format!("a{at}"), &["default", "route"]).await;
    }
    let now = soon(store);
    let holders: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let tasks: Vec<_> = (0..8)
        .map(|worker| {
            let (store, holders) = (store.clone(), holders.clone());
            tokio::spawn(async move {
                let worker = format!("w{worker}");
                loop {
                    let lanes = deliveries::claim(&store, &worker, now, now.after(LEASE), 5)
                        .await
                        .unwrap();
                    if lanes.is_empty() {
                        break;
                    }
                    for lane in lanes {
                        let name = format!("{} {}", lane.account, lane.endpoint);
                        *holders.lock().unwrap().entry(name).or_default() += 1;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // A worker that skipped rows another one was claiming may have ended early; what is left is claimed now.
    for lane in deliveries::claim(store, "last", now, now.after(LEASE), 1000)
        .await
        .unwrap()
    {
        let name = format!("{} {}", lane.account, lane.endpoint);
        *holders.lock().unwrap().entry(name).or_default() += 1;
    }
    let holders = holders.lock().unwrap();
    assert_eq!(holders.len(), 120);
    assert!(holders.values().all(|count| *count == 1), "{holders:?}");
}

/// Events queued while a worker finishes the lane are never forgotten.
async fn concurrent_enqueue_wakes_the_lane(fresh: &Fresh) {
    let store = fresh.store.clone();
    let total = 60;
    let producer = tokio::spawn(async move {
        for _ in 0..total {
            enqueue(&store, "a", &["default"]).await;
        }
    });
    let store = &fresh.store;
    let mut delivered = Vec::new();
    let mut idle = 0;
    while delivered.len() < total && idle < 400 {
        let now = soon(store);
        let lanes = claim(store, "w", now).await;
        if lanes.is_empty() {
            idle += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for lane in lanes {
            while let Some(delivery) = next(store, &lane, now).await.unwrap() {
                delivered.push(delivery.seq);
                commit(store, |batch| {
                    settle(batch, &lane, &delivery.id, Settled::Done)
                })
                .await;
            }
            commit(store, |batch| {
                deliveries::release(batch, &lane, Timestamp(0))
            })
            .await;
        }
    }
    producer.await.unwrap();
    assert_eq!(delivered, (1..=total as i64).collect::<Vec<_>>());
}

async fn counts_and_sweep(fresh: &Fresh) {
    let store = &fresh.store;
    for account in ["a", "a", "a", "b"] {
        enqueue(store, account, &["default"]).await;
    }
    let now = soon(store);
    let counts = deliveries::counts(store, now).await.unwrap();
    assert_eq!(
        (counts.waiting, counts.active, counts.delayed, counts.failed),
        (4, 0, 0, 0)
    );
    let lanes = deliveries::claim(store, "w", now, now.after(LEASE), 1)
        .await
        .unwrap();
    let lane = &lanes[0];
    assert_eq!(lane.account.as_str(), "a", "the longest waiting first");
    let first = next(store, lane, now).await.unwrap().unwrap();
    commit(store, |batch| {
        settle(batch, lane, &first.id, Settled::Failed)
    })
    .await;
    let second = next(store, lane, now).await.unwrap().unwrap();
    let due = now.after(Duration::from_secs(9));
    commit(store, |batch| {
        settle(batch, lane, &second.id, Settled::Retry(due, Wait::Aside))
    })
    .await;
    let counts = deliveries::counts(store, now).await.unwrap();
    assert_eq!(
        (counts.waiting, counts.active, counts.delayed, counts.failed),
        (1, 1, 1, 1)
    );
    let third = next(store, lane, now).await.unwrap().unwrap();
    commit(store, |batch| settle(batch, lane, &third.id, Settled::Done)).await;
    let counts = deliveries::counts(store, now).await.unwrap();
    assert_eq!((counts.active, counts.delayed), (0, 1), "done is no job");
    let mut batch = Batch::new();
    let (none, neither) = deliveries::sweep(&mut batch, Timestamp(1), Timestamp(1), 10);
    let (one, done) = deliveries::sweep(&mut batch, Timestamp(2), now, 10);
    let committed = store.commit(batch).await.unwrap();
    let affected = [none, neither, one, done].map(|statement| committed.affected(statement));
    assert_eq!(affected, [0, 0, 1, 1]);
}

/// Large payloads are read in small numbers, and never none.
async fn payloads_are_read_within_bounds(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("a");
    for at in 0..6 {
        let mut batch = Batch::new();
        let payload = format!("\"{at}{}\"", "x".repeat(400_000));
        let (event, _) = events::append(&mut batch, &account, EventType::MessageNew, &payload);
        deliveries::enqueue(&mut batch, &account, &event, "default");
        store.commit(batch).await.unwrap();
    }
    let now = soon(store);
    let lane = claim(store, "w", now).await.remove(0);
    let read = async |limit, bytes| {
        let due = deliveries::due(store, &lane, now, limit, bytes)
            .await
            .unwrap();
        assert!(due.iter().all(|delivery| delivery.payload.len() > 400_000));
        due.iter().map(|delivery| delivery.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(64, 1).await, [1]);
    assert_eq!(read(64, 1_000_000).await, [1, 2, 3]);
    assert_eq!(read(2, 1_000_000_000).await, [1, 2]);
    assert_eq!(read(64, 1_000_000_000).await, [1, 2, 3, 4, 5, 6]);
}

/// A lane can be left alone for a while, whatever it has to do.
async fn a_lane_waits_as_long_as_it_is_told(fresh: &Fresh) {
    let store = &fresh.store;
    enqueue(store, "a", &["default"]).await;
    let now = soon(store);
    let lane = claim(store, "w", now).await.remove(0);
    let later = now.after(Duration::from_secs(20));
    commit(store, |batch| deliveries::release(batch, &lane, later)).await;
    assert_eq!(deliveries::next_due(store).await.unwrap(), Some(later));
    assert!(claim(store, "w", now).await.is_empty());
    assert_eq!(claim(store, "w", later).await.len(), 1);
}

async fn what_was_delivered_can_be_repeated(fresh: &Fresh) {
    let store = &fresh.store;
    enqueue(store, "a", &["default"]).await;
    let now = soon(store);
    let lane = claim(store, "w", now).await.remove(0);
    let first = next(store, &lane, now).await.unwrap().unwrap();
    let told = json!([{ "statusCode": 200 }]);
    commit(store, |batch| {
        deliveries::guard(batch, &lane);
        deliveries::settle(batch, &first.id, now, Settled::Done, Some(&told), None).unwrap();
    })
    .await;
    commit(store, |batch| {
        deliveries::release(batch, &lane, Timestamp(0))
    })
    .await;
    let due = now.after(Duration::from_secs(3));
    let mut batch = Batch::new();
    let again = deliveries::repeat(&mut batch, &first.event, "default", now, due);
    let other = deliveries::repeat(&mut batch, &first.event, "route", now, due);
    store.commit(batch).await.unwrap();
    assert!(claim(store, "w", now).await.is_empty(), "not due");
    let lanes = claim(store, "w", due).await;
    assert_eq!(lanes.len(), 2);
    for lane in &lanes {
        let delivery = next(store, lane, due).await.unwrap().unwrap();
        assert!(delivery.retrying && (delivery.id == again || delivery.id == other));
        assert_eq!((delivery.event, delivery.attempts), (first.event, 0));
        assert_eq!(delivery.payload, "{}");
    }
    let logged = deliveries::of_event(store, &first.event).await.unwrap();
    let states: Vec<_> = logged.iter().map(|one| one.state.as_str()).collect();
    assert_eq!(states, ["done", "retry", "retry"]);
    assert_eq!(logged[0].history, Some(told));
    assert_eq!(logged[0].attempts, 1);
    // Of an event that is gone nothing can be repeated.
    let mut batch = Batch::new();
    deliveries::repeat(&mut batch, &Uuid::new_v4(), "default", now, due);
    store.commit(batch).await.unwrap();
    assert_eq!(number(store, "SELECT COUNT(*) FROM deliveries").await, 3);
}
