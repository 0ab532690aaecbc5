//! Webhooks: events on their way to their receivers.

mod request;
mod schedule;
mod worker;

pub(crate) use worker::{run, sweep};
