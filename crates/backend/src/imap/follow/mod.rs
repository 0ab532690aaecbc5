//! Following a mailbox over IMAP: a pure core that decides, and a shell that talks.
//!
//! | Module | |
//! |---|---|
//! | `input` | what goes into the core and comes out of it |
//! | `core` | which folder is looked at, when, and why |
//! | `folders` | which folders are followed, and when they are told of |
//! | `run` | making the index of one folder equal to the server |
//! | `trouble` | folders that cannot be read |
//! | `shell`, `job` | the connection, and what is asked over it |
//! | `news` | what a server says unasked |
//! | `watch` | folders with a connection of their own |

mod core;
mod folders;
mod input;
mod job;
mod news;
mod run;
mod shell;
#[cfg(test)]
mod tests;
mod trouble;
mod watch;

pub use shell::Follower;
