//! The engine on both databases, over scripted mailboxes and sinks for mail and webhooks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod support;

mod accounts;
mod announcing;
mod bounces;
mod changes;
mod outbox;
mod pace;
mod pausing;
mod proof;
mod recipients;
mod schedule;
mod webhooks;
