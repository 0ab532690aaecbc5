//! Brings the schema up to date at start; safe when several processes start at once.

use deadpool_postgres::Object;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::sql::{Dialect, rewrite};

/// One step of the schema. Applied steps are never edited: their checksum is remembered.
struct Migration {
    number: i64,
    name: &'static str,
    /// What both dialects share.
    both: &'static str,
    /// What only SQLite needs, run after it.
    sqlite: &'static str,
    /// What only PostgreSQL needs, run after it.
    postgres: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "0001_init",
        both: include_str!("../migrations/0001_init.sql"),
        sqlite: "",
        postgres: include_str!("../migrations/0001_init.postgres.sql"),
    },
    Migration {
        number: 2,
        name: "0002_answers",
        both: include_str!("../migrations/0002_answers.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 3,
        name: "0003_accounts",
        both: include_str!("../migrations/0003_accounts.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 4,
        name: "0004_sessions",
        both: include_str!("../migrations/0004_sessions.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 5,
        name: "0005_tokens",
        both: include_str!("../migrations/0005_tokens.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 6,
        name: "0006_hosted",
        both: include_str!("../migrations/0006_hosted.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 7,
        name: "0007_overview",
        both: include_str!("../migrations/0007_overview.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 8,
        name: "0008_index",
        both: include_str!("../migrations/0008_index.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 9,
        name: "0009_departures",
        both: include_str!("../migrations/0009_departures.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 10,
        name: "0010_tokens",
        both: "",
        sqlite: include_str!("../migrations/0010_tokens.sqlite.sql"),
        postgres: "",
    },
    Migration {
        number: 11,
        name: "0011_unnamed",
        both: include_str!("../migrations/0011_unnamed.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 12,
        name: "0012_event_log",
        both: include_str!("../migrations/0012_event_log.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 13,
        name: "0013_bounces",
        both: include_str!("../migrations/0013_bounces.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 14,
        name: "0014_routes",
        both: include_str!("../migrations/0014_routes.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 15,
        name: "0015_sending",
        both: include_str!("../migrations/0015_sending.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 16,
        name: "0016_outbox",
        both: include_str!("../migrations/0016_outbox.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 17,
        name: "0017_calls",
        both: include_str!("../migrations/0017_calls.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 18,
        name: "0018_delivery_tests",
        both: include_str!("../migrations/0018_delivery_tests.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 19,
        name: "0019_outbox_waiting",
        both: include_str!("../migrations/0019_outbox_waiting.sql"),
        sqlite: "",
        postgres: "",
    },
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations \
    (number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)";
const APPLIED: &str = "SELECT number, checksum FROM schema_migrations ORDER BY number";

impl Migration {
    /// The texts are hashed as they are in the repository, so a checksum holds on both engines.
    fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.both);
        hash.update(b"\0");
        hash.update(self.postgres);
        // As it was before there was such a text.
        if !self.sqlite.is_empty() {
            hash.update(b"\0");
            hash.update(self.sqlite);
        }
        hex::encode(hash.finalize())
    }

    fn text(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Sqlite => rewrite(&format!("{}\n{}", self.both, self.sqlite), dialect),
            Dialect::Postgres => rewrite(&format!("{}\n{}", self.both, self.postgres), dialect),
        }
    }

    fn failed(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Migration {
            name: self.name.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Holds what is applied against what is known; returns what is missing.
fn missing(applied: &[(i64, String)]) -> Result<Vec<&'static Migration>, StoreError> {
    if let Some((number, _)) = applied
        .iter()
        .find(|(number, _)| MIGRATIONS.iter().all(|known| known.number != *number))
    {
        return Err(StoreError::Migration {
            name: number.to_string(),
            reason: "this store was made by a newer version of Posthouse".to_owned(),
        });
    }
    let mut missing = Vec::new();
    for migration in MIGRATIONS {
        match applied
            .iter()
            .find(|(number, _)| *number == migration.number)
        {
            None => missing.push(migration),
            Some((_, checksum)) if *checksum == migration.checksum() => {}
            Some(_) => {
                return Err(migration.failed("it was applied with another text"));
            }
        }
    }
    Ok(missing)
}

pub(crate) fn sqlite(connection: &mut Connection) -> Result<(), StoreError> {
    let general = |error: rusqlite::Error| StoreError::Migration {
        name: "start".to_owned(),
        reason: error.to_string(),
    };
    // Nothing is written when nothing is missing, so that starting does not wait for another process.
    let known: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE name='schema_migrations'",
            [],
            |row| row.get(0),
        )
        .optional()
        .map_err(general)?;
    if known.is_some() && missing(&applied(connection).map_err(general)?)?.is_empty() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(general)?;
    transaction.execute_batch(TABLE).map_err(general)?;
    for migration in missing(&applied(&transaction).map_err(general)?)? {
        transaction
            .execute_batch(&migration.text(Dialect::Sqlite))
            .and_then(|()| {
                transaction.execute(
                    "INSERT INTO schema_migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
                    (migration.number, migration.name, migration.checksum()),
                )
            })
            .map_err(|error| migration.failed(error.to_string()))?;
    }
    transaction.commit().map_err(general)
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    connection
        .prepare(APPLIED)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

pub(crate) async fn postgres(connection: &Object) -> Result<(), StoreError> {
    let known = connection
        .query_opt(
            "SELECT 1 FROM pg_catalog.pg_tables \
             WHERE schemaname = ANY (current_schemas(false)) AND tablename='schema_migrations'",
            &[],
        )
        .await
        .map_err(|error| general(&error))?;
    if known.is_some() && missing(&applied_postgres(connection).await?)?.is_empty() {
        return Ok(());
    }
    // Two starts may both find no table; PostgreSQL lets one of them fail although it says IF NOT EXISTS.
    let mut tries = 0;
    loop {
        let made = connection
            .batch_execute(&format!(
                "CREATE TABLE IF NOT EXISTS schema_lock (id BIGINT PRIMARY KEY); {TABLE}; \
                 INSERT INTO schema_lock (id) VALUES (1) ON CONFLICT DO NOTHING"
            ))
            .await;
        match made {
            Ok(()) => break,
            Err(error) if tries >= 50 => return Err(general(&error)),
            Err(_) => {
                tries += 1;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
    let result = locked(connection).await;
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.batch_execute(end).await;
    result?;
    ended.map_err(|error| general(&error))
}

/// Under the lock row, which is held until the caller ends the transaction.
async fn locked(connection: &Object) -> Result<(), StoreError> {
    connection
        .batch_execute(
            "BEGIN; SET LOCAL statement_timeout = 0; \
             SELECT id FROM schema_lock WHERE id=1 FOR UPDATE",
        )
        .await
        .map_err(|error| general(&error))?;
    for migration in missing(&applied_postgres(connection).await?)? {
        connection
            .batch_execute(&migration.text(Dialect::Postgres))
            .await
            .map_err(|error| migration.failed(reason(&error)))?;
        connection
            .execute(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                &[&migration.number, &migration.name, &migration.checksum()],
            )
            .await
            .map_err(|error| migration.failed(reason(&error)))?;
    }
    Ok(())
}

async fn applied_postgres(connection: &Object) -> Result<Vec<(i64, String)>, StoreError> {
    let rows = connection
        .query(APPLIED, &[])
        .await
        .map_err(|error| general(&error))?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()
        .map_err(|error| general(&error))
}

fn reason(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn general(error: &tokio_postgres::Error) -> StoreError {
    StoreError::Migration {
        name: "start".to_owned(),
        reason: reason(error),
    }
}
