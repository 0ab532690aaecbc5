//! Pages of listings.

use crate::error::StoreError;
use crate::sql::Sql;
use crate::store::Store;
use crate::value::{Row, Value};

/// Which part of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// From 0.
    pub page: u64,
    /// Entries on a page.
    pub size: u64,
}

impl Paging {
    pub(crate) fn limit(self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX)
    }

    pub(crate) fn offset(self) -> i64 {
        i64::try_from(self.page.saturating_mul(self.size)).unwrap_or(i64::MAX)
    }
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Entries in all.
    pub total: u64,
    /// Entries of this page.
    pub items: Vec<T>,
}

/// Reads a page: `list` has the parameters of `count` and then `LIMIT` and `OFFSET`.
pub(crate) async fn read<T>(
    store: &Store,
    count: impl Into<Sql>,
    list: impl Into<Sql>,
    params: Vec<Value>,
    paging: Paging,
    item: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError> {
    let mut listed = params.clone();
    listed.push(Value::I64(paging.limit()));
    listed.push(Value::I64(paging.offset()));
    let rows = store.query(list, listed).await?;
    let items = rows.iter().map(item).collect::<Result<Vec<_>, _>>()?;
    let shown = u64::try_from(items.len()).unwrap_or(u64::MAX);
    // A first page that is not full is all there is.
    let total = if paging.offset() == 0 && shown < paging.size {
        shown
    } else {
        store
            .query_one(count, params)
            .await?
            .map_or(Ok(0), |row| row.count(0))?
    };
    Ok(Page { total, items })
}

/// A value as JSON text.
pub(crate) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}
