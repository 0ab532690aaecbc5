//! What must hold when things break.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use posthouse_model::account::{AccountConfig, AccountStatus};
use posthouse_model::{AccountId, AccountState, Timestamp};
use posthouse_store::{Batch, BatchError, Dialect, Store, accounts, params, stats};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{self, Fresh, number};

both!(
    batches_of_one_owner_do_not_block_each_other,
    deposed_owner_never_writes,
    full_disk_fails_clearly_and_recovers
);

/// Two owners race on one account: each takes it over now and then and writes as fast as it can. Nothing is ever
/// written with an epoch that was over.
async fn deposed_owner_never_writes(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("acc");
    let mut batch = Batch::new();
    accounts::insert(
        store,
        &mut batch,
        &account,
        &AccountConfig::default(),
        &AccountStatus::default(),
        AccountState::Init,
        Some("a"),
    )
    .unwrap();
    store.commit(batch).await.unwrap();

    let epoch = Arc::new(std::sync::atomic::AtomicI64::new(1));
    let mut tasks = Vec::new();
    for name in ["a", "b"] {
        for _ in 0..3 {
            let (store, account, epoch) = (store.clone(), account.clone(), epoch.clone());
            tasks.push(tokio::spawn(async move {
                let (mut written, mut refused) = (0, 0);
                for round in 0..60 {
                    // Each believes in an epoch that may be over by the time its batch runs.
                    let believed = epoch.load(Ordering::SeqCst);
                    if round % 12 == 7 {
                        let mut batch = Batch::new();
                        batch.guard(
                            "taken",
                            "UPDATE accounts SET owner=$2, epoch=epoch+1 WHERE account=$1 AND epoch=$3",
                            params![&account, name, believed],
                        );
                        note(&mut batch, "takeover", believed + 1);
                        if store.commit(batch).await.is_ok() {
                            epoch.fetch_max(believed + 1, Ordering::SeqCst);
                        }
                    }
                    let mut batch = Batch::new();
                    batch.guard_lease(account.as_str(), name, believed);
                    note(&mut batch, name, believed);
                    match store.commit(batch).await {
                        Ok(_) => written += 1,
                        Err(error) => {
                            assert!(error.is_guard("lease"), "{error}");
                            refused += 1;
                        }
                    }
                }
                (written, refused)
            }));
        }
    }
    let (mut written, mut refused) = (0, 0);
    for task in tasks {
        let (more_written, more_refused) = task.await.unwrap();
        written += more_written;
        refused += more_refused;
    }
    assert!(
        written > 0 && refused > 0,
        "{written} written, {refused} refused"
    );

    let rows = store
        .query(
            "SELECT mailbox, data, created FROM announce ORDER BY mailbox",
            params![],
        )
        .await
        .unwrap();
    let mut current = 1;
    for row in rows {
        let epoch = row.i64(2).unwrap();
        if row.text(1).unwrap() == "takeover" {
            assert_eq!(epoch, current + 1);
            current = epoch;
        } else {
            assert_eq!(epoch, current, "written in an epoch that was over");
        }
    }
    assert!(current > 1);
}

/// Guard and change the same row, many at once: nobody waits for a deadlock to be found, which takes a second.
async fn batches_of_one_owner_do_not_block_each_other(fresh: &Fresh) {
    let config = crate::accounts::config("", "a@b");
    let account = crate::accounts::register(&fresh.store, "acc", &config, "a").await;
    let started = std::time::Instant::now();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, account) = (fresh.store.clone(), account.clone());
            tokio::spawn(async move {
                for _ in 0..3 {
                    let mut batch = Batch::new();
                    batch.guard_lease("acc", "a", 1);
                    accounts::set_state(
                        &mut batch,
                        &account,
                        1,
                        AccountState::Syncing,
                        None,
                        store.now(),
                    );
                    accounts::set_status(&mut batch, &account, &AccountStatus::default()).unwrap();
                    store.commit(batch).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(900));
}

/// A row in the order of commits.
fn note(batch: &mut Batch, who: &str, epoch: i64) {
    batch.next_seq("acc");
    batch.push(
        "INSERT INTO announce (account, mailbox, ref, data, created) \
         VALUES ('acc', (SELECT seq FROM account_seq WHERE account='acc'), 'x', $1, $2)",
        params![who, epoch],
    );
}

fn fill(name: &str) -> Batch {
    let mut batch = Batch::new();
    batch.push(
        "INSERT INTO meta (name, value) VALUES ($1, $2)",
        params![name, vec![7_u8; 40_000]],
    );
    batch
}

async fn full_disk_fails_clearly_and_recovers(fresh: &Fresh) {
    let store = &fresh.store;
    make_full(store).await;
    let tasks: Vec<_> = (0..64)
        .map(|at| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(fill(&format!("n{at}"))).await })
        })
        .collect();
    let mut kept = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => kept += 1,
            Err(error) => assert_eq!(error, BatchError::DiskFull),
        }
    }
    assert!(kept < 64);
    assert_eq!(
        number(store, "SELECT COUNT(*) FROM meta WHERE name LIKE 'n%'").await,
        kept
    );
    make_room(store).await;
    store.commit(fill("later")).await.unwrap();
    assert_eq!(
        number(store, "SELECT COUNT(*) FROM meta WHERE name='later'").await,
        1
    );
}

async fn make_full(store: &Store) {
    match store.dialect() {
        Dialect::Sqlite => {
            let pages = number(store, "SELECT page_count FROM pragma_page_count()").await;
            store
                .limit_pages(u32::try_from(pages).unwrap() + 100)
                .await
                .unwrap();
        }
        // The server's own words for a full disk; a real one would stop the server for all tests.
        Dialect::Postgres => {
            let mut batch = Batch::new();
            batch.push(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE='53100'; END $$",
                params![],
            );
            batch.push(
                "CREATE TRIGGER full_disk BEFORE INSERT ON meta FOR EACH ROW EXECUTE FUNCTION full_disk()",
                params![],
            );
            store.commit(batch).await.unwrap();
        }
    }
}

async fn make_room(store: &Store) {
    match store.dialect() {
        Dialect::Sqlite => store.limit_pages(1_000_000).await.unwrap(),
        Dialect::Postgres => {
            let mut batch = Batch::new();
            batch.push("DROP TRIGGER full_disk ON meta", params![]);
            store.commit(batch).await.unwrap();
        }
    }
}

/// What the proxy does with the next COMMIT.
const PASS: u32 = 0;
/// The server gets it, its answer is lost.
const LOSE_ANSWER: u32 = 1;
/// The server never gets it.
const LOSE_COMMIT: u32 = 2;
/// The client's connection is cut at once, the server gets it a little later.
const LATE_COMMIT: u32 = 3;

struct Proxy {
    address: String,
    mode: Arc<AtomicU32>,
}

impl Proxy {
    async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mode = Arc::new(AtomicU32::new(PASS));
        let (server, shared) = (server.to_owned(), mode.clone());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(relay(client, server, shared.clone()));
            }
        });
        Self { address, mode }
    }
}

async fn relay(client: TcpStream, server: TcpStream, mode: Arc<AtomicU32>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        from_server
    });
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from_client.read(&mut buffer).await else {
            return;
        };
        let part = &buffer[..length];
        let commit = part.windows(7).any(|text| text == b"COMMIT\0");
        match if commit {
            mode.swap(PASS, Ordering::SeqCst)
        } else {
            PASS
        } {
            LOSE_ANSWER => {
                back.abort();
                let _ = back.await;
                to_server.write_all(part).await.unwrap();
                // Half closed, so that the server reads the COMMIT and ends by itself.
                to_server.shutdown().await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
                return;
            }
            LOSE_COMMIT => {
                back.abort();
                return;
            }
            LATE_COMMIT => {
                // Dropping both halves closes the client's side.
                back.abort();
                let _ = back.await;
                drop(from_client);
                let part = part.to_vec();
                tokio::time::sleep(Duration::from_millis(300)).await;
                let _ = to_server.write_all(&part).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                return;
            }
            _ => {
                if to_server.write_all(part).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A store whose connections go through a proxy.
async fn behind_proxy() -> (Store, Proxy) {
    let parsed = url::Url::parse(&support::schema_url().await).unwrap();
    let server = format!(
        "{}:{}",
        parsed.host_str().unwrap(),
        parsed.port().unwrap_or(5432)
    );
    let proxy = Proxy::start(&server).await;
    let mut through = parsed.clone();
    let (host, port) = proxy.address.split_once(':').unwrap();
    through.set_host(Some(host)).unwrap();
    through.set_port(Some(port.parse().unwrap())).unwrap();
    let url = format!("{through}&sslmode=disable");
    let store = Store::open(support::postgres_config(url)).await.unwrap();
    (store, proxy)
}

/// When the second run of a batch fails for good, it says so, and the first one cannot come true any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_commit_that_cannot_be_repeated_is_a_clear_failure() {
    let (store, proxy) = behind_proxy().await;
    let mut batch = Batch::new();
    batch.push("CREATE SEQUENCE runs", params![]);
    store.commit(batch).await.unwrap();
    let once = || {
        let mut batch = Batch::new();
        // Sequences are not rolled back, so this holds for the first run only.
        batch.guard("first run", "SELECT 1 WHERE nextval('runs') = 1", params![]);
        batch.push(
            "INSERT INTO generation (name, value) VALUES ('x', 1)",
            params![],
        );
        batch
    };
    proxy.mode.store(LOSE_COMMIT, Ordering::SeqCst);
    let batch = once();
    let id = batch.id().to_string();
    let error = store.commit(batch).await.unwrap_err();
    assert!(error.is_guard("first run"), "{error}");
    assert_eq!(number(&store, "SELECT COUNT(*) FROM generation").await, 0);
    let burnt = store
        .query(
            "SELECT 1 FROM batches WHERE id=$1 AND outcome IS NULL",
            params![id],
        )
        .await
        .unwrap();
    assert_eq!(burnt.len(), 1);

    // Where the COMMIT did arrive, the second run is not made at all.
    for mode in [LOSE_ANSWER, LATE_COMMIT] {
        let mut batch = Batch::new();
        batch.push("DELETE FROM generation", params![]);
        batch.push("ALTER SEQUENCE runs RESTART", params![]);
        store.commit(batch).await.unwrap();
        proxy.mode.store(mode, Ordering::SeqCst);
        store.commit(once()).await.unwrap();
        assert_eq!(number(&store, "SELECT COUNT(*) FROM generation").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_commit_is_applied_exactly_once() {
    let (store, proxy) = behind_proxy().await;
    let mut expected = 0;
    for _ in 0..5 {
        for mode in [PASS, LOSE_ANSWER, LOSE_COMMIT, LATE_COMMIT] {
            proxy.mode.store(mode, Ordering::SeqCst);
            let mut batch = Batch::new();
            let seq = batch.next_seq("acc");
            // Nothing in it would fail if it were applied twice.
            stats::add(&mut batch, "lost", Timestamp(0), 1);
            let committed = store.commit(batch).await.unwrap();
            expected += 1;
            assert_eq!(
                committed.row(seq).unwrap().i64(0).unwrap(),
                expected,
                "mode {mode}: applied once, and its results are known"
            );
            assert_eq!(
                proxy.mode.load(Ordering::SeqCst),
                PASS,
                "the fault happened"
            );
        }
    }
    assert_eq!(
        number(&store, "SELECT value FROM stats WHERE key='lost'").await,
        expected
    );
    assert_eq!(
        number(&store, "SELECT seq FROM account_seq").await,
        expected
    );

    // Many at once, with faults falling where they may.
    let chaos = proxy.mode.clone();
    let chaos = tokio::spawn(async move {
        for round in 0..60_u32 {
            tokio::time::sleep(Duration::from_millis(7)).await;
            chaos.store(1 + round % 3, Ordering::SeqCst);
        }
    });
    let mut tasks = Vec::new();
    for worker in 0..6 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..40 {
                let mut batch = Batch::new();
                batch.next_seq("acc");
                stats::add(&mut batch, &format!("w{worker}"), Timestamp(0), 1);
                store.commit(batch).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    chaos.await.unwrap();
    assert_eq!(
        number(
            &store,
            "SELECT CAST(SUM(value) AS BIGINT) FROM stats WHERE key LIKE 'w%'"
        )
        .await,
        240
    );
    assert_eq!(
        number(&store, "SELECT seq FROM account_seq").await,
        expected + 240
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocked_batches_are_run_again() {
    let fresh = support::postgres().await;
    let mut batch = Batch::new();
    for name in ["a", "b"] {
        batch.push(
            "INSERT INTO generation (name, value) VALUES ($1, 0)",
            params![name],
        );
    }
    fresh.store.commit(batch).await.unwrap();
    let mut tasks = Vec::new();
    // Two only: the server finds a deadlock after a second, and a batch has three.
    for worker in 0..2 {
        let store = fresh.store.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..6 {
                let names = if worker % 2 == 0 {
                    ["a", "b"]
                } else {
                    ["b", "a"]
                };
                let mut batch = Batch::new();
                for name in names {
                    batch.push(
                        "UPDATE generation SET value=value+1 WHERE name=$1",
                        params![name],
                    );
                    batch.push("SELECT CAST(pg_sleep(0.02) AS TEXT)", params![]);
                }
                store.commit(batch).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(
        number(
            &fresh.store,
            "SELECT CAST(SUM(value) AS BIGINT) FROM generation"
        )
        .await,
        24
    );
}
