//! Following a mailbox over IMAP: a pure core that decides, and a shell that talks.

mod core;
mod job;
mod shell;

pub use shell::Follower;
