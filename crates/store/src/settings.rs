//! Run-time settings: JSON values by key, secret ones sealed.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::generation::{self, Generation};
use crate::page::json;
use crate::params;
use crate::store::Store;
use crate::value::Row;

const PLACE: &str = "settings.sealed";

fn value(store: &Store, row: &Row) -> Result<(String, Json), StoreError> {
    let name = row.text(0)?.to_owned();
    let value = match row.opt_blob(2)? {
        Some(sealed) => store.sealer().open_json(PLACE, &name, sealed)?,
        None => row.json(1)?,
    };
    Ok((name, value))
}

/// All settings that were ever set.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Sealed`] for a value that cannot be opened.
pub async fn all(store: &Store) -> Result<BTreeMap<String, Json>, StoreError> {
    store
        .query("SELECT name, value, sealed FROM settings", params![])
        .await?
        .iter()
        .map(|row| value(store, row))
        .collect()
}

/// One setting.
///
/// # Errors
/// As [`all`].
pub async fn get(store: &Store, name: &str) -> Result<Option<Json>, StoreError> {
    store
        .query_one(
            "SELECT name, value, sealed FROM settings WHERE name=$1",
            params![name],
        )
        .await?
        .map(|row| value(store, &row).map(|(_, value)| value))
        .transpose()
}

const SET: &str = "INSERT INTO settings (name, value, sealed) VALUES ($1, $2, $3) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, sealed = excluded.sealed";
const SET_ABSENT: &str = "INSERT INTO settings (name, value, sealed) VALUES ($1, $2, $3) \
    ON CONFLICT (name) DO NOTHING";

fn put(
    store: &Store,
    batch: &mut Batch,
    sql: &'static str,
    name: &str,
    value: &Json,
    sealed: bool,
) -> Result<(), StoreError> {
    let (open, closed) = if sealed {
        (None, Some(store.sealer().seal_json(PLACE, name, value)?))
    } else {
        (Some(json(value)?), None)
    };
    batch.push(sql, params![name, open, closed]);
    generation::bump(batch, Generation::Settings);
    Ok(())
}

/// Sets a setting.
///
/// # Errors
/// Only if the value cannot be sealed.
pub fn set(
    store: &Store,
    batch: &mut Batch,
    name: &str,
    value: &Json,
    sealed: bool,
) -> Result<(), StoreError> {
    put(store, batch, SET, name, value, sealed)
}

/// Sets a setting that has no value yet: the defaults that are drawn at the first start.
///
/// # Errors
/// As [`set`].
pub fn set_absent(
    store: &Store,
    batch: &mut Batch,
    name: &str,
    value: &Json,
    sealed: bool,
) -> Result<(), StoreError> {
    put(store, batch, SET_ABSENT, name, value, sealed)
}

/// Takes a setting back to its default.
pub fn delete(batch: &mut Batch, name: &str) {
    batch.push("DELETE FROM settings WHERE name=$1", params![name]);
    generation::bump(batch, Generation::Settings);
}
