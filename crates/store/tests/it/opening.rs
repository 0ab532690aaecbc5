use std::os::unix::fs::PermissionsExt as _;

use posthouse_store::{Batch, Database, Store, StoreConfig, StoreError, params, settings};
use serde_json::json;

use crate::support::{self, Fresh, number};

both!(
    migrations_run_once,
    concurrent_starts,
    wrong_secret_is_refused,
    two_processes_see_each_other
);

async fn migrations_run_once(fresh: &Fresh) {
    let count = "SELECT COUNT(*) FROM schema_migrations";
    let before = number(&fresh.store, count).await;
    assert!(before > 0);
    let again = fresh.again().await;
    assert_eq!(number(&again, count).await, before);

    // A store of a newer program, and one whose schema was made by another text.
    let mut batch = Batch::new();
    batch.push(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'x', 'x')",
        params![],
    );
    again.commit(batch).await.unwrap();
    let error = Store::open(fresh.config.clone()).await.unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
    let mut batch = Batch::new();
    batch.push("DELETE FROM schema_migrations WHERE number=9999", params![]);
    batch.push("UPDATE schema_migrations SET checksum='x'", params![]);
    again.commit(batch).await.unwrap();
    let error = Store::open(fresh.config.clone()).await.unwrap_err();
    assert!(error.to_string().contains("another text"), "{error}");
}

async fn concurrent_starts(fresh: &Fresh) {
    // The fresh store itself is not used: its twin has no schema yet.
    let (config, _folder) = match &fresh.config.database {
        Database::Sqlite { .. } => {
            let (config, folder) = support::sqlite_config();
            (config, Some(folder))
        }
        Database::Postgres { .. } => (support::postgres_config(support::schema_url().await), None),
    };
    let starts: Vec<_> = (0..8)
        .map(|_| tokio::spawn(Store::open(config.clone())))
        .collect();
    let mut stores = Vec::new();
    for start in starts {
        stores.push(start.await.unwrap().unwrap());
    }
    for (at, store) in stores.iter().enumerate() {
        let mut batch = Batch::new();
        let value = json!({"pass": at});
        settings::set(store, &mut batch, "s", &value, true).unwrap();
        store.commit(batch).await.unwrap();
        for other in &stores {
            assert_eq!(
                settings::get(other, "s").await.unwrap(),
                Some(value.clone())
            );
        }
    }
}

async fn wrong_secret_is_refused(fresh: &Fresh) {
    let mut batch = Batch::new();
    settings::set(
        &fresh.store,
        &mut batch,
        "serviceSecret",
        &json!("hunter2"),
        true,
    )
    .unwrap();
    fresh.store.commit(batch).await.unwrap();
    let rows = fresh
        .store
        .query("SELECT value, sealed FROM settings", params![])
        .await
        .unwrap();
    assert_eq!(rows[0].opt_text(0).unwrap(), None);
    let sealed = rows[0].blob(1).unwrap();
    assert!(!sealed.windows(7).any(|part| part == b"hunter2"));

    let mut config = fresh.config.clone();
    config.secret = Some("another".to_owned());
    let error = Store::open(config).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongSecret), "{error}");
    let again = fresh.again().await;
    assert_eq!(
        settings::get(&again, "serviceSecret").await.unwrap(),
        Some(json!("hunter2"))
    );

    // A value moved to another row does not open.
    let mut batch = Batch::new();
    batch.push(
        "UPDATE settings SET name='other' WHERE name='serviceSecret'",
        params![],
    );
    again.commit(batch).await.unwrap();
    assert!(matches!(
        settings::get(&again, "other").await,
        Err(StoreError::Sealed(_))
    ));
}

/// The command line beside the server.
async fn two_processes_see_each_other(fresh: &Fresh) {
    let other = fresh.again().await;
    for at in 0..20_i64 {
        let (writer, reader) = if at % 2 == 0 {
            (&fresh.store, &other)
        } else {
            (&other, &fresh.store)
        };
        let mut batch = Batch::new();
        settings::set(writer, &mut batch, "x", &json!(at), false).unwrap();
        writer.commit(batch).await.unwrap();
        assert_eq!(settings::get(reader, "x").await.unwrap(), Some(json!(at)));
    }
    let both = (0..100_i64).map(|at| {
        let store = if at % 2 == 0 {
            fresh.store.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            let mut batch = Batch::new();
            settings::set(&store, &mut batch, &format!("n{at}"), &json!(at), false).unwrap();
            store.commit(batch).await.unwrap();
        })
    });
    for write in both.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    assert_eq!(number(&other, "SELECT COUNT(*) FROM settings").await, 101);
    other.close().await.unwrap();
    assert_eq!(
        number(&fresh.store, "SELECT COUNT(*) FROM settings").await,
        101
    );
}

#[tokio::test]
async fn embedded_store_keeps_a_private_key_file_and_closes_clean() {
    let (config, folder) = support::sqlite_config();
    let store = Store::open(config.clone()).await.unwrap();
    let mut batch = Batch::new();
    settings::set(&store, &mut batch, "a", &json!(1), true).unwrap();
    store.commit(batch).await.unwrap();
    store.close().await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["posthouse.db", "posthouse.key"], "no log is left");
    for name in names {
        let mode = std::fs::metadata(folder.path().join(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name} is private");
    }
    // Without its key file the store is not silently given a new one.
    std::fs::rename(
        folder.path().join("posthouse.key"),
        folder.path().join("away"),
    )
    .unwrap();
    let error = Store::open(config.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::KeyMissing(_)), "{error}");
    std::fs::rename(
        folder.path().join("away"),
        folder.path().join("posthouse.key"),
    )
    .unwrap();
    let store = Store::open(config).await.unwrap();
    assert_eq!(settings::get(&store, "a").await.unwrap(), Some(json!(1)));
}

#[tokio::test]
async fn postgres_needs_a_secret() {
    let mut config = support::postgres_config(support::schema_url().await);
    config.secret = None;
    assert!(matches!(
        Store::open(config).await.unwrap_err(),
        StoreError::SecretRequired
    ));
}

#[tokio::test]
async fn unsafe_durability_is_refused() {
    let url = support::schema_url().await + "%20-c%20synchronous_commit%3Doff";
    let mut config = support::postgres_config(url);
    let error = Store::open(config.clone()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            StoreError::UnsafeDurability {
                setting: "synchronous_commit",
                ..
            }
        ),
        "{error}"
    );
    config.allow_unsafe_durability = true;
    Store::open(config).await.unwrap();
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_a_clear_error() {
    let config = StoreConfig::new("sqlite:/proc/nowhere/x.db".parse().unwrap());
    let error = Store::open(config).await.unwrap_err();
    assert!(error.to_string().contains("/proc/nowhere"), "{error}");
    let config = support::postgres_config("postgres://user:hunter2@127.0.0.1:1/x".to_owned());
    let error = Store::open(config).await.unwrap_err();
    assert!(matches!(error, StoreError::Open(_)), "{error}");
    assert!(!error.to_string().contains("hunter2"));
    let config = support::postgres_config("postgres://user:hunter2@host:wrong/x".to_owned());
    assert!(
        !Store::open(config)
            .await
            .unwrap_err()
            .to_string()
            .contains("hunter2")
    );
}
