//! SMTP gateways: server and credentials (sealed), and counters of their use.

use posthouse_model::Timestamp;
use posthouse_model::account::{SmtpConfig, SmtpStatus};
use posthouse_model::gateway::Gateway;

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::page::{self, Page, Paging, json};
use crate::params;
use crate::sql::{fold, like_contains};
use crate::store::Store;
use crate::value::Row;

const PLACE: &str = "gateways.config";

macro_rules! columns {
    () => {
        "gateway, name, config, deliveries, last_use, last_error"
    };
}

fn gateway(store: &Store, row: &Row) -> Result<Gateway, StoreError> {
    let id = row.text(0)?;
    let deliveries = row.count(3)?;
    Ok(Gateway {
        id: id.to_owned(),
        name: row.text(1)?.to_owned(),
        smtp: store.sealer().open_json(PLACE, id, row.blob(2)?)?,
        deliveries,
        last_use: row.opt_i64(4)?.map(Timestamp),
        last_error: row.opt_json(5)?,
    })
}

/// A gateway.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Sealed`] if its credentials cannot be opened.
pub async fn get(store: &Store, id: &str) -> Result<Option<Gateway>, StoreError> {
    store
        .query_one(
            concat!("SELECT ", columns!(), " FROM gateways WHERE gateway=$1"),
            params![id],
        )
        .await?
        .map(|row| gateway(store, &row))
        .transpose()
}

/// A page of the gateways in whose id or name `query` stands, the oldest first; of all for an empty one.
///
/// # Errors
/// As [`get`].
pub async fn list(store: &Store, query: &str, paging: Paging) -> Result<Page<Gateway>, StoreError> {
    macro_rules! found {
        () => {
            " FROM gateways WHERE search LIKE $1 ESCAPE '\\'"
        };
    }
    page::read(
        store,
        concat!("SELECT COUNT(*)", found!()),
        concat!(
            "SELECT ",
            columns!(),
            found!(),
            " ORDER BY created, gateway LIMIT $2 OFFSET $3"
        ),
        params![like_contains(query)],
        paging,
        |row| gateway(store, row),
    )
    .await
}

/// Registers a gateway, or puts other settings in the place of one; its counters stay. Whether there was one is for the
/// caller to know.
///
/// # Errors
/// As [`crate::seal::Sealer::seal_json`].
pub fn put(
    store: &Store,
    batch: &mut Batch,
    id: &str,
    name: &str,
    smtp: &SmtpConfig,
) -> Result<(), StoreError> {
    batch.push(
        "INSERT INTO gateways (gateway, name, config, created, search) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (gateway) DO UPDATE SET name = excluded.name, config = excluded.config, \
         search = excluded.search",
        params![
            id,
            name,
            store.sealer().seal_json(PLACE, id, smtp)?,
            store.now(),
            fold(&format!("{id} {name}"))
        ],
    );
    Ok(())
}

/// Deletes a gateway; the statement tells whether there was one.
pub fn delete(batch: &mut Batch, id: &str) -> Statement {
    batch
        .push("DELETE FROM gateways WHERE gateway=$1", params![id])
        .statement()
}

/// Counts a message that a gateway took.
pub fn delivered(batch: &mut Batch, id: &str, now: Timestamp) {
    batch.push(
        "UPDATE gateways SET deliveries = deliveries + 1, last_use=$2, last_error=NULL WHERE gateway=$1",
        params![id, now],
    );
}

/// Notes why a gateway did not take a message.
///
/// # Errors
/// Only if the error has no JSON form.
pub fn failed(
    batch: &mut Batch,
    id: &str,
    error: &SmtpStatus,
    now: Timestamp,
) -> Result<(), StoreError> {
    batch.push(
        "UPDATE gateways SET last_use=$2, last_error=$3 WHERE gateway=$1",
        params![id, now, json(error)?],
    );
    Ok(())
}
