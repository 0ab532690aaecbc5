//! A sandbox for users' JavaScript. Scripts run in child processes of the same binary, which reach nothing but
//! a pipe: no files, no environment, no processes, no network. What a script may ask of the world goes over that
//! pipe to a [`Host`].
//!
//! A script's body is a list of statements, run as `async (payload) => { BODY }`. It sees `payload`, `env`,
//! `fetch`, `URL`, `logger`, and what such scripts usually have: `console`, timers, `TextEncoder`, `atob`,
//! `structuredClone`. The result of a *filter* is read as a truth, that of a *map* as JSON.
//!
//! | Module | Noun |
//! |---|---|
//! | [`call`] | one run: what goes in, what comes out |
//! | [`error`] | why a run gave no result |
//! | [`fetch`] | requests of scripts and who makes them |
//! | [`frame`] | frames on the pipe |
//! | [`message`] | what server and worker say to each other |
//! | [`options`] | limits |
//! | [`pool`] | workers and who gets one |
//! | [`script`] | a route's two bodies |
//! | [`worker`] | the child process |

mod call;
mod error;
mod fetch;
mod frame;
mod message;
mod options;
mod pool;
mod script;
pub mod worker;

pub use call::{Call, Level, LogLine, Logs, Output};
pub use error::{ErrorKind, Frame, ScriptError, Stage};
pub use fetch::{FetchRequest, FetchResponse, Fetching, Host, Redirect};
pub use frame::FrameError;
pub use options::PoolOptions;
pub use pool::Pool;
pub use script::{Digest, Script};
