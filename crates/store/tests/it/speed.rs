//! Figures, printed with `--nocapture`; the asserted floors are far below, to find only what is badly wrong.

use std::time::Instant;

use posthouse_model::AccountState;
use posthouse_store::{Batch, Store, accounts, params};

use crate::support::Fresh;

both!(group_commit, point_reads, transitions);

async fn write(store: &Store, tasks: usize, each: usize) -> f64 {
    let started = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for at in 0..each {
                    let mut batch = Batch::new();
                    batch.push(
                        "INSERT INTO meta (name, value) VALUES ($1, $2)",
                        params![format!("{task:04}/{at:08}"), vec![7_u8; 200]],
                    );
                    store.commit(batch).await.unwrap();
                }
            })
        })
        .collect();
    for task in running {
        task.await.unwrap();
    }
    (tasks * each) as f64 / started.elapsed().as_secs_f64()
}

async fn group_commit(fresh: &Fresh) {
    let dialect = fresh.store.dialect();
    let rate = write(&fresh.store, 200, 50).await;
    println!("{dialect:?}: {rate:.0} batches/s, 200 tasks of one row each");
    assert!(rate > 200.0);
}

async fn point_reads(fresh: &Fresh) {
    let dialect = fresh.store.dialect();
    write(&fresh.store, 100, 10).await;
    for tasks in [1, 16, 64] {
        let each = 8_000 / tasks;
        let started = Instant::now();
        let running: Vec<_> = (0..tasks)
            .map(|task| {
                let store = fresh.store.clone();
                tokio::spawn(async move {
                    for at in 0..each {
                        let name = format!("{:04}/{:08}", (task * 7 + at) % 100, at % 10);
                        let row = store
                            .query_one("SELECT value FROM meta WHERE name=$1", params![name])
                            .await
                            .unwrap()
                            .unwrap();
                        assert_eq!(row.blob(0).unwrap().len(), 200);
                    }
                })
            })
            .collect();
        for task in running {
            task.await.unwrap();
        }
        let rate = f64::from(tasks * each) / started.elapsed().as_secs_f64();
        println!("{dialect:?}: {rate:.0} point reads/s from {tasks} tasks");
        assert!(rate > 200.0);
    }
}

/// Many accounts that connect at once: each transition is a guarded batch with its entry in the history.
async fn transitions(fresh: &Fresh) {
    let dialect = fresh.store.dialect();
    const ACCOUNTS: usize = 200;
    for at in 0..ACCOUNTS {
        let config = crate::accounts::config("n", "a@example.com");
        crate::accounts::register(&fresh.store, &format!("acc-{at}"), &config, "node").await;
    }
    let states = [
        AccountState::Connecting,
        AccountState::Syncing,
        AccountState::Connected,
    ];
    let started = Instant::now();
    let running: Vec<_> = (0..ACCOUNTS)
        .map(|at| {
            let store = fresh.store.clone();
            tokio::spawn(async move {
                let id = format!("acc-{at}");
                let account = posthouse_model::AccountId::new(&id);
                for round in 0..30 {
                    let mut batch = Batch::new();
                    batch.guard_lease(&id, "node", 1);
                    let (state, now) = (states[round % 3], store.now());
                    accounts::set_state(&mut batch, &account, 1, state, None, now);
                    store.commit(batch).await.unwrap();
                }
            })
        })
        .collect();
    for task in running {
        task.await.unwrap();
    }
    let rate = (ACCOUNTS * 30) as f64 / started.elapsed().as_secs_f64();
    println!("{dialect:?}: {rate:.0} transitions/s");
    assert!(rate > 200.0);
}
