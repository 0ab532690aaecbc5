//! Events: what happened, recorded in the batch of the change that caused it.

mod recorder;
pub(crate) mod shape;
mod target;

pub use recorder::{NewEvent, Recorder};
pub use target::{DEFAULT_ENDPOINT, default_url};
