//! IMAP mailboxes.
//!
//! | Module | What |
//! |---|---|
//! | `ids` | message, attachment and text ids, cursors |
//! | `profile`, `pace` | what is known of providers, and how fast they are connected to |
//! | `connect` | from settings to a connection that is logged in |
//! | `pool`, `open` | sessions for callers, and folders opened on them |
//! | `special`, `folders` | folders and what they are for |
//! | `structure`, `shape` | from FETCH replies to messages |
//! | `listing`, `detail`, `text`, `download`, `update`, `append` | the verbs |
//! | `follow` | following: a pure core and its shell |
//! | `verify` | trying settings out |

mod append;
mod connect;
mod detail;
mod download;
mod folders;
mod follow;
mod ids;
mod listing;
mod mailbox;
mod open;
mod pace;
mod pool;
mod profile;
mod shape;
mod special;
mod structure;
mod text;
mod update;
mod verify;

pub use ids::{AttachmentId, MessageId, TextId};
pub use mailbox::ImapMailbox;
pub use profile::Profile;
pub use verify::verify_imap;
