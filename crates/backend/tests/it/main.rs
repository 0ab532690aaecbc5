//! Behaviour of the backends, against a real IMAP server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod changes;
mod contents;
mod fake;
mod folders;
mod following;
mod listing;
mod messages;
mod oauth;
mod sessions;
mod setup;
mod stub;
mod support;
