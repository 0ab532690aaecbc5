//! Webhooks: events on their way to their receivers.

mod attempt;
mod endpoint;
mod excerpt;
mod flags;
mod lane;
mod request;
mod routed;
mod sample;
mod schedule;
mod settlement;
mod signature;
mod trial;
mod worker;

use posthouse_store::{BatchError, StoreError};

pub use endpoint::Endpoints;
pub use trial::{Trial, TrialAnswer, TrialFailure};
pub(crate) use worker::{run, sweep};

/// Why the work on a lane ended early.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("results were not written down")]
    Interrupted,
}
