//! Durable state on SQLite (embedded) and PostgreSQL.
//!
//! [`Store`] is a cheap handle. Writes are [`Batch`]es: atomic, durable when [`Store::commit`] returns, grouped into
//! one fsync on SQLite and applied exactly once on PostgreSQL even when the answer to COMMIT is lost. Reads are
//! [`Store::query`]. Each noun of the product has a file of typed functions, which read from `&Store` and write into
//! `&mut Batch`, so that callers compose one batch of many nouns. SQL lives in this crate only.

mod batch;
mod config;
mod error;
mod migrate;
mod outcome;
mod postgres;
mod seal;
mod sql;
mod sqlite;
mod store;
mod value;

pub use batch::{Batch, Committed, Pushed, Rows, Statement};
pub use config::{Database, StoreConfig};
pub use error::{BatchError, StoreError};
pub use seal::Sealer;
pub use sql::{Dialect, Sql, fold, like_contains};
pub use store::Store;
pub use value::{Row, Value};
