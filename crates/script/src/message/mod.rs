//! What the server and a worker say to each other. Either side reads the other's frames as foreign data.

mod to_server;
mod to_worker;

pub(crate) use to_server::{Fault, FetchCall, FromWorker, Verdict};
pub(crate) use to_worker::{Limits, RunRequest, Setup, ToWorker};

/// Changes with every change of the messages: a worker of another build is not used.
pub(crate) const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
