use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use posthouse_model::{AccountId, EventType, Timestamp};
use posthouse_store::deliveries::{self, Lane, Wait};
use posthouse_store::{Batch, Store, events};
use serde_json::json;

use crate::support::{Fresh, number};

both!(
    lanes_keep_order,
    failing_head_holds_then_steps_aside,
    lost_lease_cannot_write,
    leases_of_a_dead_process_are_taken_away,
    workers_never_share_a_lane,
    concurrent_enqueue_wakes_the_lane,
    counts_and_sweep,
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
        while let Some(delivery) = deliveries::next(store, lane, now).await.unwrap() {
            assert_eq!(delivery.payload, "{}");
            assert!(!delivery.retrying);
            seen.push(delivery.seq);
            commit(store, |batch| {
                deliveries::complete(batch, lane, &delivery.id)
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
        commit(store, |batch| deliveries::release(batch, lane)).await;
    }
    assert_eq!(number(store, "SELECT COUNT(*) FROM deliveries").await, 0);
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
    let head = deliveries::next(store, &lane, now).await.unwrap().unwrap();
    let later = now.after(Duration::from_secs(5));
    let mut batch = Batch::new();
    deliveries::retry(
        &mut batch,
        &lane,
        &head.id,
        now,
        later,
        Wait::Holding,
        &json!({"code": 500}),
    )
    .unwrap();
    store.commit(batch).await.unwrap();
    assert!(
        deliveries::next(store, &lane, now).await.unwrap().is_none(),
        "the head holds its lane"
    );
    commit(store, |batch| deliveries::release(batch, &lane)).await;
    assert_eq!(deliveries::next_due(store).await.unwrap(), Some(later));
    // A new event behind the head wakes the lane for nothing, once.
    enqueue(store, "a", &["default"]).await;
    let lane = claim(store, "w", now).await.remove(0);
    assert!(deliveries::next(store, &lane, now).await.unwrap().is_none());
    commit(store, |batch| deliveries::release(batch, &lane)).await;
    assert!(claim(store, "w", now).await.is_empty());

    let lane = claim(store, "w", later).await.remove(0);
    let again = deliveries::next(store, &lane, later)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (again.id, again.attempts, again.first_failed),
        (head.id, 1, Some(now))
    );
    let much_later = later.after(Duration::from_secs(60));
    let mut batch = Batch::new();
    deliveries::retry(
        &mut batch,
        &lane,
        &head.id,
        later,
        much_later,
        Wait::Aside,
        &json!({}),
    )
    .unwrap();
    store.commit(batch).await.unwrap();
    for seq in [2, 3] {
        let passed = deliveries::next(store, &lane, later)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(passed.seq, seq);
        commit(store, |batch| {
            deliveries::complete(batch, &lane, &passed.id)
        })
        .await;
    }
    assert!(
        deliveries::next(store, &lane, later)
            .await
            .unwrap()
            .is_none()
    );
    commit(store, |batch| deliveries::release(batch, &lane)).await;
    assert_eq!(deliveries::next_due(store).await.unwrap(), Some(much_later));
    let lane = claim(store, "w", much_later).await.remove(0);
    let last = deliveries::next(store, &lane, much_later)
        .await
        .unwrap()
        .unwrap();
    assert!(last.retrying);
    assert_eq!((last.attempts, last.first_failed), (2, Some(now)));
}

async fn lost_lease_cannot_write(fresh: &Fresh) {
    let store = &fresh.store;
    enqueue(store, "a", &["default"]).await;
    let now = soon(store);
    let lost = claim(store, "w1", now).await.remove(0);
    let delivery = deliveries::next(store, &lost, now).await.unwrap().unwrap();
    commit(store, |batch| {
        deliveries::renew(batch, &lost, now.after(LEASE))
    })
    .await;
    let after = now.after(LEASE * 2);
    let lane = claim(store, "w2", after).await.remove(0);
    assert!(lane.fence > lost.fence);
    let fills: [&dyn Fn(&mut Batch); 4] = [
        &|batch| deliveries::complete(batch, &lost, &delivery.id),
        &|batch| deliveries::fail(batch, &lost, &delivery.id, now, &json!({})).unwrap(),
        &|batch| deliveries::release(batch, &lost),
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
        deliveries::complete(batch, &lane, &delivery.id)
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
    deliveries::release(&mut batch, &lost);
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
            while let Some(delivery) = deliveries::next(store, &lane, now).await.unwrap() {
                delivered.push(delivery.seq);
                commit(store, |batch| {
                    deliveries::complete(batch, &lane, &delivery.id)
                })
                .await;
            }
            commit(store, |batch| deliveries::release(batch, &lane)).await;
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
    let first = deliveries::next(store, lane, now).await.unwrap().unwrap();
    let mut batch = Batch::new();
    deliveries::fail(&mut batch, lane, &first.id, now, &json!({"code": 410})).unwrap();
    store.commit(batch).await.unwrap();
    let second = deliveries::next(store, lane, now).await.unwrap().unwrap();
    let mut batch = Batch::new();
    let due = now.after(Duration::from_secs(9));
    deliveries::retry(
        &mut batch,
        lane,
        &second.id,
        now,
        due,
        Wait::Aside,
        &json!({}),
    )
    .unwrap();
    store.commit(batch).await.unwrap();
    let counts = deliveries::counts(store, now).await.unwrap();
    assert_eq!(
        (counts.waiting, counts.active, counts.delayed, counts.failed),
        (1, 1, 1, 1)
    );
    let mut batch = Batch::new();
    let none = deliveries::sweep(&mut batch, now, 10);
    let one = deliveries::sweep(&mut batch, now.after(Duration::from_millis(1)), 10);
    let committed = store.commit(batch).await.unwrap();
    assert_eq!((committed.affected(none), committed.affected(one)), (0, 1));
}
