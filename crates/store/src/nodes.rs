//! The nodes of a cluster: one row each, renewed by the database's clock.

use posthouse_model::Timestamp;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::sql::Sql;
use crate::store::Store;

/// A node's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Id, new at each start.
    pub id: String,
    /// How to reach it, JSON.
    pub data: String,
    /// When it started.
    pub started: Timestamp,
    /// When it last said that it lives.
    pub renewed: Timestamp,
}

/// Says that a node lives.
pub fn renew(batch: &mut Batch, id: &str, data: &str) {
    batch.push(
        Sql::dialects(
            "INSERT INTO nodes (id, data, started, renewed) VALUES ($1, $2, \
             CAST(unixepoch('subsec')*1000 AS INTEGER), CAST(unixepoch('subsec')*1000 AS INTEGER)) \
             ON CONFLICT (id) DO UPDATE SET data = excluded.data, renewed = excluded.renewed",
            "INSERT INTO nodes (id, data, started, renewed) VALUES ($1, $2, \
             CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT), \
             CAST(EXTRACT(EPOCH FROM clock_timestamp())*1000 AS BIGINT)) \
             ON CONFLICT (id) DO UPDATE SET data = excluded.data, renewed = excluded.renewed",
        ),
        params![id, data],
    );
}

/// All nodes.
///
/// # Errors
/// As [`Store::query`].
pub async fn list(store: &Store) -> Result<Vec<Node>, StoreError> {
    store
        .query(
            "SELECT id, data, started, renewed FROM nodes ORDER BY id",
            params![],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(Node {
                id: row.text(0)?.to_owned(),
                data: row.text(1)?.to_owned(),
                started: row.time(2)?,
                renewed: row.time(3)?,
            })
        })
        .collect()
}

/// Removes a node that left.
pub fn delete(batch: &mut Batch, id: &str) {
    batch.push("DELETE FROM nodes WHERE id=$1", params![id]);
}
