//! Behaviour of the hall, on both engines where state matters.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod support;
mod mailbox;

mod account_console;
mod accounts;
mod admin;
mod admin_start;
mod admission;
mod autoconfig;
mod commands;
mod dashboard;
mod gateways;
mod hosted;
mod letters;
mod matrix;
mod once;
mod raw;
mod reading;
mod revocation;
mod sending;
mod sessions;
mod settings;
mod starting;
mod statistics;
mod suppressions;
mod templates;
mod token_console;
mod tokens;
