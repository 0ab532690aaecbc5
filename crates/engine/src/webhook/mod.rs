//! Webhooks: events on their way to their receivers.

mod request;
mod sample;
mod schedule;
mod trial;
mod worker;

pub use trial::{Trial, TrialAnswer, TrialFailure};
pub(crate) use worker::{run, sweep};
