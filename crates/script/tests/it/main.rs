//! Scripts in real worker processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bodies;
mod caching;
mod errors;
mod fetching;
mod globals;
mod isolation;
mod limits;
mod support;
mod workers;
