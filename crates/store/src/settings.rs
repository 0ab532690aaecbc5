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

/// A setting as it was read, for a change that must see it so.
pub struct Read {
    /// Its value; none if it was never set.
    pub value: Option<Json>,
    /// The row, as it is stored.
    row: Option<(Option<String>, Option<Vec<u8>>)>,
}

/// Reads a setting for [`replace`].
///
/// # Errors
/// As [`all`].
pub async fn read(store: &Store, name: &str) -> Result<Read, StoreError> {
    let row = store
        .query_one(
            "SELECT name, value, sealed FROM settings WHERE name=$1",
            params![name],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Read {
            value: None,
            row: None,
        });
    };
    Ok(Read {
        value: Some(value(store, &row)?.1),
        row: Some((
            row.opt_text(1)?.map(str::to_owned),
            row.opt_blob(2)?.map(<[u8]>::to_vec),
        )),
    })
}

/// Name of the guard of [`replace`].
pub const REPLACE_GUARD: &str = "setting";

/// Sets a setting, sealed, unless somebody else did since it was read: then the batch fails with
/// [`BatchError::GuardFailed`](crate::BatchError::GuardFailed).
///
/// # Errors
/// Only if the value cannot be sealed.
pub fn replace(
    store: &Store,
    batch: &mut Batch,
    read: &Read,
    name: &str,
    value: &Json,
) -> Result<(), StoreError> {
    let sealed = store.sealer().seal_json(PLACE, name, value)?;
    match &read.row {
        None => batch.guard(
            REPLACE_GUARD,
            SET_ABSENT,
            params![name, None::<String>, sealed],
        ),
        Some((open, closed)) => batch.guard(
            REPLACE_GUARD,
            "UPDATE settings SET value = NULL, sealed = $2 WHERE name = $1 \
             AND value IS NOT DISTINCT FROM $3 AND sealed IS NOT DISTINCT FROM $4",
            params![name, sealed, open.clone(), closed.clone()],
        ),
    }
    generation::bump(batch, Generation::Settings);
    Ok(())
}

/// Takes a setting back to its default.
pub fn delete(batch: &mut Batch, name: &str) {
    batch.push("DELETE FROM settings WHERE name=$1", params![name]);
    generation::bump(batch, Generation::Settings);
}
