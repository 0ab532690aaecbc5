use std::time::{Duration, Instant};

use posthouse_store::{Batch, BatchError, Rows, Sql, StoreError, Value, params};

use crate::support::{Fresh, number};

both!(
    values_survive,
    batch_is_atomic,
    bad_batch_beside_good_ones,
    results_and_expectations,
    later_statement_uses_the_number,
    order_of_one_caller,
    dropped_caller_leaves_no_trace,
    long_batch_is_ended,
    closed_store_refuses,
    wrong_statement_is_reported,
);

fn insert(name: &str, value: i64) -> Batch {
    let mut batch = Batch::new();
    batch.push(
        "INSERT INTO generation (name, value) VALUES ($1, $2)",
        params![name, value],
    );
    batch
}

async fn values_survive(fresh: &Fresh) {
    let store = &fresh.store;
    for (at, blob) in [vec![], vec![0, 255, 10], vec![7; 100_000]]
        .into_iter()
        .enumerate()
    {
        let mut batch = Batch::new();
        let pushed = batch
            .push(
                "INSERT INTO meta (name, value) VALUES ($1, $2) RETURNING value",
                params![format!("n{at} ä'$1 😀"), blob.clone()],
            )
            .statement();
        let committed = store.commit(batch).await.unwrap();
        assert_eq!(committed.row(pushed).unwrap().blob(0).unwrap(), blob);
    }
    let row = store
        .query_one(
            "SELECT name, CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS DOUBLE PRECISION), '$1' \
             FROM meta WHERE name LIKE 'n0%'",
            params![i64::MIN, None::<&str>, 0.25],
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.text(0).unwrap(), "n0 ä'$1 😀");
    assert_eq!(row.i64(1).unwrap(), i64::MIN);
    assert_eq!(row.opt_text(2).unwrap(), None);
    assert!((row.f64(3).unwrap() - 0.25).abs() < f64::EPSILON);
    assert_eq!(row.text(4).unwrap(), "$1");
    assert!(matches!(row.text(1), Err(StoreError::Column { .. })));
    assert!(row.i64(9).is_err());
}

async fn batch_is_atomic(fresh: &Fresh) {
    let store = &fresh.store;
    let mut batch = insert("a", 1);
    batch.guard(
        "never",
        "UPDATE generation SET value=9 WHERE name=$1",
        params!["absent"],
    );
    let error = store.commit(batch).await.unwrap_err();
    assert!(error.is_guard("never"), "{error}");
    assert_eq!(number(store, "SELECT COUNT(*) FROM generation").await, 0);
    store.commit(insert("a", 1)).await.unwrap();
    let error = store.commit(insert("a", 1)).await.unwrap_err();
    assert!(
        matches!(error, BatchError::Constraint { statement: 0, .. }),
        "{error}"
    );
}

/// Many at once, so that good and bad ones share a group.
async fn bad_batch_beside_good_ones(fresh: &Fresh) {
    let store = &fresh.store;
    let mut tasks = Vec::new();
    for at in 0..200_i64 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut batch = insert(&format!("row {at}"), at);
            if at % 3 == 0 {
                batch.push(
                    "INSERT INTO generation (name, value) VALUES ('x', $1)",
                    params![None::<i64>],
                );
            }
            (at, store.commit(batch).await)
        }));
    }
    for task in tasks {
        let (at, result) = task.await.unwrap();
        assert_eq!(result.is_err(), at % 3 == 0, "{at}: {result:?}");
    }
    let kept = store
        .query("SELECT value FROM generation ORDER BY value", params![])
        .await
        .unwrap();
    let kept: Vec<i64> = kept.iter().map(|row| row.i64(0).unwrap()).collect();
    let wanted: Vec<i64> = (0..200).filter(|at| at % 3 != 0).collect();
    assert_eq!(kept, wanted);
}

async fn results_and_expectations(fresh: &Fresh) {
    let store = &fresh.store;
    let mut batch = Batch::new();
    for name in ["a", "b", "c"] {
        batch.append(insert(name, 1));
    }
    let updated = batch
        .push("UPDATE generation SET value=value+1", params![])
        .expect_rows(Rows::AtLeast(2));
    let selected = batch
        .push("SELECT name FROM generation ORDER BY name", params![])
        .expect_rows(3);
    let committed = store.commit(batch).await.unwrap();
    assert_eq!(committed.affected(updated), 3);
    let names: Vec<_> = committed
        .rows(selected)
        .iter()
        .map(|row| row.text(0).unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);

    let mut batch = Batch::new();
    batch
        .push("DELETE FROM generation WHERE name <> $1", params!["a"])
        .expect_rows(1);
    assert_eq!(
        store.commit(batch).await.unwrap_err(),
        BatchError::Expectation {
            statement: 0,
            expected: "exactly 1".to_owned(),
            actual: 2
        }
    );
    assert_eq!(number(store, "SELECT COUNT(*) FROM generation").await, 3);
    store.commit(Batch::new()).await.unwrap();
}

async fn later_statement_uses_the_number(fresh: &Fresh) {
    let mut tasks = Vec::new();
    for at in 0..50 {
        let store = fresh.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut batch = Batch::new();
            let seq = batch.next_seq("acc");
            batch.push(
                "INSERT INTO generation (name, value) VALUES ($1, (SELECT seq FROM account_seq WHERE account=$2))",
                params![format!("n{at}"), "acc"],
            );
            store.commit(batch).await.unwrap().row(seq).unwrap().i64(0).unwrap()
        }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
    assert_eq!(
        number(&fresh.store, "SELECT COUNT(DISTINCT value) FROM generation").await,
        50
    );
}

async fn order_of_one_caller(fresh: &Fresh) {
    let store = &fresh.store;
    store.commit(insert("x", 0)).await.unwrap();
    for at in 1..=20_i64 {
        let mut batch = Batch::new();
        batch
            .push(
                "UPDATE generation SET value=$1 WHERE name='x' AND value=$2",
                params![at, at - 1],
            )
            .expect_rows(1);
        store.commit(batch).await.unwrap();
        assert_eq!(number(store, "SELECT value FROM generation").await, at);
    }
}

/// A batch whose caller is gone is carried out, and nothing stays locked.
async fn dropped_caller_leaves_no_trace(fresh: &Fresh) {
    let store = &fresh.store;
    for at in 0..40_i64 {
        let work = store.commit(insert(&format!("n{at}"), at));
        let _ = tokio::time::timeout(Duration::from_micros(at as u64 * 50), work).await;
    }
    let mut batch = Batch::new();
    batch.push("UPDATE generation SET value=0", params![]);
    store.commit(batch).await.unwrap();
}

async fn long_batch_is_ended(fresh: &Fresh) {
    let store = &fresh.store;
    let mut batch = insert("long", 1);
    batch.push(
        Sql::dialects(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) \
             INSERT INTO generation (name, value) SELECT 'x', COUNT(*) FROM n",
            "SELECT CAST(pg_sleep(60) AS TEXT)",
        ),
        params![],
    );
    let started = Instant::now();
    let (long, short) = tokio::join!(store.commit(batch), store.commit(insert("short", 1)));
    assert_eq!(long.unwrap_err(), BatchError::Timeout);
    short.unwrap();
    assert!(started.elapsed() < Duration::from_secs(8));
    assert_eq!(
        number(store, "SELECT COUNT(*) FROM generation WHERE name='short'").await,
        1
    );
    assert_eq!(number(store, "SELECT COUNT(*) FROM generation").await, 1);
}

async fn closed_store_refuses(fresh: &Fresh) {
    let store = &fresh.store;
    let other = store.clone();
    let writes: Vec<_> = (0..50)
        .map(|at| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(insert(&format!("n{at}"), at)).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(2)).await;
    other.close().await.unwrap();
    other.close().await.unwrap();
    let mut kept = 0;
    for write in writes {
        match write.await.unwrap() {
            Ok(_) => kept += 1,
            Err(error) => assert!(matches!(error, BatchError::Closed), "{error}"),
        }
    }
    assert_eq!(
        store.commit(insert("x", 1)).await.unwrap_err(),
        BatchError::Closed
    );
    assert!(store.query("SELECT 1", params![]).await.is_err());
    let again = fresh.again().await;
    assert_eq!(
        number(&again, "SELECT COUNT(*) FROM generation").await,
        kept
    );
}

async fn wrong_statement_is_reported(fresh: &Fresh) {
    let store = &fresh.store;
    let mut batch = insert("a", 1);
    batch.push("INSERT INTO nowhere VALUES (1)", params![]);
    let error = store.commit(batch).await.unwrap_err();
    assert!(
        matches!(&error, BatchError::Sql { statement: 1, reason } if reason.contains("nowhere")),
        "{error}"
    );
    let error = store
        .query("SELECT x FROM nowhere", params![])
        .await
        .unwrap_err();
    assert!(matches!(&error, StoreError::Sql(reason) if reason.contains("nowhere")));
    assert_eq!(number(store, "SELECT COUNT(*) FROM generation").await, 0);
    assert_eq!(
        format!("{:?}", Value::from("personal")),
        "Text(8 bytes)",
        "values are not shown"
    );
}
