//! Webhook routes: configuration (sealed), counts, the error flag and the last errors of their scripts.

use posthouse_model::Timestamp;
use posthouse_model::route::{RouteConfig, RouteFault, RouteId, WebhookRoute};
use serde_json::Value as Json;

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::generation::{self, Generation};
use crate::page::{self, Page, Paging, json};
use crate::params;
use crate::sql::{fold, like_contains};
use crate::store::Store;
use crate::value::Row;

const PLACE: &str = "webhook_routes.config";

/// Name of the guard that fails when a route was changed or deleted since it was read.
pub const VERSION_GUARD: &str = "route version";

/// Errors that are kept of each route.
pub const KEPT_FAULTS: u32 = 20;

const COLUMNS: &str = "id, config, created, updated, tcount, version, error";

fn stored(store: &Store, row: &Row) -> Result<WebhookRoute, StoreError> {
    let id = row.text(0)?;
    Ok(WebhookRoute {
        config: store.sealer().open_json(PLACE, id, row.blob(1)?)?,
        id: RouteId::named(id),
        created: row.time(2)?,
        updated: row.time(3)?,
        tcount: row.count(4)?,
        v: row.i64(5)?,
        webhook_error_flag: row.opt_json(6)?,
    })
}

fn search(id: &RouteId, config: &RouteConfig) -> String {
    fold(&format!(
        "{id}\u{1f}{}\u{1f}{}",
        config.name, config.description
    ))
}

/// Stores a new route, of version 1.
///
/// # Errors
/// Only if the configuration cannot be sealed.
pub fn insert(
    store: &Store,
    batch: &mut Batch,
    id: &RouteId,
    config: &RouteConfig,
    now: Timestamp,
) -> Result<(), StoreError> {
    batch.push(
        "INSERT INTO webhook_routes (id, search, live, config, version, tcount, created, updated) \
         VALUES ($1, $2, $3, $4, 1, 0, $5, $5)",
        params![
            id.as_str(),
            search(id, config),
            i64::from(config.target().is_some()),
            store.sealer().seal_json(PLACE, id.as_str(), config)?,
            now
        ],
    );
    generation::bump(batch, Generation::Routes);
    Ok(())
}

/// Replaces the configuration of the version that was read; [`VERSION_GUARD`] fails if it was changed meanwhile.
///
/// # Errors
/// Only if the configuration cannot be sealed.
pub fn update(
    store: &Store,
    batch: &mut Batch,
    id: &RouteId,
    version: i64,
    config: &RouteConfig,
    now: Timestamp,
) -> Result<(), StoreError> {
    batch.guard(
        VERSION_GUARD,
        "UPDATE webhook_routes SET search=$3, live=$4, config=$5, version=version+1, updated=$6 \
         WHERE id=$1 AND version=$2",
        params![
            id.as_str(),
            version,
            search(id, config),
            i64::from(config.target().is_some()),
            store.sealer().seal_json(PLACE, id.as_str(), config)?,
            now
        ],
    );
    generation::bump(batch, Generation::Routes);
    Ok(())
}

/// Deletes a route with its errors; the statement touches a row if there was one. What waits for it is dropped by its
/// lanes.
pub fn delete(batch: &mut Batch, id: &RouteId) -> Statement {
    batch.push(
        "DELETE FROM webhook_route_log WHERE route=$1",
        params![id.as_str()],
    );
    let deleted = batch
        .push(
            "DELETE FROM webhook_routes WHERE id=$1",
            params![id.as_str()],
        )
        .statement();
    generation::bump(batch, Generation::Routes);
    deleted
}

/// One route.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Sealed`] if its configuration cannot be opened.
pub async fn get(store: &Store, id: &RouteId) -> Result<Option<WebhookRoute>, StoreError> {
    store
        .query_one(
            format!("SELECT {COLUMNS} FROM webhook_routes WHERE id=$1"),
            params![id.as_str()],
        )
        .await?
        .map(|row| stored(store, &row))
        .transpose()
}

/// Whether there is such a route.
///
/// # Errors
/// As [`Store::query`].
pub async fn exists(store: &Store, id: &RouteId) -> Result<bool, StoreError> {
    let row = store
        .query_one(
            "SELECT 1 FROM webhook_routes WHERE id=$1",
            params![id.as_str()],
        )
        .await?;
    Ok(row.is_some())
}

/// The routes that events are offered to, the oldest first.
///
/// # Errors
/// As [`Store::query`].
pub async fn live(store: &Store) -> Result<Vec<RouteId>, StoreError> {
    store
        .query(
            "SELECT id FROM webhook_routes WHERE live=1 ORDER BY created, id",
            params![],
        )
        .await?
        .iter()
        .map(|row| Ok(RouteId::named(row.text(0)?)))
        .collect()
}

/// A page of routes, the newest first; `query` is looked for in id, name and description, ASCII case folded.
///
/// # Errors
/// As [`get`].
pub async fn list(
    store: &Store,
    query: &str,
    paging: Paging,
) -> Result<Page<WebhookRoute>, StoreError> {
    let (condition, params) = if query.is_empty() {
        ("TRUE", params![])
    } else {
        ("search LIKE $1 ESCAPE '\\'", params![like_contains(query)])
    };
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    page::read(
        store,
        format!("SELECT COUNT(*) FROM webhook_routes WHERE {condition}"),
        format!(
            "SELECT {COLUMNS} FROM webhook_routes WHERE {condition} \
             ORDER BY created DESC, id DESC LIMIT ${limit} OFFSET ${offset}"
        ),
        params,
        paging,
        |row| stored(store, row),
    )
    .await
}

/// Counts events that a route's filter let pass.
pub fn count(batch: &mut Batch, id: &RouteId, events: u64) {
    batch.push(
        "UPDATE webhook_routes SET tcount=tcount+$2 WHERE id=$1",
        params![id.as_str(), i64::try_from(events).unwrap_or(i64::MAX)],
    );
}

/// Sets the error flag, or clears it.
///
/// # Errors
/// Only if the flag has no JSON form.
pub fn set_error(batch: &mut Batch, id: &RouteId, flag: Option<&Json>) -> Result<(), StoreError> {
    batch.push(
        "UPDATE webhook_routes SET error=$2 WHERE id=$1",
        params![id.as_str(), flag.map(json).transpose()?],
    );
    Ok(())
}

/// Adds an error to a route's log and keeps the newest [`KEPT_FAULTS`].
///
/// # Errors
/// Only if the error has no JSON form.
pub fn log(batch: &mut Batch, id: &RouteId, fault: &RouteFault) -> Result<(), StoreError> {
    batch.push(
        "INSERT INTO webhook_route_log (route, id, entry) SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT) \
         WHERE EXISTS (SELECT 1 FROM webhook_routes WHERE id=$1)",
        params![id.as_str(), uuid::Uuid::now_v7().to_string(), json(fault)?],
    );
    batch.push(
        "DELETE FROM webhook_route_log WHERE route=$1 AND id <= \
         (SELECT id FROM webhook_route_log WHERE route=$1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
        params![id.as_str(), KEPT_FAULTS],
    );
    Ok(())
}

/// The last errors of a route's scripts, the newest first.
///
/// # Errors
/// As [`Store::query`].
pub async fn faults(store: &Store, id: &RouteId) -> Result<Vec<RouteFault>, StoreError> {
    store
        .query(
            "SELECT entry FROM webhook_route_log WHERE route=$1 ORDER BY id DESC",
            params![id.as_str()],
        )
        .await?
        .iter()
        .map(|row| row.json(0))
        .collect()
}

/// Forgets the errors of a route's scripts.
pub fn clear_faults(batch: &mut Batch, id: &RouteId) {
    batch.push(
        "DELETE FROM webhook_route_log WHERE route=$1",
        params![id.as_str()],
    );
}

/// Deletes lanes that lead to routes which are no more and have nothing left in them.
pub fn sweep_lanes(batch: &mut Batch, now: Timestamp) {
    batch.push(
        "DELETE FROM lanes WHERE endpoint <> 'default' AND due IS NULL AND lease_until <= $1 \
         AND NOT EXISTS (SELECT 1 FROM webhook_routes r WHERE r.id = lanes.endpoint)",
        params![now],
    );
}
