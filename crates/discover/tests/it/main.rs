//! Behaviour against DNS and web servers of our own on the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod authentication;
mod autodiscover;
mod documents;
mod hints;
mod hostile;
mod names;
mod order;
mod providers;
mod support;
