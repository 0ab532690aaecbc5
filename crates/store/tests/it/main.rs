//! Behaviour of the store, each test on both engines.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod support;

mod account_history;
mod accounts;
mod batches;
mod blobs;
mod bounces;
mod crash;
mod deliveries;
mod delivery_tests;
mod events;
mod faults;
mod identities;
mod index;
mod mailboxes;
mod opening;
mod outbox;
mod overview;
mod records;
mod routes;
mod speed;
mod tokens;
