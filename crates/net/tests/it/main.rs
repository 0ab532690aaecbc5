//! Behaviour of the network floor against real sockets on the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod certs;
mod dial;
mod egress;
mod http;
mod http2;
mod proxy;
mod stream;
