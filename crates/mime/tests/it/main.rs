//! Behaviour of message reading and writing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../fuzz/html.rs"]
mod judge;

mod addresses;
mod attacks;
mod build;
mod calendar;
mod dates;
mod decode;
mod headers;
mod history;
mod hostile;
mod html;
mod linear;
mod linear_html;
mod linear_reports;
mod params;
mod raw;
mod replay;
mod replies;
mod reports;
mod websafe;
mod words;
