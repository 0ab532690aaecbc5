//! The pages through the router, with a real app on a store of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod config;
mod dashboard;
mod frame;
mod gateways;
mod hosted;
mod login;
mod reference;
mod setup;
mod support;
mod suppressions;
mod templates;
mod tokens;
mod tracking;
mod unsubscribe;
