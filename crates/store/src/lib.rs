//! Durable state on SQLite (embedded) and PostgreSQL.
//!
//! [`Store`] is a cheap handle. Writes are [`Batch`]es: atomic, durable when [`Store::commit`] returns, grouped into
//! one fsync on SQLite and applied exactly once on PostgreSQL even when the answer to COMMIT is lost. Reads are
//! [`Store::query`]. SQL lives in this crate only: each noun of the product has a module of typed functions, which
//! read from `&Store` and write into `&mut Batch`, so that callers compose one batch of many nouns.
//!
//! | Module | Noun |
//! |---|---|
//! | [`account_logs`] | what was said between accounts and mail servers |
//! | [`account_states`] | what the connections of accounts went through |
//! | [`accounts`] | accounts, their state and the lease of their owner |
//! | [`announce`] | messages that are still to be announced |
//! | [`answers`] | answers to idempotency keys |
//! | [`calls`] | calls that are carried out once |
//! | [`blob`] | large bytes, sealed and streamed |
//! | [`bounces`] | what came back of messages |
//! | [`deliveries`] | deliveries of events, in lanes |
//! | [`departures`] | messages that went, until it shows where to |
//! | [`events`] | events in order |
//! | [`first_run`] | what an instance has already |
//! | [`gateways`] | SMTP gateways |
//! | [`generation`] | what other processes must notice |
//! | [`hosted`] | links to the hosted form |
//! | [`identities`] | identities and conversations of messages |
//! | [`index`] | which messages followed folders have |
//! | [`locks`] | what one process at a time may do |
//! | [`mailboxes`] | folders and their numbers |
//! | [`nodes`] | the nodes of a cluster |
//! | [`outbox`] | messages waiting to be sent |
//! | [`overview`] | what is worth knowing at a glance |
//! | [`rates`] | shared rate counters |
//! | [`routes`] | webhook routes, their counts and their errors |
//! | [`sessions`] | sessions |
//! | [`settings`] | run-time settings |
//! | [`stats`] | counters per minute |
//! | [`suppressions`] | recipients who are not written to |
//! | [`templates`] | templates of messages |
//! | [`tokens`] | access tokens |
//! | [`upkeep`] | housekeeping |

pub mod account_logs;
pub mod account_states;
pub mod accounts;
pub mod announce;
pub mod answers;
mod batch;
pub mod blob;
pub mod bounces;
pub mod calls;
mod clock;
mod config;
pub mod deliveries;
pub mod delivery_tests;
pub mod departures;
mod error;
pub mod events;
pub mod first_run;
pub mod gateways;
pub mod generation;
pub mod hosted;
pub mod identities;
pub mod index;
pub mod locks;
pub mod mailboxes;
mod migrate;
pub mod nodes;
pub mod outbox;
mod outcome;
pub mod overview;
mod page;
mod postgres;
pub mod rates;
pub mod routes;
mod seal;
pub mod sessions;
pub mod settings;
mod sql;
mod sqlite;
pub mod stats;
mod store;
pub mod suppressions;
pub mod templates;
pub mod tokens;
pub mod upkeep;
mod value;

pub use batch::{Batch, Committed, Pushed, Rows, Statement};
#[doc(hidden)]
pub use clock::ManualClock;
pub use config::{Database, StoreConfig};
pub use error::{BatchError, StoreError};
pub use page::{Page, Paging};
pub use seal::Sealer;
pub use sql::{Dialect, Sql, fold, like_contains};
pub use store::Store;
pub use value::{Row, Value};
