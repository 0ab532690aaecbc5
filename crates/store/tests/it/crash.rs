//! `kill -9` while writing: every acknowledged batch is there afterwards.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use posthouse_store::{Batch, Database, Store, StoreConfig, params};

use crate::support::Fresh;

both!(acknowledged_batches_survive_a_kill);

const TARGET: &str = "POSTHOUSE_TEST_CRASH_TARGET";

async fn acknowledged_batches_survive_a_kill(fresh: &Fresh) {
    let target = match &fresh.config.database {
        Database::Sqlite { path } => format!("sqlite:{}", path.display()),
        Database::Postgres { url } => url.clone(),
    };
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .env(TARGET, &target)
            .env("ROUND", round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut count = 0;
        while count < 200 {
            let line = lines.next().expect("the child writes on").unwrap();
            if let Some(name) = line.strip_prefix("done ") {
                acknowledged.push(name.to_owned());
                count += 1;
            }
        }
        child.kill().unwrap();
        for line in lines.map_while(Result::ok) {
            // The last line may be cut short.
            if let Some(name) = line.strip_prefix("done ")
                && name.ends_with('.')
            {
                acknowledged.push(name.to_owned());
            }
        }
        child.wait().unwrap();
    }
    let store = fresh.again().await;
    for name in &acknowledged {
        let rows = store
            .query("SELECT value FROM meta WHERE name=$1", params![name])
            .await
            .unwrap();
        assert_eq!(rows.len(), 1, "{name} was acknowledged and is gone");
    }
    // Batches are whole: each has two rows.
    let row = store
        .query_one(
            "SELECT (SELECT COUNT(*) FROM meta WHERE name LIKE '%.'), \
             (SELECT COUNT(*) FROM generation WHERE name LIKE '%.')",
            params![],
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.i64(0).unwrap(), row.i64(1).unwrap());
}

#[test]
#[ignore = "the child process of the test above"]
fn child() {
    let database: Database = std::env::var(TARGET).unwrap().parse().unwrap();
    let round = std::env::var("ROUND").unwrap();
    let mut config = StoreConfig::new(database);
    if matches!(config.database, Database::Postgres { .. }) {
        config.secret = Some("a secret of the tests".to_owned());
    }
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async move {
            let store = Store::open(config).await.unwrap();
            let workers = (0..8).map(|worker| {
                let (store, round) = (store.clone(), round.clone());
                tokio::spawn(async move {
                    for at in 0.. {
                        let name = format!("{round}/{worker}/{at}.");
                        let mut batch = Batch::new();
                        batch.push(
                            "INSERT INTO meta (name, value) VALUES ($1, $2)",
                            params![&name, vec![1_u8; 300]],
                        );
                        batch.push(
                            "INSERT INTO generation (name, value) VALUES ($1, 1)",
                            params![&name],
                        );
                        store.commit(batch).await.unwrap();
                        // One write, so that lines of several threads do not mix.
                        std::io::stdout()
                            .lock()
                            .write_all(format!("done {name}\n").as_bytes())
                            .unwrap();
                    }
                })
            });
            for worker in workers.collect::<Vec<_>>() {
                worker.await.unwrap();
            }
        });
}
