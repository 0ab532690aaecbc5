//! Behaviour of SMTP sessions against scripted servers on the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod auth;
mod body;
mod connect;
mod script;
mod send;
