//! Behaviour of templates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod limits;
mod markdown;
mod properties;
mod support;
mod template;
