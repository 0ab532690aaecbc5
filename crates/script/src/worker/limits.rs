//! Limits of the worker's process, set before it runs anything foreign.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::pipe::WorkerError;
use crate::message::Setup;

/// Gives up what a script could never need: files, other processes, more memory than was agreed on.
///
/// `PR_SET_PDEATHSIG` is not used: it fires when the *thread* that started the worker ends, which an async
/// runtime may do at any time. A worker whose server is gone reads the end of its input or fails to write, at
/// the latest when the script that runs has used up its time.
pub(super) fn apply(setup: &Setup) -> Result<(), WorkerError> {
    // Before files are closed off: how much address space there is already.
    if let Some(now) = address_space() {
        let space = now.saturating_add(setup.memory).saturating_add(setup.space);
        lower(Resource::As, space)?;
    }
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, 0)?;
    lower(Resource::Nproc, 0)?;
    // Standard input, output and error are open already.
    lower(Resource::Nofile, 3)?;
    Ok(())
}

/// The process is ended by the system (SIGXCPU) when it has run for so long from now on, rounded up to whole
/// seconds of its life. It hits where the interpreter looks at no clock: inside one of its built-in functions.
pub(super) fn allow_cpu(used: Duration, more: Duration) -> Result<(), WorkerError> {
    let limit = getrlimit(Resource::Cpu);
    let current = (used + more).as_secs() + 1;
    let current = limit.maximum.map_or(current, |most| current.min(most));
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(current),
            maximum: limit.maximum,
        },
    )?;
    Ok(())
}

fn lower(resource: Resource, to: u64) -> Result<(), WorkerError> {
    let to = getrlimit(resource).maximum.map_or(to, |most| to.min(most));
    setrlimit(
        resource,
        Rlimit {
            current: Some(to),
            maximum: Some(to),
        },
    )?;
    Ok(())
}

/// Bytes of address space in use, where the system says it.
fn address_space() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().next()?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}
