//! Behaviour of message reading and writing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod addresses;
mod build;
mod calendar;
mod dates;
mod decode;
mod headers;
mod hostile;
mod html;
mod linear;
mod params;
mod raw;
mod replay;
mod websafe;
mod words;
