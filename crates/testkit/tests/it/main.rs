//! The test kit tested: what other tests rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod fault_proxy;
mod hook_sink;
mod imap;
mod imap_stub;
mod mail;
mod smtp_sink;
