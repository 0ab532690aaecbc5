//! Behaviour of templates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod markdown;
mod support;
mod template;
